use std::fmt;

use relman_core::event::Record;

/// A guardrail that records were found to break.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The name of the invariant.
    pub name: &'static str,
    /// The record that breaks it.
    pub seq: u64,
    /// In which way.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken by record {}: {}", self.name, self.seq, self.what)
    }
}

impl std::error::Error for Violation {}

/// How a record breaks an invariant.
pub(super) struct Broken {
    pub(super) seq: u64,
    pub(super) what: String,
}

impl Broken {
    pub(super) fn by(record: &Record, what: impl Into<String>) -> Self {
        Self { seq: record.seq, what: what.into() }
    }

    pub(super) fn named(self, name: &'static str) -> Violation {
        Violation { name, seq: self.seq, what: self.what }
    }
}
