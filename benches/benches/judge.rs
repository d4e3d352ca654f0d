//! One update of one criterion with ten alternatives, and one look of a judge of three criteria, beside the logarithms and
//! exponentials that they can't do without.

use std::{hint::black_box, time::Instant};

use criterion::{Criterion, criterion_group};
use relman_core::{
    judge::{
        Answer, Arm, ClassicHistogram, Control, Evaluation, Histogram, Judge, Judging, Measurement,
        Observation,
        evidence::{Scheme, Sequential, StartWeights},
        factor::{
            Arms, BurstProofAgainstBaseline, Counts, FRACTIONS, Factor, RATIOS, RateAgainstBaseline,
            RateLimit,
        },
    },
    unit::{Finite, Span, Timestamp, Window},
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

/// What one look at two rates and a quantile can't do without: for each alternative of a rate's two factors and of a
/// quantile's two factors and three boundaries an exponential and a logarithm of `1 + x`.
const ALTERNATIVES_OF_A_LOOK: usize =
    2 * (RATIOS.len() + FRACTIONS.len()) + RATIOS.len() * 4 + FRACTIONS.len();

fn one_of_each_for_a_look(argument: f64) -> f64 {
    let mut sum = 0.0;
    for alternative in 0..ALTERNATIVES_OF_A_LOOK {
        sum += libm::log1p(libm::exp(black_box(argument) - (alternative % ALTERNATIVES) as f64));
    }
    sum
}

/// Release after release before a judge of three criteria: two rates and a quantile.
struct Judged {
    fresh: Judge,
    judge: Judge,
    minute: u64,
    looks: Vec<Vec<Observation>>,
}

impl Judged {
    fn new() -> Self {
        let criteria = ["error_rate > 1%", "timeout_rate > 2x baseline", "latency_p99 > 2x baseline"]
            .map(|criterion| criterion.parse().expect("a criterion"));
        let fresh = Judge::new(&criteria, &Judging::default(), STEPS.to_vec(), 100);
        Self { judge: fresh.clone(), fresh, minute: 0, looks: (0..51).map(observations).collect() }
    }

    /// One more minute, and whether anything has failed or is suspected: what a machine asks at each look.
    fn look(&mut self) -> bool {
        if self.minute == PLANNED {
            self.judge = self.fresh.clone();
            self.minute = 0;
        }
        let step =
            1 + u32::from(self.minute >= 30) + u32::from(self.minute >= 150) + u32::from(self.minute >= 390);
        let observations =
            &self.looks[usize::try_from(self.minute).expect("a minute of a day") % self.looks.len()];
        self.judge.observe(&Evaluation {
            step,
            window: window(self.minute),
            control: Control::Concurrent,
            share: None,
            exclude: None,
            complaints: 0,
            observations: black_box(observations),
        });
        self.minute += 1;
        self.judge.failed().is_some() || self.judge.suspicion().is_some()
    }
}

fn window(minute: u64) -> Window {
    let from = Timestamp::from_millis(0) + Span::from_minutes(minute);
    Window { from, until: from + Span::from_minutes(1) }
}

/// What both arms showed in a minute of a healthy release.
fn observations(minute: u64) -> Vec<Observation> {
    let rate = |counts: Counts| Measurement::Counts { requests: counts.requests(), errors: counts.errors() };
    let latency = |times: u64| {
        let bounds = [10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];
        let bounds = bounds.map(|bound| Finite::new(bound).expect("a finite bound")).to_vec();
        let counts =
            [60, 180, 200, 120, 30, 6 + minute % 3, 2, 1, 0, 0, 0].map(|count| count * times).to_vec();
        let histogram = ClassicHistogram::new(bounds, counts).expect("as many counts as buckets");
        Measurement::Histogram(Histogram::Classic(histogram))
    };
    let Arms { canary, baseline } = arms(minute);
    let seen = [
        ("error_rate", Arm::Canary, rate(canary)),
        ("timeout_rate", Arm::Canary, rate(canary)),
        ("timeout_rate", Arm::Baseline, rate(baseline)),
        ("latency_p99", Arm::Canary, latency(1)),
        ("latency_p99", Arm::Baseline, latency(99)),
    ];
    let observation = |(metric, arm, measurement): (&str, Arm, Measurement)| {
        let metric = metric.parse().expect("a valid name");
        Observation::new(metric, arm, window(minute), "bench", Answer::Value(measurement))
    };
    seen.map(observation).to_vec()
}

fn one_look(c: &mut Criterion) {
    let mut group = c.benchmark_group("one look at three criteria");
    group.bench_function("limit: as many exp and log1p", |b| {
        b.iter(|| one_of_each_for_a_look(black_box(-0.5)));
    });
    group.bench_function("judge: two rates and a quantile", |b| {
        let mut judged = Judged::new();
        b.iter(|| judged.look());
    });
    group.bench_function("verdicts on it", |b| {
        let mut judged = Judged::new();
        for _ in 0..100 {
            judged.look();
        }
        b.iter(|| judged.judge.verdicts());
    });
    group.finish();
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

/// The figures that are promised, in one run: what an update and a look cost, and how that compares with their limit.
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
    let limit = timed(&mut |minute| one_of_each_for_a_look(-((minute % 7) as f64)));
    let mut judged = Judged::new();
    let look = timed(&mut |_| f64::from(u8::from(judged.look())));
    println!("{ALTERNATIVES_OF_A_LOOK} exp and log1p: {limit:.0} ns");
    println!("look at two rates and a quantile: {look:.0} ns, ratio {:.2}", look / limit);
}

criterion_group!(benches, one_update, one_look);

fn main() {
    benches();
    // Criterion's test mode tries each bench once; millions of updates are no try.
    if !std::env::args().any(|argument| argument == "--test") {
        ratio();
    }
}
