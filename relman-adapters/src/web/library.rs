use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use relman_core::{
    chain::Head,
    event::Record,
    port::{StoredStream, with_causes},
    report::{Summary, SummaryFold},
    unit::{ReleaseId, Timestamp},
};
use tokio::sync::Mutex as AsyncMutex;

use crate::{LoadError, Releases};

/// How old the list of heads may be before the journal is asked again: several pages at once cost one question.
const FRESH: Duration = Duration::from_millis(200);

/// How many records of the planning and of the end are read of a release that was closed; where they don't tell
/// enough, all are read.
const ENDS: usize = 24;

/// A line for each release of the journal, kept up to date by what is new.
///
/// Closed releases are told from their first and last records and cost a summary each; an open one is kept folded, so
/// that a new record costs a fold of that record alone.
pub(super) struct Library {
    releases: Releases,
    books: Mutex<Books>,
    /// One refresh at a time.
    turn: AsyncMutex<Option<Instant>>,
}

#[derive(Default)]
struct Books {
    entries: BTreeMap<ReleaseId, Entry>,
    /// Grows with every change.
    version: u64,
    /// How many releases the journal holds that were not read yet.
    pending: usize,
    /// Why the journal could not be listed the last time.
    problem: Option<String>,
}

struct Entry {
    head: Head,
    line: Line,
}

enum Line {
    /// It has reached an end.
    Ended(Arc<Summary>),
    /// It may move, and what it waits for depends on the time.
    Open(Arc<SummaryFold>),
    /// Its record can't be trusted.
    Broken(Arc<str>),
}

/// A release on the overview.
#[derive(Debug, Clone)]
pub(super) enum Listed {
    /// A release with its line.
    Told(Arc<Summary>),
    /// A release whose record can't be trusted, and why.
    Broken(ReleaseId, Arc<str>),
}

/// Everything that the overview shows, at a moment.
pub(super) struct List {
    pub(super) releases: Vec<Listed>,
    pub(super) pending: usize,
    pub(super) version: u64,
    pub(super) problem: Option<String>,
}

impl Library {
    pub(super) fn new(releases: Releases) -> Self {
        Self { releases, books: Mutex::default(), turn: AsyncMutex::new(None) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that is another one whenever something has changed.
    pub(super) fn version(&self) -> u64 {
        self.books().version
    }

    /// Reads what is new. Where that takes long, because the process has just started, what was read so far is there
    /// for others meanwhile.
    pub(super) async fn refresh(&self) {
        let mut last = self.turn.lock().await;
        if last.is_some_and(|last| last.elapsed() < FRESH) {
            return;
        }
        match self.releases.journal().streams().await {
            Ok(streams) => self.read_new(&streams).await,
            Err(error) => {
                let mut books = self.books();
                books.problem = Some(with_causes(&error));
                books.version += 1;
            }
        }
        *last = Some(Instant::now());
    }

    async fn read_new(&self, streams: &[StoredStream]) {
        let moved: Vec<&StoredStream> = {
            let mut books = self.books();
            let known = |stream: &&StoredStream| {
                books.entries.get(&stream.release).is_some_and(|entry| entry.head == stream.head)
            };
            let moved: Vec<&StoredStream> = streams.iter().filter(|stream| !known(stream)).collect();
            if books.problem.take().is_some() {
                books.version += 1;
            }
            books.pending = moved.len();
            moved
        };
        for stream in moved {
            let before = {
                let mut books = self.books();
                match books.entries.get_mut(&stream.release).map(|entry| &entry.line) {
                    Some(Line::Open(fold)) => Some(fold.clone()),
                    Some(Line::Ended(_) | Line::Broken(_)) | None => None,
                }
            };
            let line = match self.read(stream, before).await {
                Ok(line) => line,
                Err(error) => Line::Broken(with_causes(&error).into()),
            };
            let head = match &line {
                Line::Ended(summary) => summary.head,
                Line::Open(fold) => fold.release().head().unwrap_or(stream.head),
                Line::Broken(_) => stream.head,
            };
            {
                let mut books = self.books();
                books.entries.insert(stream.release.clone(), Entry { head, line });
                books.pending = books.pending.saturating_sub(1);
                books.version += 1;
            }
            // The first time there may be thousands, and others want to be served.
            tokio::task::yield_now().await;
        }
    }

    async fn read(&self, stream: &StoredStream, before: Option<Arc<SummaryFold>>) -> Result<Line, LoadError> {
        if before.is_none()
            && let Some(summary) = self.read_ends(stream).await?
        {
            return Ok(Line::Ended(Arc::new(summary)));
        }
        let mut fold = before.unwrap_or_else(|| Arc::new(SummaryFold::new(stream.release.clone())));
        let known = Arc::make_mut(&mut fold);
        let from = known.release().head().map_or(0, |head| head.seq + 1);
        for line in self.read_all(&stream.release, from).await? {
            known.push(&line)?;
        }
        // What an end still waits for does not depend on the time.
        if known.release().phase().name().is_end()
            && let Some(summary) = known.at(known.release().last_at())
        {
            return Ok(Line::Ended(Arc::new(summary)));
        }
        Ok(Line::Open(fold))
    }

    /// The summary of a release that was closed, from both ends of its stream.
    async fn read_ends(&self, stream: &StoredStream) -> Result<Option<Summary>, LoadError> {
        let journal = self.releases.journal();
        let from = (stream.head.seq + 1).saturating_sub(ENDS as u64);
        let last = journal.read(&stream.release, from, ENDS).await?;
        let Ok(last) = last.iter().map(|line| Record::read(line)).collect::<Result<Vec<_>, _>>() else {
            return Ok(None);
        };
        if !last.iter().any(|record| matches!(record.event, relman_core::event::Event::ReleaseClosed(_))) {
            return Ok(None);
        }
        let first = journal.read(&stream.release, 0, ENDS).await?;
        let Ok(first) = first.iter().map(|line| Record::read(line)).collect::<Result<Vec<_>, _>>() else {
            return Ok(None);
        };
        Ok(Summary::of_closed(&first, &last))
    }

    async fn read_all(&self, id: &ReleaseId, from: u64) -> Result<Vec<Record>, LoadError> {
        use relman_core::port::JournalExt;
        let lines = self.releases.journal().read_to_end(id, from).await?;
        let read = |line: &Vec<u8>| Record::read(line).map_err(|error| LoadError::Replay(error.into()));
        lines.iter().map(read).collect()
    }

    /// Every release as it is now.
    pub(super) fn list(&self, now: Timestamp) -> List {
        let books = self.books();
        let listed = |(id, entry): (&ReleaseId, &Entry)| match &entry.line {
            Line::Ended(summary) => Some(Listed::Told(summary.clone())),
            Line::Open(fold) => fold.at(now).map(|summary| Listed::Told(Arc::new(summary))),
            Line::Broken(why) => Some(Listed::Broken(id.clone(), why.clone())),
        };
        List {
            releases: books.entries.iter().filter_map(listed).collect(),
            pending: books.pending,
            version: books.version,
            problem: books.problem.clone(),
        }
    }
}
