//! The lab: trials of the whole standard track, beside drawing the same random numbers alone.

use std::{hint::black_box, time::Instant};

use criterion::{Criterion, Throughput, criterion_group};
use relman_core::policy::Policy;
use relman_core::unit::Span;
use relman_testkit::{
    lab::Lab,
    world::{Complaints, World},
};

/// A version so healthy that nearly every trial goes all the way: 30.5 hours with a look a minute.
fn world() -> World {
    let complaints = Complaints::of(0.01, Span::from_minutes(30));
    World { requests_per_second: 100.0, ..World::calm() }.with(complaints)
}

/// The shipped policy and the default plan: the standard track, `error_rate > 1%`, `latency_p99 > 2x baseline`,
/// `complaints > 3`.
fn lab(trials: u32) -> Lab {
    Lab::new(Policy::shipped()).against([world()]).trials(trials)
}

fn trials(c: &mut Criterion) {
    const TRIALS: u32 = 200;
    let mut group = c.benchmark_group("trials of the standard track");
    group.throughput(Throughput::Elements(u64::from(TRIALS))).sample_size(10);
    group
        .bench_function("limit: draw the random numbers", |b| b.iter(|| black_box(lab(TRIALS)).draw_alone()));
    group.bench_function("lab", |b| b.iter(|| black_box(lab(TRIALS)).run()));
    group.finish();
}

/// Ten thousand trials in one go, and what they cost beside their random numbers.
fn ten_thousand() {
    const TRIALS: u32 = 10_000;
    let timed = |what: &str, run: &dyn Fn()| {
        let began = Instant::now();
        run();
        let seconds = began.elapsed().as_secs_f64();
        println!("{TRIALS} trials, {what}: {seconds:.1} s");
        seconds
    };
    let limit = timed("random numbers alone", &|| {
        black_box(lab(TRIALS).draw_alone().expect("a lab that can be run"));
    });
    let all = timed("lab", &|| {
        let report = lab(TRIALS).run().expect("a lab that can be run");
        let completed = report.worlds[0].policies[0].completed;
        assert!(completed.value > 0.99, "nearly every trial goes all the way: {completed:?}");
    });
    println!("ratio: {:.2}", all / limit);
}

criterion_group!(benches, trials);

fn main() {
    benches();
    // Criterion's test mode tries each bench once; ten thousand trials are no try.
    if !std::env::args().any(|argument| argument == "--test") {
        ten_thousand();
    }
}
