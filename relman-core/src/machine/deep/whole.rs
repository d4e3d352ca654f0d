//! A decision whose records say which they are: version 2 of the format.

use super::{
    NotDerived,
    cause::{brought_by_time, candidates},
    difference::{are_the_same, difference},
};
use crate::{
    event::{Event, Record},
    machine::{
        Release,
        decide::{Moment, Rules, Undecidable, breach_again, decide, is_withheld},
    },
};

/// Takes a decision anew and holds its records against those that it is recorded with; moves the release on.
pub(super) fn derive(release: &mut Release, recorded: &[Record]) -> Result<(), NotDerived> {
    // Time is up before whatever came in is looked at.
    let cause = recorded.iter().find(|record| !brought_by_time(record)).or(recorded.first());
    let Some(cause) = cause else { return Ok(()) };
    if let [look, breached, ..] = recorded
        && is_withheld(&look.event)
        && matches!(breached.event, Event::ContractBreached(_))
    {
        return derive_withheld(release, look, &recorded[1..]);
    }
    let moment = Moment { now: cause.at, clock: cause.clock.unwrap_or(cause.at), rules: Rules::Current };
    let mut problem = (0, NotDerived::Unfounded { seq: cause.seq, kind: cause.event.kind() });
    for candidate in candidates(release, cause) {
        let mut after = release.clone();
        match decide(&mut after, &candidate.cause, moment, candidate.call_time) {
            Ok(decided) if are_the_same(recorded, &decided.records) => {
                *release = after;
                return Ok(());
            }
            Ok(decided) => match compare(recorded, &decided.records) {
                Ok(()) => {
                    recorded.iter().try_for_each(|record| release.apply(record))?;
                    return Ok(());
                }
                // The way that goes farthest is the one to speak of.
                Err(found) => {
                    if found.0 >= problem.0 {
                        problem = found;
                    }
                }
            },
            Err(Undecidable::Refused(refusal)) => {
                let (seq, kind, refusal) = (cause.seq, cause.event.kind(), refusal.into());
                problem = (0, NotDerived::Refused { seq, kind, refusal });
            }
            Err(Undecidable::Unwritable(_)) => {}
        }
    }
    Err(problem.1)
}

/// How many records are as they were derived, and what is wrong with the next.
fn compare(recorded: &[Record], derived: &[Record]) -> Result<(), (usize, NotDerived)> {
    for (index, record) in recorded.iter().enumerate() {
        let Some(derived) = derived.get(index) else {
            return Err((index, NotDerived::Unfounded { seq: record.seq, kind: record.event.kind() }));
        };
        if let Some(difference) = difference(record, derived) {
            return Err((index, NotDerived::differs(record, difference)));
        }
    }
    match derived.get(recorded.len()) {
        Some(missing) => {
            let (seq, kind) = (missing.seq, missing.event.kind());
            Err((recorded.len(), NotDerived::Missing { seq, kind }))
        }
        None => Ok(()),
    }
}

/// A look whose values were too large for its record, and a breach by them: what is left of the breach is its verdict.
fn derive_withheld(release: &mut Release, look: &Record, rest: &[Record]) -> Result<(), NotDerived> {
    let alone = Record { batch: None, ..look.clone() };
    let mut problem = NotDerived::Unfounded { seq: look.seq, kind: look.event.kind() };
    let moment = Moment { now: look.at, clock: look.clock.unwrap_or(look.at), rules: Rules::Current };
    let mut is_derived = false;
    for candidate in candidates(release, look) {
        let decided = decide(&mut release.clone(), &candidate.cause, moment, candidate.call_time);
        let Some(derived) = decided.ok().and_then(|decided| decided.records.into_iter().next()) else {
            continue;
        };
        match difference(&alone, &Record { batch: None, ..derived }) {
            None => is_derived = true,
            Some(difference) => problem = NotDerived::differs(look, difference),
        }
    }
    if !is_derived {
        return Err(problem);
    }
    release.apply(look)?;
    let unmarked = |record: &Record| Record { batch: None, clock: None, ..record.clone() };
    let derived: Vec<Record> = breach_again(release, &rest[0]).iter().flatten().map(unmarked).collect();
    let recorded: Vec<Record> = rest.iter().map(unmarked).collect();
    compare(&recorded, &derived).map_err(|(_, problem)| problem)?;
    rest.iter().try_for_each(|record| release.apply(record))?;
    Ok(())
}
