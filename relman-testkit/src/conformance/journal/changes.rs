//! What is kept beside the streams, and the order over all of them.

use std::sync::{Arc, Mutex, PoisonError};

use relman_core::{
    chain::{Head, SealedLine},
    port::{Change, Journal, Position, StoredStream, StreamIndex, StreamState, Streams},
    unit::{Span, StreamId, Timestamp},
};

use super::{
    JournalFixture, Task,
    stream::{at, begun, index, line, lines, named},
};
use crate::conformance::finding::{Met, Unmet, ensure, works};

/// How often a follower asks at most: a journal that loses a change must not keep it for ever.
const ROUNDS: u32 = 500;

/// More than any check appends.
const ALL: usize = 10_000;

fn ended(line: &str) -> StreamIndex {
    let due = Some(Timestamp::from_millis(1_795_975_445_678));
    let service = "checkout".parse().expect("a valid name");
    StreamIndex::new(StreamState::Ended, line).due_at(due).of_service(Some(service))
}

async fn listed(journal: &dyn Journal, stream: &StreamId) -> Result<StoredStream, Unmet> {
    let streams = works("asking for the streams", journal.streams(Streams::All, None, ALL).await)?;
    let found = streams.into_iter().find(|stored| stored.stream == *stream);
    found.ok_or_else(|| Unmet::Failed(format!("{stream} is not listed")))
}

async fn is_indexed(journal: &dyn Journal, stream: &StreamId, index: &StreamIndex) -> Met {
    let kept = listed(journal, stream).await?.index;
    ensure!(kept.as_ref() == Some(index), "{stream} has the index {kept:?}, and should have {index:?}");
    Ok(())
}

pub(super) async fn streams_come_in_pages(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    for name in ["page-3", "page-1", "Page", "page-2", "page"] {
        begun(&*journal, name, 1).await?;
    }
    let whole = works("asking for the streams", journal.streams(Streams::All, None, ALL).await)?;
    let mut paged: Vec<StoredStream> = Vec::new();
    for _ in 0..4 {
        let after = paged.last().map(|last| last.stream.clone());
        let page = works("asking for a page of streams", journal.streams(Streams::All, after, 2).await)?;
        ensure!(page.len() <= 2, "a page of 2 has {} streams", page.len());
        paged.extend(page);
    }
    ensure!(paged == whole, "in pages the streams are {paged:?}, and at once {whole:?}");
    let none = works("asking for no streams", journal.streams(Streams::All, None, 0).await)?;
    ensure!(none.is_empty(), "a page of none has {none:?}");
    Ok(())
}

pub(super) async fn an_index_is_kept_with_its_stream(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "indexed", 2).await?;
    is_indexed(&*journal, &stream, index()).await?;
    let long = ended("Zürich → 東京, HELD: \"it's odd\"; --");
    let next = [line(&stream, head, "next")];
    works("an append", journal.append(&stream, head, &next, &long).await)?;
    is_indexed(&*journal, &stream, &long).await?;
    let head = next.last().map(SealedLine::head);
    let last = [line(&stream, head, "last")];
    works("an append", journal.append(&stream, head, &last, index()).await)?;
    is_indexed(&*journal, &stream, index()).await
}

pub(super) async fn what_is_not_appended_leaves_the_index(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "unmoved", 1).await?;
    let late = [line(&stream, None, "late")];
    let conflict = journal.append(&stream, None, &late, &ended("late")).await;
    ensure!(conflict.is_err(), "an append that expects no head was answered with {conflict:?}");
    is_indexed(&*journal, &stream, index()).await?;
    works("an empty batch", journal.append(&stream, head, &[], &ended("empty")).await)?;
    is_indexed(&*journal, &stream, index()).await
}

pub(super) async fn open_streams_are_listed_alone(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let mut open = Vec::new();
    for number in 0..10 {
        let (stream, head, _) = begun(&*journal, &format!("state-{number}"), 1).await?;
        if number % 3 == 0 {
            open.push(stream);
        } else {
            let end = [line(&stream, head, "the end")];
            works("an append", journal.append(&stream, head, &end, &ended("ended")).await)?;
        }
    }
    let mut found = Vec::new();
    for _ in 0..3 {
        let after = found.last().cloned();
        let page = works("asking for the open streams", journal.streams(Streams::Open, after, 2).await)?;
        found.extend(page.into_iter().map(|stored| stored.stream));
    }
    ensure!(found == open, "{found:?} are listed as open, and {open:?} are");
    Ok(())
}

pub(super) async fn an_index_is_given_to_the_head_it_is_for(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "again", 1).await?;
    let Some(first) = head else { return Err(Unmet::Failed("a stream with a record has no head".into())) };
    works("giving an index", journal.reindex(&stream, first, &ended("again")).await)?;
    is_indexed(&*journal, &stream, &ended("again")).await?;
    let next = [line(&stream, head, "next")];
    works("an append", journal.append(&stream, head, &next, index()).await)?;
    works("giving an index that is late", journal.reindex(&stream, first, &ended("late")).await)?;
    is_indexed(&*journal, &stream, index()).await
}

/// Checks that changes are all that was appended: numbered without a gap, and each stream's in the order of its records.
fn in_order(changes: &[Change], appended: &[(StreamId, u64, Head)]) -> Met {
    for (change, wanted) in changes.iter().zip(1..) {
        ensure!(change.position == Position(wanted), "change {wanted} has the position {}", change.position);
    }
    let of = |stream: &StreamId, all: &[(StreamId, u64, Head)]| -> Vec<(u64, Head)> {
        all.iter().filter(|one| one.0 == *stream).map(|(_, first, head)| (*first, *head)).collect()
    };
    let found: Vec<(StreamId, u64, Head)> =
        changes.iter().map(|change| (change.stream.clone(), change.first, change.head)).collect();
    for (stream, ..) in appended {
        let (found, wanted) = (of(stream, &found), of(stream, appended));
        ensure!(found == wanted, "the changes of {stream} are {found:?}, and {wanted:?} was appended");
    }
    ensure!(found.len() == appended.len(), "{} of {} appends are changes", found.len(), appended.len());
    Ok(())
}

/// Appends to some streams at the same time; what was appended, each stream's in order.
async fn some_appends(fixture: &dyn JournalFixture) -> Vec<(StreamId, u64, Head)> {
    let appended = Arc::new(Mutex::new(Vec::new()));
    let tasks = (0..4).map(|number| {
        let (journal, appended) = (fixture.journal(), appended.clone());
        Box::pin(async move {
            let stream = named(&format!("change-{number}"));
            let mut head = None;
            for count in 1..=5 {
                let batch = lines(&stream, head, count, "change");
                if journal.append(&stream, head, &batch, index()).await.is_err() {
                    return;
                }
                if let (Some(first), Some(last)) = (batch.first(), batch.last()) {
                    head = Some(last.head());
                    let mut appended = appended.lock().unwrap_or_else(PoisonError::into_inner);
                    appended.push((stream.clone(), first.seq(), last.head()));
                }
            }
        }) as Task
    });
    fixture.together(tasks.collect()).await;
    std::mem::take(&mut *appended.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(super) async fn changes_are_in_one_order_without_gaps(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let start = works("asking for the position", journal.position().await)?;
    ensure!(start == Position::START, "an empty journal is at position {start}");
    let appended = some_appends(fixture).await;
    ensure!(appended.len() == 20, "{} of 20 appends to 4 streams were stored", appended.len());
    let stream = &appended[0].0;
    let conflict = journal.append(stream, None, &lines(stream, None, 1, "late"), index()).await;
    ensure!(conflict.is_err(), "an append that expects no head was answered with {conflict:?}");
    let changes = works("asking for the changes", journal.changes(Position::START, ALL).await)?;
    in_order(&changes, &appended)?;
    let newest = works("asking for the position", journal.position().await)?;
    ensure!(newest == Position(20), "after 20 appends the position is {newest}");
    Ok(())
}

pub(super) async fn changes_come_in_pages(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    some_appends(fixture).await;
    let whole = works("asking for the changes", journal.changes(Position::START, ALL).await)?;
    let mut paged: Vec<Change> = Vec::new();
    for _ in 0..8 {
        let after = paged.last().map_or(Position::START, |last| last.position);
        let page = works("asking for a page of changes", journal.changes(after, 3).await)?;
        ensure!(page.len() <= 3, "a page of 3 has {} changes", page.len());
        paged.extend(page);
    }
    ensure!(paged == whole, "in pages the changes are {paged:?}, and at once {whole:?}");
    for after in [Position(20), Position(21), Position(u64::MAX)] {
        let behind = works("asking for changes to come", journal.changes(after, 3).await)?;
        ensure!(behind.is_empty(), "behind position {after} of 20 are {behind:?}");
    }
    Ok(())
}

pub(super) async fn whoever_follows_hears_of_every_append(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let noticed: Arc<Mutex<Vec<Change>>> = Arc::default();
    let appended: Arc<Mutex<Vec<(StreamId, u64, Head)>>> = Arc::default();
    let follower = {
        let (journal, noticed) = (journal.clone(), noticed.clone());
        Box::pin(async move {
            let mut position = Position::START;
            for _ in 0..ROUNDS {
                if position >= Position(40) {
                    return;
                }
                // Each round is a follower that knows its position and nothing else.
                let Ok(page) = journal.changes(position, 3).await else { return };
                let Some(last) = page.last() else {
                    // Whether it is woken is a check of its own.
                    let _ = journal.changed(position, Span::from_millis(20)).await;
                    continue;
                };
                position = last.position;
                noticed.lock().unwrap_or_else(PoisonError::into_inner).extend(page);
            }
        }) as Task
    };
    let writers = (0..2).map(|number| {
        let (journal, appended) = (journal.clone(), appended.clone());
        Box::pin(async move {
            let stream = named(&format!("followed-{number}"));
            let mut head = None;
            for _ in 0..20 {
                let batch = lines(&stream, head, 1, "followed");
                let Ok(stored) = journal.append(&stream, head, &batch, index()).await else { return };
                let mut appended = appended.lock().unwrap_or_else(PoisonError::into_inner);
                appended.extend(stored.map(|head| (stream.clone(), head.seq, head)));
                head = stored;
            }
        }) as Task
    });
    fixture.together(writers.chain([follower]).collect()).await;
    let noticed = std::mem::take(&mut *noticed.lock().unwrap_or_else(PoisonError::into_inner));
    let appended = std::mem::take(&mut *appended.lock().unwrap_or_else(PoisonError::into_inner));
    in_order(&noticed, &appended)
}

pub(super) async fn a_change_is_not_waited_for_in_vain(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "awaited", 1).await?;
    // There is something behind it already.
    works("waiting for a change that is there", journal.changed(Position::START, Span::from_hours(1)).await)?;
    let (ours, theirs) = (journal.clone(), journal.clone());
    let woken = Arc::new(Mutex::new(None));
    let found = woken.clone();
    let follower = Box::pin(async move {
        let changed = ours.changed(Position(1), Span::from_hours(1)).await;
        *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed.is_ok());
    }) as Task;
    let writer = Box::pin(async move {
        let next = [line(&stream, head, "next")];
        let _ = theirs.append(&stream, head, &next, index()).await;
    }) as Task;
    fixture.together(vec![follower, writer]).await;
    let woken = *woken.lock().unwrap_or_else(PoisonError::into_inner);
    ensure!(woken == Some(true), "whoever waited for a change was not woken by it: {woken:?}");
    works("waiting where nothing comes", journal.changed(Position(2), Span::from_millis(1)).await)?;
    Ok(())
}

pub(super) async fn changes_survive(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    some_appends(fixture).await;
    let before = works("asking for the changes", journal.changes(Position::START, ALL).await)?;
    let reopened = fixture.reopen().await?;
    let after = works("asking for the changes", reopened.changes(Position::START, ALL).await)?;
    ensure!(before == after, "opened again, the changes are {after:?}, and they were {before:?}");
    let stream = named("change-0");
    let head = before.iter().rev().find(|change| change.stream == stream).map(|change| change.head);
    let next = [line(&stream, head, "next")];
    works(
        "an append after the store was opened again",
        reopened.append(&stream, head, &next, index()).await,
    )?;
    let new = works("asking for the changes", reopened.changes(Position(20), ALL).await)?;
    let wanted = next[0].head();
    ensure!(
        matches!(new.as_slice(), [one] if one.position == Position(21) && one.head == wanted),
        "behind position 20 is {new:?}, and {} was appended",
        at(Some(wanted))
    );
    Ok(())
}
