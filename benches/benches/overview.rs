//! The overview over ten thousand releases in one SQLite file, and the page of a whole release.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use criterion::{Criterion, criterion_group, criterion_main};
use futures::future::join_all;
use relman_adapters::{
    Releases,
    clock::{SystemClock, TokioClock},
    conductor::{Conductor, Limits},
    directory::StaticDirectory,
    journal::{MemoryJournal, SqliteJournal},
    notifier::{Channels, LogNotifier},
    web::Web,
};
use relman_benches::renamed;
use relman_core::{
    chain::{Envelope, SealedLine},
    machine::{Action, Release},
    policy::Policy,
    port::{Clock, Journal, JournalExt, StreamIndex, StreamState},
    unit::ReleaseId,
};
use relman_testkit::{
    Team, sample,
    world::{SimulatedPlatform, World},
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// What an organisation with thirty releases a working day has after sixteen months.
const RELEASES: usize = 10_000;

/// So many where it is only tried whether it runs.
const RELEASES_OF_A_TEST: usize = 400;

fn how_many() -> usize {
    if std::env::args().any(|argument| argument == "--test") { RELEASES_OF_A_TEST } else { RELEASES }
}

/// So many of them are under way, at different places.
const OPEN: usize = 200;

/// The lines of a clean release of the standard track: a look a minute for 30.5 hours, and closed.
async fn whole() -> Vec<SealedLine> {
    let (journal, id): (Arc<dyn Journal>, ReleaseId) =
        (Arc::new(MemoryJournal::default()), "whole".parse().expect("a valid id"));
    let clock = Arc::new(TokioClock::starting_at(sample::start()));
    let platform = Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone()));
    let team = Team::new();
    let channel = |name: &str| name.parse().expect("a valid name");
    let notifier = Channels::default()
        .with(channel("releases"), Arc::new(LogNotifier))
        .with(channel("on-call"), Arc::new(LogNotifier));
    let mut limits = Limits::default();
    limits.watch_journal_every = None;
    let conductor = Conductor::builder()
        .journal(journal.clone())
        .deployer(platform.clone())
        .metrics(platform)
        .notifier(Arc::new(notifier))
        .directory(Arc::new(team.directory()))
        .clock(clock.clone())
        .limits(limits)
        .build()
        .expect("every port is there");
    let plan = Arc::new(sample::builder("whole", &["api"]).build().expect("a sample plan"));
    let record = Action::RecordPlan { plan, policy: Arc::new(Policy::shipped()) };
    conductor.command(&id, &Team::actor("user:ana"), record).await.expect("a new plan");
    let mut updates = conductor.updates();
    let ended = conductor.conduct(&id).await.expect("everything is ready").wait();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            biased;
            Ok(update) = updates.recv() => {
                for (by, action) in team.next(&update.release, clock.now()) {
                    // What the update does not show yet may be done already.
                    drop(conductor.command(&id, &by.actor, action).await);
                }
            }
            _ = &mut ended => break,
        }
    }
    let mut release = conductor.releases().load(&id).await.expect("a record");
    while let Some((by, action)) = team.next(&release, clock.now()).into_iter().next() {
        release = conductor.command(&id, &by.actor, action).await.expect("the team may").0;
    }
    let lines = journal.read_to_end(&(&id).into(), 0).await.expect("the memory can be read");
    lines.into_iter().map(|line| SealedLine::read(line).expect("a sealed line")).collect()
}

/// Ten thousand releases: one whole, some under way, and the rest closed. Of those all looks but the last two are left
/// out, so that the file stays small: the overview reads both ends of a closed release.
async fn fill(journal: &SqliteJournal, lines: &[SealedLine]) {
    let is_look = |line: &SealedLine| Envelope::read(line.bytes()).is_ok_and(|one| one.kind == "evaluated");
    let first_look = lines.iter().position(is_look).expect("a release has looks");
    let lines_of = |index: usize, id: &ReleaseId| match index {
        0 => renamed(lines.iter(), id),
        open if open <= OPEN => renamed(lines.iter().take(first_look + open % 40), id),
        _ => renamed(lines[..first_look].iter().chain(&lines[lines.len() - 6..]), id),
    };
    // Appends that come together share a transaction, and with it a wait for the disk.
    let indices: Vec<usize> = (0..how_many()).collect();
    for together in indices.chunks(500) {
        join_all(together.iter().map(async |index| {
            let id: ReleaseId = format!("checkout-{index:05}").parse().expect("a valid id");
            let lines = lines_of(*index, &id);
            // Of most, the middle is left out.
            let index = Release::replay(id.clone(), lines.iter().map(SealedLine::bytes)).map_or_else(
                |_| StreamIndex::new(StreamState::Ended, format!("{id}: closed")),
                |release| release.index(),
            );
            journal.append(&(&id).into(), None, &lines, &index).await.expect("a new stream");
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
    // Paused: whenever nothing is left to do, time goes to the next deadline at once.
    let paused = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let whole = paused.expect("a runtime").block_on(whole());
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
            if String::from_utf8_lossy(&bytes).contains(&format!("{} releases", how_many())) {
                break;
            }
        }
    });
    println!("read {} releases in {:?} after the start of the process", how_many(), start.elapsed());
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
