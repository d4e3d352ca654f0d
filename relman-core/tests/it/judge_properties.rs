//! Laws of the judge: what clean data can't do, what order and scale can't change, and the same bits everywhere.

use proptest::prelude::*;
use relman_core::{
    chain::Digest,
    judge::{
        confidence,
        diagnostics::Spread,
        evidence::{Alpha, Scheme, Sequential, Shares, StartWeights},
        factor::{
            Arms, BurstProofAgainstBaseline, BurstProofGauge, BurstProofLimit, Counts, CountsWithExposure,
            Exposed, Factor, RateAgainstBaseline, RateLimit,
        },
        kayenta::{Procedure, p_value, shift},
    },
    unit::Finite,
};

const LIMIT_OF_A_QUARTER: f64 = 0.25;

fn counts(requests: u64, errors: u64) -> Counts {
    Counts::new(requests, errors).unwrap()
}

fn arbitrary_counts() -> impl Strategy<Value = Counts> {
    (0_u64..20_000).prop_flat_map(|requests| (Just(requests), 0..=requests)).prop_map(|(n, x)| counts(n, x))
}

fn arbitrary_arms() -> impl Strategy<Value = Arms> {
    (arbitrary_counts(), arbitrary_counts()).prop_map(|(canary, baseline)| Arms { canary, baseline })
}

fn schemes() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::Steps), Just(Scheme::First), Just(Scheme::Uniform)]
}

/// The evidence after intervals, all in one step of so many planned ones.
fn course<F: Factor>(factor: F, scheme: Scheme, planned: u32, intervals: &[F::Interval]) -> Vec<f64> {
    let mut evidence = Sequential::new(factor, StartWeights::new(scheme, vec![planned]));
    intervals.iter().map(|interval| evidence.observe(0, interval)).collect()
}

proptest! {
    #[test]
    fn the_order_of_shards_does_not_matter_to_the_bit(
        shards in prop::collection::vec(prop::collection::vec(arbitrary_arms(), 1..5), 1..6),
        turn in 0_usize..5,
    ) {
        let total = |arms: &[Arms]| arms.iter().fold(Arms::default(), |sum, arms| sum.plus(*arms));
        let in_order: Vec<Arms> = shards.iter().map(|arms| total(arms)).collect();
        let turned: Vec<Arms> = shards
            .iter()
            .map(|arms| {
                let (before, after) = arms.split_at(turn % arms.len());
                total(after).plus(total(before))
            })
            .collect();
        let factor = RateAgainstBaseline::new(2.0).unwrap();
        let bits = |intervals: &[Arms]| -> Vec<u64> {
            course(factor, Scheme::Steps, 4, intervals).into_iter().map(f64::to_bits).collect()
        };
        prop_assert_eq!(bits(&in_order), bits(&turned));
    }

    /// Whatever was seen before, and whatever the start weights are.
    #[test]
    fn evidence_never_rises_in_an_interval_that_is_clean_by_itself(
        seen in prop::collection::vec(arbitrary_arms(), 0..12),
        requests in 1_u64..100_000,
        part in 0.0_f64..=1.0,
        scheme in schemes(),
    ) {
        const LIMIT: f64 = 0.01;
        let mut intervals: Vec<Counts> = seen.iter().map(|arms| arms.canary).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the requests")]
        let errors = (requests as f64 * LIMIT * part).floor() as u64;
        intervals.push(counts(requests, errors));
        let last_rise = |course: Vec<f64>| {
            let before = if course.len() > 1 { course[course.len() - 2] } else { 0.0 };
            (course[course.len() - 1] - before, before)
        };
        // Half of what is added and taken away again is rounding, of numbers as large as the logarithm.
        let allowed = |before: f64| 1e-13 * (1.0 + before.abs());
        let (rise, before) = last_rise(course(RateLimit::new(LIMIT).unwrap(), scheme, 6, &intervals));
        prop_assert!(rise <= allowed(before), "likelihood: {}", rise);
        let (rise, before) = last_rise(course(BurstProofLimit::new(LIMIT).unwrap(), scheme, 6, &intervals));
        prop_assert!(rise <= allowed(before), "burst-proof: {}", rise);

        let mut both = seen;
        both.push(Arms { canary: counts(requests, errors), baseline: counts(2 * requests, 2 * errors) });
        let (rise, before) = last_rise(course(RateAgainstBaseline::new(1.0).unwrap(), scheme, 6, &both));
        prop_assert!(rise <= allowed(before), "against the baseline: {}", rise);
        let (rise, before) = last_rise(course(BurstProofAgainstBaseline::new(1.0).unwrap(), scheme, 6, &both));
        prop_assert!(rise <= allowed(before), "against the baseline, burst-proof: {}", rise);
    }

    /// With everything on the first interval the evidence is that of the totals, so that intervals above the limit are
    /// made up for by others. With later starts it is not: a bad hour stays evidence after a good one.
    #[test]
    fn evidence_with_a_known_start_is_below_one_while_the_total_is_clean(
        intervals in prop::collection::vec(arbitrary_counts(), 1..12),
    ) {
        let total = intervals.iter().fold(Counts::NONE, |sum, interval| sum.plus(*interval));
        prop_assume!(total.errors() > 0 && total.errors() < total.requests());
        let limit = total.errors() as f64 / total.requests() as f64;
        let course = course(RateLimit::new(limit).unwrap(), Scheme::First, 12, &intervals);
        prop_assert!(course[course.len() - 1] <= 1e-9 * total.requests() as f64 / 1_000.0 + 1e-9);
    }

    #[test]
    fn finer_intervals_and_more_traffic_scale_as_they_should(
        interval in arbitrary_arms(),
        pieces in 1_u32..6,
    ) {
        // Likelihood: many times the counts are as good as as many intervals, with a known start.
        let once = course(RateLimit::new(0.02).unwrap(), Scheme::First, 9, &vec![interval.canary; usize::try_from(pieces).unwrap()]);
        let merged = counts(interval.canary.requests() * u64::from(pieces), interval.canary.errors() * u64::from(pieces));
        let at_once = course(RateLimit::new(0.02).unwrap(), Scheme::First, 9, &[merged]);
        let (once, at_once) = (once[once.len() - 1], at_once[0]);
        prop_assert!((once - at_once).abs() <= 1e-12 * (1.0 + at_once.abs()) * 10.0);

        // Burst-proof: shares matter, not how many there are of each.
        let many = |one: Counts| counts(one.requests() * u64::from(pieces), one.errors() * u64::from(pieces));
        let scaled = Arms { canary: many(interval.canary), baseline: many(interval.baseline) };
        let factor = BurstProofAgainstBaseline::new(2.0).unwrap();
        let one = course(factor, Scheme::First, 1, &[interval])[0];
        let more = course(factor, Scheme::First, 1, &[scaled])[0];
        prop_assert!((one - more).abs() <= 1e-12, "{} and {}", one, more);
    }

    #[test]
    fn a_state_that_was_written_down_goes_on_to_the_bit(
        before in prop::collection::vec(arbitrary_arms(), 0..8),
        after in prop::collection::vec(arbitrary_arms(), 1..8),
        scheme in schemes(),
    ) {
        let factor = BurstProofAgainstBaseline::new(2.0).unwrap();
        let mut evidence = Sequential::new(factor, StartWeights::new(scheme, vec![3, 4]));
        for arms in &before {
            evidence.observe(0, arms);
        }
        let written = serde_json::to_string(&evidence).unwrap();
        let mut read: Sequential<BurstProofAgainstBaseline> = serde_json::from_str(&written).unwrap();
        for arms in &after {
            prop_assert_eq!(evidence.observe(1, arms).to_bits(), read.observe(1, arms).to_bits());
        }
        prop_assert_eq!(evidence, read);
    }

    #[test]
    fn no_counts_make_evidence_that_is_no_number(arms in prop::collection::vec(arbitrary_arms(), 1..30)) {
        for ln in course(RateAgainstBaseline::new(2.0).unwrap(), Scheme::Steps, 20, &arms) {
            prop_assert!(ln.is_finite());
        }
        let huge = Arms { canary: counts(u64::MAX, u64::MAX), baseline: counts(u64::MAX, 1) };
        prop_assert!(course(RateAgainstBaseline::new(2.0).unwrap(), Scheme::Steps, 2, &[huge])[0].is_finite());
    }
}

/// The mean of `E` over every course of three intervals of four requests, at the limit: the whole recursion, with each
/// scheme, beyond the plan, too.
#[test]
fn the_mean_of_the_evidence_is_one_at_the_limit() {
    const LIMIT: f64 = 0.2;
    let probabilities = [0.4096, 0.4096, 0.1536, 0.0256, 0.0016];
    for scheme in [Scheme::Steps, Scheme::First, Scheme::Uniform] {
        for planned in [1, 2, 3] {
            let mut mean = 0.0;
            for first in 0..=4_usize {
                for second in 0..=4_usize {
                    for third in 0..=4_usize {
                        let seen = [first, second, third].map(|errors| counts(4, errors as u64));
                        let ends = course(RateLimit::new(LIMIT).unwrap(), scheme, planned, &seen);
                        let probability = probabilities[first] * probabilities[second] * probabilities[third];
                        mean += probability * libm::exp(ends[2]);
                    }
                }
            }
            assert!((mean - 1.0).abs() < 1e-12, "{scheme:?}, {planned}: {mean}");
        }
    }
}

/// The false alarms of a healthy version at its very limit, by going through every course of 14 requests, a look at each:
/// what Ville's inequality promises, whatever the scheme.
#[test]
fn a_healthy_version_alarms_with_a_probability_of_at_most_alpha() {
    let alpha = Alpha::new(0.1).unwrap();
    for scheme in [Scheme::Steps, Scheme::First] {
        let fresh = Sequential::new(
            RateLimit::new(LIMIT_OF_A_QUARTER).unwrap(),
            StartWeights::new(scheme, vec![4, 8]),
        );
        assert!(ever(&fresh, alpha, 0) <= alpha.get());
    }
}

/// The probability of an alarm at any of the looks that are left, of a version at its limit.
fn ever(evidence: &Sequential<RateLimit>, alpha: Alpha, look: u32) -> f64 {
    if evidence.alarms(alpha) {
        return 1.0;
    }
    if look == 14 {
        return 0.0;
    }
    let after = |errors| {
        let mut next = evidence.clone();
        next.observe(look / 5, &counts(1, errors));
        ever(&next, alpha, look + 1)
    };
    LIMIT_OF_A_QUARTER * after(1) + (1.0 - LIMIT_OF_A_QUARTER) * after(0)
}

/// A fixed series that every machine makes alike.
struct Series(u64);

impl Series {
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX constants; the upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn counts(&mut self, requests: u64, one_in: u64) -> Counts {
        let requests = 1 + self.below(requests);
        let errors = self.below(requests / one_in + 2).min(requests);
        counts(requests, errors)
    }
}

/// Every number of a long fixed course, in every kind of judging, hashed. Debug, release and every target give the same.
#[test]
fn the_same_observations_give_the_same_bits() {
    const PINNED: &str = "11acb4f7387326bd4237c15e0e42dba184071faf1fc75004f8570d243fec8ddb";
    let mut bytes = Vec::new();
    let mut take = |value: f64| bytes.extend(value.to_bits().to_be_bytes());
    let mut series = Series(2_026);
    let weights = || StartWeights::new(Scheme::Steps, vec![30, 120, 240]);
    let mut rate = Sequential::new(RateLimit::new(0.01).unwrap(), weights());
    let mut burst = Sequential::new(BurstProofLimit::new(0.01).unwrap(), weights());
    let mut against = Sequential::new(RateAgainstBaseline::new(2.0).unwrap(), weights());
    let mut against_burst = Sequential::new(BurstProofAgainstBaseline::new(2.0).unwrap(), weights());
    let mut exposed = Sequential::new(CountsWithExposure::new(0.003).unwrap(), weights());
    let mut gauge = Sequential::new(BurstProofGauge::new(250.0).unwrap(), weights());
    let mut spread = Spread::default();
    let mut all = Arms::default();
    for look in 0..420_u32 {
        let step = u32::from(look >= 30) + u32::from(look >= 150);
        let arms = Arms { canary: series.counts(700, 60), baseline: series.counts(60_000, 120) };
        let value = Finite::new(series.below(40_000) as f64 / 100.0).unwrap();
        let events = Exposed { count: series.below(5), exposure: series.below(900) };
        let parts = [
            rate.observe(step, &arms.canary),
            burst.observe(step, &arms.canary),
            against.observe(step, &arms),
            against_burst.observe(step, &arms),
            exposed.observe(step, &events),
            gauge.observe(step, &value),
        ];
        parts.into_iter().for_each(&mut take);
        take(Shares::equal(6).merge(&parts));
        spread.observe(arms.canary);
        all = all.plus(arms);
        if look % 60 == 59 {
            let alpha = Alpha::default();
            for found in [confidence::rate(all.canary, alpha), confidence::ratio(&[all], alpha).unwrap()] {
                take(found.low.get());
                take(found.high.unwrap().get());
            }
            take(spread.dispersion().unwrap().get());
            take(spread.lag_1_correlation().unwrap().get());
        }
    }
    let mut sample = |size: usize, end: u64| -> Vec<Finite> {
        (0..size).map(|_| Finite::new(series.below(end) as f64 / 7.0).unwrap()).collect()
    };
    for (size, end) in [(8, 1_000_000), (30, 40), (90, 1_000)] {
        let (experiment, control) = (sample(size, end), sample(size + 3, end));
        take(p_value(&experiment, &control).unwrap());
        for procedure in [Procedure::Kayenta, Procedure::R] {
            let found = shift(&experiment, &control, 0.98, procedure).unwrap();
            [found.ci_low, found.ci_high, found.estimate].map(Finite::get).into_iter().for_each(&mut take);
        }
    }
    assert_eq!(Digest::of_line(&bytes).to_string(), PINNED);
}
