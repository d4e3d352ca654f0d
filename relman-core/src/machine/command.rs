use std::collections::BTreeSet;

use super::{Action, EvaluationRequest, Outcome, Refusal};
use crate::{
    event::{EffectId, Unreachable},
    judge::{Answer, Arm, Observation},
    port::{Deployment, FlowOutcome, MetricQuery, Promotion},
    target::{Admission, Standing},
    unit::{Actor, ActorKind, Role, Span, Text, TrafficShare, Window},
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
    /// A release has asked for its target: what became of that, and how versions are promoted there.
    Admission { admission: Admission, promotion: Promotion },
    /// What keeps everything on the target from going forward, by its stream and that of the estate.
    Standing(Standing),
    /// The platform was observed before production is entered.
    Preflight { deployment: Result<Deployment, String>, unreachable: Vec<Unreachable> },
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
            Outcome::Measured { observations, deployment, tolerance, standing: _ } => {
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
