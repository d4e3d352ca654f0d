//! What the frames ask of a history.

use crate::{
    event::{Event, Record},
    report::{History, Mark},
    unit::Actor,
};

impl<'a> History<'a> {
    /// The first record that fits.
    pub(super) fn first(&self, fits: impl Fn(&Event) -> bool) -> Option<&'a Record> {
        self.records.iter().find(|record| fits(&record.event))
    }

    /// The first record that fits, from a sequence number on.
    pub(super) fn first_from(&self, seq: u64, fits: impl Fn(&Event) -> bool) -> Option<&'a Record> {
        self.records.iter().find(|record| record.seq >= seq && fits(&record.event))
    }
}

/// Who caused a record, and its mark.
pub(super) fn by(record: &Record) -> (&Actor, Mark) {
    (&record.by, Mark::of(record))
}
