//! A conductor with ten thousand open releases, each looked at once a minute: processor time and memory, beside the same
//! looks by their sessions alone.
//!
//! Ports answer at once and time is tokio's paused clock, so that what is measured is what relman does.

use std::{sync::Arc, time::Duration};

use relman_adapters::{
    clock::TokioClock,
    conductor::{Conductor, Limits},
    directory::StaticDirectory,
    journal::MemoryJournal,
};
use relman_benches::{InOrder, clean_look, clean_release_until, cpu_seconds, memory};
use relman_core::{
    machine::Request,
    port::{Clock, Journal, JournalExt, Streams},
};
use relman_testkit::SessionRunner;

/// For how long the releases are watched, in virtual minutes.
const MINUTES: u64 = 2;

fn in_first_step(name: &str) -> SessionRunner {
    clean_release_until(name, |runner| runner.release().phase().step().is_some_and(|step| step.looks == 2))
}

/// So many looks of a session with a journal in memory.
fn sessions_alone(looks: u64) -> f64 {
    let mut runners: Vec<SessionRunner> =
        (0..looks.div_ceil(20)).map(|n| in_first_step(&format!("alone-{n}"))).collect();
    let begun = cpu_seconds();
    let mut left = looks;
    for runner in &mut runners {
        for _ in 0..left.min(20) {
            runner.advance_to_deadline();
            let asked = runner.calls().find_map(|call| match &call.request {
                Request::Measure(question) => Some((call.id, clean_look(question))),
                _ => None,
            });
            let (call, outcome) = asked.expect("a look is due");
            runner.answer(call, outcome);
        }
        left = left.saturating_sub(20);
    }
    cpu_seconds() - begun
}

async fn conducted(releases: u64) -> (u64, f64, f64) {
    let journal = Arc::new(MemoryJournal::default());
    let mut ids = Vec::new();
    let mut now = None;
    for number in 0..releases {
        let runner = in_first_step(&format!("checkout-{number}"));
        let id = runner.release().id().clone();
        journal
            .append(&(&id).into(), None, runner.lines(), &runner.release().index())
            .await
            .expect("a stream of its own");
        now = Some(runner.now());
        ids.push(id);
    }
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(now.expect("at least one release")));
    let port = Arc::new(InOrder);
    let mut limits = Limits::default();
    limits.watch_journal_every = None;
    let conductor = Conductor::builder()
        .journal(journal.clone())
        .deployer(port.clone())
        .metrics(port.clone())
        .notifier(port)
        .directory(Arc::new(StaticDirectory::default()))
        .clock(clock)
        .limits(limits)
        .build()
        .expect("every port is given");
    for id in &ids {
        drop(conductor.conduct(id).await.expect("an open release"));
    }
    // Every driver has begun to wait.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let records =
        |heads: Vec<relman_core::port::StoredStream>| heads.iter().map(|one| one.head.seq + 1).sum::<u64>();
    let (before, begun, resident) =
        (records(journal.every_stream(Streams::All).await.expect("in memory")), cpu_seconds(), memory());
    tokio::time::sleep(Duration::from_secs(60 * MINUTES)).await;
    let (after, took) =
        (records(journal.every_stream(Streams::All).await.expect("in memory")), cpu_seconds() - begun);
    conductor.kill().await;
    (after - before, took, resident)
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let releases = if test { 20 } else { 10_000 };
    let empty = memory();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let (looks, took, resident) = runtime.expect("a runtime").block_on(conducted(releases));
    assert!(looks >= releases * MINUTES, "each is looked at once a minute: {looks}");
    if test {
        println!("{looks} looks: what they take is measured without --test");
        return;
    }
    let alone = sessions_alone(looks.min(20_000)) * looks as f64 / looks.min(20_000) as f64;
    println!(
        "{releases} open releases, a look a minute: {:.2} processor seconds a minute, {:.0} us a look; {:.1} KiB a release",
        took / MINUTES as f64,
        took * 1e6 / looks as f64,
        (resident - empty) * 1024.0 / releases as f64,
    );
    println!("limit: the same looks by their sessions alone, {:.0} us a look", alone * 1e6 / looks as f64);
    println!("ratio: {:.2}", took / alone);
}
