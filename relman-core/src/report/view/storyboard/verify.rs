use serde::Serialize;

use crate::{
    event::{Event, Gate, Record},
    report::{
        facts::{
            Availability, CheckRun, ComplaintStory, CoverStory, GateStory, History, IncidentReport,
            LookStory, Mark, VerdictKind, availability, by, complaints, cover,
        },
        view::{ChecklistItem, Frame, FrameName, FrameState, StepStory, artifacts, item},
    },
    unit::Span,
};

/// All users have the new version, and it is validated under on-call cover.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyFrame {
    /// What every frame has.
    pub frame: Frame,
    /// How long the validation has to last; none before a plan.
    #[serde(rename = "length_ms")]
    pub length: Option<Span>,
    /// How much of it counts so far: on fresh data, under cover, without a hold.
    #[serde(rename = "counted_ms")]
    pub counted: Span,
    /// How long it was under way in all, until it ended or until now.
    #[serde(rename = "elapsed_ms")]
    pub elapsed: Span,
    /// Who was on call, and when nobody was, from the start of the validation to its end or until now.
    pub cover: Vec<CoverStory>,
    /// How much of the time nobody was on call.
    #[serde(rename = "uncovered_ms")]
    pub uncovered: Span,
    /// The requests of the validation and how many of them failed; none where no metric counts them.
    pub availability: Option<Availability>,
    /// How many looks the validation had, and how many of them had nothing to judge.
    pub looks: u64,
    /// How many looks had nothing to judge.
    pub unmeasured: u64,
    /// What customers said during the whole release.
    pub complaints: Vec<ComplaintStory>,
    /// Incidents of the service during the whole release, with where it was when they began.
    pub incidents: Vec<IncidentReport>,
    /// Every run of a check in production.
    pub runs: Vec<CheckRun>,
}

impl VerifyFrame {
    pub(in crate::report) fn of(history: &History<'_>, steps: &[StepStory], looks: &[LookStory]) -> Self {
        let entered = history.first(|event| matches!(event, Event::ValidationStarted(_)));
        let left = entered.and_then(|entered| {
            let is_end =
                |event: &Event| matches!(event, Event::ReleaseCompleted(_) | Event::RollbackStarted(_));
            history.first_from(entered.seq, is_end)
        });
        let (state, says) = match (entered, left.map(|record| &record.event)) {
            (None, _) => (
                FrameState::NotReached,
                match history
                    .first(|event| matches!(event, Event::RollbackStarted(_) | Event::ReleaseAborted(_)))
                {
                    Some(_) => "Not reached: the release ended before all of the traffic was on it.",
                    None => "Not reached: it begins when all of the traffic is on the new version.",
                },
            ),
            (Some(_), None) => (FrameState::UnderWay, "Under way: all users have it, and it is validated."),
            (Some(_), Some(Event::ReleaseCompleted(_))) => (FrameState::Passed, "The validation has passed."),
            (Some(_), Some(_)) => (FrameState::Stopped, "It was taken back in the validation."),
        };
        let last = steps.last();
        let until = left.map_or(history.now, |left| left.at);
        let cover = entered.map(|entered| cover(history.records, entered, until)).unwrap_or_default();
        let of_validation = |look: &&LookStory| {
            last.is_some_and(|last| last.scheduled.number == look.step) && entered.is_some()
        };
        let uncovered = cover.iter().filter(|one| one.person.is_none());
        let runs = runs(history);
        let gate = GateStory::of(history, Gate::Validation);
        let counted = last.map_or(Span::ZERO, |last| last.scheduled.baked);
        let length = last.map(|last| last.scheduled.planned_bake);
        let checklist = checklist(history, entered, left, &runs, &gate, length, counted);
        Self {
            uncovered: uncovered.fold(Span::ZERO, |sum, one| sum + one.until.since(one.from)),
            availability: availability(looks.iter().filter(of_validation)),
            looks: looks.iter().filter(of_validation).count() as u64,
            unmeasured: looks
                .iter()
                .filter(of_validation)
                .filter(|look| look.worst() == VerdictKind::Unmeasured)
                .count() as u64,
            complaints: complaints(history),
            incidents: IncidentReport::all(history),
            elapsed: entered.map_or(Span::ZERO, |entered| until.since(entered.at)),
            length,
            counted,
            cover,
            runs,
            frame: Frame {
                name: FrameName::Verify,
                state,
                says: says.to_owned(),
                entered: entered.map(Mark::of),
                left: left.map(Mark::of),
                checklist,
                gates: vec![gate],
                artifacts: artifacts(history, FrameName::Verify),
            },
        }
    }
}

fn checklist(
    history: &History<'_>,
    entered: Option<&Record>,
    left: Option<&Record>,
    runs: &[CheckRun],
    gate: &GateStory,
    length: Option<Span>,
    counted: Span,
) -> Vec<ChecklistItem> {
    let mut items = vec![ChecklistItem::of("All of the traffic on the new version", entered.map(by))];
    if let Some(length) = length {
        let completed = left.filter(|left| matches!(left.event, Event::ReleaseCompleted(_)));
        let what = format!("{length} observed on fresh data, under on-call cover");
        let item = ChecklistItem::of(what, completed.map(by));
        items.push(item.with(format!("{counted} of {length} counted")));
    }
    let on_call = |event: &Event| matches!(event, Event::OnCallAcknowledged(_) | Event::OnCallHandedOver(_));
    let acknowledged = history.last(on_call).filter(|_| entered.is_some());
    items.push(ChecklistItem::of("Somebody is on call", acknowledged.map(by)));
    items.extend(history.release.checks_asked(Gate::Validation).iter().map(|check| item(check, runs, gate)));
    for owed in history.release.post_mortems() {
        let what = format!("Post-mortem {} on {}", owed.number, owed.about);
        let filed = history
            .first(|event| matches!(event, Event::PostMortemFiled(filed) if filed.number == owed.number));
        let item = ChecklistItem::of(what, filed.map(by));
        items.push(match &owed.root_cause {
            Some(cause) => item.with(format!("root cause: {cause}")),
            None => item,
        });
    }
    let closed = history.first(|event| matches!(event, Event::ReleaseClosed(_)));
    items.push(ChecklistItem::of("Closed", closed.map(by)));
    items
}

/// The checks that were recorded once production was entered.
fn runs(history: &History<'_>) -> Vec<CheckRun> {
    let Some(production) = history.first(|event| matches!(event, Event::RolloutStarted(_))) else {
        return Vec::new();
    };
    let after = history.records.iter().filter(|record| record.seq > production.seq);
    after
        .filter_map(|record| match &record.event {
            Event::CheckRecorded(recorded) => Some(CheckRun::of(record, recorded)),
            _ => None,
        })
        .collect()
}
