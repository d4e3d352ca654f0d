//! The start of a conductor with many open releases among far more that have ended, and the list of all of them, in one SQLite
//! file; beside reading and verifying the open ones, which a start can't do without.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Instant};

use futures::future::join_all;
use relman_adapters::{
    clock::TokioClock,
    conductor::{Conductor, Limits},
    directory::StaticDirectory,
    journal::SqliteJournal,
};
use relman_benches::{InOrder, clean_release_until, renamed};
use relman_core::{
    chain::{SealedLine, verify_lines},
    port::{Clock, Journal, JournalExt, StreamIndex, StreamState, Streams},
    unit::{ReleaseId, Timestamp},
};

/// How many looks each open release has had: two hours of them.
const LOOKS: u64 = 90;

/// The lines that every open release has, what its stream's index says, and when the last was recorded.
struct Open {
    lines: Vec<SealedLine>,
    index: StreamIndex,
    at: Timestamp,
}

fn open_release() -> Open {
    let runner = clean_release_until("checkout", |runner| {
        runner.release().phase().step().is_some_and(|step| step.number == 2 && step.looks >= LOOKS)
    });
    let release = runner.release();
    Open { lines: runner.lines().to_vec(), index: release.index(), at: release.last_at() }
}

async fn fill(path: &Path, open: &Open, count: (usize, usize)) {
    let journal = SqliteJournal::open(path).expect("a new journal");
    let append = async |name: String, lines: &[SealedLine], index: &StreamIndex| {
        let id: ReleaseId = name.parse().expect("a valid id");
        let lines = renamed(lines.iter(), &id);
        journal.append(&(&id).into(), None, &lines, index).await.expect("a new stream");
    };
    let numbers: Vec<usize> = (0..count.0 + count.1).collect();
    for together in numbers.chunks(256) {
        join_all(together.iter().map(async |number| {
            if *number < count.0 {
                append(format!("open-{number}"), &open.lines, &open.index).await;
            } else {
                // One record stands for all of them: whoever starts reads none.
                let index = StreamIndex::new(StreamState::Ended, format!("ended-{number}: closed"));
                append(format!("ended-{number}"), &open.lines[1..2], &index).await;
            }
        }))
        .await;
    }
}

/// Starts a conductor, and waits until it drives every open release.
async fn start(path: &Path, at: Timestamp, open: usize) -> f64 {
    let begun = Instant::now();
    let journal = Arc::new(SqliteJournal::open(path).expect("the journal"));
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(at));
    let port = Arc::new(InOrder);
    let conductor = Conductor::builder()
        .journal(journal)
        .deployer(port.clone())
        .metrics(port.clone())
        .notifier(port)
        .directory(Arc::new(StaticDirectory::default()))
        .clock(clock)
        .limits(Limits::default())
        .build()
        .expect("every port is given");
    let mut updates = conductor.updates();
    let driven = async {
        let mut driven = BTreeSet::new();
        while driven.len() < open {
            match updates.recv().await {
                Ok(update) => drop(driven.insert(update.release.id().clone())),
                Err(lost) => panic!("updates are lost: {lost}"),
            }
        }
    };
    conductor.run(driven).await.expect("the journal can be listed");
    begun.elapsed().as_secs_f64()
}

/// What can't be left out: every open stream is read, and its chain verified.
async fn read_and_verify(path: &Path) -> f64 {
    let begun = Instant::now();
    let journal = SqliteJournal::open_read_only(path).expect("the journal");
    for stream in journal.every_stream(Streams::Open).await.expect("a list") {
        let lines = journal.read_to_end(&stream.stream, 0).await.expect("a stream");
        verify_lines(Some(stream.stream), lines, Some(stream.head)).expect("an intact record");
    }
    begun.elapsed().as_secs_f64()
}

/// What `status` prints.
async fn list(path: &Path) -> (usize, f64) {
    let begun = Instant::now();
    let journal = SqliteJournal::open_read_only(path).expect("the journal");
    let streams = journal.every_stream(Streams::All).await.expect("a list");
    let lines: Vec<String> =
        streams.into_iter().filter_map(|one| one.index).map(|index| index.line).collect();
    (lines.len(), begun.elapsed().as_secs_f64())
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let count = if test { (8, 64) } else { (1_000, 100_000) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("relman.db");
    let open = open_release();
    runtime.block_on(fill(&path, &open, count));
    let took = runtime.block_on(start(&path, open.at, count.0));
    let (listed, listing) = runtime.block_on(list(&path));
    assert_eq!(listed, count.0 + count.1);
    if test {
        println!("{} started: what that takes is measured without --test", count.0);
        return;
    }
    let limit = runtime.block_on(read_and_verify(&path));
    println!(
        "start with {} open releases of {} records and {} ended ones: {took:.2} s (limit: 2 s)",
        count.0,
        open.lines.len(),
        count.1
    );
    println!(
        "limit: read and verify the open ones, one after another: {limit:.2} s; ratio {:.2}",
        limit / took
    );
    println!("list of all {listed}: {listing:.2} s");
}
