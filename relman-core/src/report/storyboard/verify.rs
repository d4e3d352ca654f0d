use serde::Serialize;

use super::{
    CheckRun, ChecklistItem, Frame, FrameName, FrameState, GateStory, LookStory, StepStory, StoryArtifact,
    fold::by, stage::item,
};
use crate::{
    event::{Event, Gate, Record},
    report::{History, IncidentReport, Mark},
    unit::{Actor, Span, Text, Timestamp},
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

/// A time in which one person was on call, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoverStory {
    /// Who; nobody, if absent.
    pub person: Option<Actor>,
    /// From when on.
    pub from: Timestamp,
    /// Until when, or until now.
    pub until: Timestamp,
    /// The record that began it.
    pub record: u64,
}

/// Requests that were served, and those that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Availability {
    /// All requests.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
}

impl Availability {
    /// The share of requests that were served, between 0 and 1.
    pub fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { 1.0 - self.errors as f64 / self.requests as f64 }
    }
}

/// What a customer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplaintStory {
    /// The words.
    pub text: Text,
    /// Who recorded it.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
}

impl VerifyFrame {
    pub(super) fn of(history: &History<'_>, steps: &[StepStory], looks: &[LookStory]) -> Self {
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
                .filter(|look| look.worst() == super::VerdictKind::Unmeasured)
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
                artifacts: StoryArtifact::of(history, FrameName::Verify),
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

fn complaints(history: &History<'_>) -> Vec<ComplaintStory> {
    let story = |record: &Record| match &record.event {
        Event::ComplaintRecorded(complaint) => Some(ComplaintStory {
            text: complaint.text.clone(),
            by: record.by.clone(),
            mark: Mark::of(record),
        }),
        _ => None,
    };
    history.records.iter().filter_map(story).collect()
}

/// The metric whose counts are requests that failed, as policies name it; others count log lines and the like.
const ERROR_RATE: &str = "error_rate";

/// The requests and their errors, where a metric counts them.
fn availability<'a>(looks: impl Iterator<Item = &'a LookStory>) -> Option<Availability> {
    let of_requests = looks.flat_map(|look| &look.readings).filter(|one| one.metric.as_str() == ERROR_RATE);
    of_requests.filter_map(|one| Some((one.requests?, one.errors?))).fold(None, |sum, (requests, errors)| {
        let sum = sum.unwrap_or(Availability { requests: 0, errors: 0 });
        Some(Availability {
            requests: sum.requests.saturating_add(requests),
            errors: sum.errors.saturating_add(errors),
        })
    })
}

/// Who was on call between the start of the validation and `until`.
fn cover(records: &[Record], entered: &Record, until: Timestamp) -> Vec<CoverStory> {
    let mut stories: Vec<CoverStory> = Vec::new();
    let mut at_start: Option<(Actor, u64)> = None;
    for record in records {
        let person = match &record.event {
            Event::OnCallAcknowledged(_) | Event::OnCallHandedOver(_) => Some(record.by.clone()),
            Event::CoverLapsed(_) => None,
            _ => {
                if record.seq == entered.seq {
                    let (person, record) = match at_start.take() {
                        Some((person, record)) => (Some(person), record),
                        None => (None, entered.seq),
                    };
                    stories.push(CoverStory { person, from: entered.at, until, record });
                }
                continue;
            }
        };
        if record.at > until {
            break;
        }
        match stories.last_mut() {
            None => at_start = person.map(|person| (person, record.seq)),
            Some(last) if last.person == person => {}
            Some(last) => {
                last.until = record.at;
                stories.push(CoverStory { person, from: record.at, until, record: record.seq });
            }
        }
    }
    stories
}
