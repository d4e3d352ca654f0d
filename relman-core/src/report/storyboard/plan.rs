use serde::Serialize;

use super::{ChecklistItem, Frame, FrameName, FrameState, GateStory, StoryArtifact, fold::by};
use crate::{
    event::{Event, Gate},
    machine::PhaseName,
    report::{History, Mark, PlanReport, layout::counted},
};

/// Scope, risk, rollback contract, who is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanFrame {
    /// What every frame has.
    pub frame: Frame,
    /// The plan in force; none before one is recorded.
    pub plan: Option<PlanReport>,
}

impl PlanFrame {
    pub(super) fn of(history: &History<'_>) -> Self {
        let plan = PlanReport::of(history);
        let entered = history.first(|event| matches!(event, Event::PlanRecorded(_)));
        let left = history.first(|event| matches!(event, Event::StagingStarted(_)));
        let given_up = history.first(|event| matches!(event, Event::ReleaseAborted(_)));
        let (state, says) = match (entered, left, given_up) {
            (None, ..) => (FrameState::NotReached, "Not reached: nothing is planned yet.".to_owned()),
            (_, Some(_), _) => (FrameState::Passed, "The plan was approved.".to_owned()),
            (_, None, Some(_)) => (FrameState::Stopped, "It was given up in planning.".to_owned()),
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
                artifacts: StoryArtifact::of(history, FrameName::Plan),
            },
            plan,
        }
    }
}

/// What a release in planning waits for.
fn says_what_is_missing(history: &History<'_>) -> String {
    debug_assert_eq!(history.release.phase().name(), PhaseName::Planning);
    match history.release.missing(history.now).first() {
        Some(missing) => format!("Under way: it waits for {}.", missing.what),
        None => "Under way.".to_owned(),
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
            .with(plan.risk.reasons.join("; ")),
        if plan.criteria.is_empty() {
            ChecklistItem::open("Rollback contract").with("nothing is staged without numeric criteria")
        } else {
            let criteria: Vec<String> = plan.criteria.iter().map(ToString::to_string).collect();
            ChecklistItem::done("Rollback contract", author, mark).with(criteria.join("; "))
        },
        ChecklistItem::done("Communication plan", author, mark).with(counted(
            plan.communication.len() as u64,
            "notice",
            "notices",
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
        items.push(ChecklistItem::open(what).with("by somebody who is not an author"));
    }
    items
}
