//! Appending for 1 and for 64 releases at once, a record an append, beside a file to which the same bytes are appended and
//! synced in the same groups.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use relman_adapters::journal::{MemoryJournal, SqliteJournal};
use relman_benches::clean_release;
use relman_core::{
    chain::{Head, SealedLine},
    port::{Journal, StreamIndex, StreamState},
    unit::ReleaseId,
};
use tokio::runtime::Runtime;

/// Releases that append at the same time, each the next record once the last one is stored.
struct Writers<'a> {
    journal: Arc<dyn Journal>,
    lines: &'a [SealedLine],
    streams: Vec<(ReleaseId, Option<Head>)>,
    /// How many releases have written all lines.
    written: usize,
}

impl<'a> Writers<'a> {
    fn new(journal: Arc<dyn Journal>, lines: &'a [SealedLine], count: usize) -> Self {
        let mut writers = Self { journal, lines, streams: Vec::new(), written: 0 };
        writers.streams = (0..count).map(|index| (writers.name(index), None)).collect();
        writers
    }

    fn name(&self, index: usize) -> ReleaseId {
        format!("release-{}-{index}", self.written).parse().expect("a valid id")
    }

    /// Every release appends so many records.
    async fn append(&mut self, records: u64) {
        for _ in 0..records {
            if self.streams[0].1.is_some_and(|head| head.seq + 1 == self.lines.len() as u64) {
                self.written += 1;
                self.streams = (0..self.streams.len()).map(|index| (self.name(index), None)).collect();
            }
            let (journal, lines) = (&self.journal, self.lines);
            let appends = self.streams.iter_mut().map(async |(release, head)| {
                let stream = (&*release).into();
                let next = head.map_or(0, |head| usize::try_from(head.seq + 1).expect("few records"));
                let index = StreamIndex::new(StreamState::Open, "releasing, step 1 of 4 at 1%");
                let line = std::slice::from_ref(&lines[next]);
                *head = journal.append(&stream, *head, line, &index).await.expect("the head is ours");
            });
            join_all(appends).await;
        }
    }
}

/// What the disk allows: a line of each release, and a sync.
fn append_to_file(file: &mut File, lines: &[SealedLine], next: &mut usize, count: usize) {
    let line = lines[*next % lines.len()].bytes();
    *next += 1;
    let mut group = Vec::with_capacity(count * (line.len() + 1));
    for _ in 0..count {
        group.extend_from_slice(line);
        group.push(b'\n');
    }
    file.write_all(&group).and_then(|()| file.sync_data()).expect("there is room");
}

fn new_file(folder: &Path) -> File {
    OpenOptions::new().create_new(true).append(true).open(folder.join("lines")).expect("a new file")
}

fn append(c: &mut Criterion) {
    let lines = clean_release().lines().to_vec();
    let runtime = Runtime::new().expect("a runtime");
    for count in [1, 64] {
        let mut group = c.benchmark_group(format!("append, {count} releases"));
        group.throughput(Throughput::Elements(count as u64));
        group.sample_size(20).measurement_time(Duration::from_secs(8));
        let mut timed = |name: &str, journal: Arc<dyn Journal>| {
            let mut writers = Writers::new(journal, &lines, count);
            group.bench_function(name, |b| {
                b.iter_custom(|rounds| {
                    let start = Instant::now();
                    runtime.block_on(writers.append(rounds));
                    start.elapsed()
                });
            });
        };
        timed("memory", Arc::new(MemoryJournal::default()));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journal = SqliteJournal::open(folder.path().join("relman.db")).expect("a new journal");
        timed("SQLite", Arc::new(journal));
        let (mut file, mut next) = (new_file(folder.path()), 0);
        group.bench_function("limit: a file, synced", |b| {
            b.iter(|| append_to_file(&mut file, &lines, &mut next, count));
        });
        group.finish();
    }
}

criterion_group!(benches, append);
criterion_main!(benches);
