//! A change that can't be taken back beyond a share.

use relman_core::{
    event::{Event, Gate, HoldCause, Record, RollbackTrigger},
    plan::RollbackContract,
    unit::{Timestamp, TrafficShare},
};

use super::{in_force::InForce, violation::Broken};

/// Whether the records so far have crossed the share up to which there is a way back.
#[derive(Debug, Default)]
pub(super) struct Crossing {
    in_force: Option<InForce>,
    reached: TrafficShare,
    held: bool,
    allowed_until: Option<Timestamp>,
}

impl Crossing {
    /// What is so after one more record.
    pub(super) fn follow(&mut self, record: &Record) {
        InForce::follow(&mut self.in_force, record);
        match &record.event {
            Event::StepStarted(started) => self.reached = self.reached.max(started.share),
            Event::HoldPlaced(placed) if placed.cause == HoldCause::Irreversible => self.held = true,
            Event::HoldReleased(released) if released.cause == HoldCause::Irreversible => self.held = false,
            Event::OverrideGranted(granted) if granted.gate == Gate::WayBack => {
                self.allowed_until = Some(granted.expires_at);
            }
            Event::OverrideExpired(expired) if expired.gate == Gate::WayBack => self.allowed_until = None,
            _ => {}
        }
    }

    /// Whether there is no way back any more.
    pub(super) fn is_crossed(&self) -> bool {
        let contract = self.in_force.as_ref().and_then(|in_force| in_force.plan.contract());
        let way_back = contract.and_then(RollbackContract::way_back);
        way_back.is_some_and(|way_back| self.reached > way_back.none_after)
    }

    /// Whether it stands still because it would be rolled back.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }
}

/// Beyond the share of its contract a release is rolled back by a person alone, whom an executive allows it; and what is held
/// there in place of a rollback goes no further.
pub(super) fn irreversible_is_not_rolled_back(records: &[Record]) -> Result<(), Broken> {
    let mut crossing = Crossing::default();
    for record in records {
        match &record.event {
            Event::RollbackStarted(started) if crossing.is_crossed() => {
                let by_a_person = matches!(started.trigger, RollbackTrigger::Manual { .. });
                let allowed = crossing.allowed_until.is_some_and(|until| record.at < until);
                if !by_a_person || !allowed {
                    let what = format!("it is rolled back ({}) and has no way back", started.trigger);
                    return Err(Broken::by(record, what));
                }
            }
            Event::StepStarted(_) if crossing.is_held() => {
                return Err(Broken::by(record, "it goes forward while it is held in place of a rollback"));
            }
            _ => {}
        }
        crossing.follow(record);
    }
    Ok(())
}
