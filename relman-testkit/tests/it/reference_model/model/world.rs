//! What the platform and the metrics do to a release.

use super::{Asked, Due, ELSEWHERE, Model, PATIENCE, Phase, Rules, SHARES};
use crate::reference_model::moves::{Move, Seen};

/// How far apart two observations of zero traffic are.
const CONFIRM_EVERY: u64 = 5;

/// How long a platform that has failed is left alone: so long for each failure in a row, up to the longest pause. On the
/// way back no pause grows.
const RETRY_EVERY: u64 = 10;
const LONGEST_PAUSE: u64 = 300;

impl<R: Rules> Model<R> {
    pub(super) fn platform_fails(&mut self, one: Move) {
        self.failures += 1;
        let refused = one == Move::PlatformRefuses;
        let rolling_back = self.phase == Phase::RollingBack;
        self.deployer_held |= (refused || self.failures >= 3) && !rolling_back;
        self.under_way = false;
        self.due = match (rolling_back, refused) {
            (true, _) => Due::At(self.now + RETRY_EVERY),
            (false, true) => Due::WhenResumed,
            (false, false) => Due::At(self.now + (RETRY_EVERY * u64::from(self.failures)).min(LONGEST_PAUSE)),
        };
        self.suspend();
    }

    pub(super) fn platform_done(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        self.under_way = false;
        (self.failures, self.deployer_held) = (0, false);
        match asked {
            Asked::Install => self.installed = true,
            Asked::Traffic(percent) => {
                self.exposure = percent;
                if self.phase == Phase::RollingBack {
                    self.zeros = 0;
                    self.next_zero = self.now + if self.unconfirmed == 0 { 0 } else { CONFIRM_EVERY };
                } else if let Some(step) = &mut self.step {
                    (step.set, step.looked_until, step.counts_from) = (true, self.now, self.now);
                    if step.number == SHARES.len() {
                        self.phase = Phase::Validating;
                    }
                }
            }
        }
    }

    /// Waits until a look is asked for, and answers it; what a look says of a step or a time that is over leads to
    /// nothing. Patience may end before.
    pub(super) fn wait_and_look(&mut self, seen: Seen) {
        while self.is_watched() {
            let Some(step) = &self.step else { return };
            match self.looking.take() {
                Some(asked) if (asked.number, asked.from) == (step.number, step.looked_until) => {
                    return self.look(seen, asked.until);
                }
                Some(_) => self.ask_after = self.now + 1,
                None => {
                    let due = self.look_is_due();
                    self.now = self.now.max(self.unmeasured.map_or(due, |until| until.min(due)));
                    self.expire();
                    self.schedule();
                }
            }
        }
    }

    fn look(&mut self, seen: Seen, until: u64) {
        let now = self.now;
        let (held, deployer_held, covered) = (self.held, self.deployer_held, self.cover.is_some());
        let drift_held = self.drift_held;
        let validating = self.phase == Phase::Validating;
        let Some(step) = &mut self.step else { return };
        let from = step.looked_until;
        step.looked_until = until;
        if step.set && seen != Seen::TrafficElsewhere {
            step.errors_clean = true;
            step.latency_clean = true;
        }
        if seen == Seen::NoLatency {
            step.latency_clean = false;
        }
        if seen == Seen::Breach {
            return self.roll_back();
        }
        if matches!(seen, Seen::NoLatency | Seen::TrafficUnknown) {
            self.unmeasured = self.unmeasured.or(Some(now + PATIENCE));
            return;
        }
        self.unmeasured = None;
        if seen == Seen::TrafficElsewhere && step.set {
            step.set = false;
            self.exposure = ELSEWHERE;
            let share = SHARES[step.number - 1];
            // What is asked next is about the time since it was found elsewhere.
            step.looked_until = now;
            step.drifts += 1;
            self.drift_held |= ELSEWHERE > share || step.drifts >= 3;
            return self.ask(Asked::Traffic(share));
        }
        let stopped = deployer_held || drift_held;
        let still = (held && !R::held_time_counts()) || stopped || (validating && !covered);
        if step.set && !still {
            let seen_for = until.saturating_sub(from.max(step.counts_from));
            // A look that comes much too late counts for one interval.
            step.baked += if seen_for > 2 { 1 } else { seen_for };
        }
    }

    pub(super) fn traffic_shown(&mut self, percent: u32) {
        if percent > 0 {
            self.unconfirmed += 1;
            return self.ask(Asked::Traffic(0));
        }
        let zeros = self.zeros + 1;
        if zeros < R::zeros_that_confirm() {
            (self.zeros, self.next_zero) = (zeros, self.now + CONFIRM_EVERY);
        } else if self.in_doubt {
            self.ask_after = self.now + CONFIRM_EVERY;
        } else {
            self.end(Phase::RolledBack);
        }
    }
}
