use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use relman_core::{
    event::Record,
    machine::Release,
    report::History,
    unit::{ReleaseId, Timestamp},
};

use crate::{LoadError, Releases};

/// How many releases are kept at hand: those that people look at. A long one takes some ten megabytes.
const KEPT: usize = 8;

/// A release with all of its records.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) release: Release,
    pub(super) records: Vec<Record>,
}

impl Told {
    pub(super) fn history(&self, now: Timestamp) -> History<'_> {
        History::new(&self.release, &self.records, now)
    }
}

/// The releases that were looked at last, so that a page costs only what is new since.
pub(super) struct Shelf {
    releases: Releases,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    told: BTreeMap<ReleaseId, (u64, Arc<Told>)>,
    uses: u64,
}

impl Shelf {
    pub(super) fn new(releases: Releases) -> Self {
        Self { releases, kept: Mutex::default() }
    }

    /// The release as the journal has it now; `None` where it does not hold it.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where the journal can't be read or the record is broken.
    pub(super) async fn tell(&self, id: &ReleaseId) -> Result<Option<Arc<Told>>, LoadError> {
        let mut told = self
            .take(id)
            .unwrap_or_else(|| Arc::new(Told { release: Release::new(id.clone()), records: Vec::new() }));
        // Only the head is asked for where nothing is new.
        let head = self.releases.journal().head(id).await?;
        if head.is_none() {
            return Ok(None);
        }
        if told.release.head() != head {
            let known = Arc::make_mut(&mut told);
            let new = self.releases.refresh(&mut known.release).await?;
            known.records.extend(new);
        }
        self.keep(id, &told);
        Ok(Some(told))
    }

    fn take(&self, id: &ReleaseId) -> Option<Arc<Told>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.told.remove(id).map(|(_, told)| told)
    }

    fn keep(&self, id: &ReleaseId, told: &Arc<Told>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let use_now = kept.uses;
        // Somebody else may have put a newer one there meanwhile.
        let newer = kept.told.get(id).is_some_and(|(_, other)| other.records.len() > told.records.len());
        if !newer {
            kept.told.insert(id.clone(), (use_now, told.clone()));
        }
        while kept.told.len() > KEPT {
            let oldest = kept.told.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                kept.told.remove(&oldest);
            }
        }
    }
}
