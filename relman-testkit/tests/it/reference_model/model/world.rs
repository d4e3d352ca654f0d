//! What the platform and the metrics do to a release.

use super::{Asked, ELSEWHERE, Model, PATIENCE, Phase, Rules, SHARES};
use crate::reference_model::moves::Seen;

/// How far apart two observations of zero traffic are.
const CONFIRM_EVERY: u64 = 5;

impl<R: Rules> Model<R> {
    pub(super) fn platform_done(&mut self) {
        let Some(asked) = self.asked.take() else { return };
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

    pub(super) fn look(&mut self, seen: Seen) {
        let now = self.now;
        let (held, deployer_held, covered) = (self.held, self.deployer_held, self.cover.is_some());
        let validating = self.phase == Phase::Validating;
        // Patience may have ended in the meantime.
        let Some(step) = &mut self.step else { return };
        let from = step.looked_until;
        step.looked_until = now;
        if step.set {
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
            self.asked = Some(Asked::Traffic(SHARES[step.number - 1]));
            self.failures = 0;
            return;
        }
        let still = (held && !R::held_time_counts()) || deployer_held || (validating && !covered);
        if step.set && !still {
            let seen_for = now - from.max(step.counts_from);
            // A look that comes much too late counts for one interval.
            step.baked += if seen_for > 2 { 1 } else { seen_for };
        }
    }

    pub(super) fn traffic_shown(&mut self, percent: u32) {
        if percent == 0 {
            self.zeros += 1;
            self.next_zero = self.now + CONFIRM_EVERY;
            if self.zeros >= R::zeros_that_confirm() {
                self.end(Phase::RolledBack);
            }
        } else {
            self.unconfirmed += 1;
            self.asked = Some(Asked::Traffic(0));
            self.failures = 0;
        }
    }
}
