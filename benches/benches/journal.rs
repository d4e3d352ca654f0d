//! Appending for 1 and for 64 releases at once, each beside a bare transaction with the same rows.

use std::{sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use relman_adapters::journal::{MemoryJournal, SqliteJournal};
use relman_benches::clean_release;
use relman_core::{
    chain::SealedLine,
    port::{Journal, StreamIndex, StreamState},
    unit::ReleaseId,
};
use tokio::runtime::Runtime;

/// How many records each release appends, one an append.
const APPENDS: usize = 16;

fn streams(count: usize) -> Vec<ReleaseId> {
    (0..count).map(|index| format!("release-{index}").parse().expect("a valid id")).collect()
}

async fn append_all(journal: Arc<dyn Journal>, releases: &[ReleaseId], lines: &[SealedLine]) {
    join_all(releases.iter().map(|release| {
        let journal = journal.clone();
        async move {
            let index = StreamIndex::new(StreamState::Open, "releasing, step 1 of 4 at 1%");
            let mut head = None;
            for line in &lines[..APPENDS] {
                head = journal
                    .append(release, head, std::slice::from_ref(line), &index)
                    .await
                    .expect("the head is ours");
            }
        }
    }))
    .await;
}

/// What the disk allows: the same rows, all that are ready at once in one transaction.
fn bare_transactions(folder: &std::path::Path, releases: &[ReleaseId], lines: &[SealedLine]) {
    let connection = rusqlite::Connection::open(folder.join("bare.db")).expect("a new file");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE records (release TEXT, seq INTEGER, line BLOB, PRIMARY KEY (release, seq)) WITHOUT ROWID;",
        )
        .expect("a new table");
    for line in &lines[..APPENDS] {
        let transaction = connection.unchecked_transaction().expect("a transaction");
        for release in releases {
            let row = (release.as_str(), i64::try_from(line.seq()).expect("a small number"), line.bytes());
            let insert = "INSERT INTO records VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(insert).and_then(|mut insert| insert.execute(row)).expect("a new row");
        }
        transaction.commit().expect("a commit");
    }
}

fn append(c: &mut Criterion) {
    let lines = clean_release().lines().to_vec();
    let runtime = Runtime::new().expect("a runtime");
    for count in [1, 64] {
        let releases = streams(count);
        let mut group = c.benchmark_group(format!("append, {count} releases"));
        group.throughput(Throughput::Elements((count * APPENDS) as u64));
        group.sample_size(20).measurement_time(Duration::from_secs(8));
        group.bench_function("memory", |b| {
            b.iter(|| runtime.block_on(append_all(Arc::new(MemoryJournal::default()), &releases, &lines)));
        });
        let folder = || tempfile::tempdir().expect("a temporary folder");
        group.bench_function("limit: bare SQLite transactions", |b| {
            b.iter_batched(
                folder,
                |folder| bare_transactions(folder.path(), &releases, &lines),
                BatchSize::PerIteration,
            );
        });
        group.bench_function("SQLite", |b| {
            b.iter_batched(
                folder,
                |folder| {
                    let journal =
                        SqliteJournal::open(folder.path().join("relman.db")).expect("a new journal");
                    runtime.block_on(append_all(Arc::new(journal), &releases, &lines));
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, append);
criterion_main!(benches);
