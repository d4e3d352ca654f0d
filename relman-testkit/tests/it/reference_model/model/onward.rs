//! How a release goes on where nothing goes wrong.

use super::{Model, Phase, Rules};
use crate::reference_model::{
    moves::{Move, Passes, Seen},
    people::Who,
};

impl<R: Rules> Model<R> {
    /// What a healthy world and diligent people would do next.
    pub fn onward(&self) -> Move {
        if self.awaits_platform() {
            return Move::PlatformDone;
        }
        if self.held || self.deployer_held {
            return Move::Resume(Who::Oli);
        }
        match self.phase {
            Phase::Planning => {
                let free =
                    |who: &Who| !self.approvers.contains(who.name()) && !self.authors.contains(who.name());
                Move::Approve([Who::Bo, Who::Cy].into_iter().find(free).unwrap_or(Who::Dan))
            }
            Phase::Validating if self.cover.is_none() => Move::TakeDuty(Who::Oli),
            Phase::Staging | Phase::Validating if self.open_check().is_some() => {
                Move::Check(Who::Cy, self.open_check().unwrap_or("unit"), Passes::Yes)
            }
            Phase::Releasing | Phase::Validating => Move::Look(Seen::Healthy),
            Phase::RollingBack => Move::TrafficShown(0),
            Phase::Completed | Phase::RolledBack | Phase::Aborted => match self.owed.first() {
                Some(number) => Move::File(Who::Ana, *number),
                None => Move::Close(Who::Ana),
            },
            Phase::Staging | Phase::Closed => Move::Wait(1),
        }
    }
}
