//! One update of one criterion with ten alternatives, beside the ten logarithms and exponentials that it can't do without.

use std::{hint::black_box, time::Instant};

use criterion::{Criterion, criterion_group};
use relman_core::judge::{
    evidence::{Scheme, Sequential, StartWeights},
    factor::{Arms, BurstProofAgainstBaseline, Counts, RateAgainstBaseline, RateLimit},
};

/// How many alternatives the likelihood factors have.
const ALTERNATIVES: usize = 10;

/// The standard track with a look a minute.
fn weights() -> StartWeights {
    StartWeights::new(Scheme::Steps, vec![30, 120, 240, 1_440])
}

/// A minute of a healthy release, another one each time.
fn arms(minute: u64) -> Arms {
    let counts = |requests, errors| Counts::new(requests, errors).expect("fewer errors than requests");
    Arms { canary: counts(600, minute % 3), baseline: counts(59_400, 50 + minute % 17) }
}

/// What ten updates can't do without: for each alternative an exponential and a logarithm of `1 + x`.
fn ten_of_each(argument: f64) -> f64 {
    let mut sum = 0.0;
    for alternative in 0..ALTERNATIVES {
        sum += libm::log1p(libm::exp(black_box(argument) - alternative as f64));
    }
    sum
}

fn one_update(c: &mut Criterion) {
    let mut group = c.benchmark_group("one update of one criterion");
    group.bench_function("limit: ten exp and log1p", |b| b.iter(|| ten_of_each(black_box(-0.5))));
    group.bench_function("rate against a limit", |b| {
        let mut evidence = Sequential::new(RateLimit::new(0.01).expect("a rate between 0 and 1"), weights());
        let mut minute = 0;
        b.iter(|| {
            minute += 1;
            evidence.observe(0, black_box(&arms(minute).canary))
        });
    });
    group.bench_function("rate against the baseline", |b| {
        let mut evidence = Sequential::new(RateAgainstBaseline::new(2.0).expect("a ratio"), weights());
        let mut minute = 0;
        b.iter(|| {
            minute += 1;
            evidence.observe(0, black_box(&arms(minute)))
        });
    });
    group.bench_function("burst-proof against the baseline", |b| {
        let mut evidence = Sequential::new(BurstProofAgainstBaseline::new(2.0).expect("a ratio"), weights());
        let mut minute = 0;
        b.iter(|| {
            minute += 1;
            evidence.observe(0, black_box(&arms(minute)))
        });
    });
    group.finish();
}

/// The two figures that are promised, in one run: what an update costs, and how that compares with its limit.
fn ratio() {
    const UPDATES: u32 = 2_000_000;
    let timed = |run: &mut dyn FnMut(u64) -> f64| {
        let began = Instant::now();
        let mut sum = 0.0;
        for minute in 0..u64::from(UPDATES) {
            sum += run(minute);
        }
        black_box(sum);
        began.elapsed().as_secs_f64() / f64::from(UPDATES) * 1e9
    };
    let limit = timed(&mut |minute| ten_of_each(-((minute % 7) as f64)));
    let mut against_limit = Sequential::new(RateLimit::new(0.01).expect("a rate between 0 and 1"), weights());
    let one = timed(&mut |minute| against_limit.observe(0, &arms(minute).canary));
    let mut against_baseline = Sequential::new(RateAgainstBaseline::new(2.0).expect("a ratio"), weights());
    let other = timed(&mut |minute| against_baseline.observe(0, &arms(minute)));
    println!("ten exp and log1p: {limit:.0} ns");
    println!("update, rate against a limit: {one:.0} ns, ratio {:.2}", one / limit);
    println!("update, rate against the baseline: {other:.0} ns, ratio {:.2}", other / limit);
}

criterion_group!(benches, one_update);

fn main() {
    benches();
    // Criterion's test mode tries each bench once; millions of updates are no try.
    if !std::env::args().any(|argument| argument == "--test") {
        ratio();
    }
}
