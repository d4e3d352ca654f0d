use std::collections::{BTreeMap, BTreeSet};

use relman_core::{
    event::{CheckOutcome, Event, Gate, PostMortemCause, Record},
    policy::Permission,
};

use super::{in_force::InForce, violation::Broken};

/// Author, approver and executive are different people, and a plan has as many approvers as its risk asks for.
pub(super) fn separation_of_duties(records: &[Record]) -> Result<(), Broken> {
    let mut in_force: Option<InForce> = None;
    for record in records {
        let by = &record.by;
        match (&record.event, &in_force) {
            (Event::PlanApproved(approved), Some(in_force)) => {
                let problem = match () {
                    () if !by.is_person() => "is no person and approves",
                    () if in_force.authors.contains(by) => "is an author and approves",
                    () if in_force.approvers.contains(by) => "approves twice",
                    () if approved.plan_record != in_force.record => "approves a plan that is not in force",
                    () => "",
                };
                if !problem.is_empty() {
                    return Err(Broken::by(record, format!("{by} {problem}")));
                }
            }
            (Event::OverrideGranted(_), Some(in_force)) => {
                if in_force.authors.contains(by) {
                    return Err(Broken::by(record, format!("{by} is an author and overrides a gate")));
                }
                if in_force.approvers.contains(by) {
                    return Err(Broken::by(record, format!("{by} is an approver and overrides a gate")));
                }
            }
            (Event::StagingStarted(_), Some(in_force)) => {
                let needed = in_force.policy.approvals_for(&in_force.plan, in_force.risk.level) as usize;
                if in_force.approvers.len() < needed {
                    let have = in_force.approvers.len();
                    return Err(Broken::by(record, format!("{have} of {needed} have approved the plan")));
                }
            }
            _ => {}
        }
        InForce::follow(&mut in_force, record);
    }
    Ok(())
}

/// An override comes from a person whose roles allow it, and covers what has failed and can be overridden.
pub(super) fn override_only_by_an_executive(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    let mut outcomes = BTreeMap::new();
    for record in records {
        InForce::follow(&mut in_force, record);
        let granted = match &record.event {
            Event::CheckRecorded(check) => {
                outcomes.insert(check.check.clone(), check.outcome);
                continue;
            }
            Event::OverrideGranted(granted) => granted,
            _ => continue,
        };
        let allowed = in_force.as_ref().is_some_and(|in_force: &InForce| {
            in_force.policy.roles().allow(Permission::Override, &granted.roles)
        });
        if !allowed || !record.by.is_person() {
            return Err(Broken::by(record, format!("{} is no executive", record.by)));
        }
        let failed = |check| outcomes.get(check) == Some(&CheckOutcome::Failed);
        let has_failed = match granted.gate {
            Gate::Staging | Gate::Validation => {
                !granted.checks.is_empty() && granted.checks.iter().all(failed)
            }
            Gate::Freeze | Gate::WayBack => true,
            Gate::Plan | Gate::Step(_) => false,
        };
        if !has_failed {
            let what = format!("the {} gate is overridden, and has not failed or never can be", granted.gate);
            return Err(Broken::by(record, what));
        }
    }
    Ok(())
}

/// Whether a record opens a post-mortem on something.
fn opens(record: Option<&Record>, about: &PostMortemCause) -> bool {
    match record.map(|record| &record.event) {
        Some(Event::PostMortemOpened(opened)) => opened.about == *about,
        _ => false,
    }
}

/// A post-mortem on the override is opened in the same decision.
pub(super) fn override_opens_post_mortem(records: &[Record]) -> Result<(), Broken> {
    for (index, record) in records.iter().enumerate() {
        let Event::OverrideGranted(granted) = &record.event else {
            continue;
        };
        let about = PostMortemCause::Override { gate: granted.gate };
        if !opens(records.get(index + 1), &about) {
            return Err(Broken::by(record, format!("no post-mortem is opened on {about}")));
        }
    }
    Ok(())
}

/// A rollback opens a post-mortem in the same decision, and nothing that owes one is closed.
pub(super) fn post_mortem_before_close(records: &[Record]) -> Result<(), Broken> {
    let mut owed = BTreeSet::new();
    for (index, record) in records.iter().enumerate() {
        match &record.event {
            Event::RollbackStarted(_) if !opens(records.get(index + 1), &PostMortemCause::Rollback) => {
                return Err(Broken::by(record, "no post-mortem is opened on the rollback"));
            }
            Event::PostMortemOpened(opened) if !owed.insert(opened.number) => {
                return Err(Broken::by(record, format!("post-mortem {} is opened again", opened.number)));
            }
            Event::PostMortemFiled(filed) if !owed.remove(&filed.number) => {
                return Err(Broken::by(record, format!("post-mortem {} is not owed", filed.number)));
            }
            Event::ReleaseClosed(_) if !owed.is_empty() => {
                return Err(Broken::by(record, format!("post-mortems {owed:?} are owed")));
            }
            _ => {}
        }
    }
    Ok(())
}
