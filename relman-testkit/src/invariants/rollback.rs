use relman_core::{
    event::{Event, HoldCause, Record, RollbackTrigger},
    judge::Outcome,
    unit::TrafficShare,
};

use super::{in_force::InForce, violation::Broken, way_back::Crossing};

/// A look with a failed verdict, and a breach, lead to a rollback in the same decision, or to a hold where there is no way back; a rollback for a criterion
/// rests on a breach; and after a rollback nothing goes forward.
pub(super) fn breach_leads_to_rollback(records: &[Record]) -> Result<(), Broken> {
    let mut rolled_back = false;
    let mut crossing = Crossing::default();
    for (index, record) in records.iter().enumerate() {
        let next = records.get(index + 1).map(|next| &next.event);
        crossing.follow(record);
        match &record.event {
            Event::Evaluated(look) => {
                let failed = look.verdicts.iter().find(|verdict| verdict.outcome == Outcome::Fail);
                if let Some(verdict) = failed
                    && !crossing.is_held()
                    && !matches!(next, Some(Event::ContractBreached(_)))
                {
                    return Err(Broken::by(
                        record,
                        format!("`{}` fails without a breach", verdict.criterion),
                    ));
                }
            }
            Event::ContractBreached(breached) => {
                let rule = &breached.verdict.criterion;
                let follows = match next {
                    Some(Event::RollbackStarted(started)) => match &started.trigger {
                        RollbackTrigger::Criterion { criterion, .. } => criterion == rule,
                        RollbackTrigger::Unmeasured { .. } | RollbackTrigger::Manual { .. } => false,
                    },
                    // Where there is no way back, it is held.
                    Some(Event::HoldPlaced(placed)) => {
                        crossing.is_crossed() && placed.cause == HoldCause::Irreversible
                    }
                    _ => false,
                };
                if !follows {
                    return Err(Broken::by(
                        record,
                        format!("`{rule}` is breached and nothing is rolled back"),
                    ));
                }
            }
            Event::RollbackStarted(started) => {
                let before = index.checked_sub(1).and_then(|before| records.get(before));
                let breached = before.is_some_and(|one| matches!(one.event, Event::ContractBreached(_)));
                if matches!(started.trigger, RollbackTrigger::Criterion { .. }) && !breached {
                    return Err(Broken::by(record, "it is rolled back for a breach that is not recorded"));
                }
                rolled_back = true;
            }
            Event::StepStarted(_)
            | Event::GatePassed(_)
            | Event::OverrideGranted(_)
            | Event::ValidationStarted(_)
            | Event::ReleaseCompleted(_)
                if rolled_back =>
            {
                let kind = record.event.kind();
                return Err(Broken::by(record, format!("{kind} after a rollback has begun")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A rollback ends after traffic was set to zero and the platform showed zero as often in a row as the policy asks;
/// nothing that is being rolled back is closed before.
pub(super) fn confirmed_by_observation(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    let mut rolling_back = false;
    let mut set_to_zero = false;
    let mut seen = 0;
    for record in records {
        InForce::follow(&mut in_force, record);
        match &record.event {
            Event::RollbackStarted(_) => (rolling_back, set_to_zero, seen) = (true, false, 0),
            Event::TrafficSet(set) => (set_to_zero, seen) = (set.share == TrafficShare::ZERO, 0),
            Event::RollbackUnconfirmed(_) | Event::PinnedUsersObserved(_) => seen = 0,
            Event::ZeroTrafficObserved(observed) => {
                // A platform that counts anew begins anew.
                seen = if observed.times == 1 { 1 } else { seen + 1 };
                if observed.times != seen {
                    let what = format!("it is counted as number {}, and is number {seen}", observed.times);
                    return Err(Broken::by(record, what));
                }
            }
            Event::RollbackConfirmed(_) => {
                let needed = in_force
                    .as_ref()
                    .map_or(1, |in_force: &InForce| in_force.policy.rollback().confirmations);
                if !set_to_zero || seen < needed {
                    return Err(Broken::by(record, format!("zero was seen {seen} of {needed} times")));
                }
                rolling_back = false;
            }
            Event::ReleaseClosed(_) if rolling_back => {
                return Err(Broken::by(record, "it is closed, and the rollback is not confirmed"));
            }
            _ => {}
        }
    }
    Ok(())
}
