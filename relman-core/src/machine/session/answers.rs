//! How calls end, and what follows from it.

use super::{
    CallId, Outcome, PreflightAnswer, Session,
    call::{Purpose, ended},
    incidents::news,
    session::Standing,
};
use crate::{
    event::EffectId,
    machine::{
        Command, Effect, OutcomeOf, Principal,
        command::{Answers, Cause},
    },
    port::{Deployment, FlowOutcome, Retry},
    unit::{Span, TrafficShare},
};

/// How long to wait before a question is asked again whose answer led to nothing.
const PAUSE_AFTER_NOTHING: Span = Span::from_secs(1);

/// How long to wait before production is looked at again that can't be entered.
const PAUSE_BETWEEN_PREFLIGHTS: Span = Span::from_secs(10);

/// After how many looks at production without an answer people are told.
const PREFLIGHTS_IN_VAIN: u32 = 3;

impl Session {
    /// A call that is not answered in time has ended.
    pub(super) fn end_overdue_calls(&mut self) {
        let now = self.now;
        let overdue: Vec<CallId> =
            self.calls.iter().filter(|(_, running)| running.deadline <= now).map(|(id, _)| *id).collect();
        for id in overdue {
            self.abort(id);
            self.answered(id, Outcome::timed_out());
        }
    }

    /// What was never made need not be aborted.
    pub(super) fn abort(&mut self, id: CallId) {
        let before = self.out_calls.len();
        self.out_calls.retain(|call| call.id != id);
        if self.out_calls.len() == before {
            self.out_aborts.push_back(id);
        }
    }

    pub(super) fn answered(&mut self, id: CallId, outcome: Outcome) {
        // A call that was aborted has ended.
        let Some(running) = ended(&mut self.calls, id) else { return };
        match running.purpose {
            Purpose::Effect(effect) => {
                let outcome = match outcome {
                    Outcome::Failed { detail, retry } => {
                        let retry_after = match retry {
                            Retry::Never => None,
                            Retry::Yes => Some(Span::ZERO),
                            Retry::After(span) => Some(span),
                        };
                        OutcomeOf::Failed { detail, retry_after }
                    }
                    Outcome::Done => OutcomeOf::Done,
                    Outcome::Observed { deployment, .. } => self.promoted(&deployment),
                    other => OutcomeOf::Failed { detail: other.failure(), retry_after: None },
                };
                self.tell(&Cause::Outcome { effect, outcome });
            }
            Purpose::Doubt(effect) => self.doubt_answered(effect, &outcome),
            Purpose::Look(question) => {
                let skew = self.release.skew();
                if let Outcome::Measured { standing: Some(standing), .. } = &outcome {
                    self.tell(&Cause::Standing(standing.clone()));
                }
                let look = Answers::of(&question, outcome, skew);
                if !self.tell(&Cause::Measured(look)) {
                    self.look_after = self.now + PAUSE_AFTER_NOTHING;
                }
            }
            Purpose::Confirm => {
                let deployment = match outcome {
                    Outcome::Observed { deployment, .. } => Ok(deployment),
                    other => Err(other.failure()),
                };
                if !self.tell(&Cause::Traffic { deployment }) {
                    let every = self.release.policy().map(|policy| policy.rollback().confirm_every);
                    self.confirm_after = self.now + every.unwrap_or(PAUSE_AFTER_NOTHING);
                }
            }
            Purpose::Preflight => self.preflight_answered(outcome),
            Purpose::Flows => self.flows_answered(outcome),
            Purpose::Incidents(window) => {
                if let Outcome::IncidentsListed(incidents) = outcome
                    && let Some(source) = self.config.incidents.clone()
                    && self.standing == Standing::Ready
                {
                    let (actions, whole) = news(&self.release, &source, &incidents);
                    if whole {
                        self.heard_until = Some(window.until);
                    }
                    for action in actions {
                        // What is refused is not recorded, and stops nothing.
                        let _ = self.decide(&Cause::Action(Command { by: Principal::relman(), action }));
                    }
                }
            }
        }
    }

    /// Production is looked at again until it can be entered; one or two answers that fail are everyday life.
    fn preflight_answered(&mut self, outcome: Outcome) {
        self.platform_after = self.now + PAUSE_BETWEEN_PREFLIGHTS;
        let (deployment, unreachable) = match outcome {
            Outcome::Preflight(answer) => {
                let PreflightAnswer { admission, promotion, standing, deployment, unreachable } = *answer;
                self.tell(&Cause::Standing(standing));
                self.tell(&Cause::Admission { admission, promotion });
                (deployment, unreachable)
            }
            other => (Err(other.failure()), Vec::new()),
        };
        if self.release.admission().is_none() {
            return;
        }
        self.platform_unseen = if deployment.is_ok() { 0 } else { self.platform_unseen + 1 };
        if deployment.is_ok() || self.platform_unseen >= PREFLIGHTS_IN_VAIN {
            self.tell(&Cause::Preflight { deployment, unreachable });
        }
    }

    /// Whether the platform shows what a promotion leads to: the new version where users are, and a free place for the next
    /// one.
    fn promoted(&self, shown: &Deployment) -> OutcomeOf {
        let version = self.release.plan().map(|plan| plan.scope().artifact.version.as_str());
        let problem = match (&shown.baseline.version, version) {
            (Some(stable), Some(version)) if stable != version => {
                format!("the stable place still has {stable}, not {version}")
            }
            _ if !shown.canary_share.is_zero() => {
                format!("{} of the traffic does not reach the stable place yet", shown.canary_share)
            }
            _ => return OutcomeOf::Done,
        };
        OutcomeOf::Failed { detail: problem, retry_after: Some(Span::ZERO) }
    }

    pub(super) fn doubt_answered(&mut self, effect: EffectId, outcome: &Outcome) {
        let wanted = self.release.outstanding().get(&effect).map(|one| &one.effect);
        let shown = match (outcome, wanted) {
            (Outcome::Observed { deployment, tolerance }, Some(Effect::SetTraffic { share, .. })) => {
                // Nothing and everything are never a matter of rounding.
                let exact = share.is_zero() || *share == TrafficShare::FULL;
                let off = deployment.canary_share.distance(*share);
                off == 0 || (!exact && off <= tolerance.basis_points())
            }
            // Not knowing is no.
            _ => false,
        };
        if shown {
            self.tell(&Cause::Outcome { effect, outcome: OutcomeOf::FoundDone });
        } else {
            self.not_shown.insert(effect);
        }
    }

    pub(super) fn flows_answered(&mut self, outcome: Outcome) {
        let every = self.flows_every();
        let again = self.config.check_flows_again_after.min(every);
        let after = match outcome {
            Outcome::FlowsChecked(report) => {
                let after = match report.outcome() {
                    FlowOutcome::Passed => every,
                    FlowOutcome::Failed | FlowOutcome::Unknown => again,
                };
                self.tell(&Cause::Flows { outcome: report.outcome(), evidence: report.evidence() });
                after
            }
            Outcome::Failed { retry: Retry::After(wait), .. } => again.max(wait.min(every)),
            _ => again,
        };
        self.flows_after = self.now + after;
    }

    /// The longest time between two checks: with it, a pass that is renewed after an hour is never two hours old.
    pub(super) fn flows_every(&self) -> Span {
        let longest = Span::from_minutes(30);
        self.config.check_flows_every.unwrap_or(longest).min(longest)
    }
}
