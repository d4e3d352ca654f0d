use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use relman_core::{
    event::Record,
    machine::Release,
    report::{History, sentence},
    unit::{ReleaseId, Timestamp},
};

use super::format::{head_text, time};
use crate::{LoadError, Releases};

/// How many releases are kept: those that people look at. A long one takes some ten megabytes.
const CAPACITY: usize = 8;

/// A release with all of its records.
#[derive(Debug, Clone)]
pub(super) struct CachedRelease {
    pub(super) release: Release,
    pub(super) records: Vec<Record>,
}

impl CachedRelease {
    pub(super) fn history(&self, now: Timestamp) -> History<'_> {
        History::new(&self.release, &self.records, now)
    }

    /// The head, as pages carry it.
    pub(super) fn head_text(&self) -> String {
        self.release.head().map(head_text).unwrap_or_default()
    }

    /// The last record in words, which a screen reader announces when the page was renewed.
    pub(super) fn announcement(&self) -> String {
        match self.records.last() {
            Some(record) => {
                format!("Record {}, {}: {}", record.seq, time(&record.at), sentence(&record.event))
            }
            None => String::new(),
        }
    }
}

/// The releases that people looked at last, so that a page only costs what is new since.
pub(super) struct ReleaseCache {
    releases: Releases,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// Each release with the number of its last use.
    by_id: BTreeMap<ReleaseId, (u64, Arc<CachedRelease>)>,
    uses: u64,
}

impl ReleaseCache {
    pub(super) fn new(releases: Releases) -> Self {
        Self { releases, entries: Mutex::default() }
    }

    /// Returns the release as the journal has it now, or `None` where the journal does not have it.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where the journal can't be read or the record is broken.
    pub(super) async fn get(&self, id: &ReleaseId) -> Result<Option<Arc<CachedRelease>>, LoadError> {
        let mut cached = self.take(id).unwrap_or_else(|| {
            Arc::new(CachedRelease { release: Release::new(id.clone()), records: Vec::new() })
        });
        // Where nothing is new, the head is all that is read.
        let head = self.releases.journal().head(&id.into()).await?;
        if head.is_none() {
            return Ok(None);
        }
        if cached.release.head() != head {
            let known = Arc::make_mut(&mut cached);
            let new = self.releases.refresh(&mut known.release).await?;
            known.records.extend(new);
        }
        self.keep(id, &cached);
        Ok(Some(cached))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, id: &ReleaseId) -> Option<Arc<CachedRelease>> {
        self.entries().by_id.remove(id).map(|(_, cached)| cached)
    }

    fn keep(&self, id: &ReleaseId, cached: &Arc<CachedRelease>) {
        let mut entries = self.entries();
        entries.uses += 1;
        let use_now = entries.uses;
        // Another request may have put a newer one there meanwhile.
        let newer =
            entries.by_id.get(id).is_some_and(|(_, other)| other.records.len() > cached.records.len());
        if !newer {
            entries.by_id.insert(id.clone(), (use_now, cached.clone()));
        }
        while entries.by_id.len() > CAPACITY {
            let oldest = entries.by_id.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                entries.by_id.remove(&oldest);
            }
        }
    }
}
