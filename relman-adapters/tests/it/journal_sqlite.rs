//! What only the journal in an SQLite file can be asked. What every journal promises is in `conformance`.

use std::{fs, path::Path, process::Command, sync::Arc};

use super::support::{index, line, lines, release};
use relman_adapters::journal::SqliteJournal;
use relman_core::{
    chain::{Digest, Head},
    port::{AppendError, Journal, JournalExt, PortErrorKind, Position, Streams},
};
use tempfile::tempdir;

#[tokio::test]
async fn records_are_there_when_the_file_is_opened_again() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a strange %3F? #name");
    let stream = release("durable");
    let batch = lines(&stream, None, 5, "été");
    let journal = SqliteJournal::open(&path).unwrap();
    let head = journal.append(&(&stream).into(), None, &batch, index()).await.unwrap();
    drop(journal);
    // The last one to close folds the log into the file, which can then be copied by itself; the room
    // for the day on which the disk is full stays.
    assert_eq!(files(directory.path()), ["a strange %3F? #name", "a strange %3F? #name-reserve"]);

    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.head(&(&stream).into()).await.unwrap(), head);
    assert_eq!(journal.read(&(&stream).into(), 4, 9).await.unwrap(), [batch[4].bytes()]);
    let next = line(&stream, head, "next");
    journal.append(&(&stream).into(), head, &[next], index()).await.unwrap();
}

#[tokio::test]
async fn records_survive_without_the_log_being_closed() {
    let directory = tempdir().unwrap();
    let (path, copy) = (directory.path().join("journal"), directory.path().join("copy"));
    let stream = release("crash");
    let journal = SqliteJournal::open(&path).unwrap();
    let batch = lines(&stream, None, 5, "crash");
    let head = journal.append(&(&stream).into(), None, &batch, index()).await.unwrap();
    // What a crash of the machine leaves: the file and its log, but no index in shared memory.
    fs::copy(&path, &copy).unwrap();
    fs::copy(directory.path().join("journal-wal"), directory.path().join("copy-wal")).unwrap();
    let recovered = SqliteJournal::open_read_only(&copy).unwrap();
    assert_eq!(recovered.head(&(&stream).into()).await.unwrap(), head);
    assert_eq!(recovered.read_to_end(&(&stream).into(), 0).await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_on_one_file_agree() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let handles = [0, 1].map(|_| Arc::new(SqliteJournal::open(&path).unwrap()));
    let shared = release("shared");
    let tasks = handles.clone().map(|journal| {
        let shared = shared.clone();
        tokio::spawn(async move { append_until_won(&*journal, &shared, 50).await })
    });
    for task in tasks {
        task.await.unwrap();
    }
    for journal in handles {
        chained(&*journal, &shared, 100).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_agree() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal_sqlite::the_second_process", "--nocapture"])
        .env("RELMAN_TEST_JOURNAL", &path)
        .spawn()
        .unwrap();
    // Both open it, so both may be the one that makes it.
    let journal = SqliteJournal::open(&path).unwrap();
    let auditor = SqliteJournal::open_read_only(&path).unwrap();
    let shared = release("shared");
    append_until_won(&journal, &shared, 100).await;
    assert!(child.wait().unwrap().success());
    chained(&journal, &shared, 200).await;
    chained(&auditor, &shared, 200).await;
}

/// The other half of [`two_processes_on_one_file_agree`]; by itself it checks that it can append at all.
#[tokio::test]
async fn the_second_process() {
    let directory = tempdir().unwrap();
    let path = std::env::var_os("RELMAN_TEST_JOURNAL")
        .map_or_else(|| directory.path().join("journal"), std::convert::Into::into);
    let journal = SqliteJournal::open(path).unwrap();
    append_until_won(&journal, &release("shared"), 100).await;
}

#[tokio::test]
async fn an_append_outwaits_another_program_that_holds_the_lock() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = Arc::new(SqliteJournal::open(&path).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let appends: Vec<_> = (0..8)
        .map(|number| {
            let (journal, stream) = (Arc::clone(&journal), release(&format!("patient-{number}")));
            tokio::spawn(async move {
                journal.append(&(&stream).into(), None, &[line(&stream, None, "patient")], index()).await
            })
        })
        .collect();
    // The runtime has one thread: if the wait blocked it, these lines would never be reached in time.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(appends.iter().all(|append| !append.is_finished()));
    assert!(journal.streams(Streams::All, None, 100).await.unwrap().is_empty());

    other.execute_batch("COMMIT").unwrap();
    for append in appends {
        append.await.unwrap().unwrap();
    }
    assert_eq!(journal.streams(Streams::All, None, 100).await.unwrap().len(), 8);
}

#[tokio::test]
async fn appends_that_come_together_share_transactions() {
    const ROUNDS: u64 = 4;
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = Arc::new(SqliteJournal::open(&path).unwrap());
    let log = || fs::metadata(directory.path().join("journal-wal")).unwrap().len();
    let before = log();
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (journal, stream) = (Arc::clone(&journal), release(&format!("together-{number}")));
            tokio::spawn(async move {
                let mut head = None;
                for _ in 0..ROUNDS {
                    let batch = [line(&stream, head, "together")];
                    head = journal.append(&(&stream).into(), head, &batch, index()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // A transaction writes every page that it touches to the log: by itself, each append would write two
    // pages of 4,096 bytes.
    let pages = (log() - before) / 4096;
    assert!(pages < 64 * ROUNDS, "{pages} pages were written for {ROUNDS} rounds of 64 appends");
}

#[tokio::test]
async fn reading_does_not_wait_for_a_writer_and_sees_what_is_committed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = SqliteJournal::open(&path).unwrap();
    let auditor = SqliteJournal::open_read_only(&path).unwrap();
    let stream = release("watched");
    let batch = lines(&stream, None, 2, "watched");
    let head = journal.append(&(&stream).into(), None, &batch[..1], index()).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM records").unwrap();
    for reader in [&journal, &auditor] {
        assert_eq!(reader.read(&(&stream).into(), 0, 9).await.unwrap(), [batch[0].bytes()]);
    }
    drop(other);
    journal.append(&(&stream).into(), head, &batch[1..], index()).await.unwrap();
    assert_eq!(auditor.head(&(&stream).into()).await.unwrap(), Some(batch[1].head()));
}

#[tokio::test]
async fn a_file_changed_by_other_means_hurts_only_its_own_stream() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = SqliteJournal::open(&path).unwrap();
    let (stray, sound) = (release("stray"), release("sound"));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("INSERT INTO records VALUES ('stray', 1, x'00')", []).unwrap();

    let (stray_batch, sound_batch) = (lines(&stray, None, 2, "x"), lines(&sound, None, 2, "x"));
    let (stray, sound) = ((&stray).into(), (&sound).into());
    let (failed, stored) = tokio::join!(
        journal.append(&stray, None, &stray_batch, index()),
        journal.append(&sound, None, &sound_batch, index()),
    );
    let AppendError::Port(error) = failed.unwrap_err() else { panic!("not a port error") };
    assert_eq!(error.kind(), PortErrorKind::InvalidAnswer);
    assert!(error.to_string().contains("disagree"), "{error}");
    assert_eq!(stored.unwrap(), Some(sound_batch[1].head()));
    assert_eq!(journal.head(&stray).await.unwrap(), None);
    // The first of the two lines was taken back together with the second.
    assert_eq!(journal.read(&stray, 0, 9).await.unwrap(), [[0]]);
}

#[tokio::test]
async fn a_read_only_journal_refuses_to_append() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    drop(SqliteJournal::open(&path).unwrap());
    let auditor = SqliteJournal::open_read_only(&path).unwrap();
    let error = auditor.append(&(&release("r")).into(), None, &[], index()).await.unwrap_err();
    assert!(error.to_string().contains("opened read-only"), "{error}");
}

#[test]
fn what_is_not_a_journal_is_refused_and_left_alone() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("text"), "not a database, but long enough to have a header ".repeat(40)).unwrap();
    let foreign = rusqlite::Connection::open(at("foreign")).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    drop(foreign);
    drop(SqliteJournal::open(at("newer")).unwrap());
    let newer = rusqlite::Connection::open(at("newer")).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    drop(newer);
    fs::create_dir(at("directory")).unwrap();

    for (name, say) in [
        ("text", "not an SQLite file"),
        ("foreign", "database of another program"),
        ("newer", "journal of version 3, and this build knows version 2"),
        ("directory", "it is a directory"),
    ] {
        let before = fs::read(at(name)).ok();
        for error in [SqliteJournal::open(at(name)), SqliteJournal::open_read_only(at(name))] {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), PortErrorKind::Rejected, "{error}");
            let text = error.to_string();
            assert!(text.contains(say) && text.contains(at(name).to_str().unwrap()), "{text}");
        }
        assert_eq!(fs::read(at(name)).ok(), before, "{name} was changed");
    }
    let error = SqliteJournal::open(at("missing/journal")).unwrap_err();
    assert!(error.to_string().contains("its directory must exist"), "{error}");
    let error = SqliteJournal::open(":memory:").unwrap_err();
    assert!(error.to_string().contains("write-ahead log"), "{error}");
}

#[test]
fn opening_read_only_never_makes_a_file() {
    let directory = tempdir().unwrap();
    let error = SqliteJournal::open_read_only(directory.path().join("missing")).unwrap_err();
    assert!(error.to_string().contains("there is no journal"), "{error}");
    assert!(files(directory.path()).is_empty());

    fs::write(directory.path().join("empty"), "").unwrap();
    let error = SqliteJournal::open_read_only(directory.path().join("empty")).unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
    assert_eq!(files(directory.path()), ["empty"]);
}

/// Appends `count` records, whoever else appends at the same time.
async fn append_until_won(journal: &dyn Journal, stream: &relman_core::unit::ReleaseId, count: usize) {
    let mut head = journal.head(&stream.into()).await.unwrap();
    let mut won = 0;
    while won < count {
        match journal.append(&stream.into(), head, &[line(stream, head, "shared")], index()).await {
            Ok(new) => {
                head = new;
                won += 1;
            }
            Err(AppendError::Conflict { actual, .. }) => head = actual,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn chained(journal: &dyn Journal, stream: &relman_core::unit::ReleaseId, count: usize) {
    let stored = journal.read_to_end(&stream.into(), 0).await.unwrap();
    assert_eq!(stored.len(), count);
    let mut prev = Digest::ZERO;
    for line in &stored {
        let text = std::str::from_utf8(line).unwrap();
        assert!(text.contains(&format!("\"prev\":\"{prev}\"")), "{text}");
        prev = Digest::of_line(line);
    }
    let head = Head { seq: count as u64 - 1, digest: prev };
    assert_eq!(journal.head(&stream.into()).await.unwrap(), Some(head));
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The tables as relman 0.0 made them, with two streams.
fn of_version_1(path: &Path, streams: &[(&str, usize)]) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE records (release TEXT NOT NULL, seq INTEGER NOT NULL, line BLOB NOT NULL,
                 PRIMARY KEY (release, seq)) STRICT, WITHOUT ROWID;
             CREATE TABLE heads (release TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL)
                 STRICT, WITHOUT ROWID;
             PRAGMA application_id = 0x72656c6d; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;",
        )
        .unwrap();
    for (name, count) in streams {
        let batch = lines(&release(name), None, *count, "old");
        for line in &batch {
            let row = rusqlite::params![name, i64::try_from(line.seq()).unwrap(), line.bytes()];
            connection.execute("INSERT INTO records VALUES (?1, ?2, ?3)", row).unwrap();
        }
        let head = batch.last().unwrap().head();
        let row = rusqlite::params![name, i64::try_from(head.seq).unwrap(), head.digest.as_bytes()];
        connection.execute("INSERT INTO heads VALUES (?1, ?2, ?3)", row).unwrap();
    }
}

#[tokio::test]
async fn a_journal_with_older_tables_is_read_as_it_is_and_goes_on_with_new_ones() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("old");
    of_version_1(&path, &[("a", 3), ("b", 1)]);
    let before = fs::read(&path).unwrap();
    let auditor = SqliteJournal::open_read_only(&path).unwrap();
    let listed = auditor.streams(Streams::Open, None, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|one| (one.release().unwrap().as_str(), one.head.seq)).collect::<Vec<_>>(),
        [("a", 2), ("b", 0)]
    );
    assert!(listed.iter().all(|one| one.index.is_none()), "nobody knows whether they have ended");
    assert_eq!(auditor.changes(Position::START, 10).await.unwrap().len(), 2);
    assert_eq!(fs::read(&path).unwrap(), before, "reading changes nothing");
    drop(auditor);

    let journal = SqliteJournal::open(&path).unwrap();
    let changes = journal.changes(Position::START, 10).await.unwrap();
    assert_eq!(
        changes
            .iter()
            .map(|one| (one.position.0, one.release().unwrap().as_str(), one.first, one.head.seq))
            .collect::<Vec<_>>(),
        [(1, "a", 0, 2), (2, "b", 0, 0)]
    );
    let (stream, head) = (release("a"), Some(changes[0].head));
    assert_eq!(journal.read_to_end(&(&stream).into(), 0).await.unwrap().len(), 3);
    journal.append(&(&stream).into(), head, &[line(&stream, head, "new")], index()).await.unwrap();
    assert_eq!(journal.position().await.unwrap(), Position(3));
    let listed = journal.streams(Streams::All, None, 10).await.unwrap();
    assert_eq!(listed[0].index.as_ref(), Some(index()));
    assert_eq!(journal.unlisted().await.unwrap(), []);
}

#[tokio::test]
async fn a_file_that_is_not_at_its_path_any_more_takes_nothing_and_says_so() {
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 3] = [
        ("it was moved or removed", |path, aside| fs::rename(path, aside).unwrap()),
        ("it was moved or removed", |path, _| fs::remove_file(path).unwrap()),
        ("another file is in its place", |path, aside| {
            fs::copy(path, aside).unwrap();
            fs::rename(aside, path).unwrap();
        }),
    ];
    for (say, change) in changes {
        let directory = tempdir().unwrap();
        let (path, aside) = (directory.path().join("journal"), directory.path().join("aside"));
        let journal = SqliteJournal::open(&path).unwrap();
        let stream = release("r");
        let head = journal
            .append(&(&stream).into(), None, &lines(&stream, None, 2, "before"), index())
            .await
            .unwrap();
        change(&path, &aside);
        let error = journal
            .append(&(&stream).into(), head, &[line(&stream, head, "lost")], index())
            .await
            .unwrap_err();
        let AppendError::Port(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), PortErrorKind::Unavailable);
        let text = error.to_string();
        assert!(
            text.contains(say) && text.contains("put the journal back") && text.contains("journal"),
            "{text}"
        );
        assert!(journal.position().await.is_err(), "{say}: it is not read either");
    }
}

#[tokio::test]
async fn a_journal_that_is_put_back_is_written_again() {
    let directory = tempdir().unwrap();
    let (path, aside) = (directory.path().join("journal"), directory.path().join("aside"));
    let journal = SqliteJournal::open(&path).unwrap();
    let stream = release("r");
    fs::rename(&path, &aside).unwrap();
    assert!(
        journal.append(&(&stream).into(), None, &lines(&stream, None, 1, "lost"), index()).await.is_err()
    );
    fs::rename(&aside, &path).unwrap();
    journal.append(&(&stream).into(), None, &lines(&stream, None, 1, "there"), index()).await.unwrap();
}

#[tokio::test]
async fn a_stream_whose_head_was_removed_is_named() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = SqliteJournal::open(&path).unwrap();
    for name in ["kept", "hidden", "cut"] {
        let stream = release(name);
        journal.append(&(&stream).into(), None, &lines(&stream, None, 3, name), index()).await.unwrap();
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("DELETE FROM heads WHERE release = 'hidden'", []).unwrap();
    connection.execute("DELETE FROM records WHERE release = 'cut' AND seq = 2", []).unwrap();
    let found = journal.unlisted().await.unwrap();
    assert_eq!(found.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), ["cut", "hidden"]);
    assert!(found[0].problem.contains("its newest record is 1, and its head says 2"), "{found:?}");
    assert!(found[1].problem.contains("records and no head"), "{found:?}");
}

#[tokio::test]
async fn a_backup_of_a_journal_in_use_is_a_journal_and_overwrites_nothing() {
    let directory = tempdir().unwrap();
    let (path, copy) = (directory.path().join("journal"), directory.path().join("it's a copy"));
    let journal = SqliteJournal::open(&path).unwrap();
    let stream = release("r");
    let head =
        journal.append(&(&stream).into(), None, &lines(&stream, None, 5, "before"), index()).await.unwrap();
    SqliteJournal::open_read_only(&path).unwrap().backup(&copy).await.unwrap();
    journal.append(&(&stream).into(), head, &[line(&stream, head, "after")], index()).await.unwrap();
    let copied = SqliteJournal::open_read_only(&copy).unwrap();
    assert_eq!(copied.head(&(&stream).into()).await.unwrap(), head);
    assert_eq!(copied.streams(Streams::All, None, 10).await.unwrap()[0].index.as_ref(), Some(index()));
    let whole = fs::read(&copy).unwrap();
    let error = journal.backup(&copy).await.unwrap_err();
    assert!(error.to_string().contains("is not overwritten"), "{error}");
    assert_eq!(fs::read(&copy).unwrap(), whole);
    let error = journal.backup(directory.path().join("missing/copy")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("missing/copy: it can't be opened; its directory must exist"), "{text}");
    assert!(
        files(directory.path()).iter().all(|name| !name.contains("making")),
        "{:?}",
        files(directory.path())
    );
}
