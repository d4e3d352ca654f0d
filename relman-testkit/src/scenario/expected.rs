use relman_core::{
    chain::Digest,
    event::{Event, Fact, Record},
    machine::{Effect, Refusal},
    unit::{Actor, Timestamp},
};
use serde::Serialize;
use serde_json::Value;

use super::when::words;
use crate::Team;

/// An event that a scenario expects: its kind, and as much of the rest as the test names.
///
/// Made from a kind, from an [`Event`] or from a [`Fact`]; the last two are expected field by field.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub(super) kind: String,
    by: Option<Actor>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq)]
enum Data {
    /// These fields, by their place in the record's data.
    Some(Vec<(String, Value)>),
    /// Exactly these.
    All(Value),
}

/// An event of a kind, as records name it.
///
/// # Panics
///
/// Where there is no such kind; the panic lists those there are.
///
/// # Examples
///
/// ```
/// use relman_core::unit::{Span, TrafficShare};
/// use relman_testkit::scenario::event;
///
/// let expected = event("step_started")
///     .by("system:relman")
///     .with("share_bp", TrafficShare::percent(10))
///     .with("bake_ms", Span::from_hours(2));
/// ```
pub fn event(kind: &str) -> Expected {
    assert!(
        Event::KINDS.contains(&kind),
        "{kind:?} is not a kind of event; these are: {}",
        Event::KINDS.join(", ")
    );
    Expected { kind: kind.to_owned(), by: None, data: Data::Some(Vec::new()) }
}

impl Expected {
    /// The same event, caused by somebody.
    ///
    /// # Panics
    ///
    /// Where the name is not one of an actor.
    #[must_use]
    pub fn by(mut self, who: &str) -> Self {
        self.by = Some(Team::actor(who));
        self
    }

    /// The same event, with this value of a field. Fields are named as in a record, with dots for parts of parts:
    /// `share_bp`, `trigger.criterion.observed`.
    ///
    /// # Panics
    ///
    /// Where the value can't be written as JSON.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("the value can be written as JSON");
        match &mut self.data {
            Data::Some(fields) => fields.push((field.to_owned(), value)),
            Data::All(data) => {
                if let Some(fields) = data.as_object_mut() {
                    fields.insert(field.to_owned(), value);
                }
            }
        }
        self
    }

    /// The first differences from what happened, one a line; none where this is it.
    pub(super) fn differences(&self, record: &Record) -> Vec<String> {
        let mut differences = Vec::new();
        if let Some(by) = self.by.as_ref().filter(|by| **by != record.by) {
            differences.push(format!("by: expected {by}, was {}", record.by));
        }
        let data = data_of(&Fact { by: record.by.clone(), event: record.event.clone() });
        match &self.data {
            Data::Some(fields) => {
                for (field, expected) in fields {
                    let was = data.pointer(&format!("/{}", field.replace('.', "/")));
                    compare(field, Some(expected), was, &mut differences);
                }
            }
            Data::All(expected) => compare("", Some(expected), Some(&data), &mut differences),
        }
        differences.truncate(MOST_DIFFERENCES);
        differences
    }
}

/// More differences of one event than a person reads.
const MOST_DIFFERENCES: usize = 4;

/// Goes down to the parts that differ.
fn compare(place: &str, expected: Option<&Value>, was: Option<&Value>, differences: &mut Vec<String>) {
    if expected == was {
        return;
    }
    if let (Some(Value::Object(expected)), Some(Value::Object(was))) = (expected, was) {
        let mut names: Vec<&String> = expected.keys().chain(was.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            compare(&inner, expected.get(name), was.get(name), differences);
        }
        return;
    }
    let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    differences.push(format!("{place}: expected {}, was {}", show(expected), show(was)));
}

/// The event's data as a record holds them.
fn data_of(fact: &Fact) -> Value {
    let release = "scenario".parse().expect("a valid id");
    let line = Record::seal(&release, 0, Digest::ZERO, Timestamp::from_millis(0), fact);
    let line = line.expect("an event that fits a record");
    let line: Value = serde_json::from_slice(line.bytes()).expect("a sealed line is JSON");
    line["data"].clone()
}

impl From<&str> for Expected {
    fn from(kind: &str) -> Self {
        event(kind)
    }
}

impl From<Event> for Expected {
    fn from(happened: Event) -> Self {
        let kind = happened.kind();
        let data = data_of(&Fact { by: Actor::relman(), event: happened });
        Self { data: Data::All(data), ..event(kind) }
    }
}

impl From<Fact> for Expected {
    fn from(fact: Fact) -> Self {
        let by = Some(fact.by);
        Self { by, ..fact.event.into() }
    }
}

/// An effect that a scenario expects, by its words or as it is.
///
/// In words: `deploy to staging`, `set traffic to 10%`, `tell internal through releases: step started`, and
/// `page on-call through on-call: held` where somebody has to get up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedEffect {
    pub(super) words: String,
    pub(super) exactly: Option<Effect>,
}

impl From<&str> for ExpectedEffect {
    fn from(words: &str) -> Self {
        Self { words: words.to_owned(), exactly: None }
    }
}

impl From<Effect> for ExpectedEffect {
    fn from(effect: Effect) -> Self {
        Self { words: words(&effect), exactly: Some(effect) }
    }
}

/// What a refusal may be expected as: the refusal itself, a part of its words, or a closure that knows it.
pub trait Refuses {
    /// Whether this is it.
    fn is(&self, refusal: &Refusal) -> bool;
    /// The expectation, for a person.
    fn expectation(&self) -> String;
}

impl Refuses for Refusal {
    fn is(&self, refusal: &Refusal) -> bool {
        self == refusal
    }

    fn expectation(&self) -> String {
        self.to_string()
    }
}

impl Refuses for &str {
    fn is(&self, refusal: &Refusal) -> bool {
        refusal.to_string().contains(self)
    }

    fn expectation(&self) -> String {
        format!("words with {self:?}")
    }
}

impl<F: Fn(&Refusal) -> bool> Refuses for F {
    fn is(&self, refusal: &Refusal) -> bool {
        self(refusal)
    }

    fn expectation(&self) -> String {
        "one that the test's closure accepts".to_owned()
    }
}
