use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use relman_core::{
    chain::Head,
    event::{Event, Record},
    port::{JournalExt, StoredStream, Streams},
    report::{Summary, SummaryFold},
    unit::{ReleaseId, Timestamp},
};
use tokio::sync::Mutex as AsyncMutex;

use crate::{LoadError, Releases};

/// How old the list of heads may be before it is read again: several pages at once cost one reading.
const FRESH: Duration = Duration::from_millis(200);

/// How many records are read from each end of a closed release. Where they are not enough for a summary, all are read.
const ENDS: usize = 24;

/// A summary of every release in the journal, updated by what is new.
///
/// A closed release is summarised from its first and last records and only its summary is kept. An open one stays folded,
/// so that a new record costs one fold.
pub(super) struct ReleaseIndex {
    releases: Releases,
    indexed: Mutex<Indexed>,
    /// When the last refresh ended; locked while one runs.
    refreshed: AsyncMutex<Option<Instant>>,
}

#[derive(Default)]
struct Indexed {
    entries: BTreeMap<ReleaseId, Entry>,
    /// Grows with every change.
    version: u64,
    /// How many releases have not been read yet.
    pending: usize,
    /// Why the last listing of the journal failed.
    problem: Option<String>,
}

struct Entry {
    head: Head,
    state: EntryState,
}

enum EntryState {
    /// The release is over.
    Ended(Arc<Summary>),
    /// The release may still move, and what it waits for depends on the time.
    Open(Arc<SummaryFold>),
    /// The record can't be trusted.
    Broken(Arc<str>),
}

/// A release on the overview.
#[derive(Debug, Clone)]
pub(super) enum ListedRelease {
    /// A release with its summary.
    Known(Arc<Summary>),
    /// A release whose record can't be trusted, and why.
    Broken(ReleaseId, Arc<str>),
}

/// What the overview shows.
pub(super) struct Listing {
    pub(super) releases: Vec<ListedRelease>,
    pub(super) pending: usize,
    pub(super) version: u64,
    pub(super) problem: Option<String>,
}

impl ReleaseIndex {
    pub(super) fn new(releases: Releases) -> Self {
        Self { releases, indexed: Mutex::default(), refreshed: AsyncMutex::new(None) }
    }

    fn indexed(&self) -> MutexGuard<'_, Indexed> {
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that grows whenever something has changed.
    pub(super) fn version(&self) -> u64 {
        self.indexed().version
    }

    /// Reads what is new. That takes long after a start; meanwhile other callers see what was read so far.
    pub(super) async fn refresh(&self) {
        let mut last = self.refreshed.lock().await;
        if last.is_some_and(|last| last.elapsed() < FRESH) {
            return;
        }
        match self.releases.journal().every_release(Streams::All).await {
            Ok(streams) => self.read_new(&streams).await,
            Err(error) => {
                let mut indexed = self.indexed();
                indexed.problem = Some(error.to_string());
                indexed.version += 1;
            }
        }
        *last = Some(Instant::now());
    }

    async fn read_new(&self, streams: &[(ReleaseId, StoredStream)]) {
        let moved: Vec<&(ReleaseId, StoredStream)> = {
            let mut indexed = self.indexed();
            let known = |(id, stream): &&(ReleaseId, StoredStream)| {
                indexed.entries.get(id).is_some_and(|entry| entry.head == stream.head)
            };
            let moved: Vec<&(ReleaseId, StoredStream)> = streams.iter().filter(|one| !known(one)).collect();
            if indexed.problem.take().is_some() {
                indexed.version += 1;
            }
            indexed.pending = moved.len();
            moved
        };
        for (id, stream) in moved {
            let before = {
                let mut indexed = self.indexed();
                match indexed.entries.get_mut(id).map(|entry| &entry.state) {
                    Some(EntryState::Open(fold)) => Some(fold.clone()),
                    Some(EntryState::Ended(_) | EntryState::Broken(_)) | None => None,
                }
            };
            let state = match self.read(id, stream.head, before).await {
                Ok(state) => state,
                Err(error) => EntryState::Broken(error.to_string().into()),
            };
            let head = match &state {
                EntryState::Ended(summary) => summary.head,
                EntryState::Open(fold) => fold.release().head().unwrap_or(stream.head),
                EntryState::Broken(_) => stream.head,
            };
            {
                let mut indexed = self.indexed();
                indexed.entries.insert(id.clone(), Entry { head, state });
                indexed.pending = indexed.pending.saturating_sub(1);
                indexed.version += 1;
            }
            // There may be thousands after a start, and other requests are waiting.
            tokio::task::yield_now().await;
        }
    }

    async fn read(
        &self,
        id: &ReleaseId,
        head: Head,
        before: Option<Arc<SummaryFold>>,
    ) -> Result<EntryState, LoadError> {
        if before.is_none()
            && let Some(summary) = self.read_ends(id, head).await?
        {
            return Ok(EntryState::Ended(Arc::new(summary)));
        }
        let mut fold = before.unwrap_or_else(|| Arc::new(SummaryFold::new(id.clone())));
        let known = Arc::make_mut(&mut fold);
        let from = known.release().head().map_or(0, |head| head.seq + 1);
        for line in self.read_all(id, from).await? {
            known.push(&line)?;
        }
        // Once a release is over, what it waits for no longer depends on the time.
        if known.release().phase().name().is_end()
            && let Some(summary) = known.at(known.release().last_at())
        {
            return Ok(EntryState::Ended(Arc::new(summary)));
        }
        Ok(EntryState::Open(fold))
    }

    /// Summarises a closed release from both ends of its stream; `None` where it is not closed or that is not enough.
    async fn read_ends(&self, id: &ReleaseId, head: Head) -> Result<Option<Summary>, LoadError> {
        let stream = id.into();
        let journal = self.releases.journal();
        let from = (head.seq + 1).saturating_sub(ENDS as u64);
        let last = journal.read(&stream, from, ENDS).await?;
        let Ok(last) = last.iter().map(|line| Record::read(line)).collect::<Result<Vec<_>, _>>() else {
            return Ok(None);
        };
        if !last.iter().any(|record| matches!(record.event, Event::ReleaseClosed(_))) {
            return Ok(None);
        }
        let first = journal.read(&stream, 0, ENDS).await?;
        let Ok(first) = first.iter().map(|line| Record::read(line)).collect::<Result<Vec<_>, _>>() else {
            return Ok(None);
        };
        Ok(Summary::of_closed(&first, &last))
    }

    async fn read_all(&self, id: &ReleaseId, from: u64) -> Result<Vec<Record>, LoadError> {
        let lines = self.releases.journal().read_to_end(&id.into(), from).await?;
        let read = |line: &Vec<u8>| Record::read(line).map_err(|error| LoadError::Replay(error.into()));
        lines.iter().map(read).collect()
    }

    /// Every release as it is now.
    pub(super) fn list(&self, now: Timestamp) -> Listing {
        let indexed = self.indexed();
        let listed = |(id, entry): (&ReleaseId, &Entry)| match &entry.state {
            EntryState::Ended(summary) => Some(ListedRelease::Known(summary.clone())),
            EntryState::Open(fold) => fold.at(now).map(|summary| ListedRelease::Known(Arc::new(summary))),
            EntryState::Broken(why) => Some(ListedRelease::Broken(id.clone(), why.clone())),
        };
        Listing {
            releases: indexed.entries.iter().filter_map(listed).collect(),
            pending: indexed.pending,
            version: indexed.version,
            problem: indexed.problem.clone(),
        }
    }
}
