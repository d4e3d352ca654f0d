use std::sync::Arc;

use super::{ActionName, Refusal};
use crate::{
    event::{ActionItemKind, CheckOutcome, Gate, LessonKind, Settlement},
    plan::{Plan, PlanError},
    policy::Policy,
    port::Incident,
    unit::{Actor, CheckName, Text, Timestamp},
};

/// What people can want from a release.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Record the plan of a new release.
    RecordPlan {
        /// The plan.
        plan: Arc<Plan>,
        /// The policy that it obeys.
        policy: Arc<Policy>,
    },
    /// Change the plan before it is approved and staged.
    RevisePlan {
        /// The plan.
        plan: Arc<Plan>,
        /// The policy that it obeys.
        policy: Arc<Policy>,
    },
    /// Approve someone else's plan.
    ApprovePlan,
    /// Record the outcome of a check.
    RecordCheck {
        /// Which check.
        check: CheckName,
        /// How it ended.
        outcome: CheckOutcome,
        /// What shows it.
        evidence: Text,
        /// For a checklist, the items that are confirmed.
        items: Vec<Text>,
    },
    /// Make the release stand still.
    Hold {
        /// Why.
        reason: Text,
    },
    /// Let a release that was held go on.
    Resume {
        /// Why.
        reason: Text,
    },
    /// Take the release back.
    RollBack {
        /// Why.
        reason: Text,
    },
    /// Give the release up before production.
    Abort {
        /// Why.
        reason: Text,
    },
    /// Override a failed gate.
    Override {
        /// Which gate.
        gate: Gate,
        /// Why.
        reason: Text,
        /// When the override expires.
        expires_at: Timestamp,
    },
    /// Take on-call duty for the release.
    Acknowledge {
        /// Until when; the policy's shift, if absent.
        until: Option<Timestamp>,
    },
    /// File a post-mortem.
    FilePostMortem {
        /// Which one; the only one that is owed, if absent.
        number: Option<u32>,
        /// What happened and what was learnt.
        summary: Text,
        /// What caused it.
        root_cause: Text,
        /// Where the whole text is.
        link: Option<Text>,
    },
    /// Write down what was learnt from the release.
    RecordLesson {
        /// Under which heading of a retrospective.
        kind: LessonKind,
        /// What was learnt.
        text: Text,
    },
    /// Record something that is to be changed because of the release.
    OpenActionItem {
        /// What is to be done.
        what: Text,
        /// What it is good for.
        kind: ActionItemKind,
        /// Who does it: a person.
        owner: Actor,
        /// When it is to be done; within the time of the policy, if absent.
        due: Option<Timestamp>,
    },
    /// Say that an action item is done, or dropped.
    SettleActionItem {
        /// Which one; the only one that is open, if absent.
        number: Option<u32>,
        /// In which way.
        how: Settlement,
        /// What shows that it is done, or why it was dropped.
        note: Text,
    },
    /// Record a customer's complaint.
    Complain {
        /// The complaint, as the desk or the tracker that has it names it: the same key counts once.
        key: Option<Text>,
        /// What the customer said.
        text: Text,
    },
    /// Say that a complaint was none, or about something else: it counts no more from now on.
    WithdrawComplaint {
        /// Its key; the only complaint that counts, if neither is given.
        key: Option<Text>,
        /// The record that holds it.
        record: Option<u64>,
        /// Why.
        reason: Text,
    },
    /// Record an incident of the service. The one action, with the next, that relman takes itself, for a source of
    /// incidents.
    RecordIncident {
        /// Who tells of it: the name of the source.
        source: Text,
        /// The incident.
        incident: Incident,
    },
    /// Record that an incident does not fire any more.
    EndIncident {
        /// Who tells of it: the name of the source.
        source: Text,
        /// The incident, as the source names it.
        id: Text,
        /// When it ended; now, if absent.
        ended_at: Option<Timestamp>,
    },
    /// Close a release that has reached its end.
    Close,
}

impl Action {
    /// Which action it is.
    pub fn name(&self) -> ActionName {
        match self {
            Self::RecordPlan { .. } => ActionName::RecordPlan,
            Self::RevisePlan { .. } => ActionName::RevisePlan,
            Self::ApprovePlan => ActionName::ApprovePlan,
            Self::RecordCheck { .. } => ActionName::RecordCheck,
            Self::Hold { .. } => ActionName::Hold,
            Self::Resume { .. } => ActionName::Resume,
            Self::RollBack { .. } => ActionName::RollBack,
            Self::Abort { .. } => ActionName::Abort,
            Self::Override { .. } => ActionName::Override,
            Self::Acknowledge { .. } => ActionName::Acknowledge,
            Self::FilePostMortem { .. } => ActionName::FilePostMortem,
            Self::RecordLesson { .. } => ActionName::RecordLesson,
            Self::OpenActionItem { .. } => ActionName::OpenActionItem,
            Self::SettleActionItem { .. } => ActionName::SettleActionItem,
            Self::Complain { .. } => ActionName::Complain,
            Self::WithdrawComplaint { .. } => ActionName::WithdrawComplaint,
            Self::RecordIncident { .. } => ActionName::RecordIncident,
            Self::EndIncident { .. } => ActionName::EndIncident,
            Self::Close => ActionName::Close,
        }
    }

    /// Whether what it brings with it is as it has to be today. Decisions that are taken again, on a record of older rules, do not
    /// ask.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::RecordPlan { plan, policy } => {
                plan.release().check_new().map_err(PlanError::from)?;
                check_rules(plan, policy)
            }
            Self::RevisePlan { plan, policy } => check_rules(plan, policy),
            Self::ApprovePlan
            | Self::RecordCheck { .. }
            | Self::Hold { .. }
            | Self::Resume { .. }
            | Self::RollBack { .. }
            | Self::Abort { .. }
            | Self::Override { .. }
            | Self::Acknowledge { .. }
            | Self::FilePostMortem { .. }
            | Self::RecordLesson { .. }
            | Self::OpenActionItem { .. }
            | Self::SettleActionItem { .. }
            | Self::Complain { .. }
            | Self::WithdrawComplaint { .. }
            | Self::RecordIncident { .. }
            | Self::EndIncident { .. }
            | Self::Close => Ok(()),
        }
    }
}

/// Whether a plan and its policy may be recorded today.
pub(super) fn check_rules(plan: &Plan, policy: &Policy) -> Result<(), Refusal> {
    plan.check()?;
    policy.check()?;
    Ok(())
}
