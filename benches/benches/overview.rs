//! The overview over ten thousand releases in one SQLite file, and the page of a whole release.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use criterion::{Criterion, criterion_group, criterion_main};
use relman_adapters::{
    Releases, clock::SystemClock, directory::StaticDirectory, journal::SqliteJournal, web::Web,
};
use relman_benches::Driven;
use relman_core::{
    chain::{Digest, Envelope, Head, SealedLine},
    port::Journal,
    unit::ReleaseId,
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// What an organisation with thirty releases a working day has after sixteen months.
const RELEASES: usize = 10_000;

/// So many of them are under way, at different places.
const OPEN: usize = 200;

/// Lines of one release as those of another, numbered and linked anew.
fn renamed<'a>(lines: impl Iterator<Item = &'a SealedLine>, release: &ReleaseId) -> Vec<SealedLine> {
    let mut head: Option<Head> = None;
    lines
        .map(|line| {
            let envelope = Envelope::read(line.bytes()).expect("a sealed line");
            let (seq, prev) = head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
            let envelope = Envelope { release: release.clone(), seq, prev, ..envelope };
            let sealed = envelope.seal().expect("as long as before");
            head = Some(sealed.head());
            sealed
        })
        .collect()
}

/// Ten thousand releases: one whole, some under way, and the rest closed. Of those all looks but the last two are left
/// out, so that the file stays small: the overview reads both ends of a closed release.
async fn fill(journal: &SqliteJournal, whole: &Driven) {
    let lines = &whole.lines;
    let is_look = |line: &SealedLine| Envelope::read(line.bytes()).is_ok_and(|one| one.kind == "look_taken");
    let first_look = lines.iter().position(is_look).expect("a release has looks");
    let lines_of = |index: usize, id: &ReleaseId| match index {
        0 => renamed(lines.iter(), id),
        open if open <= OPEN => renamed(lines.iter().take(first_look + open % 40), id),
        _ => renamed(lines[..first_look].iter().chain(&lines[lines.len() - 6..]), id),
    };
    // Appends that come together share a transaction, and with it a wait for the disk.
    let indices: Vec<usize> = (0..RELEASES).collect();
    for together in indices.chunks(500) {
        join_all(together.iter().map(async |index| {
            let id: ReleaseId = format!("checkout-{index:05}").parse().expect("a valid id");
            journal.append(&id, None, &lines_of(*index, &id)).await.expect("a new stream");
        }))
        .await;
    }
}

async fn get(app: &Router, path: &str) -> usize {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = app.clone().oneshot(request).await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    to_bytes(answer.into_body(), usize::MAX).await.expect("a page").len()
}

fn overview(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let whole = Driven::closed();
    let journal = SqliteJournal::open(folder.path().join("relman.db")).expect("a new journal");
    runtime.block_on(fill(&journal, &whole));
    let releases =
        Releases::new(Arc::new(journal), Arc::new(StaticDirectory::default()), Arc::new(SystemClock));
    let app = Web::new(releases.clone()).router();
    let start = std::time::Instant::now();
    // The first page does not wait until everything is read; this does.
    runtime.block_on(async {
        loop {
            let request = Request::get("/").body(Body::empty()).expect("a request");
            let answer = app.clone().oneshot(request).await.expect("an answer");
            let bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("a page");
            if String::from_utf8_lossy(&bytes).contains(&format!("{RELEASES} releases")) {
                break;
            }
        }
    });
    println!("read {RELEASES} releases in {:?} after the start of the process", start.elapsed());
    let mut group = c.benchmark_group("overview, 10,000 releases");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2)).sample_size(10);
    // Each takes a fifth of a second of pause, after which the journal is asked for its heads again.
    group.bench_function("page, heads asked again", |b| {
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                std::thread::sleep(Duration::from_millis(210));
                let from = std::time::Instant::now();
                runtime.block_on(get(&app, "/"));
                took += from.elapsed();
            }
            took
        });
    });
    group.bench_function("filtered page", |b| {
        b.iter(|| runtime.block_on(get(&app, "/?q=checkout-09&phase=closed&page=2")));
    });
    group.bench_function("storyboard of 30.5 hours", |b| {
        b.iter(|| runtime.block_on(get(&app, "/releases/checkout-00000")));
    });
    group.finish();
}

criterion_group!(benches, overview);
criterion_main!(benches);
