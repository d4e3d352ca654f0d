//! `--deep`: every record is derived again from those before it, and has to come out the same.

use std::{collections::BTreeMap, path::Path};

use relman_core::{
    event::{Record, RecordError},
    machine::{DeepVerifier, NotDerived},
    port::{Journal, with_causes},
    target::{TargetRecord, TargetState},
    unit::{ReleaseId, StreamId},
};

use super::{
    SQLITE, export,
    finding::{Fault, Found, NotVerified},
};
use crate::store;

/// Records that are held in memory at once.
const PAGE: usize = 128;

/// What came out as it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Derived {
    pub(super) decisions: u64,
    pub(super) verdicts: u64,
}

/// Derives the streams that were verified, up to the records that were.
pub(super) async fn derive(path: &Path, begin: &[u8], streams: &[Found]) -> Result<Derived, NotVerified> {
    let mut again = Again::of(streams.iter().map(|found| &found.stream));
    if begin == SQLITE {
        let journal = store::open_read_only(path).map_err(|failure| Fault::of_file(failure.to_string()))?;
        for found in streams {
            read_stream(&*journal, found, &mut again).await?;
        }
    } else {
        let mut lines = export::open(path)?;
        while let Some((line, _)) = lines.next().map_err(|error| export::unreadable(path, &error))? {
            push(&mut again, line)?;
        }
    }
    finish(&again)
}

/// The streams of releases, derived again, and those of targets, folded by the rules of targets.
pub(super) struct Again {
    releases: BTreeMap<ReleaseId, DeepVerifier>,
    targets: BTreeMap<StreamId, TargetState>,
}

impl Again {
    /// Nothing is read of these streams yet.
    pub(super) fn of<'a>(streams: impl Iterator<Item = &'a StreamId>) -> Self {
        let (mut releases, mut targets) = (BTreeMap::new(), BTreeMap::new());
        for stream in streams {
            match stream.release() {
                Some(id) => drop(releases.insert(id.clone(), DeepVerifier::new(id.clone()))),
                None => drop(targets.insert(stream.clone(), TargetState::new(stream.clone()))),
            }
        }
        Self { releases, targets }
    }
}

/// What came of all streams, which have to end where a decision does.
pub(super) fn finish(again: &Again) -> Result<Derived, NotVerified> {
    for deep in again.releases.values() {
        deep.finish().map_err(|error| not_derived(&deep.release().id().into(), &error))?;
    }
    let sum = |of: fn(&DeepVerifier) -> u64| again.releases.values().map(of).sum();
    Ok(Derived { decisions: sum(DeepVerifier::decisions), verdicts: sum(DeepVerifier::verdicts) })
}

async fn read_stream(journal: &dyn Journal, found: &Found, again: &mut Again) -> Result<(), NotVerified> {
    let (stream, last) = (&found.stream, found.head.seq);
    let mut read = 0;
    while read <= last {
        let page = journal
            .read(stream, read, PAGE)
            .await
            .map_err(|error| Fault::of_record(stream, read, format!("it can't be read: {error}")))?;
        if page.is_empty() {
            break;
        }
        for line in page.into_iter().take(usize::try_from(last - read + 1).unwrap_or(usize::MAX)) {
            push(again, &line)?;
            read += 1;
        }
    }
    Ok(())
}

/// Derives the next record of its stream.
pub(super) fn push(again: &mut Again, line: &[u8]) -> Result<(), NotVerified> {
    let record = match Record::read(line) {
        Ok(record) => record,
        Err(RecordError::NotOfARelease { stream, seq }) => {
            let Some(state) = again.targets.get_mut(&stream) else { return Ok(()) };
            let folded = TargetRecord::read(line).and_then(|record| state.apply(&record));
            return folded.map_err(|error| Fault::of_record(&stream, seq, with_causes(&error)).into());
        }
        Err(error) => return Err(Fault::of_file(with_causes(&error)).into()),
    };
    let Some(deep) = again.releases.get_mut(&record.release) else { return Ok(()) };
    deep.push(&record).map_err(|error| not_derived(&record.release.into(), &error))
}

fn not_derived(stream: &StreamId, error: &NotDerived) -> NotVerified {
    let reason = with_causes(error);
    match error.seq() {
        Some(seq) => Fault::of_record(stream, seq, reason).into(),
        None => Fault::of_file(reason).into(),
    }
}
