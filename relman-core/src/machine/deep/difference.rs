use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    chain::FormatVersion,
    event::{Evaluated, Event, HoldReason, Record, ResumeReason, RollbackTrigger, ShownInRollback, Task},
    unit::{Actor, Text},
};

/// Where a record is not what was derived: the field, what the record has there, and what was derived.
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) recorded: String,
    pub(super) derived: String,
}

/// The first difference between a record and what was derived in its place, apart from relman's own words in version 1.
pub(super) fn difference(recorded: &Record, derived: &Record) -> Option<Difference> {
    if is_the_same(recorded, derived) {
        return None;
    }
    let (here, there) = (&recorded.event, &derived.event);
    if here.kind() != there.kind() {
        return Some(Difference::of("kind", here.kind(), there.kind()));
    }
    if recorded.by != derived.by {
        return Some(Difference::of("by", &recorded.by.to_string(), &derived.by.to_string()));
    }
    if recorded.at != derived.at {
        return Some(Difference::of("at", &recorded.at.to_string(), &derived.at.to_string()));
    }
    if recorded.version == derived.version && recorded.batch != derived.batch {
        let of = |one: &Record| match one.batch {
            Some(batch) => format!("[{},{}]", batch.first(), batch.records()),
            None => "none".to_owned(),
        };
        let [here, there] = [recorded, derived].map(of);
        return Some(Difference::of("batch", &here, &there));
    }
    let (here, mut there) = (as_derived(&recorded.event, recorded), as_derived(&derived.event, recorded));
    // Verdicts in full are held against verdicts in full, and a hash against a hash.
    if let (Event::Evaluated(here), Event::Evaluated(there)) = (&here, &mut there) {
        *there = there.clone().recorded_like(here);
    }
    if here == there {
        return None;
    }
    first_difference("", &as_json(&here), &as_json(&there)).or_else(|| match (here, there) {
        (Event::Evaluated(here), Event::Evaluated(there)) if !here.lacks_verdicts() => {
            let [here, there] = [here, there].map(|look| as_json(&look.in_full().into()));
            first_difference("", &here, &there)
        }
        _ => None,
    })
}

/// Whether records are those that were derived.
pub(super) fn are_the_same(recorded: &[Record], derived: &[Record]) -> bool {
    recorded.len() == derived.len()
        && recorded.iter().zip(derived).all(|(recorded, derived)| is_the_same(recorded, derived))
}

/// Whether a record is the one that was derived, byte by byte; it may have been read without the verdicts that it holds the
/// hash of.
fn is_the_same(recorded: &Record, derived: &Record) -> bool {
    match (&recorded.event, &derived.event) {
        (Event::Evaluated(here), Event::Evaluated(there))
            if here.lacks_verdicts() && recorded.digest == derived.digest =>
        {
            let mut whole = recorded.clone();
            whole.event = Evaluated { verdicts: there.verdicts.clone(), ..here.clone() }.into();
            whole == *derived
        }
        _ => recorded == derived,
    }
}

impl Difference {
    fn of(field: &str, recorded: &str, derived: &str) -> Self {
        Self { field: field.to_owned(), recorded: recorded.to_owned(), derived: derived.to_owned() }
    }
}

fn as_json(event: &Event) -> Value {
    event.to_data().ok().and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default()
}

fn first_difference(path: &str, here: &Value, there: &Value) -> Option<Difference> {
    if here == there {
        return None;
    }
    match (here, there) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            names.into_iter().find_map(|name| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let of = |side: &Map<String, Value>| side.get(name).cloned().unwrap_or_default();
                first_difference(&path, &of(left), &of(right))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (left, right))| first_difference(&format!("{path}[{index}]"), left, right))
        }
        (Value::Array(left), Value::Array(right)) => {
            let entries = |count| format!("{count} entries");
            Some(Difference::of(path, &entries(left.len()), &entries(right.len())))
        }
        _ => Some(Difference::of(path, &here.to_string(), &there.to_string())),
    }
}

/// The event as it can be derived: a record of version 1 has sentences where later ones have facts, and they may have read
/// differently when it was written. What people and platforms say stays.
fn as_derived(event: &Event, recorded: &Record) -> Event {
    let mut event = event.clone();
    // What a confirmation rests on was not told from the beginning.
    if let (Event::RollbackConfirmed(confirmed), Event::RollbackConfirmed(written)) =
        (&mut event, &recorded.event)
        && written.by.is_none()
    {
        confirmed.by = None;
    }
    if recorded.version > FormatVersion::V1 {
        return event;
    }
    let by_relman = recorded.by == Actor::relman();
    let said = || Text::of("…");
    match &mut event {
        Event::GatePassed(passed) => {
            passed.grounds.clear();
            passed.verdicts.clear();
        }
        Event::GateFailed(failed) => failed.reasons.clear(),
        Event::HoldPlaced(placed) if by_relman => placed.reason = HoldReason::Said { text: said() },
        Event::HoldReleased(released) if by_relman => released.reason = ResumeReason::Said { text: said() },
        Event::EffectFailed(failed) => failed.what = Task::InWords { text: String::new() },
        Event::RollbackUnconfirmed(unconfirmed) => {
            unconfirmed.shown = ShownInRollback::InWords { text: said() };
        }
        Event::RollbackStarted(started) => {
            if let RollbackTrigger::Unmeasured { reason, .. } = &mut started.trigger {
                *reason = HoldReason::Said { text: said() };
            }
        }
        _ => {}
    }
    event
}
