use std::collections::{BTreeMap, BTreeSet};

use relman_core::{
    event::{CheckOutcome, Event, Gate, Record},
    policy::floors,
    unit::{CheckName, Timestamp},
};

use super::{in_force::InForce, violation::Broken};

/// Staging begins under a contract with criteria.
pub(super) fn no_staging_without_contract(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    for record in records {
        InForce::follow(&mut in_force, record);
        let staged = matches!(record.event, Event::StagingStarted(_));
        if staged && in_force.as_ref().is_none_or(|in_force| in_force.criteria().is_empty()) {
            return Err(Broken::by(record, "staging begins without a rollback contract"));
        }
    }
    Ok(())
}

/// Every phase and step begins after the gate before it was passed.
pub(super) fn no_gate_left_out(records: &[Record]) -> Result<(), Broken> {
    let mut passed = BTreeSet::new();
    for record in records {
        let needed = match &record.event {
            Event::GatePassed(gate) => {
                passed.insert(gate.gate);
                continue;
            }
            // What was passed for another plan counts for nothing.
            Event::PlanRevised(_) => {
                passed.clear();
                continue;
            }
            Event::StagingStarted(_) => Gate::Plan,
            Event::RolloutStarted(_) => Gate::Staging,
            Event::StepStarted(started) if started.step > 1 => Gate::Step(started.step - 1),
            Event::ReleaseCompleted(_) => Gate::Validation,
            _ => continue,
        };
        if !passed.contains(&needed) {
            return Err(Broken::by(record, format!("the {needed} gate was not passed")));
        }
    }
    Ok(())
}

/// The checks of a phase, as they are at some record.
#[derive(Default)]
struct Checks {
    outcomes: BTreeMap<CheckName, CheckOutcome>,
    /// What an override covers, and until when.
    overridden: BTreeMap<(Gate, CheckName), Timestamp>,
}

impl Checks {
    fn follow(&mut self, record: &Record) {
        match &record.event {
            Event::CheckRecorded(check) => {
                self.outcomes.insert(check.check.clone(), check.outcome);
            }
            Event::OverrideGranted(granted) => {
                for check in &granted.checks {
                    self.overridden.insert((granted.gate, check.clone()), granted.expires_at);
                }
            }
            Event::OverrideExpired(expired) => self.overridden.retain(|(gate, _), _| *gate != expired.gate),
            Event::RolloutStarted(_) => *self = Self::default(),
            _ => {}
        }
    }

    fn settled(&self, gate: Gate, check: &CheckName, at: Timestamp) -> bool {
        let passed = self.outcomes.get(check) == Some(&CheckOutcome::Passed);
        let overridden = self.overridden.get(&(gate, check.clone())).is_some_and(|until| at < *until);
        passed || overridden
    }
}

/// The staging and validation gates are passed with every check that they ask for, or an executive's exception.
pub(super) fn no_gate_passes_on_a_failed_check(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    let mut checks = Checks::default();
    for record in records {
        InForce::follow(&mut in_force, record);
        checks.follow(record);
        let (Event::GatePassed(passed), Some(in_force)) = (&record.event, &in_force) else {
            continue;
        };
        let asked = match (passed.gate, in_force.track()) {
            (Gate::Staging, Some(track)) => {
                in_force.policy.staging_checks(&in_force.plan, in_force.risk.level, track)
            }
            (Gate::Validation, _) => in_force.policy.validation_checks(),
            (Gate::Staging | Gate::Plan | Gate::Step(_) | Gate::Freeze | Gate::WayBack, _) => continue,
        };
        if let Some(check) = asked.iter().find(|check| !checks.settled(passed.gate, check, record.at)) {
            let what = format!("the {} gate is passed, and the check {check} is not", passed.gate);
            return Err(Broken::by(record, what));
        }
    }
    Ok(())
}

/// A checklist is passed by a person who has confirmed every item.
pub(super) fn checklist_is_signed_by_a_person(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    for record in records {
        InForce::follow(&mut in_force, record);
        let (Event::CheckRecorded(check), Some(in_force)) = (&record.event, &in_force) else {
            continue;
        };
        if check.check.as_str() != floors::MANUAL_QA || check.outcome == CheckOutcome::Failed {
            continue;
        }
        if !record.by.is_person() {
            return Err(Broken::by(record, format!("{} is no person and signs a checklist", record.by)));
        }
        if let Some(item) = in_force.policy.qa_checklist().iter().find(|item| !check.items.contains(item)) {
            return Err(Broken::by(record, format!("{:?} is not confirmed", item.as_str())));
        }
    }
    Ok(())
}
