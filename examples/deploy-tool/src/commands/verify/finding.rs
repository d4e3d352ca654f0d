//! What verification finds.

use std::{error::Error as _, fmt};

use super::deep::Derived;
use relman_core::{
    chain::{Broken, Head},
    port::with_causes,
    unit::StreamId,
};

/// Everything is as it should be, as far as can be seen.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Every stream, in the order of the journal or of the file.
    pub(super) streams: Vec<Found>,
    /// What is worth knowing besides.
    pub(super) notes: Vec<String>,
    /// What was derived again, where that was asked for.
    pub(super) derived: Option<Derived>,
    /// How many files were made again and came out the same, where it is a package.
    pub(super) files: Option<usize>,
}

impl Verdict {
    /// Whether every stream ends with a head that was given: only then nothing can have been cut off or rewritten.
    pub(super) fn is_anchored(&self) -> bool {
        !self.streams.is_empty() && self.streams.iter().all(|found| found.anchored_to == Some(found.head.seq))
    }
}

/// A stream without a bad record.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) stream: StreamId,
    /// Its last record.
    pub(super) head: Head,
    /// The last record whose hash was given.
    pub(super) anchored_to: Option<u64>,
}

/// Why a file is not verified.
#[derive(Debug)]
pub(super) enum NotVerified {
    /// Something in it is bad.
    Bad(Fault),
    /// It can't be read at all.
    Unreadable(Fault),
}

impl NotVerified {
    pub(super) fn fault(&self) -> &Fault {
        match self {
            Self::Bad(fault) | Self::Unreadable(fault) => fault,
        }
    }
}

/// What is bad, and where.
#[derive(Debug)]
pub(super) struct Fault {
    /// The stream, as far as it is known.
    pub(super) stream: Option<StreamId>,
    /// The record, where it is one.
    pub(super) seq: Option<u64>,
    pub(super) reason: String,
    /// Where reading stopped, in a file of lines.
    pub(super) line: Option<u64>,
}

impl Fault {
    /// Something is wrong with the file as a whole.
    pub(super) fn of_file(reason: impl Into<String>) -> Self {
        Self { stream: None, seq: None, reason: reason.into(), line: None }
    }

    /// Something is wrong with a record.
    pub(super) fn of_record(stream: &StreamId, seq: u64, reason: impl Into<String>) -> Self {
        Self { stream: Some(stream.clone()), seq: Some(seq), reason: reason.into(), line: None }
    }
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        let mut reason = broken.reason.to_string();
        if let Some(cause) = broken.source() {
            reason = format!("{reason}: {}", with_causes(cause));
        }
        Self { stream: broken.stream, seq: Some(broken.seq), reason, line: None }
    }
}

impl From<Fault> for NotVerified {
    fn from(fault: Fault) -> Self {
        Self::Bad(fault)
    }
}

impl From<Broken> for NotVerified {
    fn from(broken: Broken) -> Self {
        Self::Bad(broken.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.stream, self.seq) {
            (Some(stream), Some(seq)) => write!(f, "{stream}, record {seq}: ")?,
            (Some(stream), None) => write!(f, "{stream}: ")?,
            (None, Some(seq)) => write!(f, "record {seq} of a stream without a name: ")?,
            (None, None) => {}
        }
        f.write_str(&self.reason)?;
        match self.line {
            Some(line) => write!(f, " (found at line {line})"),
            None => Ok(()),
        }
    }
}
