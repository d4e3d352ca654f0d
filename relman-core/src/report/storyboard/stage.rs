use serde::Serialize;

use super::{ChecklistItem, Frame, FrameName, FrameState, GateStory, ItemState, fold::by};
use crate::{
    event::{CheckOutcome, CheckRecorded, Event, Gate, Record},
    policy::floors,
    port::Environment,
    report::{History, Mark},
    unit::{Actor, CheckName, Text},
};

/// The change is tried before it meets users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageFrame {
    /// What every frame has.
    pub frame: Frame,
    /// Every run of a check, the failed ones too.
    pub runs: Vec<CheckRun>,
}

/// One run of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckRun {
    /// Which check.
    pub check: CheckName,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What shows it.
    pub evidence: Text,
    /// For a checklist, the items that were confirmed.
    pub items: Vec<Text>,
    /// Who recorded it.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
}

impl CheckRun {
    pub(super) fn of(record: &Record, recorded: &CheckRecorded) -> Self {
        Self {
            check: recorded.check.clone(),
            outcome: recorded.outcome,
            evidence: recorded.evidence.clone(),
            items: recorded.items.clone(),
            by: record.by.clone(),
            mark: Mark::of(record),
        }
    }
}

impl StageFrame {
    pub(super) fn of(history: &History<'_>) -> Self {
        let entered = history.first(|event| matches!(event, Event::StagingStarted(_)));
        let left = history.first(|event| matches!(event, Event::RolloutStarted(_)));
        let given_up = history.first(|event| matches!(event, Event::ReleaseAborted(_)));
        let (state, says) = match (entered, left, given_up) {
            (None, _, Some(_)) => (FrameState::NotReached, "Not reached: it was given up in planning."),
            (None, _, None) => (FrameState::NotReached, "Not reached: it begins when the plan is approved."),
            (_, Some(_), _) => (FrameState::Passed, "Everything that the staging gate asks for was there."),
            (_, None, Some(_)) => (FrameState::Stopped, "It was given up in staging."),
            (_, None, None) => {
                (FrameState::UnderWay, "Under way: the change is tried before it meets users.")
            }
        };
        let until = left.map_or(u64::MAX, |left| left.seq);
        let runs: Vec<CheckRun> = history
            .records
            .iter()
            .take_while(|record| record.seq < until)
            .filter_map(|record| match &record.event {
                Event::CheckRecorded(recorded) => Some(CheckRun::of(record, recorded)),
                _ => None,
            })
            .collect();
        let gate = GateStory::of(history, Gate::Staging);
        let installed = history.first(
            |event| matches!(event, Event::Deployed(deployed) if deployed.environment == Environment::Staging),
        );
        let mut checklist = vec![ChecklistItem::of("Installed in staging", installed.map(by))];
        for check in history.release.checks_asked(Gate::Staging) {
            checklist.push(item(&check, &runs, &gate));
            if check.as_str() == floors::MANUAL_QA {
                checklist.extend(qa_items(history, &runs, &check));
            }
        }
        let gates = [gate].into_iter().chain(GateStory::of_met(history, Gate::Freeze)).collect();
        Self {
            frame: Frame {
                name: FrameName::Stage,
                state,
                says: says.to_owned(),
                entered: entered.map(Mark::of),
                left: if entered.is_some() { left.or(given_up).map(Mark::of) } else { None },
                checklist,
                gates,
                artifacts: super::StoryArtifact::of(history, FrameName::Stage),
            },
            runs,
        }
    }
}

/// A check as a line of a checklist: its last run, and an override where that failed.
pub(super) fn item(check: &CheckName, runs: &[CheckRun], gate: &GateStory) -> ChecklistItem {
    let what = format!("Check: {check}");
    let Some(run) = runs.iter().rev().find(|run| run.check == *check) else {
        return ChecklistItem::open(what);
    };
    let item = ChecklistItem::done(what, &run.by, run.mark).with(run.evidence.to_string());
    match (run.outcome, gate.overrides_check(check)) {
        (CheckOutcome::Passed, _) => item,
        (CheckOutcome::Failed, None) => item.failed(),
        (CheckOutcome::Failed, Some(one)) => ChecklistItem {
            state: ItemState::Overridden,
            detail: Some(format!(
                "{}; overridden by {} #{}: {}",
                run.evidence, one.by, one.mark.record, one.reason
            )),
            ..item
        },
    }
}

/// The items that the one who signs manual QA confirms.
fn qa_items(history: &History<'_>, runs: &[CheckRun], check: &CheckName) -> Vec<ChecklistItem> {
    let Some(policy) = history.release.policy() else { return Vec::new() };
    let signed = runs.iter().rev().find(|run| run.check == *check && run.outcome == CheckOutcome::Passed);
    let confirmed = |item: &Text| {
        let signed = signed.filter(|run| run.items.contains(item))?;
        Some((&signed.by, signed.mark))
    };
    let line = |item: &Text| ChecklistItem::of(format!("QA: {item}"), confirmed(item));
    policy.qa_checklist().iter().map(line).collect()
}
