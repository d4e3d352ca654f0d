//! One update of one criterion with ten alternatives, beside the ten logarithms and exponentials that it can't do without.

use std::{hint::black_box, time::Instant};

use criterion::{Criterion, criterion_group};
use relman_core::judge::{
    evidence::{Scheme, Sequential, StartWeights},
    factor::{Arms, BurstProofAgainstBaseline, Counts, Factor, RateAgainstBaseline, RateLimit},
};

/// How many alternatives the likelihood factors have.
const ALTERNATIVES: usize = 10;

/// The standard track with a look a minute.
const STEPS: [u32; 4] = [30, 120, 240, 1_440];

/// Its minutes.
const PLANNED: u64 = 1_830;

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

/// Release after release along the standard track, a minute at a time: far beyond the plan, weights would underflow and
/// logarithms be skipped.
struct Releases<F> {
    fresh: Sequential<F>,
    evidence: Sequential<F>,
    minute: u64,
}

impl<F: Factor + Clone> Releases<F> {
    fn new(factor: F) -> Self {
        let fresh = Sequential::new(factor, StartWeights::new(Scheme::Steps, STEPS.to_vec()));
        Self { evidence: fresh.clone(), fresh, minute: 0 }
    }

    /// One more minute, measured as `measured` says.
    fn update(&mut self, measured: impl Fn(u64) -> F::Interval) -> f64 {
        if self.minute == PLANNED {
            self.evidence = self.fresh.clone();
            self.minute = 0;
        }
        let step =
            u32::from(self.minute >= 30) + u32::from(self.minute >= 150) + u32::from(self.minute >= 390);
        self.minute += 1;
        self.evidence.observe(step, black_box(&measured(self.minute)))
    }
}

fn one_update(c: &mut Criterion) {
    let mut group = c.benchmark_group("one update of one criterion");
    group.bench_function("limit: ten exp and log1p", |b| b.iter(|| ten_of_each(black_box(-0.5))));
    group.bench_function("rate against a limit", |b| {
        let mut releases = Releases::new(RateLimit::new(0.01).expect("a rate between 0 and 1"));
        b.iter(|| releases.update(|minute| arms(minute).canary));
    });
    group.bench_function("rate against the baseline", |b| {
        let mut releases = Releases::new(RateAgainstBaseline::new(2.0).expect("a ratio"));
        b.iter(|| releases.update(arms));
    });
    group.bench_function("burst-proof against the baseline", |b| {
        let mut releases = Releases::new(BurstProofAgainstBaseline::new(2.0).expect("a ratio"));
        b.iter(|| releases.update(arms));
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
    let mut rate = Releases::new(RateLimit::new(0.01).expect("a rate between 0 and 1"));
    let one = timed(&mut |_| rate.update(|minute| arms(minute).canary));
    let mut against = Releases::new(RateAgainstBaseline::new(2.0).expect("a ratio"));
    let other = timed(&mut |_| against.update(arms));
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
