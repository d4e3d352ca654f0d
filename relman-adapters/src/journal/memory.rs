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

/// A journal in memory, for tests and drills.
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

    fn streams(&self) -> MutexGuard<'_, BTreeMap<ReleaseId, Vec<SealedLine>>> {
        // Every change is a single call that either happens or not, so a panic elsewhere leaves no half of one.
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
        let mut streams = self.streams();
        let actual = streams.get(release).and_then(|stream| stream.last()).map(SealedLine::head);
        if actual != expected {
            return Err(AppendError::Conflict { release: release.clone(), expected, actual });
        }
        let Some(last) = lines.last() else {
            return Ok(actual);
        };
        streams.entry(release.clone()).or_default().extend_from_slice(lines);
        Ok(Some(last.head()))
    }

    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let streams = self.streams();
        let lines = streams.get(release).into_iter().flatten().skip(from).take(limit);
        Ok(lines.map(|line| line.bytes().to_vec()).collect())
    }

    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError> {
        Ok(self.streams().get(release).and_then(|stream| stream.last()).map(SealedLine::head))
    }

    async fn streams(&self) -> Result<Vec<StoredStream>, PortError> {
        let streams = self.streams();
        let stored = streams.iter().filter_map(|(release, lines)| {
            lines.last().map(|last| StoredStream { release: release.clone(), head: last.head() })
        });
        Ok(stored.collect())
    }
}
