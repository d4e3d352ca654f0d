use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    chain::{Head, SealedLine},
    port::{
        AppendError, Change, Journal, PortError, Position, StoredStream, StreamIndex, StreamState, Streams,
        check_links,
    },
    unit::{Span, StreamId},
};
use tokio::sync::Notify;

/// A journal in memory, for tests, examples and dry runs.
///
/// Keeps every promise of [`Journal`] but one: nothing survives the process.
///
/// # Examples
///
/// ```
/// use relman_adapters::journal::MemoryJournal;
/// use relman_core::port::{Journal, Position};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let journal = MemoryJournal::new();
/// assert_eq!(journal.head(&"release:checkout-241".parse()?).await?, None);
/// assert_eq!(journal.position().await?, Position::START);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryJournal {
    held: Mutex<Held>,
    appended: Notify,
}

#[derive(Debug, Default)]
struct Held {
    streams: BTreeMap<StreamId, Stream>,
    /// The stream, the first record and the head of every append, in order.
    changes: Vec<(StreamId, u64, Head)>,
}

#[derive(Debug)]
struct Stream {
    /// Their bytes alone: a hundred thousand releases have millions of them.
    lines: Vec<Arc<[u8]>>,
    head: Head,
    index: StreamIndex,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A panic can't leave a stream half-written: nothing between the changes of one append can fail.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> Position {
        Position(self.lock().changes.len() as u64)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn append(
        &self,
        id: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Result<Option<Head>, AppendError> {
        check_links(id, expected, lines)?;
        let mut all = self.lock();
        let actual = all.streams.get(id).map(|stream| stream.head);
        if actual != expected {
            return Err(AppendError::Conflict { stream: id.clone(), expected, actual });
        }
        let ([first, ..], [.., last]) = (lines, lines) else {
            return Ok(actual);
        };
        let (first, head) = (first.seq(), last.head());
        let empty = || Stream { lines: Vec::new(), head, index: index.clone() };
        let stream = all.streams.entry(id.clone()).or_insert_with(empty);
        stream.lines.extend(lines.iter().map(SealedLine::shared_bytes));
        (stream.head, stream.index) = (head, index.clone());
        all.changes.push((id.clone(), first, head));
        drop(all);
        self.appended.notify_waiters();
        Ok(Some(head))
    }

    async fn read(&self, id: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let held = self.lock();
        let lines = held.streams.get(id).map_or(&[][..], |stream| &stream.lines);
        Ok(lines.iter().skip(from).take(limit).map(|line| line.to_vec()).collect())
    }

    async fn head(&self, id: &StreamId) -> Result<Option<Head>, PortError> {
        Ok(self.lock().streams.get(id).map(|stream| stream.head))
    }

    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError> {
        let held = self.lock();
        let behind = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let wanted =
            held.streams.range::<StreamId, _>((behind, Bound::Unbounded)).filter(|(_, stream)| match which {
                Streams::All => true,
                Streams::Open => stream.index.state == StreamState::Open,
            });
        let stored = wanted
            .take(limit)
            .map(|(id, stream)| StoredStream::new(id.clone(), stream.head, Some(stream.index.clone())));
        Ok(stored.collect())
    }

    async fn reindex(&self, id: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError> {
        if let Some(stream) = self.lock().streams.get_mut(id).filter(|stream| stream.head == head) {
            stream.index = index.clone();
        }
        Ok(())
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError> {
        let held = self.lock();
        let behind = usize::try_from(after.0).unwrap_or(usize::MAX);
        let changes = held.changes.iter().enumerate().skip(behind).take(limit);
        let changes = changes.map(|(index, (id, first, head))| {
            Change::new(Position(index as u64 + 1), id.clone(), *first, *head)
        });
        Ok(changes.collect())
    }

    async fn position(&self) -> Result<Position, PortError> {
        Ok(self.newest())
    }

    async fn changed(&self, after: Position, at_most: Span) -> Result<(), PortError> {
        // Asked for before it is looked, so that an append after the look is not missed.
        let appended = self.appended.notified();
        if self.newest() <= after {
            // That the time is over is no failure.
            let _ = tokio::time::timeout(at_most.to_std(), appended).await;
        }
        Ok(())
    }
}
