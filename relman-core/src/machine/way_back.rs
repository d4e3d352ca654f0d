//! Changes that can't be taken back once enough users have them.

use super::{Phase, Release};
use crate::{
    event::Gate,
    plan::{RollbackContract, WayBack},
    unit::{Timestamp, TrafficShare},
};

impl Release {
    /// Up to which share the change can be taken back; nothing where it always can.
    pub fn way_back(&self) -> Option<WayBack> {
        self.plan()?.contract().and_then(RollbackContract::way_back)
    }

    /// What the contract says of the way back, once there is none any more: from the moment in which a step beyond its
    /// share begins. Its traffic may have been set even if the deployer has not said so, and what users have done with the
    /// new version by then is not undone by less of it.
    pub fn without_way_back(&self) -> Option<WayBack> {
        let reached = match &self.phase {
            Phase::Releasing(_) | Phase::Validating(_) => {
                self.phase.step().map_or(TrafficShare::ZERO, |step| step.share).max(self.exposure)
            }
            Phase::Completed => TrafficShare::FULL,
            Phase::Unplanned
            | Phase::Planning
            | Phase::Staging { .. }
            | Phase::RollingBack(_)
            | Phase::RolledBack(_)
            | Phase::Aborted
            | Phase::Closed(_) => return None,
        };
        self.way_back().filter(|way_back| reached > way_back.none_after)
    }

    /// What the contract says of the way back, where the step is the last one that has one.
    pub fn last_way_back(&self, step: u32) -> Option<WayBack> {
        let (_, track) = self.track()?;
        let share = |number: u32| track.steps().get(number as usize - 1).map(|step| step.share);
        let (here, next) = (share(step.max(1))?, share(step + 1)?);
        self.way_back().filter(|way_back| here <= way_back.none_after && way_back.none_after < next)
    }

    /// The same, where a person may not roll back all the same.
    pub(super) fn refuses_rollback(&self, now: Timestamp) -> Option<WayBack> {
        self.without_way_back().filter(|_| self.override_at(Gate::WayBack, now).is_none())
    }
}
