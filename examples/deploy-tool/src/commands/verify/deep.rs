//! `--deep`: every recorded verdict is judged again from what was recorded, and has to come out the same.

use std::{collections::BTreeMap, path::Path};

use relman_core::{
    event::Record,
    machine::ReJudge,
    port::{Journal, with_causes},
    unit::ReleaseId,
};

use super::{
    SQLITE, export,
    finding::{Fault, Found, NotVerified},
};
use crate::store;

/// Records that are held in memory at once.
const PAGE: usize = 128;

/// What was judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JudgedAgain {
    /// Verdicts that came out as they were recorded.
    pub(super) verdicts: u64,
    /// Verdicts that another version of the judge has decided, which were left out.
    pub(super) of_other_engines: u64,
}

/// Judges every look of the streams that were verified, up to the records that were.
pub(super) async fn judge(path: &Path, begin: &[u8], streams: &[Found]) -> Result<JudgedAgain, NotVerified> {
    let mut again: BTreeMap<ReleaseId, ReJudge> =
        streams.iter().map(|found| (found.release.clone(), ReJudge::new(found.release.clone()))).collect();
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
    Ok(sum(&again))
}

/// What came of all streams.
pub(super) fn sum(again: &BTreeMap<ReleaseId, ReJudge>) -> JudgedAgain {
    let sum = |of: fn(&ReJudge) -> u64| again.values().map(of).sum();
    JudgedAgain { verdicts: sum(ReJudge::verdicts), of_other_engines: sum(ReJudge::of_other_engines) }
}

async fn read_stream(
    journal: &dyn Journal,
    found: &Found,
    again: &mut BTreeMap<ReleaseId, ReJudge>,
) -> Result<(), NotVerified> {
    let (release, last) = (&found.release, found.head.seq);
    let mut read = 0;
    while read <= last {
        let page = journal
            .read(release, read, PAGE)
            .await
            .map_err(|error| Fault::of_record(release, read, format!("it can't be read: {error}")))?;
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

/// Judges the next record of its stream.
pub(super) fn push(again: &mut BTreeMap<ReleaseId, ReJudge>, line: &[u8]) -> Result<(), NotVerified> {
    let record = Record::read(line).map_err(|error| Fault::of_file(with_causes(&error)))?;
    let Some(judge) = again.get_mut(&record.release) else { return Ok(()) };
    judge
        .push(&record)
        .map_err(|error| Fault::of_record(&record.release, record.seq, with_causes(&error)).into())
}
