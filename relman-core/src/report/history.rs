use crate::{
    event::{Event, Record},
    machine::{EndedAs, Release},
    unit::Timestamp,
};

use super::{Ended, Mark};

/// What a report is made of: a release, its records from the first on, and the moment at which somebody asks.
///
/// The release is what the records amount to; where one of them is from another release or from another moment, the
/// report is about neither.
///
/// # Examples
///
/// ```
/// use relman_core::{machine::Release, report::{History, Status}, unit::Timestamp};
///
/// let release = Release::new("checkout-241".parse()?);
/// let history = History::new(&release, &[], "2026-11-22T18:04:05.000Z".parse()?);
/// assert_eq!(Status::of(&history).one_line(), "checkout-241: unplanned, waits for a plan");
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
}

impl<'a> History<'a> {
    /// A release with its records, seen at a moment.
    pub fn new(release: &'a Release, records: &'a [Record], now: Timestamp) -> Self {
        Self { release, records, now: now.max(release.last_at()) }
    }

    /// A release with its records, seen at the moment of its last record: what is made of it is the same whenever
    /// somebody asks.
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
        Self { release, records, now: release.last_at() }
    }

    /// The last record that fits.
    pub(super) fn last(&self, fits: impl Fn(&Event) -> bool) -> Option<&'a Record> {
        self.records.iter().rev().find(|record| fits(&record.event))
    }

    /// How the release has ended, if it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.records.iter().rev().find_map(|record| {
            let how = match &record.event {
                Event::ReleaseCompleted(_) => EndedAs::Completed,
                Event::RollbackConfirmed(_) => EndedAs::RolledBack,
                Event::ReleaseAborted(_) => EndedAs::Aborted,
                // A completed release that is taken back has not ended until that is confirmed.
                Event::RollbackStarted(_) => return Some(None),
                _ => return None,
            };
            Some(Some(Ended { how, mark: Mark::of(record) }))
        })?
    }
}
