//! The target of a release: whether it holds it, and what stops everything there.

use super::Draft;
use crate::{
    event::{HoldCause, HoldReason, ResumeReason, TargetAdmitted},
    machine::Phase,
    port::Promotion,
    target::{Admission, Admitted, Standing, Stopped, Waiting},
};

impl Draft<'_> {
    /// What became of a release that has asked for its target: recorded once it holds it, and while it waits.
    pub(super) fn admission(&mut self, admission: &Admission, promotion: Promotion) {
        let Some(target) = self.release.target_name() else { return };
        if !self.release.awaits_platform(self.now) {
            return;
        }
        let reason = match admission {
            Admission::Admitted(Admitted { record, stable, version }) => {
                let (stable, place, record) = (version.clone(), *stable, (*record).into());
                let admitted = TargetAdmitted { target, record, stable, place, promotion };
                if self.release.admission.as_ref() != Some(&admitted) {
                    self.follow(admitted);
                }
                if self.release.holds.contains_key(&HoldCause::Target) {
                    self.resume_by_itself(HoldCause::Target, ResumeReason::TargetFree {});
                }
                return;
            }
            Admission::Waiting(Waiting { behind, ahead }) => {
                HoldReason::TargetBusy { target, behind: behind.clone(), ahead: *ahead }
            }
            Admission::Refused(detail) => HoldReason::TargetRefused { target, detail: detail.clone() },
        };
        self.hold_if_new(HoldCause::Target, reason);
    }

    /// Holds while everything on the target is stopped. Nothing where an executive has excepted this release from it.
    pub(super) fn standing(&mut self, standing: &Standing) {
        let forward = match self.release.phase {
            Phase::Staging { .. } | Phase::Releasing(_) | Phase::Validating(_) => true,
            Phase::Unplanned
            | Phase::Planning
            | Phase::RollingBack(_)
            | Phase::Completed
            | Phase::RolledBack(_)
            | Phase::Aborted
            | Phase::Closed(_) => false,
        };
        if !forward {
            return;
        }
        let excepted = |stopped: &Stopped| self.release.is_excepted(&stopped.freeze, self.now);
        match standing.frozen.as_ref().filter(|stopped| !excepted(stopped)) {
            Some(Stopped { stream, freeze, by, until }) => {
                let (on, freeze, by) = (stream.clone(), freeze.clone(), by.clone());
                self.hold_if_new(HoldCause::Freeze, HoldReason::Frozen { on, freeze, by, until: *until });
            }
            None if self.release.holds.contains_key(&HoldCause::Freeze) => {
                self.resume_by_itself(HoldCause::Freeze, ResumeReason::Thawed {});
            }
            None => {}
        }
    }

    fn hold_if_new(&mut self, cause: HoldCause, reason: HoldReason) {
        if self.release.holds.get(&cause).is_none_or(|held| held.reason != reason) {
            self.hold_by_itself(cause, reason);
        }
    }
}
