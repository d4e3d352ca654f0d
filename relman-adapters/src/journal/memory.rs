use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    chain::{Head, SealedLine},
    port::{AppendError, Journal, PortError, StoredStream, check_links},
    unit::ReleaseId,
};

/// A journal in memory, for tests, examples and dry runs.
///
/// Keeps every promise of [`Journal`] but one: nothing survives the process.
///
/// # Examples
///
/// ```
/// use relman_adapters::journal::MemoryJournal;
/// use relman_core::port::Journal;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let journal = MemoryJournal::new();
/// assert_eq!(journal.head(&"checkout-241".parse()?).await?, None);
/// assert!(journal.streams().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryJournal {
    streams: Mutex<BTreeMap<ReleaseId, Vec<SealedLine>>>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ReleaseId, Vec<SealedLine>>> {
        // A panic can't leave a stream half-written: the only change is one `extend` of cloned lines.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn append(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Option<Head>, AppendError> {
        check_links(release, expected, lines)?;
        let lines = lines.to_vec();
        let mut streams = self.lock();
        let actual = streams.get(release).and_then(|stream| stream.last()).map(SealedLine::head);
        if actual != expected {
            return Err(AppendError::Conflict { release: release.clone(), expected, actual });
        }
        let Some(head) = lines.last().map(SealedLine::head) else {
            return Ok(actual);
        };
        streams.entry(release.clone()).or_default().extend(lines);
        Ok(Some(head))
    }

    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let streams = self.lock();
        let lines = streams.get(release).map_or(&[][..], Vec::as_slice);
        Ok(lines.iter().skip(from).take(limit).map(|line| line.bytes().to_vec()).collect())
    }

    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError> {
        Ok(self.lock().get(release).and_then(|stream| stream.last()).map(SealedLine::head))
    }

    async fn streams(&self) -> Result<Vec<StoredStream>, PortError> {
        let streams = self.lock();
        let stored = streams.iter().filter_map(|(release, lines)| {
            let head = lines.last()?.head();
            Some(StoredStream::new(release.clone(), head))
        });
        Ok(stored.collect())
    }
}
