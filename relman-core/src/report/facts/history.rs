//! What every report is made of and begins with: the records, their marks, and how the release ended.

use std::fmt;

use serde::Serialize;

use crate::{
    chain::Head,
    event::{Event, Record},
    machine::{EndedAs, Release},
    plan::{Plan, ReleaseKind},
    report::facts::{Driving, time},
    unit::{Actor, ReleaseId, Text, Timestamp},
};

/// What a report is made of: a release, its records from the first on, and the time of asking.
///
/// The release is what the records amount to; where one of them is from another release or from another moment, the
/// report is about neither.
///
/// # Examples
///
/// ```
/// use relman_core::{machine::Release, report::History, unit::Timestamp};
///
/// let release = Release::new("checkout-241".parse()?);
/// let history = History::new(&release, &[], "2026-11-22T18:04:05.000Z".parse()?);
/// assert!(history.records.is_empty());
/// assert_eq!(release.one_line(history.now), "checkout-241: unplanned, waiting for a plan");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// The release, after all of the records.
    pub release: &'a Release,
    /// Its records, from the first on.
    pub records: &'a [Record],
    /// When the report is asked for.
    pub now: Timestamp,
    /// Whether a conductor drives the release.
    pub driving: Driving,
}

impl<'a> History<'a> {
    /// A release with its records, seen at a moment.
    pub fn new(release: &'a Release, records: &'a [Record], now: Timestamp) -> Self {
        Self { release, records, now: now.max(release.last_at()), driving: Driving::Unknown }
    }

    /// A release with its records, seen at the moment of its last record: what is made of it is the same whenever
    /// it is asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::{machine::Release, report::History};
    ///
    /// let release = Release::new("checkout-241".parse()?);
    /// assert_eq!(History::settled(&release, &[]).now, release.last_at());
    /// # Ok::<(), relman_core::unit::UnitError>(())
    /// ```
    pub fn settled(release: &'a Release, records: &'a [Record]) -> Self {
        Self::new(release, records, release.last_at())
    }

    /// The same, by someone who knows whether a conductor drives the release.
    #[must_use]
    pub fn with_driving(mut self, driving: Driving) -> Self {
        self.driving = driving;
        self
    }

    /// The last record that fits.
    pub(in crate::report) fn last(&self, fits: impl Fn(&Event) -> bool) -> Option<&'a Record> {
        self.records.iter().rev().find(|record| fits(&record.event))
    }

    /// How the release has ended, if it has.
    pub(in crate::report) fn ended(&self) -> Option<Ended> {
        let last = |record: &Record| Some((EndChange::of(&record.event)?, Mark::of(record)));
        let (change, mark) = self.records.iter().rev().find_map(last)?;
        Some(Ended { how: change.ended()?, mark })
    }
}

impl<'a> History<'a> {
    /// The first record that fits.
    pub(in crate::report) fn first(&self, fits: impl Fn(&Event) -> bool) -> Option<&'a Record> {
        self.records.iter().find(|record| fits(&record.event))
    }

    /// The first record that fits, from a sequence number on.
    pub(in crate::report) fn first_from(
        &self,
        seq: u64,
        fits: impl Fn(&Event) -> bool,
    ) -> Option<&'a Record> {
        self.records.iter().find(|record| record.seq >= seq && fits(&record.event))
    }
}

/// Who caused a record, and its mark.
pub(in crate::report) fn by(record: &Record) -> (&Actor, Mark) {
    (&record.by, Mark::of(record))
}

/// What every report begins with: the release, whether it is a drill, and when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
    pub(in crate::report) fn of(history: &History<'_>) -> Self {
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
}

/// A moment, with the record that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mark {
    /// The sequence number of the record.
    pub record: u64,
    /// The record's time.
    pub at: Timestamp,
}

impl Mark {
    pub(in crate::report) fn of(record: &Record) -> Self {
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
#[non_exhaustive]
pub struct Ended {
    /// In which way.
    pub how: EndedAs,
    /// When, and the record that says so.
    pub mark: Mark,
}

/// What an event says of the end of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum EndChange {
    /// The release has ended.
    Ended(EndedAs),
    /// It is being rolled back, a completed release too: it has not ended until that is confirmed.
    Reopened,
}

impl EndChange {
    /// None where an event says nothing of the end.
    pub(in crate::report) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::ReleaseCompleted(_) => Some(Self::Ended(EndedAs::Completed)),
            Event::RollbackConfirmed(_) => Some(Self::Ended(EndedAs::RolledBack)),
            Event::ReleaseAborted(_) => Some(Self::Ended(EndedAs::Aborted)),
            Event::RollbackStarted(_) => Some(Self::Reopened),
            _ => None,
        }
    }

    /// How the release has ended, unless it is open again.
    pub(in crate::report) fn ended(self) -> Option<EndedAs> {
        match self {
            Self::Ended(how) => Some(how),
            Self::Reopened => None,
        }
    }
}
