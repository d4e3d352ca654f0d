use std::fmt;

use serde::Serialize;

use super::{
    History,
    layout::{time, wrapped},
};
use crate::{
    chain::Head,
    event::Record,
    machine::EndedAs,
    plan::{Plan, ReleaseKind},
    unit::{ReleaseId, Text, Timestamp},
};

/// What every report begins with: the release, whether it is a drill, and when somebody asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// The release.
    pub release: ReleaseId,
    /// Its title; none before a plan is recorded.
    pub title: Option<Text>,
    /// Whether it is for real; none before a plan is recorded.
    pub kind: Option<ReleaseKind>,
    /// The last record that the report is made of; none before the first.
    pub head: Option<Head>,
    /// When the report was asked for.
    pub as_of: Timestamp,
}

impl Heading {
    pub(super) fn of(history: &History<'_>) -> Self {
        let plan = history.release.plan();
        Self {
            release: history.release.id().clone(),
            title: plan.map(|plan| plan.title().clone()),
            kind: plan.map(Plan::kind),
            head: history.release.head(),
            as_of: history.now,
        }
    }

    /// Whether the release is a rehearsal.
    pub fn is_drill(&self) -> bool {
        match self.kind {
            Some(ReleaseKind::Drill) => true,
            Some(ReleaseKind::Production) | None => false,
        }
    }

    /// Writes the first lines of a report of that name.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, report: &str) -> fmt::Result {
        if self.is_drill() {
            writeln!(f, "=== DRILL === DRILL === DRILL === this is a rehearsal ===")?;
        }
        wrapped(f, "", &format!("{report} of {}, as of {}", self.release, time(self.as_of)))?;
        match &self.title {
            Some(title) => wrapped(f, "", title.as_str()),
            None => Ok(()),
        }
    }
}

/// A moment, with the record that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The sequence number of the record.
    pub record: u64,
    /// The record's time.
    pub at: Timestamp,
}

impl Mark {
    pub(super) fn of(record: &Record) -> Self {
        Self { record: record.seq, at: record.at }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} #{}", time(self.at), self.record))
    }
}

/// How a release has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// In which way.
    pub how: EndedAs,
    /// When, and the record that says so.
    pub mark: Mark,
}
