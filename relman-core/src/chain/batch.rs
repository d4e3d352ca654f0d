//! The records of one decision, and how a stream goes from record to record besides its links.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{BrokenReason, FormatVersion};
use crate::unit::file::MAX_INTEGER;

/// The records that one decision made: the first of them, and how many.
///
/// A journal takes them all or none. A record that a decision made alone has no batch, so there are 2 of them at least.
///
/// # Examples
///
/// ```
/// use relman_core::chain::BatchRange;
///
/// let batch = BatchRange::new(11, 3)?;
/// assert_eq!((batch.first(), batch.records(), batch.last()), (11, 3, 13));
/// assert!(batch.contains(13) && !batch.contains(14));
/// assert_eq!(serde_json::to_string(&batch)?, "[11,3]");
/// assert!(BatchRange::new(11, 1).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u64, u64)", into = "(u64, u64)")]
pub struct BatchRange {
    first: u64,
    records: u64,
}

/// Two numbers that are no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("[{first},{records}] is not a batch: a first record, and 2 records or more up to 2^53−1")]
pub struct BatchRangeError {
    first: u64,
    records: u64,
}

impl BatchRange {
    /// So many records from `first` on.
    ///
    /// # Errors
    ///
    /// [`BatchRangeError`] where there are fewer than 2, or the last one has a number that no record can have.
    pub fn new(first: u64, records: u64) -> Result<Self, BatchRangeError> {
        let last = records.checked_sub(1).and_then(|more| first.checked_add(more));
        if records < 2 || last.is_none_or(|last| last > MAX_INTEGER) {
            return Err(BatchRangeError { first, records });
        }
        Ok(Self { first, records })
    }

    /// The sequence number of the first record.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The sequence number of the last record.
    pub fn last(&self) -> u64 {
        self.first + (self.records - 1)
    }

    /// What is wrong with a stream that ends before this record, which is one of them.
    pub(crate) fn cut_before(self, seq: u64) -> BrokenReason {
        BrokenReason::BatchCut { batch: self, found: seq.saturating_sub(self.first) }
    }

    /// Whether a record is one of them, by its sequence number.
    pub fn contains(&self, seq: u64) -> bool {
        (self.first..=self.last()).contains(&seq)
    }
}

impl TryFrom<(u64, u64)> for BatchRange {
    type Error = BatchRangeError;

    fn try_from((first, records): (u64, u64)) -> Result<Self, BatchRangeError> {
        Self::new(first, records)
    }
}

impl From<BatchRange> for (u64, u64) {
    fn from(batch: BatchRange) -> Self {
        (batch.first, batch.records)
    }
}

/// What the records of a stream so far mean for the next one, besides its link: the version does not go back, and a batch
/// that has begun is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    version: FormatVersion,
    /// The batch that has begun and has not ended.
    open: Option<BatchRange>,
}

impl Progress {
    /// Before the first record.
    pub(crate) const START: Self = Self { version: FormatVersion::V1, open: None };

    /// After the next record, which links to the one before and says this of itself.
    ///
    /// # Errors
    ///
    /// Why it can't stand there.
    pub(crate) fn next(
        self,
        seq: u64,
        version: FormatVersion,
        batch: Option<BatchRange>,
    ) -> Result<Self, BrokenReason> {
        if version < self.version {
            return Err(BrokenReason::VersionGoesBack { found: version, before: self.version });
        }
        match (self.open, batch) {
            (Some(open), batch) if batch != Some(open) => {
                return Err(BrokenReason::NotOfTheBatch { batch: open });
            }
            (None, Some(batch)) if batch.first() != seq => {
                return Err(BrokenReason::NoSuchBatch { batch });
            }
            (Some(_) | None, _) => {}
        }
        Ok(Self { version, open: batch.filter(|batch| batch.last() != seq) })
    }

    /// Whether a stream may end here, where `seq` would be its next record. A journal takes a batch as a whole, so that
    /// nothing honest leaves a part of one.
    ///
    /// # Errors
    ///
    /// [`BrokenReason::BatchCut`] within a batch.
    pub(crate) fn end(self, seq: u64) -> Result<(), BrokenReason> {
        match self.open {
            Some(batch) => Err(batch.cut_before(seq)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a stream whose records say this of their batches, and whether it may end.
    fn walked(batches: &[Option<(u64, u64)>]) -> Result<(), String> {
        let mut progress = Progress::START;
        for (seq, batch) in (0..).zip(batches) {
            let batch = batch.map(|(first, records)| BatchRange::new(first, records).unwrap());
            progress = progress
                .next(seq, FormatVersion::V2, batch)
                .map_err(|reason| format!("record {seq}: {reason}"))?;
        }
        progress.end(batches.len() as u64).map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_batch_is_two_records_or_more_with_numbers_that_every_reader_knows() {
        for (first, records) in [(0, 2), (7, 3), (MAX_INTEGER - 1, 2), (0, MAX_INTEGER + 1)] {
            assert!(BatchRange::new(first, records).is_ok(), "{first}, {records}");
        }
        for (first, records) in [(0, 0), (0, 1), (MAX_INTEGER, 2), (1, MAX_INTEGER + 1), (u64::MAX, u64::MAX)]
        {
            assert!(BatchRange::new(first, records).is_err(), "{first}, {records}");
        }
    }

    #[test]
    fn a_batch_is_all_of_its_records_and_no_others() {
        for whole in [
            &[][..],
            &[None, None],
            &[Some((0, 2)), Some((0, 2))],
            &[None, Some((1, 3)), Some((1, 3)), Some((1, 3)), Some((4, 2)), Some((4, 2)), None],
        ] {
            assert_eq!(walked(whole), Ok(()), "{whole:?}");
        }
        let inside =
            "it stands among the 2 records of the decision that began with record 0, and is not one of them";
        for (bad, says) in [
            (&[Some((0, 2)), None][..], format!("record 1: {inside}")),
            (&[Some((0, 2)), Some((0, 3))], format!("record 1: {inside}")),
            (&[Some((0, 2)), Some((1, 2))], format!("record 1: {inside}")),
            (
                &[None, Some((0, 2))],
                "record 1: it says that the decision that made it began with record 0, and record 0 says otherwise"
                    .to_owned(),
            ),
            (
                &[Some((0, 2)), Some((0, 2)), Some((1, 2))],
                "record 2: it says that the decision that made it began with record 1, and record 1 says otherwise"
                    .to_owned(),
            ),
            (
                &[None, Some((1, 3)), Some((1, 3))],
                "it is missing; the decision that began with record 1 is cut: 2 of 3 records are there".to_owned(),
            ),
        ] {
            assert_eq!(walked(bad), Err(says), "{bad:?}");
        }
    }

    #[test]
    fn a_stream_does_not_go_back_to_an_earlier_version() {
        let one = Progress::START.next(0, FormatVersion::V1, None).unwrap();
        let two = one.next(1, FormatVersion::V2, None).unwrap();
        let back = two.next(2, FormatVersion::V1, None).unwrap_err();
        assert_eq!(back.to_string(), "it is of format version 1, and the record before it is of version 2");
    }
}
