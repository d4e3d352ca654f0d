use super::{Check, Phase, Release, TrafficState};
use crate::{
    event::{CheckOutcome, Gate},
    policy::floors,
    unit::{ActorKind, ServiceName, Span, Timestamp},
};

/// When a check of the user flows that passes again is recorded again: often enough that the gate is passed on what was
/// found lately, and some two dozen records in a day of validation.
pub const FLOWS_RENEWED_AFTER: Span = Span::from_hours(1);

/// For how long a pass that relman recorded itself speaks for the user flows: it is renewed twice in that time.
pub const FLOWS_FRESH_FOR: Span = Span::from_hours(2);

impl Release {
    /// The service whose key user flows are to be checked now and then: while all of the traffic is on the new version
    /// and the validation gate asks for it.
    ///
    /// A [`Session`](super::Session) asks for it, and records what is news.
    pub fn flows_to_check(&self) -> Option<&ServiceName> {
        let Phase::Validating(step) = &self.phase else {
            return None;
        };
        // While the traffic drifts, nobody can say whose flows they are.
        let there = matches!(step.traffic, TrafficState::Set { .. });
        let asked =
            self.checks_asked(Gate::Validation).iter().any(|check| check.as_str() == floors::USER_FLOWS);
        let service = self.plan().map(|plan| &plan.scope().service);
        service.filter(|_| there && asked)
    }

    /// Whether the outcome of a check of the user flows says something that the record does not say yet.
    pub(super) fn is_news_on_flows(&self, outcome: CheckOutcome, now: Timestamp) -> bool {
        let last = self.checks.iter().find(|(check, _)| check.as_str() == floors::USER_FLOWS);
        let Some((_, last)) = last else {
            return true;
        };
        match (last.outcome, outcome) {
            (CheckOutcome::Passed, CheckOutcome::Failed) => true,
            (CheckOutcome::Passed, CheckOutcome::Passed) => now.since(last.at) >= FLOWS_RENEWED_AFTER,
            (CheckOutcome::Failed, CheckOutcome::Failed) => false,
            // What somebody else saw fail passes when they say so: back beats forward.
            (CheckOutcome::Failed, CheckOutcome::Passed) => last.is_by_the_system(),
        }
    }
}

impl Check {
    /// Whether relman has made it itself, too long ago to say that the flows work now.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.is_by_the_system() && now.since(self.at) > FLOWS_FRESH_FOR
    }

    fn is_by_the_system(&self) -> bool {
        match self.by.kind() {
            ActorKind::System => true,
            ActorKind::User | ActorKind::Service => false,
        }
    }
}
