use async_trait::async_trait;
use thiserror::Error;

use super::PortError;
use crate::{
    chain::{Head, SealedLine},
    unit::ReleaseId,
};

/// The durable store of records, one stream for each release.
///
/// A journal stores bytes. It doesn't parse them, doesn't change them and has no opinion about events.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// Appends records to a stream whose head is `expected` (`None`: the stream does not exist yet).
    ///
    /// - **Atomic**: all of the records are stored, or none.
    /// - **Durable**: once this returns `Ok`, the records survive a crash of the process and of the machine.
    /// - **Optimistic**: where the head is not `expected`, nothing is changed and the answer is
    ///   [`AppendError::Conflict`] with the actual head. Of two callers with the same `expected`, one wins.
    /// - **Linked**: `lines` continue `expected` without a gap; a batch that does not is refused with
    ///   [`AppendError::Unlinked`] and changes nothing.
    /// - An empty batch checks the head and stores nothing.
    ///
    /// Returns the new head, or `None` for an empty batch on a stream that does not exist.
    ///
    /// # Errors
    ///
    /// [`AppendError`]. After [`AppendError::Port`] the caller doesn't know whether the records are stored and
    /// reads the stream again before it does anything else.
    async fn append(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Option<Head>, AppendError>;

    /// Reads up to `limit` records from sequence number `from` on, in order, as the exact bytes that were
    /// appended, without line feeds. A stream that does not exist, or is shorter, gives an empty list.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError>;

    /// The head of a stream; `None` where it does not exist.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError>;

    /// Frees what the journal keeps in reserve for a full store, so that a rollback can still be recorded; whether
    /// there was any. Asked before an append that takes users back is tried once more.
    async fn free_reserve(&self) -> bool {
        false
    }

    /// Every stream with its head, in the order of the identifiers.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn streams(&self) -> Result<Vec<StoredStream>, PortError>;
}

/// A stream that a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredStream {
    /// The release whose stream it is.
    pub release: ReleaseId,
    /// Its last record, as the journal keeps it beside the records.
    pub head: Head,
}

impl StoredStream {
    /// The stream of a release, and its last record.
    pub fn new(release: ReleaseId, head: Head) -> Self {
        Self { release, head }
    }
}

/// Why records were not appended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Somebody else appended first.
    #[error("failed to append to {release}: its head is {}, not the expected {}", show(*actual), show(*expected))]
    Conflict {
        /// The stream.
        release: ReleaseId,
        /// What the caller thought the head was.
        expected: Option<Head>,
        /// What it is.
        actual: Option<Head>,
    },
    /// The records do not continue the expected head.
    #[error("failed to append to {release}: record {seq} does not continue the one before")]
    Unlinked {
        /// The stream.
        release: ReleaseId,
        /// The sequence number of the first record that does not fit.
        seq: u64,
    },
    /// The store failed. Whether the records are stored is not known.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn show(head: Option<Head>) -> String {
    match head {
        Some(head) => format!("record {}", head.seq),
        None => "empty".to_owned(),
    }
}

/// What every journal can do by means of its required methods.
#[async_trait]
pub trait JournalExt: Journal {
    /// Reads a stream from sequence number `from` to its end.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn read_to_end(&self, release: &ReleaseId, from: u64) -> Result<Vec<Vec<u8>>, PortError> {
        /// A page of ordinary records is a few hundred kilobytes.
        const PAGE: usize = 512;
        let mut lines = Vec::new();
        loop {
            let page = self.read(release, from + lines.len() as u64, PAGE).await?;
            let last = page.len() < PAGE;
            lines.extend(page);
            if last {
                return Ok(lines);
            }
        }
    }
}

impl<J: Journal + ?Sized> JournalExt for J {}

/// Checks that `lines` continue `expected` without a gap: what [`Journal::append`] promises to refuse otherwise.
///
/// # Errors
///
/// [`AppendError::Unlinked`] with the first record that does not fit.
pub fn check_links(
    release: &ReleaseId,
    expected: Option<Head>,
    lines: &[SealedLine],
) -> Result<(), AppendError> {
    let mut next = expected.map_or((0, crate::chain::Digest::ZERO), |head| (head.seq + 1, head.digest));
    for line in lines {
        if (line.seq(), line.prev()) != next {
            return Err(AppendError::Unlinked { release: release.clone(), seq: line.seq() });
        }
        next = (line.seq() + 1, line.digest());
    }
    Ok(())
}
