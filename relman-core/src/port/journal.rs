use async_trait::async_trait;
use thiserror::Error;

use super::PortError;
use crate::{
    chain::{Head, SealedLine},
    unit::{ReleaseId, ServiceName, Span, StreamId, Timestamp},
};

/// The durable store of records, one stream for each release and each target, and one for the estate.
///
/// A journal stores bytes. It doesn't parse them, doesn't change them and has no opinion about events. Beside each stream
/// it keeps a [`StreamIndex`], so that nobody reads streams to find the one they look for, and over all of them an order of
/// [`changes`](Self::changes), so that whoever follows the journal lists nothing to find what is new.
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
    /// - **Indexed**: `index` takes the place of the stream's index, in the same transaction. It is hashed nowhere.
    /// - An empty batch checks the head and stores nothing, the index included.
    ///
    /// Returns the new head, or `None` for an empty batch on a stream that does not exist.
    ///
    /// # Errors
    ///
    /// [`AppendError`]. After [`AppendError::Port`] the caller doesn't know whether the records are stored and
    /// reads the stream again before it does anything else.
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Result<Option<Head>, AppendError>;

    /// Reads up to `limit` records from sequence number `from` on, in order, as the exact bytes that were
    /// appended, without line feeds. A stream that does not exist, or is shorter, gives an empty list.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError>;

    /// The head of a stream; `None` where it does not exist.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError>;

    /// Frees what the journal keeps in reserve for a full store, so that a rollback can still be recorded; whether
    /// there was any. Asked before an append that takes users back is tried once more.
    async fn free_reserve(&self) -> bool {
        false
    }

    /// Up to `limit` streams behind `after`, in the order of the identifiers: all, or the open ones alone. A stream without
    /// an index counts as open: nobody knows that it has ended.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError>;

    /// Gives a stream an index, if its head is this one still: for streams that were stored without one.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be written.
    async fn reindex(&self, stream: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError>;

    /// Up to `limit` appends behind a position, oldest first. All readers of a journal see the same appends in the same
    /// order, with positions that have no gaps; what is visible once stays, and nothing ever appears before it.
    ///
    /// Whoever follows a journal keeps the position of the last change that was dealt with, and asks for what is behind it.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError>;

    /// The position of the newest append; [`Position::START`] in a journal without any.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn position(&self) -> Result<Position, PortError>;

    /// Waits until there is an append behind a position, for this long at most. A hint: whoever is woken asks for
    /// [`changes`](Self::changes), and may find none. Appends of other processes count.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn changed(&self, after: Position, at_most: Span) -> Result<(), PortError>;
}

/// A stream that a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredStream {
    /// Whose stream it is.
    pub stream: StreamId,
    /// Its last record, as the journal keeps it beside the records.
    pub head: Head,
    /// What is kept beside it; none where it was stored by something that knew of no index.
    pub index: Option<StreamIndex>,
}

impl StoredStream {
    /// The release, where it is the stream of one.
    pub fn release(&self) -> Option<&ReleaseId> {
        self.stream.release()
    }

    /// A stream, its last record, and its index.
    pub fn new(stream: StreamId, head: Head, index: Option<StreamIndex>) -> Self {
        Self { stream, head, index }
    }
}

/// Which streams are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Streams {
    /// Those of releases that have to be driven, as far as is known. A target or the estate is never driven.
    Open,
    /// All of them.
    All,
}

/// Whether a release has to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamState {
    /// It has.
    Open,
    /// It has reached an end and everybody was told: nothing changes but by a command.
    Ended,
}

/// What a journal keeps beside a stream: enough to find it, to know when it needs attention, and to list it, without
/// reading it. Made anew from the records at every append; no decision rests on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamIndex {
    /// Whether the release has to be driven.
    pub state: StreamState,
    /// When something is due next; never, if absent.
    pub due: Option<Timestamp>,
    /// The service; none before a plan is recorded.
    pub service: Option<ServiceName>,
    /// The release in one line, as lists show it.
    pub line: String,
}

impl StreamIndex {
    /// The index of a stream in this state, with what a list shows of it.
    pub fn new(state: StreamState, line: impl Into<String>) -> Self {
        Self { state, due: None, service: None, line: line.into() }
    }

    /// With the moment at which something is due next.
    #[must_use]
    pub fn due_at(mut self, due: Option<Timestamp>) -> Self {
        self.due = due;
        self
    }

    /// With the service that is released.
    #[must_use]
    pub fn of_service(mut self, service: Option<ServiceName>) -> Self {
        self.service = service;
        self
    }
}

/// A place in the order of all appends of one journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before the first append.
    pub const START: Self = Self(0);
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

/// One append, in the order of all appends of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its position: one more than that of the append before.
    pub position: Position,
    /// The stream that records were appended to.
    pub stream: StreamId,
    /// The sequence number of the first of them.
    pub first: u64,
    /// The last of them.
    pub head: Head,
}

impl Change {
    /// The release, where the records are of one.
    pub fn release(&self) -> Option<&ReleaseId> {
        self.stream.release()
    }

    /// An append at a position, of the records from `first` up to `head`.
    pub fn new(position: Position, stream: StreamId, first: u64, head: Head) -> Self {
        Self { position, stream, first, head }
    }
}

/// Why records were not appended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Somebody else appended first.
    #[error("failed to append to {stream}: its head is {}, not the expected {}", show(*actual), show(*expected))]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the caller thought the head was.
        expected: Option<Head>,
        /// What it is.
        actual: Option<Head>,
    },
    /// The records do not continue the expected head.
    #[error("failed to append to {stream}: record {seq} does not continue the one before")]
    Unlinked {
        /// The stream.
        stream: StreamId,
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
    async fn read_to_end(&self, stream: &StreamId, from: u64) -> Result<Vec<Vec<u8>>, PortError> {
        /// A page of ordinary records is a few hundred kilobytes.
        const PAGE: usize = 512;
        let mut lines = Vec::new();
        loop {
            let page = self.read(stream, from + lines.len() as u64, PAGE).await?;
            let last = page.len() < PAGE;
            lines.extend(page);
            if last {
                return Ok(lines);
            }
        }
    }

    /// The streams of releases alone, with the release of each.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn every_release(&self, which: Streams) -> Result<Vec<(ReleaseId, StoredStream)>, PortError> {
        let streams = self.every_stream(which).await?;
        let of_releases = streams.into_iter().filter_map(|stored| Some((stored.release()?.clone(), stored)));
        Ok(of_releases.collect())
    }

    /// Every stream, page by page: all, or the open ones alone.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn every_stream(&self, which: Streams) -> Result<Vec<StoredStream>, PortError> {
        /// A page is a few hundred kilobytes, and read within milliseconds.
        const PAGE: usize = 1024;
        let mut streams: Vec<StoredStream> = Vec::new();
        loop {
            let page = self.streams(which, streams.last().map(|last| last.stream.clone()), PAGE).await?;
            let last = page.len() < PAGE;
            streams.extend(page);
            if last {
                return Ok(streams);
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
    stream: &StreamId,
    expected: Option<Head>,
    lines: &[SealedLine],
) -> Result<(), AppendError> {
    let mut next = expected.map_or((0, crate::chain::Digest::ZERO), |head| (head.seq + 1, head.digest));
    for line in lines {
        if (line.seq(), line.prev()) != next {
            return Err(AppendError::Unlinked { stream: stream.clone(), seq: line.seq() });
        }
        next = (line.seq() + 1, line.digest());
    }
    Ok(())
}
