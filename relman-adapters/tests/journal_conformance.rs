//! Every promise of the journal port, asked of every journal here.

#![allow(clippy::unwrap_used, reason = "a test that can not go on may stop")]

use std::{future::Future, sync::Arc};

use futures::future::join_all;
use relman_adapters::journal::MemoryJournal;
use relman_core::{
    chain::{Digest, Envelope, Head, SealedLine, verify_lines},
    port::{AppendError, Journal, JournalExt},
    unit::{Actor, ReleaseId, Timestamp},
};

fn id(text: &str) -> ReleaseId {
    text.parse().unwrap()
}

/// `count` records that continue `after`.
fn lines(release: &ReleaseId, after: Option<Head>, count: usize, note: &str) -> Vec<SealedLine> {
    let by = Actor::relman();
    let mut after = after;
    let seal = |_| {
        let data = serde_json::value::to_raw_value(&serde_json::json!({ "note": note })).unwrap();
        let (seq, prev) = after.map_or((0, Digest::ZERO), |head: Head| (head.seq + 1, head.digest));
        let (release, at, by) = (release.clone(), Timestamp::from_millis(1_800_000_000_000), by.clone());
        let line =
            Envelope { release, seq, prev, at, by, kind: "step_started".into(), data: &data }.seal().unwrap();
        after = Some(line.head());
        line
    };
    (0..count).map(seal).collect()
}

fn bytes(lines: &[SealedLine]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.bytes().to_vec()).collect()
}

/// Runs every check, each on a journal of its own.
async fn conforms<J: Journal + 'static, F: Future<Output = J>>(new: impl Fn() -> F) {
    an_unknown_stream_is_empty(&new().await).await;
    what_was_appended_is_read_back_byte_for_byte(&new().await).await;
    pages_are_read_in_order(&new().await).await;
    a_stale_head_is_refused_with_the_actual_one(&new().await).await;
    a_batch_that_does_not_continue_the_head_is_refused(&new().await).await;
    an_empty_batch_checks_the_head(&new().await).await;
    streams_are_listed_in_order_with_their_heads(&new().await).await;
    one_of_many_appenders_wins_each_head(Arc::new(new().await)).await;
    many_streams_grow_at_once(Arc::new(new().await)).await;
}

async fn an_unknown_stream_is_empty(journal: &impl Journal) {
    let release = id("nobody-knows");
    assert_eq!(journal.head(&release).await.unwrap(), None);
    assert!(journal.read(&release, 0, 10).await.unwrap().is_empty());
    assert!(journal.streams().await.unwrap().is_empty());
}

async fn what_was_appended_is_read_back_byte_for_byte(journal: &impl Journal) {
    let release = id("checkout-241");
    // Spaces, escapes, another order and an odd number: nothing a parser and a printer would bring back.
    let first = concat!(
        r#"{ "data":{"ratio":1.50,"z":"\u00e9\/é\t","a":-0.0},"v":1, "release":"checkout-241","seq":0,"#,
        r#""prev":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""at":"2026-11-22T18:04:05.000Z","by":"user:ana","kind":"plan_recorded" }"#
    );
    let first = SealedLine::read(first.as_bytes().to_vec()).unwrap();
    let head = journal.append(&release, None, std::slice::from_ref(&first)).await.unwrap();
    assert_eq!(head, Some(first.head()));
    // The longest line there is.
    let sealed = |text: &str| lines(&release, head, 1, text).remove(0);
    let room = relman_core::chain::MAX_LINE - sealed("").bytes().len();
    let second = sealed(&"x".repeat(room));
    journal.append(&release, head, std::slice::from_ref(&second)).await.unwrap();

    let read = journal.read(&release, 0, 10).await.unwrap();
    assert_eq!(read, [first.bytes(), second.bytes()]);
    assert_eq!(journal.head(&release).await.unwrap(), Some(second.head()));
    let verified = verify_lines(Some(release), &read, Some(second.head())).unwrap();
    assert_eq!(verified.records, 2);
}

async fn pages_are_read_in_order(journal: &impl Journal) {
    let release = id("checkout-241");
    let all = lines(&release, None, 20, "page");
    journal.append(&release, None, &all[..12]).await.unwrap();
    journal.append(&release, Some(all[11].head()), &all[12..]).await.unwrap();
    for (from, limit, range) in
        [(0, 20, 0..20), (0, 7, 0..7), (7, 7, 7..14), (14, 7, 14..20), (20, 7, 20..20), (3, 0, 3..3)]
    {
        assert_eq!(journal.read(&release, from, limit).await.unwrap(), bytes(&all[range]), "{from}, {limit}");
    }
    assert_eq!(journal.read(&release, 5, usize::MAX).await.unwrap(), bytes(&all[5..]));
    assert!(journal.read(&release, u64::MAX, usize::MAX).await.unwrap().is_empty());
    assert_eq!(journal.read_to_end(&release, 18).await.unwrap(), bytes(&all[18..]));
}

async fn a_stale_head_is_refused_with_the_actual_one(journal: &impl Journal) {
    let release = id("checkout-241");
    let mine = lines(&release, None, 3, "mine");
    let theirs = lines(&release, None, 2, "theirs");
    journal.append(&release, None, &mine[..2]).await.unwrap();
    let actual = Some(mine[1].head());
    let later = lines(&release, Some(theirs[1].head()), 1, "theirs");
    for (expected, batch) in [
        // Not the first; older; the right number with another hash.
        (None, &theirs[..]),
        (Some(mine[0].head()), &lines(&release, Some(mine[0].head()), 2, "theirs")[..]),
        (Some(theirs[1].head()), &later[..]),
        (Some(mine[2].head()), &lines(&release, Some(mine[2].head()), 1, "ahead")[..]),
    ] {
        let refused = journal.append(&release, expected, batch).await.unwrap_err();
        let AppendError::Conflict { release: named, expected: said, actual: found } = refused else {
            panic!("not a conflict: {refused}");
        };
        assert_eq!((named, said, found), (release.clone(), expected, actual));
        assert_eq!(journal.read_to_end(&release, 0).await.unwrap(), bytes(&mine[..2]));
        assert_eq!(journal.head(&release).await.unwrap(), actual);
    }
    let refused = journal.append(&id("other"), actual, &mine[2..]).await.unwrap_err();
    assert!(matches!(refused, AppendError::Conflict { actual: None, .. }), "{refused}");
    assert_eq!(journal.append(&release, actual, &mine[2..]).await.unwrap(), Some(mine[2].head()));
}

async fn a_batch_that_does_not_continue_the_head_is_refused(journal: &impl Journal) {
    let release = id("checkout-241");
    let good = lines(&release, None, 5, "good");
    let other = lines(&release, None, 5, "other");
    journal.append(&release, None, &good[..1]).await.unwrap();
    let head = Some(good[0].head());
    let gap = [good[1].clone(), good[3].clone()];
    let forked = [good[1].clone(), other[2].clone()];
    let twice = [good[1].clone(), good[1].clone()];
    for (batch, seq) in [(&good[2..], 2), (&gap[..], 3), (&forked[..], 2), (&twice[..], 1), (&other[1..], 1)]
    {
        let refused = journal.append(&release, head, batch).await.unwrap_err();
        assert!(matches!(refused, AppendError::Unlinked { seq: named, .. } if named == seq), "{refused}");
        assert_eq!(journal.read_to_end(&release, 0).await.unwrap(), bytes(&good[..1]));
        assert_eq!(journal.head(&release).await.unwrap(), head);
    }
}

async fn an_empty_batch_checks_the_head(journal: &impl Journal) {
    let release = id("checkout-241");
    assert_eq!(journal.append(&release, None, &[]).await.unwrap(), None);
    assert!(journal.streams().await.unwrap().is_empty());
    let all = lines(&release, None, 2, "x");
    journal.append(&release, None, &all).await.unwrap();
    let head = Some(all[1].head());
    assert_eq!(journal.append(&release, head, &[]).await.unwrap(), head);
    for stale in [None, Some(all[0].head())] {
        let refused = journal.append(&release, stale, &[]).await.unwrap_err();
        assert!(matches!(refused, AppendError::Conflict { actual, .. } if actual == head), "{refused}");
    }
    assert_eq!(journal.read_to_end(&release, 0).await.unwrap().len(), 2);
}

async fn streams_are_listed_in_order_with_their_heads(journal: &impl Journal) {
    let names = ["b", "B", "a-2", "a-10", "a.", "_", "9", "checkout_241"];
    let mut wanted = Vec::new();
    for (count, name) in names.iter().enumerate() {
        let release = id(name);
        let all = lines(&release, None, count + 1, name);
        journal.append(&release, None, &all).await.unwrap();
        wanted.push((release, all[count].head()));
    }
    wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
    let found = journal.streams().await.unwrap().into_iter().map(|stored| (stored.release, stored.head));
    assert_eq!(found.collect::<Vec<_>>(), wanted);
}

async fn one_of_many_appenders_wins_each_head<J: Journal + 'static>(journal: Arc<J>) {
    const APPENDERS: usize = 64;
    const ROUNDS: usize = 4;
    let release = id("checkout-241");
    let mut head = None;
    let mut winners = Vec::new();
    for round in 0..ROUNDS {
        let tasks = (0..APPENDERS).map(|appender| {
            let (journal, release) = (Arc::clone(&journal), release.clone());
            tokio::spawn(async move {
                let batch = lines(&release, head, 2, &format!("{round} {appender}"));
                let outcome = journal.append(&release, head, &batch).await;
                (batch, outcome)
            })
        });
        let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        let won: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).collect();
        assert_eq!(won.len(), 1, "round {round}");
        let (batch, outcome) = won[0];
        let new = Some(batch[1].head());
        assert_eq!(*outcome.as_ref().unwrap(), new);
        for (_, outcome) in &outcomes {
            if let Err(refused) = outcome {
                assert!(
                    matches!(refused, AppendError::Conflict { actual, .. } if *actual == new),
                    "{refused}"
                );
            }
        }
        winners.extend(bytes(batch));
        head = new;
    }
    assert_eq!(journal.read_to_end(&release, 0).await.unwrap(), winners);
}

async fn many_streams_grow_at_once<J: Journal + 'static>(journal: Arc<J>) {
    const STREAMS: usize = 64;
    const APPENDS: usize = 20;
    let tasks = (0..STREAMS).map(|stream| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let release = id(&format!("release-{stream:02}"));
            let mut head = None;
            for round in 0..APPENDS {
                let batch = lines(&release, head, 1 + round % 3, "grows");
                if round % 5 == 4 {
                    // Somebody else with an old head: refused, in the same group as appends that are not.
                    let stale = lines(&release, None, 1, "stale");
                    assert!(journal.append(&release, None, &stale).await.is_err());
                }
                head = journal.append(&release, head, &batch).await.unwrap();
                // What was answered can be read at once.
                assert_eq!(journal.head(&release).await.unwrap(), head);
            }
            (release, head)
        })
    });
    for finished in join_all(tasks).await {
        let (release, head) = finished.unwrap();
        let read = journal.read_to_end(&release, 0).await.unwrap();
        assert_eq!(verify_lines(Some(release), read, head).unwrap().head, head);
    }
    assert_eq!(journal.streams().await.unwrap().len(), STREAMS);
}

#[tokio::test]
async fn the_journal_in_memory_conforms() {
    conforms(|| async { MemoryJournal::new() }).await;
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use relman_adapters::journal::SqliteJournal;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_journal_in_sqlite_conforms() {
        let folder = tempfile::tempdir().unwrap();
        let count = std::cell::Cell::new(0);
        let new = || {
            count.set(count.get() + 1);
            let path = folder.path().join(format!("{}.db", count.get()));
            async move { SqliteJournal::open(path).unwrap() }
        };
        conforms(new).await;
    }

    #[tokio::test]
    async fn it_conforms_on_a_runtime_with_one_thread() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| SqliteJournal::open(folder.path().join(name)).unwrap();
        one_of_many_appenders_wins_each_head(Arc::new(open("one.db"))).await;
        many_streams_grow_at_once(Arc::new(open("many.db"))).await;
    }

    #[tokio::test]
    async fn records_are_there_when_the_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let release = id("checkout-241");
        let all = lines(&release, None, 3, "kept");
        for (at, line) in all.iter().enumerate() {
            let journal = SqliteJournal::open(&path).unwrap();
            assert_eq!(journal.read_to_end(&release, 0).await.unwrap(), bytes(&all[..at]));
            let head = journal.head(&release).await.unwrap();
            assert_eq!(head, at.checked_sub(1).map(|last| all[last].head()));
            journal.append(&release, head, std::slice::from_ref(line)).await.unwrap();
        }
    }
}
