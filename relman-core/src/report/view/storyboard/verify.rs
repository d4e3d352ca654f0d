use serde::Serialize;

use crate::{
    event::{Event, Gate, Record},
    report::{
        facts::{Availability, CheckRun, Complaint, CoverSlot, GateStory, History, IncidentReport, Mark, by},
        view::{
            ChecklistItem, Frame, FrameName, FrameState, StepStory, ValidationReport, artifacts, check_item,
            closing_items,
        },
    },
    unit::Span,
};

/// All users have the new version, and it is validated under on-call cover.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
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
    pub cover: Vec<CoverSlot>,
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
    pub complaints: Vec<Complaint>,
    /// Incidents of the service during the whole release, with where it was when they began.
    pub incidents: Vec<IncidentReport>,
    /// Every run of a check in production.
    pub runs: Vec<CheckRun>,
}

impl VerifyFrame {
    /// How many complaints count: those that nobody has withdrawn.
    pub fn counted_complaints(&self) -> usize {
        self.complaints.iter().filter(|complaint| complaint.withdrawn.is_none()).count()
    }
}

impl VerifyFrame {
    pub(in crate::report) fn of(history: &History<'_>, steps: &[StepStory]) -> Self {
        let report = ValidationReport::of(history);
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
                    Some(_) => "Not reached: the release ended before it had all traffic.",
                    None => "Not reached: starts once the new version has all traffic.",
                },
            ),
            (Some(_), None) => (FrameState::UnderWay, "All users have it, and it is being validated."),
            (Some(_), Some(Event::ReleaseCompleted(_))) => (FrameState::Passed, "The validation passed."),
            (Some(_), Some(_)) => (FrameState::Stopped, "Rolled back during validation."),
        };
        let last = steps.last();
        let until = left.map_or(history.now, |left| left.at);
        let cover = report.as_ref().map(|report| CoverSlot::between(&report.cover, report.started, until));
        let looks = report.as_ref().map(|report| report.looks).unwrap_or_default();
        let runs = CheckRun::of_gate(history, Gate::Validation);
        let gate = GateStory::of(history, Gate::Validation);
        let counted = looks.counted;
        let length = last.map(|last| last.scheduled.planned_bake);
        let checklist = checklist(history, entered, left, &runs, &gate, length, counted);
        Self {
            uncovered: report.as_ref().map(|report| report.uncovered).unwrap_or_default(),
            availability: report.as_ref().and_then(|report| Availability::of(report.errors.as_ref()?)),
            looks: looks.looks,
            unmeasured: looks.unmeasured,
            complaints: Complaint::all(history),
            incidents: IncidentReport::all(history),
            elapsed: entered.map_or(Span::ZERO, |entered| until.since(entered.at)),
            length,
            counted,
            cover: cover.unwrap_or_default(),
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
    let mut items = vec![ChecklistItem::of("All traffic on the new version", entered.map(by))];
    if let Some(length) = length {
        let completed = left.filter(|left| matches!(left.event, Event::ReleaseCompleted(_)));
        let what = format!("{length} observed on fresh data, under on-call cover");
        let item = ChecklistItem::of(what, completed.map(by));
        items.push(item.with(format!("{counted} of {length} counted")));
    }
    let on_call = |event: &Event| matches!(event, Event::OnCallAcknowledged(_) | Event::OnCallHandedOver(_));
    let acknowledged = history.last(on_call).filter(|_| entered.is_some());
    items.push(ChecklistItem::of("On-call cover acknowledged", acknowledged.map(by)));
    items.extend(
        history.release.checks_asked(Gate::Validation).iter().map(|check| check_item(check, runs, gate)),
    );
    items.extend(closing_items(history, |_| true));
    items
}
