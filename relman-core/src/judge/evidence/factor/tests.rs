//! The mean of every factor, by going through every outcome of small cases; and what one clean interval does.

#![expect(clippy::float_cmp, reason = "the very same number is meant")]

use super::*;
use crate::unit::Finite;

/// The probability of `x` among `n` at rate `p`.
fn binomial(n: u64, x: u64, p: f64) -> f64 {
    let mut ways = 1.0;
    for i in 0..x {
        ways *= (n - i) as f64 / (i + 1) as f64;
    }
    let mut probability = ways;
    for _ in 0..x {
        probability *= p;
    }
    for _ in x..n {
        probability *= 1.0 - p;
    }
    probability
}

fn factors<F: Factor>(factor: &F, interval: &F::Interval) -> Vec<f64> {
    let mut ln = vec![f64::NAN; F::ALTERNATIVES];
    factor.ln_factors(interval, &mut ln);
    ln.into_iter().map(libm::exp).collect()
}

/// The mean of each factor over outcomes with their probabilities.
fn means<F: Factor>(factor: &F, outcomes: impl Iterator<Item = (f64, F::Interval)>) -> Vec<f64> {
    let mut means = vec![0.0; F::ALTERNATIVES];
    for (probability, interval) in outcomes {
        for (mean, value) in means.iter_mut().zip(factors(factor, &interval)) {
            *mean += probability * value;
        }
    }
    means
}

fn assert_at_most_one(means: &[f64], what: &str) {
    for mean in means {
        assert!(*mean <= 1.0 + 1e-12, "{what}: {means:?}");
    }
}

fn counts(requests: u64, errors: u64) -> Counts {
    Counts::new(requests, errors).unwrap()
}

fn independent(n: u64, p: f64) -> impl Iterator<Item = (f64, Counts)> {
    (0..=n).map(move |x| (binomial(n, x, p), counts(n, x)))
}

fn both(canary: (u64, f64), baseline: (u64, f64)) -> impl Iterator<Item = (f64, Arms)> {
    independent(canary.0, canary.1).flat_map(move |(first, canary)| {
        independent(baseline.0, baseline.1)
            .map(move |(second, baseline)| (first * second, Arms { canary, baseline }))
    })
}

#[test]
fn a_rate_limit_has_mean_one_at_the_limit_and_less_below() {
    for limit in [0.001, 0.01, 0.1, 0.3, 0.45, 0.5, 0.7, 0.99] {
        let factor = RateLimit::new(limit).unwrap();
        for n in [0, 1, 2, 7, 25] {
            for mean in means(&factor, independent(n, limit)) {
                assert!((mean - 1.0).abs() < 1e-11, "{limit}, {n}: {mean}");
            }
            for part in [0.0, 0.3, 0.9] {
                assert_at_most_one(&means(&factor, independent(n, limit * part)), "below the limit");
            }
        }
    }
}

#[test]
fn a_rate_against_the_baseline_has_a_mean_of_at_most_one_at_any_rates_and_split() {
    for ratio in [0.5, 1.0, 2.0, 5.0] {
        let factor = RateAgainstBaseline::new(ratio).unwrap();
        for (canary, baseline) in [(0, 5), (5, 0), (1, 1), (3, 12), (12, 3)] {
            for rate in [0.0, 0.01, 0.1, 0.2, 0.5] {
                for part in [1.0, 0.5, 0.0] {
                    let canary_rate = f64::min(rate * ratio, 1.0) * part;
                    let outcomes = both((canary, canary_rate), (baseline, rate));
                    assert_at_most_one(&means(&factor, outcomes), "independent requests");
                }
            }
        }
    }
}

#[test]
fn burst_proof_against_the_same_rate_is_exact_for_independent_requests() {
    let factor = BurstProofAgainstBaseline::new(1.0).unwrap();
    for (canary, baseline) in [(0, 5), (5, 0), (1, 1), (3, 12), (12, 3)] {
        for rate in [0.0, 0.01, 0.2, 0.5, 1.0] {
            for mean in means(&factor, both((canary, rate), (baseline, rate))) {
                assert!((mean - 1.0).abs() < 1e-12, "{mean}");
            }
            assert_at_most_one(&means(&factor, both((canary, rate / 2.0), (baseline, rate))), "below");
        }
    }
}

#[test]
fn burst_proof_against_the_baseline_holds_for_bursts_routed_at_random() {
    // Each of `errors` goes to the canary with its share at exactly the ratio, or all of them do at once.
    for ratio in [1.0, 2.0, 4.0] {
        let factor = BurstProofAgainstBaseline::new(ratio).unwrap();
        let (canary, baseline) = (40_u64, 160_u64);
        let share = ratio * 40.0 / (ratio * 40.0 + 160.0);
        let arms = |canary_errors, baseline_errors| Arms {
            canary: counts(canary, canary_errors),
            baseline: counts(baseline, baseline_errors),
        };
        for errors in [0, 1, 3, 20] {
            let one_by_one = (0..=errors).map(|x| (binomial(errors, x, share), arms(x, errors - x)));
            for mean in means(&factor, one_by_one) {
                assert!((mean - 1.0).abs() < 1e-12);
            }
            let at_once = [(share, arms(errors, 0)), (1.0 - share, arms(0, errors))].into_iter();
            for mean in means(&factor, at_once) {
                assert!((mean - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_burst_proof_limit_needs_no_more_than_the_mean() {
    let limit = 0.05;
    let factor = BurstProofLimit::new(limit).unwrap();
    for n in [0, 1, 20] {
        for mean in means(&factor, independent(n, limit)) {
            assert!((mean - 1.0).abs() < 1e-12);
        }
    }
    // All requests fail in one of twenty intervals, and none in the others.
    let bursts = [(limit, counts(200, 200)), (1.0 - limit, counts(200, 0))];
    for mean in means(&factor, bursts.into_iter()) {
        assert!((mean - 1.0).abs() < 1e-12);
    }
    // The likelihood factor is far above one there: it believes in independence.
    let trusting = RateLimit::new(limit).unwrap();
    assert!(means(&trusting, bursts.into_iter())[0] > 1e10);
}

#[test]
fn a_gauge_needs_no_more_than_the_mean() {
    let factor = BurstProofGauge::new(10_000.0).unwrap();
    let value = |value| Finite::new(value).unwrap();
    let outcomes = [(0.5, value(0.0)), (0.25, value(10_000.0)), (0.25, value(30_000.0))];
    for mean in means(&factor, outcomes.into_iter()) {
        assert!((mean - 1.0).abs() < 1e-12);
    }
    assert_eq!(factors(&factor, &value(-5.0)), factors(&factor, &value(0.0)), "no gauge is below nothing");
    assert!(factors(&BurstProofGauge::new(1e-300).unwrap(), &value(1e300)).iter().all(|l| l.is_finite()));
}

#[test]
fn counts_with_exposure_have_mean_one_at_the_expected_rate() {
    let factor = CountsWithExposure::new(0.002).unwrap();
    for (exposure, expected) in [(0, 0.0), (50, 0.1), (1_000, 2.0)] {
        for part in [1.0, 0.5] {
            let mean = expected * part;
            let mut probability = libm::exp(-mean);
            let outcomes = (0..150_u64).map(|count| {
                if count > 0 {
                    probability *= mean / count as f64;
                }
                (probability, Exposed { count, exposure })
            });
            // Cut where 64^x would overflow: what is left out can only make the mean smaller.
            let all = means(&factor, outcomes);
            assert_at_most_one(&all, "counts");
            if part == 1.0 {
                assert!((all[0] - 1.0).abs() < 1e-12, "{all:?}");
            }
        }
    }
}

#[test]
fn an_interval_that_is_clean_by_itself_is_never_evidence() {
    let limit = RateLimit::new(0.02).unwrap();
    let bursts = BurstProofLimit::new(0.02).unwrap();
    let poisson = CountsWithExposure::new(0.02).unwrap();
    for n in [0_u64, 1, 50, 600, 100_000] {
        for x in 0..=(n / 50).min(40) {
            for value in factors(&limit, &counts(n, x)).into_iter().chain(factors(&bursts, &counts(n, x))) {
                assert!(value <= 1.0 + 1e-12, "{x} of {n}: {value}");
            }
            for value in factors(&poisson, &Exposed { count: x, exposure: n }) {
                assert!(value <= 1.0 + 1e-12);
            }
        }
    }
    let against = RateAgainstBaseline::new(2.0).unwrap();
    let burst_proof = BurstProofAgainstBaseline::new(2.0).unwrap();
    for (canary, baseline) in [((100, 2), (900, 9)), ((100, 1), (900, 9)), ((1, 0), (1, 1)), ((7, 0), (0, 0))]
    {
        let arms = Arms { canary: counts(canary.0, canary.1), baseline: counts(baseline.0, baseline.1) };
        for value in factors(&against, &arms).into_iter().chain(factors(&burst_proof, &arms)) {
            assert!(value <= 1.0 + 1e-12, "{arms:?}: {value}");
        }
    }
}

#[test]
fn nothing_served_says_nothing() {
    assert!(factors(&RateLimit::new(0.01).unwrap(), &Counts::NONE).iter().all(|l| *l == 1.0));
    assert!(factors(&BurstProofLimit::new(0.01).unwrap(), &Counts::NONE).iter().all(|l| *l == 1.0));
    assert!(factors(&RateAgainstBaseline::new(2.0).unwrap(), &Arms::default()).iter().all(|l| *l == 1.0));
    assert!(
        factors(&BurstProofAgainstBaseline::new(2.0).unwrap(), &Arms::default()).iter().all(|l| *l == 1.0)
    );
    assert!(factors(&CountsWithExposure::new(0.1).unwrap(), &Exposed::default()).iter().all(|l| *l == 1.0));
}

#[test]
fn limits_that_are_none_are_refused() {
    for bad in [0.0, -0.1, 1.0, f64::NAN] {
        assert!(RateLimit::new(bad).is_none() && BurstProofLimit::new(bad).is_none());
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(RateAgainstBaseline::new(bad).is_none() && BurstProofAgainstBaseline::new(bad).is_none());
        assert!(CountsWithExposure::new(bad).is_none() && BurstProofGauge::new(bad).is_none());
    }
    assert!(serde_json::from_str::<RateLimit>("1.5").is_err());
    assert_eq!(serde_json::from_str::<RateLimit>("0.01").unwrap(), RateLimit::new(0.01).unwrap());
}
