//! A hundred thousand open releases in one process, each looked at once a minute, in real time: processor time, memory, how late
//! looks are, and how long it takes from the numbers that breach a contract to the call that takes users back.
//!
//! The journal is in memory and the ports answer at once, so that what is measured is what relman does. With `--test` there are
//! few, and time is tokio's paused clock.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use relman_adapters::{
    clock::TokioClock,
    conductor::{Conductor, Limits},
    directory::StaticDirectory,
    journal::MemoryJournal,
};
use relman_benches::{InOrder, clean_release_from, cpu_seconds, memory, renamed};
use relman_core::{
    judge::{Answer, Arm, Measurement, Observation},
    port::{
        Clock, DeployRequest, Deployer, DeployerCapabilities, Deployment, Journal, MetricQuery,
        MetricsSource, PortError, Target, TrafficRequest,
    },
    unit::{MetricName, ReleaseId, Span, Timestamp, TrafficShare, Window},
};
use tokio::time::Instant;

/// For how long the releases are watched once all of them are driven, in minutes.
const MINUTES: u64 = 3;

/// One in so many releases answers with errors alone from then on.
const BAD_EVERY: usize = 200;

/// Releases differ in when they are due, to so many parts of a minute.
const PARTS: usize = 300;

/// Ports on which everything is in order until it is not, and what they saw.
#[derive(Default)]
struct Watched {
    /// When the bad ones go bad.
    bad_from: Mutex<Option<Timestamp>>,
    looks: AtomicU64,
    /// The longest window of a look, in milliseconds: one that is late has a longer one.
    longest: AtomicU64,
    /// When the numbers of a breach were answered, and how long after that users were taken back.
    breaches: Mutex<(std::collections::BTreeMap<ReleaseId, Instant>, Vec<Duration>)>,
}

impl Watched {
    fn is_bad(&self, release: &ReleaseId, window: Window) -> bool {
        let from = *self.bad_from.lock().expect("no panic");
        release.as_str().ends_with("-bad") && from.is_some_and(|from| from <= window.until)
    }
}

#[async_trait]
impl Deployer for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn capabilities(&self) -> DeployerCapabilities {
        DeployerCapabilities::new()
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        InOrder.deploy(request).await
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        if request.share == TrafficShare::ZERO {
            let mut breaches = self.breaches.lock().expect("no panic");
            if let Some(since) = breaches.0.remove(&request.target.release) {
                breaches.1.push(since.elapsed());
            }
        }
        Ok(())
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        Deployer::observe(&InOrder, target).await
    }
}

#[async_trait]
impl MetricsSource for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn knows(&self, _: &MetricName) -> bool {
        true
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let mut seen = MetricsSource::observe(&InOrder, query, arm, window).await;
        if query.metric.as_str() == "error_rate" && arm == Arm::Canary {
            self.looks.fetch_add(1, Ordering::Relaxed);
            self.longest.fetch_max(window.length().as_millis(), Ordering::Relaxed);
            if self.is_bad(&query.release, window) {
                if let Answer::Value(Measurement::Counts { requests, errors }) = &mut seen.answer {
                    *errors = *requests;
                }
                self.breaches.lock().expect("no panic").0.insert(query.release.clone(), Instant::now());
            }
        }
        seen
    }
}

/// Releases in their first step, due at moments that are spread over a minute; when the last of their records was made.
async fn fill(journal: &MemoryJournal, releases: usize) -> (Vec<ReleaseId>, Timestamp) {
    let start: Timestamp = "2026-01-05T09:00:00.000Z".parse().expect("a valid time");
    let parts = (releases / 20).clamp(1, PARTS);
    let (mut ids, mut last) = (Vec::with_capacity(releases), start);
    for part in 0..parts {
        let at = start + Span::from_millis((part * 60_000 / parts) as u64);
        let runner = clean_release_from("checkout", at, |runner| {
            runner.release().phase().step().is_some_and(|step| step.looks == 2)
        });
        last = last.max(runner.release().last_at());
        for number in (part..releases).step_by(parts) {
            let kind = if number % BAD_EVERY == 0 { "bad" } else { "good" };
            let id: ReleaseId = format!("checkout-{number}-{kind}").parse().expect("a valid id");
            let lines = renamed(runner.lines().iter(), &id);
            journal
                .append(&(&id).into(), None, &lines, &runner.release().index())
                .await
                .expect("a stream of its own");
            ids.push(id);
        }
    }
    (ids, last)
}

struct Measured {
    looks: u64,
    processor: f64,
    /// In MiB, of which `filled` before anything was driven.
    resident: f64,
    filled: f64,
    late: Duration,
    to_call: Vec<Duration>,
}

async fn watch(releases: usize) -> Measured {
    let journal = Arc::new(MemoryJournal::default());
    let (ids, now) = fill(&journal, releases).await;
    let filled = memory();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(now));
    let port = Arc::new(Watched::default());
    let mut limits = Limits::default();
    limits.watch_journal_every = None;
    let conductor = Conductor::builder()
        .journal(journal)
        .deployer(port.clone())
        .metrics(port.clone())
        .notifier(Arc::new(InOrder))
        .directory(Arc::new(StaticDirectory::default()))
        .clock(clock.clone())
        .limits(limits)
        .build()
        .expect("every port is given");
    for id in &ids {
        drop(conductor.conduct(id).await.expect("an open release"));
    }
    // The first minute is for what became due while they were taken up.
    tokio::time::sleep(Duration::from_mins(1)).await;
    port.looks.store(0, Ordering::Relaxed);
    port.longest.store(0, Ordering::Relaxed);
    *port.bad_from.lock().expect("no panic") = Some(clock.now());
    let begun = cpu_seconds();
    tokio::time::sleep(Duration::from_mins(MINUTES)).await;
    let (processor, resident) = (cpu_seconds() - begun, memory());
    let longest = Duration::from_millis(port.longest.load(Ordering::Relaxed));
    let mut to_call = std::mem::take(&mut port.breaches.lock().expect("no panic").1);
    to_call.sort_unstable();
    conductor.kill().await;
    let looks = port.looks.load(Ordering::Relaxed);
    Measured {
        looks,
        processor,
        resident,
        filled,
        late: longest.saturating_sub(Duration::from_mins(1)),
        to_call,
    }
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let releases = if test { 200 } else { 100_000 };
    let mut runtime = if test {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.enable_all().start_paused(test).build().expect("a runtime");
    let measured = runtime.block_on(watch(releases));
    let Measured { looks, processor, resident, filled, late, to_call } = measured;
    let p99 = to_call.get(to_call.len() * 99 / 100).copied().unwrap_or_default();
    assert!(!to_call.is_empty(), "releases are taken back");
    if test {
        assert!(
            looks >= (releases - releases / BAD_EVERY) as u64 * MINUTES,
            "each is looked at once a minute: {looks}"
        );
        println!("{looks} looks: what they take is measured without --test");
        return;
    }
    println!(
        "{releases} open releases, {looks} looks in {MINUTES} minutes (expected: {})",
        releases as u64 * MINUTES
    );
    println!("processor: {:.2} of one core (limit: 1)", processor / (60 * MINUTES) as f64);
    println!(
        "memory, with the journal: {resident:.0} MiB, of which the journal was {filled:.0} at first (limit: 2048)"
    );
    println!("the latest look: {} ms late (limit: 1000)", late.as_millis());
    println!(
        "from a breach to the call, p99 of {}: {:.1} ms (limit: 50)",
        to_call.len(),
        p99.as_secs_f64() * 1e3
    );
}
