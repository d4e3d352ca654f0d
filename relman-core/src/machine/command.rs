use std::{collections::BTreeSet, sync::Arc};

use super::{EvaluationRequest, Outcome, Refusal};
use crate::{
    event::{ActionItemKind, CheckOutcome, EffectId, Gate, LessonKind, Settlement},
    judge::{Answer, Arm, Observation},
    plan::{Plan, PlanError},
    policy::Policy,
    port::{Deployment, FlowOutcome, Incident, MetricQuery},
    unit::{Actor, ActorKind, CheckName, Role, Span, Text, Timestamp, TrafficShare, Window},
};

/// What a decision is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// A person or a service wants something.
    Action(Command),
    /// An effect has an outcome.
    Outcome { effect: EffectId, outcome: OutcomeOf },
    /// The metrics and the traffic of a step were looked at.
    Measured(Answers),
    /// The traffic was observed while a release is rolled back: what the platform showed, or why it showed nothing.
    Traffic { deployment: Result<Deployment, String> },
    /// The key user flows were checked.
    ///
    /// Recorded as the check `user-flows`, by relman and without roles: the first outcome, every change of it, and a
    /// pass again after [`FLOWS_RENEWED_AFTER`](super::FLOWS_RENEWED_AFTER). An outcome that is not known is not
    /// recorded. A failure that somebody else has recorded stands until they, or another with the role, record that it
    /// passes.
    Flows { outcome: FlowOutcome, evidence: Text },
    /// Time has passed.
    Tick,
    /// The record is ahead of the clock of whoever drives.
    ClockSkew { ahead: Span },
}

/// How an effect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutcomeOf {
    /// It was done.
    Done,
    /// It did not have to be done: the platform showed that it was done already.
    FoundDone,
    /// It failed.
    Failed {
        /// Why, without secrets.
        detail: String,
        /// When trying again makes sense; `None` where a person has to change something first.
        retry_after: Option<Span>,
    },
}

/// What was seen in one look at a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answers {
    /// The step, from 1, as the question said it.
    pub(super) step: u32,
    /// The time that was asked about.
    pub(super) window: Window,
    /// Where the traffic is, or why that is not known.
    pub(super) deployment: Result<Deployment, String>,
    /// How far an observed share may be from the real one.
    pub(super) tolerance: TrafficShare,
    /// One observation for each metric and arm that the question named.
    pub(super) observations: Vec<Observation>,
}

impl Answers {
    /// What came back for a question. A source answers in the time of the calendar, which the stream may be ahead of.
    pub(super) fn of(question: &EvaluationRequest, outcome: Outcome, skew: Span) -> Self {
        let (deployment, tolerance, mut observations) = match outcome {
            Outcome::Measured { observations, deployment, tolerance } => {
                (deployment, tolerance, observations)
            }
            other => {
                let detail = other.failure();
                let missing = |query: &MetricQuery, arm: Arm| Observation {
                    metric: query.metric.clone(),
                    arm,
                    window: question.window,
                    source: "relman".to_owned(),
                    answer: Answer::ProviderError { detail: detail.clone() },
                };
                let pairs = question
                    .queries
                    .iter()
                    .flat_map(|query| question.arms.iter().map(move |arm| (query, *arm)));
                let observations = pairs.map(|(query, arm)| missing(query, arm)).collect();
                (Err(detail.clone()), TrafficShare::ZERO, observations)
            }
        };
        if skew > Span::ZERO {
            for observation in &mut observations {
                observation.window.from = observation.window.from + skew;
                observation.window.until = observation.window.until + skew;
                if let Answer::Stale { newest } = observation.answer {
                    observation.answer = Answer::Stale { newest: newest + skew };
                }
            }
        }
        Self { step: question.step, window: question.window, deployment, tolerance, observations }
    }
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Who.
    pub by: Principal,
    /// What.
    pub action: Action,
}

/// Somebody, with what the directory says about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who acts.
    pub actor: Actor,
    /// Their roles; `None` where the directory does not know them.
    pub roles: Option<BTreeSet<Role>>,
}

impl Principal {
    /// relman itself, which records what a source of incidents tells and gives no other command.
    pub fn relman() -> Self {
        Self { actor: Actor::relman(), roles: None }
    }

    /// The roles of somebody whom the directory knows; the system itself gives no commands.
    pub(super) fn known(&self) -> Result<BTreeSet<Role>, Refusal> {
        match self.actor.kind() {
            ActorKind::System => return Err(Refusal::SystemActor(self.actor.clone())),
            ActorKind::User | ActorKind::Service => {}
        }
        self.roles.clone().ok_or_else(|| Refusal::UnknownActor(self.actor.clone()))
    }

    /// The roles of somebody who tells of an incident: relman itself, which hears of them from a source, has none.
    pub(super) fn tells(&self) -> Result<BTreeSet<Role>, Refusal> {
        if self.actor == Actor::relman() { Ok(BTreeSet::new()) } else { self.known() }
    }

    pub(super) fn is_person(&self) -> Result<(), Refusal> {
        if self.actor.is_person() { Ok(()) } else { Err(Refusal::NotAPerson(self.actor.clone())) }
    }
}

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
    /// Approve somebody else's plan.
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
        /// When it is to be done.
        due: Timestamp,
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
        /// What the customer said.
        text: Text,
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
    /// Whether what it brings with it is as it has to be today. Decisions that are taken again, on a record of older rules, do not
    /// ask.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::RecordPlan { plan, policy } => {
                plan.release().check_new().map_err(PlanError::from)?;
                check_rules(plan, policy)
            }
            Self::RevisePlan { plan, policy } => check_rules(plan, policy),
            _ => Ok(()),
        }
    }
}

/// Whether a plan and its policy may be recorded today.
pub(super) fn check_rules(plan: &Plan, policy: &Policy) -> Result<(), Refusal> {
    plan.check()?;
    policy.check()?;
    Ok(())
}
