//! Before users: the plan, and staging.

use serde::Serialize;

use crate::{
    event::{CheckOutcome, Event, Gate},
    machine::PhaseName,
    policy::floors,
    port::Environment,
    report::{
        facts::{CheckRun, GateStory, History, Mark, by, counted},
        view::{ChecklistItem, Frame, FrameName, FrameState, PlanReport, artifacts, check_item},
    },
    unit::{CheckName, Text},
};

/// Scope, risk, rollback contract, notifications.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanFrame {
    /// What every frame has.
    pub frame: Frame,
    /// The plan in force; none before one is recorded.
    pub plan: Option<PlanReport>,
}

impl PlanFrame {
    pub(in crate::report) fn of(history: &History<'_>) -> Self {
        let plan = PlanReport::of(history);
        let entered = history.first(|event| matches!(event, Event::PlanRecorded(_)));
        let left = history.first(|event| matches!(event, Event::StagingStarted(_)));
        let given_up = history.first(|event| matches!(event, Event::ReleaseAborted(_)));
        let (state, says) = match (entered, left, given_up) {
            (None, ..) => (FrameState::NotReached, "Not reached: nothing is planned yet.".to_owned()),
            (_, Some(_), _) => (FrameState::Passed, "The plan was approved.".to_owned()),
            (_, None, Some(_)) => (FrameState::Stopped, "Aborted during planning.".to_owned()),
            (_, None, None) => (FrameState::UnderWay, says_what_is_missing(history)),
        };
        Self {
            frame: Frame {
                name: FrameName::Plan,
                state,
                says,
                entered: entered.map(Mark::of),
                left: left.or(given_up).map(Mark::of),
                checklist: plan.as_ref().map(|plan| checklist(history, plan)).unwrap_or_default(),
                gates: vec![GateStory::of(history, Gate::Plan)],
                artifacts: artifacts(history, FrameName::Plan),
            },
            plan,
        }
    }
}

/// What a release in planning waits for.
fn says_what_is_missing(history: &History<'_>) -> String {
    debug_assert_eq!(history.release.phase().name(), PhaseName::Planning);
    match history.release.missing(history.now).first() {
        Some(missing) => format!("Waiting for {}.", missing.what),
        None => "Ready to go on.".to_owned(),
    }
}

fn checklist(history: &History<'_>, plan: &PlanReport) -> Vec<ChecklistItem> {
    let is_plan = |event: &Event| matches!(event, Event::PlanRecorded(_) | Event::PlanRevised(_));
    let Some(record) = history.last(is_plan) else { return Vec::new() };
    let (author, mark) = by(record);
    let mut items = vec![
        ChecklistItem::done("Scope", author, mark).with(format!(
            "{}: {}, replaces {}",
            plan.scope.service, plan.scope.artifact, plan.scope.replaces
        )),
        ChecklistItem::done(format!("Risk assessed: {}", plan.risk.level), author, mark)
            .with(plan.risk.sentences().join("; ")),
        if plan.criteria.is_empty() {
            ChecklistItem::open("Rollback contract").with("staging needs numeric criteria")
        } else {
            let criteria: Vec<String> = plan.criteria.iter().map(ToString::to_string).collect();
            ChecklistItem::done("Rollback contract", author, mark).with(criteria.join("; "))
        },
        ChecklistItem::done("Communication plan", author, mark).with(counted(
            plan.communication.len() as u64,
            "notification",
            "notifications",
        )),
    ];
    let needed = plan.approvals_needed as usize;
    for (index, given) in plan.approvals.iter().enumerate() {
        let roles: Vec<String> = given.roles.iter().map(ToString::to_string).collect();
        let what = format!("Approval {} of {}", index + 1, needed.max(index + 1));
        items.push(ChecklistItem::done(what, &given.by, given.mark).with(roles.join(", ")));
    }
    for number in plan.approvals.len()..needed {
        let what = format!("Approval {} of {needed}", number + 1);
        items.push(ChecklistItem::open(what).with("by someone who is not an author"));
    }
    items
}

/// The change is tried before it meets users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StageFrame {
    /// What every frame has.
    pub frame: Frame,
    /// Every run of a check, the failed ones too.
    pub runs: Vec<CheckRun>,
}

impl StageFrame {
    pub(in crate::report) fn of(history: &History<'_>) -> Self {
        let entered = history.first(|event| matches!(event, Event::StagingStarted(_)));
        let left = history.first(|event| matches!(event, Event::RolloutStarted(_)));
        let given_up = history.first(|event| matches!(event, Event::ReleaseAborted(_)));
        let (state, says) = match (entered, left, given_up) {
            (None, _, Some(_)) => (FrameState::NotReached, "Not reached: aborted during planning."),
            (None, _, None) => (FrameState::NotReached, "Not reached: starts once the plan is approved."),
            (_, Some(_), _) => (FrameState::Passed, "Everything the staging gate asks for was there."),
            (_, None, Some(_)) => (FrameState::Stopped, "Aborted in staging."),
            (_, None, None) => (FrameState::UnderWay, "The change is tested before it reaches users."),
        };
        let runs = CheckRun::of_gate(history, Gate::Staging);
        let gate = GateStory::of(history, Gate::Staging);
        let installed = history.first(
            |event| matches!(event, Event::Deployed(deployed) if deployed.environment == Environment::Staging),
        );
        let mut checklist = vec![ChecklistItem::of("Deployed to staging", installed.map(by))];
        for check in history.release.checks_asked(Gate::Staging) {
            checklist.push(check_item(&check, &runs, &gate));
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
                artifacts: artifacts(history, FrameName::Stage),
            },
            runs,
        }
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
