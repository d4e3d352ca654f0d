use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::{
    event::{Event, Gate, HoldCause, Record},
    machine::{Phase, TrafficState},
    policy::Step,
    report::facts::{
        Ended, EvaluationTally, GateStory, Heading, History, Mark, Undriven, bake_left, gate_of_step,
    },
    unit::{MetricName, Span, Timestamp, TrackName, TrafficShare},
};

/// What was planned beside what happened, step by step, and when it will be over.
///
/// Planned moments are counted from the start of the rollout. Before that there are none, only the
/// [time after the start](ScheduledStep::planned_after).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Schedule {
    /// The release.
    pub heading: Heading,
    /// The track.
    pub track: TrackName,
    /// When production was entered; not yet, if absent.
    pub started: Option<Mark>,
    /// Every step of the track; the last one is the validation.
    pub steps: Vec<ScheduledStep>,
    /// What is looked at in every step.
    pub watched: BTreeSet<MetricName>,
    /// The time between two looks.
    #[serde(rename = "look_every_ms")]
    pub look_every: Span,
    /// The gate at the end of every step, with the looks that it rests on.
    pub checkpoints: Vec<Checkpoint>,
    /// The bake times of all steps, the validation included.
    #[serde(rename = "planned_total_ms")]
    pub planned_total: Span,
    /// What is left of them; nothing where the release has ended.
    #[serde(rename = "left_ms")]
    pub left: Span,
    /// When it is over at the earliest: from now on without a hold, under cover. None before the rollout and none
    /// after the end.
    pub expected_end: Option<Timestamp>,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
}

/// One step: planned and actual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScheduledStep {
    /// The number, from 1.
    pub number: u32,
    /// The share of the traffic that the new version gets.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// How long it is to be observed.
    #[serde(rename = "planned_bake_ms")]
    pub planned_bake: Span,
    /// How long after the start of the rollout it is to begin.
    #[serde(rename = "planned_after_ms")]
    pub planned_after: Span,
    /// When it is to begin.
    pub planned_start: Option<Timestamp>,
    /// When it began.
    pub started: Option<Mark>,
    /// When it ended.
    pub ended: Option<Mark>,
    /// How it ended, or that it has not.
    pub end: StepEnd,
    /// How long it was observed on fresh data so far.
    #[serde(rename = "baked_ms")]
    pub baked: Span,
    /// How many looks were taken.
    pub looks: u64,
    /// How long the release stood still in it because it was held.
    #[serde(rename = "held_ms")]
    pub held: Span,
    /// How long nobody drove it in this step: it stood still for that time, too.
    #[serde(rename = "undriven_ms", skip_serializing_if = "is_none_at_all")]
    pub undriven: Span,
}

/// The gate at the end of a step, with the looks that it rests on: planned and actual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The gate.
    pub gate: Gate,
    /// The share of the traffic at which the looks are taken.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// How long after the start of the rollout it is to be reached.
    #[serde(rename = "planned_after_ms")]
    pub planned_after: Span,
    /// When it is to be reached.
    pub planned: Option<Timestamp>,
    /// How many looks that takes.
    pub planned_looks: u64,
    /// The looks so far and their results.
    pub looks: EvaluationTally,
    /// When it was passed, and the record; not yet, or never, if absent.
    pub passed: Option<Mark>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    /// It has not begun.
    Planned,
    /// It is under way.
    Running,
    /// Its gate was passed.
    Passed,
    /// The release was rolled back in it.
    RolledBack,
    /// The release ended before it began.
    NeverReached,
}

impl fmt::Display for StepEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Passed => "passed",
            Self::RolledBack => "rolled back",
            Self::NeverReached => "never reached",
        })
    }
}

impl Schedule {
    /// The schedule of a release; none before a plan is recorded.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let (name, track) = history.release.track()?;
        let started = history.first(|event| matches!(event, Event::RolloutStarted(_))).map(Mark::of);
        let mut fold = Fold::new(track.steps(), started);
        for record in history.records {
            fold.push(record);
        }
        let mut steps = fold.finish(history.now);
        for period in Undriven::all(history) {
            if let Some(step) = steps.iter_mut().find(|step| Some(step.number) == period.step) {
                step.undriven = step.undriven + period.lasted;
            }
        }
        let ended = history.ended();
        let over = matches!(history.release.phase(), Phase::RollingBack(_)) || ended.is_some();
        if over {
            for step in steps.iter_mut().filter(|step| step.end == StepEnd::Planned) {
                step.end = StepEnd::NeverReached;
            }
        }
        let checkpoints = checkpoints(history, &steps, track.look_every());
        let left = if over { Span::ZERO } else { bake_left(history.release) };
        Some(Self {
            heading: Heading::of(history),
            track: name.clone(),
            started,
            watched: history.release.watched(),
            look_every: track.look_every(),
            checkpoints,
            planned_total: sum(steps.iter().map(|step| step.planned_bake)),
            expected_end: (started.is_some() && !over).then(|| expected_end(history, left)),
            left,
            steps,
            ended,
        })
    }
}

/// The gate at the end of every step.
fn checkpoints(history: &History<'_>, steps: &[ScheduledStep], look_every: Span) -> Vec<Checkpoint> {
    let checkpoint = |step: &ScheduledStep| {
        let gate = gate_of_step(step.number, steps.len());
        let mut looks = EvaluationTally::default();
        for record in history.records {
            match &record.event {
                Event::Evaluated(look) if look.step == step.number => looks.add(record, look),
                _ => {}
            }
        }
        let planned_after = step.planned_after + step.planned_bake;
        Checkpoint {
            gate,
            share: step.share,
            planned_after,
            planned: step.planned_start.map(|start| start + step.planned_bake),
            planned_looks: step.planned_bake.as_millis().div_ceil(look_every.as_millis().max(1)),
            looks,
            passed: GateStory::of(history, gate).passed,
        }
    };
    steps.iter().map(checkpoint).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde wants")]
fn is_none_at_all(span: &Span) -> bool {
    *span == Span::ZERO
}

fn sum(spans: impl IntoIterator<Item = Span>) -> Span {
    spans.into_iter().fold(Span::ZERO, |sum, span| sum + span)
}

/// The end if everything can be measured from the last look on.
fn expected_end(history: &History<'_>, left: Span) -> Timestamp {
    let held = !history.release.holds().is_empty();
    let from = match history.release.phase().step().map(|step| step.traffic) {
        Some(TrafficState::Set { looked_until }) if !held => looked_until,
        Some(TrafficState::Set { .. } | TrafficState::Requested | TrafficState::Promoting) | None => {
            history.now
        }
    };
    (from + left).max(history.now)
}

/// Adds up what happened in each step.
struct Fold {
    steps: Vec<ScheduledStep>,
    /// The index of the step under way.
    current: Option<usize>,
    holds: BTreeSet<HoldCause>,
    /// Since when the step under way stands still.
    held_since: Option<Timestamp>,
}

impl Fold {
    fn new(steps: &[Step], started: Option<Mark>) -> Self {
        let mut after = Span::ZERO;
        let planned = |(number, step): (u32, &Step)| {
            let planned_after = after;
            after = after + step.bake;
            ScheduledStep {
                number,
                share: step.share,
                planned_bake: step.bake,
                planned_after,
                planned_start: started.map(|started| started.at + planned_after),
                started: None,
                ended: None,
                end: StepEnd::Planned,
                baked: Span::ZERO,
                looks: 0,
                held: Span::ZERO,
                undriven: Span::ZERO,
            }
        };
        let steps = (1..).zip(steps).map(planned).collect();
        Self { steps, current: None, holds: BTreeSet::new(), held_since: None }
    }

    fn push(&mut self, record: &Record) {
        match &record.event {
            Event::StepStarted(started) => {
                self.end(Mark::of(record), StepEnd::Passed);
                self.current =
                    (started.step as usize).checked_sub(1).filter(|index| *index < self.steps.len());
                if let Some(step) = self.step() {
                    step.started = Some(Mark::of(record));
                    step.end = StepEnd::Running;
                }
                self.held_since = (!self.holds.is_empty()).then_some(record.at);
            }
            Event::Evaluated(look) => {
                if let Some(step) = self.step() {
                    step.looks += 1;
                    step.baked = step.baked + look.credit;
                }
            }
            Event::HoldPlaced(placed) => {
                self.holds.insert(placed.cause);
                self.held_since = self.held_since.or(Some(record.at));
            }
            Event::HoldReleased(released) => {
                self.holds.remove(&released.cause);
                if self.holds.is_empty() {
                    self.add_held(record.at);
                }
            }
            Event::RollbackStarted(_) => {
                self.end(Mark::of(record), StepEnd::RolledBack);
                self.holds.clear();
                self.held_since = None;
            }
            Event::ReleaseCompleted(_) => self.end(Mark::of(record), StepEnd::Passed),
            _ => {}
        }
    }

    fn step(&mut self) -> Option<&mut ScheduledStep> {
        self.steps.get_mut(self.current?)
    }

    fn add_held(&mut self, until: Timestamp) {
        let since = self.held_since.take();
        if let (Some(step), Some(since)) = (self.step(), since) {
            step.held = step.held + until.since(since);
        }
    }

    fn end(&mut self, mark: Mark, end: StepEnd) {
        self.add_held(mark.at);
        if let Some(step) = self.step() {
            step.ended = Some(mark);
            step.end = end;
        }
        self.current = None;
    }

    fn finish(mut self, now: Timestamp) -> Vec<ScheduledStep> {
        self.add_held(now);
        self.steps
    }
}
