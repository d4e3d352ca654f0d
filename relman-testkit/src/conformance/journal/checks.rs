use std::fmt;

use relman_core::{
    chain::{Head, SealedLine},
    port::{Journal, JournalExt},
    unit::ReleaseId,
};

use super::{
    JournalFixture,
    lines::{bytes, line, lines, release},
};
pub(super) use super::{append::*, read::*};
use crate::conformance::finding::{Met, Unmet, ensure, fails, named, works};

pub(super) fn adapter(fixture: &dyn JournalFixture) -> String {
    fixture.journal().name().to_owned()
}

pub(super) async fn has_a_name(fixture: &dyn JournalFixture) -> Met {
    named(fixture.journal().name())
}

pub(super) async fn what_was_appended_survives(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "durable", 2).await?;
    let batch = lines(&stream, head, 3, "Zürich");
    works("an append", journal.append(&stream, head, &batch).await)?;
    let before = state(&*journal, &stream).await?;
    let reopened = fixture.reopen().await?;
    let after = state(&*reopened, &stream).await?;
    ensure!(after == before, "opened again, {stream} has {after}, and it had {before}");
    let head = batch.last().map(SealedLine::head);
    let next = [line(&stream, head, "next")];
    works("an append after the store was opened again", reopened.append(&stream, head, &next).await)?;
    Ok(())
}

pub(super) async fn an_append_that_could_not_be_stored_is_an_error(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "broken", 1).await?;
    fixture.cut_off().await?;
    let next = [line(&stream, head, "next")];
    fails("an append to a broken store", journal.append(&stream, head, &next).await)?;
    Ok(())
}

pub(super) async fn a_store_that_can_not_be_read_is_an_error(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, _, _) = begun(&*journal, "broken", 1).await?;
    fixture.cut_off().await?;
    fails("reading from a broken store", journal.read(&stream, 0, 10).await)?;
    fails("asking a broken store for a head", journal.head(&stream).await)?;
    fails("asking a broken store for its streams", journal.streams().await)?;
    Ok(())
}

/// Checks that a stream has these records, and nothing else.
pub(super) async fn holds(journal: &dyn Journal, stream: &ReleaseId, records: &[Vec<u8>]) -> Met {
    let stored = works("reading a stream to its end", journal.read_to_end(stream, 0).await)?;
    ensure!(stored == records, "{stream} has {}, and should have {}", told(&stored), told(records));
    Ok(())
}

/// What a journal says about a stream, to be compared with what it says later.
#[derive(PartialEq, Eq)]
pub(super) struct State {
    head: Option<Head>,
    records: Vec<Vec<u8>>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, and the head is {}", told(&self.records), at(self.head))
    }
}

pub(super) async fn state(journal: &dyn Journal, stream: &ReleaseId) -> Result<State, Unmet> {
    let records = works("reading a stream to its end", journal.read_to_end(stream, 0).await)?;
    let head = works("asking for a head", journal.head(stream).await)?;
    Ok(State { head, records })
}

/// Records, as an error can quote them.
pub(super) fn told(records: &[Vec<u8>]) -> String {
    match records {
        [] => "no records".to_owned(),
        [.., last] => {
            let last: String = String::from_utf8_lossy(last).chars().take(160).collect();
            format!("{} records, the last of them {last}", records.len())
        }
    }
}

/// A head, as an error can quote it.
pub(super) fn at(head: Option<Head>) -> String {
    head.map_or_else(|| "none".to_owned(), |head| format!("record {} ({})", head.seq, head.digest))
}

/// A stream with its first records already in the journal.
pub(super) async fn begun(
    journal: &dyn Journal,
    name: &str,
    count: usize,
) -> Result<(ReleaseId, Option<Head>, Vec<Vec<u8>>), Unmet> {
    let stream = release(name);
    let batch = lines(&stream, None, count, name);
    works("an append", journal.append(&stream, None, &batch).await)?;
    // The head as it has to be: what the journal answers is a check of its own.
    let head = batch.last().map(SealedLine::head);
    Ok((stream, head, bytes(&batch)))
}
