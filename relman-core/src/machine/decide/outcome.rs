use std::collections::BTreeSet;

use super::Draft;
use crate::{
    event::{
        Deployed, EffectFailed, EffectId, HoldCause, HoldPlaced, HoldReason, HoldReleased,
        NotificationAbandoned, Notified, Promoted, ResumeReason, SetBy, TargetLeft, TrafficSet,
    },
    machine::{Effect, OutcomeOf, Outstanding, Phase},
    unit::{Span, Text},
};

/// How often a message is tried before it is given up: adapters retry by themselves, so this is a long outage.
const NOTIFICATION_ATTEMPTS: u32 = 5;

/// After how many failures in a row a deployer's trouble becomes a hold that people are told of: one or two are
/// everyday life.
const FAILURES_BEFORE_HOLD: u32 = 3;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Span = Span::from_minutes(5);

impl Draft<'_> {
    /// What the end of an effect means. An effect that nobody waits for any more means nothing.
    pub(super) fn outcome(&mut self, id: EffectId, outcome: &OutcomeOf) {
        let Some(outstanding) = self.release.outstanding.get(&id).cloned() else {
            return;
        };
        match outcome {
            OutcomeOf::Done => self.effect_done(id, outstanding.effect, SetBy::Deployer),
            OutcomeOf::FoundDone => self.effect_done(id, outstanding.effect, SetBy::Observation),
            OutcomeOf::Failed { detail, retry_after } => {
                self.effect_failed(id, &outstanding, &Text::of(detail), *retry_after);
            }
        }
    }

    fn effect_done(&mut self, effect: EffectId, done: Effect, means: SetBy) {
        match done {
            Effect::Deploy { environment } => self.follow(Deployed { effect, environment }),
            Effect::SetTraffic { share, .. } => self.follow(TrafficSet { effect, share, means }),
            Effect::Promote => {
                let place = self.release.admission.as_ref().map(|one| one.promotion.stable_after(one.place));
                self.follow(Promoted { effect, place: place.unwrap_or_default() });
            }
            Effect::LeaveTarget { .. } => {
                self.follow(TargetLeft { effect });
                return;
            }
            Effect::Notify { moment, audience, channel, .. } => {
                self.follow(Notified { effect, moment, audience, channel });
                return;
            }
        }
        if self.release.holds.contains_key(&HoldCause::Deployer) {
            let reason = ResumeReason::DeployerWorks {};
            self.follow(HoldReleased { cause: HoldCause::Deployer, reason, roles: BTreeSet::new() });
        }
    }

    fn effect_failed(
        &mut self,
        id: EffectId,
        failed: &Outstanding,
        detail: &Text,
        retry_after: Option<Span>,
    ) {
        let attempt = failed.failures + 1;
        if let Effect::Notify { moment, channel, .. } = &failed.effect
            && (attempt >= NOTIFICATION_ATTEMPTS || retry_after.is_none())
        {
            let (moment, channel, detail) = (*moment, channel.clone(), detail.clone());
            return self.follow(NotificationAbandoned { effect: id, moment, channel, detail });
        }
        let rolling_back = matches!(self.release.phase, Phase::RollingBack(_));
        let every = self.release.policy().map_or(Span::from_secs(10), |policy| policy.rollback().retry_every);
        let retry_at = if rolling_back && !failed.effect.is_notification() {
            // A rollback is never given up and never slowed down, whatever the platform says.
            Some(self.now + every)
        } else {
            let pause = every.times(u64::from(attempt)).min(LONGEST_PAUSE);
            // Nobody can resume a release that has ended: what it still asks for is tried again whatever was said.
            let ended = self.release.phase.name().is_end();
            let asked = retry_after.or(ended.then_some(LONGEST_PAUSE));
            asked.map(|asked| self.now + asked.max(pause))
        };
        let what = failed.effect.task();
        self.follow(EffectFailed {
            effect: id,
            what: what.clone(),
            attempt,
            detail: detail.clone(),
            retry_at,
        });
        // What is not tried again by itself says so, even where the release is held already.
        let is_held = self.release.holds.contains_key(&HoldCause::Deployer);
        let hold = !failed.effect.is_notification()
            && !rolling_back
            && !self.release.phase.name().is_end()
            && (retry_at.is_none() || (attempt >= FAILURES_BEFORE_HOLD && !is_held));
        if hold {
            let (attempts, detail) = (attempt, detail.clone());
            let reason = match retry_at {
                Some(_) => HoldReason::DeployerFails { what, attempts, detail },
                None => HoldReason::DeployerRejects { what, attempts, detail },
            };
            self.follow(HoldPlaced {
                cause: HoldCause::Deployer,
                reason,
                roll_back_at: None,
                roles: BTreeSet::new(),
            });
        }
    }
}
