use serde::Serialize;

use crate::{
    event::{Event, Gate, Record},
    port::Environment,
    report::{
        facts::{
            CriterionStory, EvaluationStory, ExposureChange, GateStory, History, HoldPeriod, Mark, Undriven,
            WatchedMetric, by, counted, gate_of_step,
        },
        view::{
            ChecklistItem, Frame, FrameName, FrameState, Schedule, ScheduledStep, StepEnd, TimelineEntry,
            TimelineRow, artifacts, collapse,
        },
    },
    unit::Actor,
};

/// The change reaches users, step by step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReleaseFrame {
    /// What every frame has.
    pub frame: Frame,
    /// The steps of the track, planned and actual, each with its gate.
    pub steps: Vec<StepStory>,
    /// Where the traffic was set and observed, in order; repeated observations count once.
    pub exposure: Vec<ExposureChange>,
    /// Each time it stood still.
    pub holds: Vec<HoldPeriod>,
    /// Each time nobody drove it.
    pub undriven: Vec<Undriven>,
    /// Each criterion of the contract over the whole release.
    pub criteria: Vec<CriterionStory>,
    /// Each metric that is watched in every step and that no criterion limits.
    pub watched: Vec<WatchedMetric>,
    /// Every look, those of the validation too.
    pub looks: Vec<EvaluationStory>,
    /// What else happened between the start of the rollout and the validation or the way back.
    pub happenings: Vec<TimelineRow>,
}

/// One step, planned and actual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepStory {
    /// What was planned beside what happened.
    pub scheduled: ScheduledStep,
    /// When the traffic was first where it should be, and the record.
    pub traffic_set: Option<Mark>,
    /// Its gate; the last step's is that of the validation.
    pub gate: GateStory,
}

impl ReleaseFrame {
    pub(in crate::report) fn of(history: &History<'_>) -> Self {
        let entered = history.first(|event| matches!(event, Event::RolloutStarted(_)));
        let left =
            history.first(|event| matches!(event, Event::ValidationStarted(_) | Event::RollbackStarted(_)));
        let (state, says) = match (entered, left.map(|record| &record.event)) {
            (None, _) => (
                FrameState::NotReached,
                match history.ended() {
                    Some(_) => "Not reached: aborted before production.",
                    None => "Not reached: no user has this version yet. The steps are planned.",
                },
            ),
            (Some(_), None) => (FrameState::UnderWay, "Exposure grows step by step, on evidence."),
            (Some(_), Some(Event::ValidationStarted(_))) => {
                (FrameState::Passed, "Every step but the last passed; all traffic is on it.")
            }
            (Some(_), Some(_)) => (FrameState::Stopped, "Rolled back before all traffic was on it."),
        };
        let looks = EvaluationStory::all(history);
        let schedule = Schedule::of(history);
        let steps: Vec<StepStory> = schedule
            .iter()
            .flat_map(|schedule| &schedule.steps)
            .map(|step| StepStory::of(history, step))
            .collect();
        Self {
            frame: Frame {
                name: FrameName::Release,
                state,
                says: says.to_owned(),
                entered: entered.map(Mark::of),
                left: entered.and(left).map(Mark::of),
                checklist: checklist(history, &steps),
                gates: steps
                    .iter()
                    .map(|step| step.gate.clone())
                    .filter(|gate| gate.gate != Gate::Validation)
                    .collect(),
                artifacts: artifacts(history, FrameName::Release),
            },
            exposure: ExposureChange::all(history),
            holds: HoldPeriod::all(history),
            undriven: Undriven::all(history),
            happenings: happenings(history, entered, left),
            steps,
            criteria: CriterionStory::all(history, history.records),
            watched: WatchedMetric::all(history, &looks),
            looks,
        }
    }
}

impl StepStory {
    fn of(history: &History<'_>, step: &ScheduledStep) -> Self {
        let steps = history.release.track().map_or(0, |(_, track)| track.steps().len());
        let gate = gate_of_step(step.number, steps);
        let set = step.started.and_then(|started| {
            let is_it = |event: &Event| matches!(event, Event::TrafficSet(set) if set.share == step.share);
            history.first_from(started.record, is_it)
        });
        Self { scheduled: step.clone(), traffic_set: set.map(Mark::of), gate: GateStory::of(history, gate) }
    }
}

fn checklist(history: &History<'_>, steps: &[StepStory]) -> Vec<ChecklistItem> {
    let installed = history.first(
        |event| matches!(event, Event::Deployed(deployed) if deployed.environment == Environment::Production),
    );
    let step = |step: &StepStory| {
        let scheduled = &step.scheduled;
        let what = format!(
            "Step {}: {} of traffic for {}",
            scheduled.number, scheduled.share, scheduled.planned_bake
        );
        let what =
            if scheduled.number as usize == steps.len() { format!("{what}, the validation") } else { what };
        let seen = format!(
            "{}, observed for {} in {}",
            scheduled.end,
            scheduled.baked,
            counted(scheduled.looks, "evaluation", "evaluations")
        );
        let system = Actor::relman();
        match (scheduled.end, scheduled.ended) {
            (StepEnd::Passed, Some(mark)) => ChecklistItem::done(what, &system, mark).with(seen),
            (StepEnd::RolledBack, Some(mark)) => ChecklistItem::done(what, &system, mark).with(seen).failed(),
            (StepEnd::Running, _) => ChecklistItem::open(what).with(seen),
            (StepEnd::Planned | StepEnd::NeverReached | StepEnd::Passed | StepEnd::RolledBack, _) => {
                ChecklistItem::open(what).with(scheduled.end.to_string())
            }
        }
    };
    let installed = ChecklistItem::of("Deployed to production, with no traffic", installed.map(by));
    [installed].into_iter().chain(steps.iter().map(step)).collect()
}

fn happenings(history: &History<'_>, entered: Option<&Record>, left: Option<&Record>) -> Vec<TimelineRow> {
    let Some(entered) = entered else { return Vec::new() };
    let until = left.map_or(u64::MAX, |left| left.seq);
    let entries = TimelineEntry::all(history, |record| (entered.seq..=until).contains(&record.seq));
    collapse(&entries)
}
