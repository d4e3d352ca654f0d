//! Confidence sequences: intervals that hold the truth at every look at once.
//!
//! An ordinary confidence interval of 99 % is wrong at one look in a hundred, and somewhere in a day of looks for sure. A
//! confidence *sequence* is wrong at any look at all in at most one release of a hundred. It is found by turning a test
//! round: the values that a mixture martingale has not refused, `{θ : M_t(θ) < 1/α}` (Robbins 1970; Howard, Ramdas,
//! `McAuliffe` and Sekhon 2021).
//!
//! - [`rate`]: `M(p) = B(x+½, n−x+½) / (B(½, ½) · p^x · (1−p)^(n−x))` for `x` errors among `n` requests: the likelihood under a
//!   mixture of all rates by Jeffreys' prior, over the likelihood at `p`.
//! - [`ratio`]: for the canary's share of the errors, which at the ratio `ρ` is `θ_s = ρ·n_c / (ρ·n_c + n_b)` in step `s`:
//!   `M(ρ) = Π_s B(x_c+½, x_b+½) / (B(½, ½) · θ_s^(x_c) · (1−θ_s)^(x_b))` (Lindon and Malek 2022 for counts in several arms).
//!   Rates may drift and incidents may hit both arms; the split of the traffic is the same throughout a step.
//!
//! Both logarithms are concave in `p` and in `ln ρ`, so that what is not refused is an interval. Its ends are found by
//! bisection to the last bit, and rounded outwards.

use serde::{Deserialize, Serialize};

use super::{
    evidence::Alpha,
    math::{last_that_holds, ln_beta, times_ln},
    observation::{Arms, Counts},
};
use crate::unit::Finite;

/// `ln B(½, ½) = ln π`, rounded to the nearest double.
const LN_PI: f64 = 1.144_729_885_849_400_2;

/// Ratios beyond `e^±50` are not told from none and from any.
const FURTHEST: f64 = 50.0;

/// An interval of a confidence sequence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The lower end; 0 where nothing is too low.
    pub low: Finite,
    /// The upper end; none where nothing is too high.
    #[serde(deserialize_with = "Option::deserialize")]
    pub high: Option<Finite>,
    /// What the data alone say; none without data, and for a ratio to a baseline without errors.
    #[serde(deserialize_with = "Option::deserialize")]
    pub estimate: Option<Finite>,
}

impl Interval {
    const ANY: Self = Self { low: Finite::ZERO, high: None, estimate: None };

    /// Whether the data exclude that the truth is so high or higher.
    ///
    /// `excludes(2.0)` on the ratio to the baseline is what a step that demands "exclude a doubling" asks: not yet failed is
    /// not passed.
    pub fn excludes(&self, value: f64) -> bool {
        self.high.is_some_and(|high| high.get() < value)
    }
}

/// The rate of errors, at every look at once with probability `1 − α`.
///
/// The upper end is 1 without requests. It is for errors that are independent and of one rate; where they come in
/// bursts or the rate drifts, it is the interval of a mean that the dispersion says not to trust.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{confidence::rate, evidence::Alpha, factor::Counts};
///
/// let counts = Counts::new(6_000, 31).expect("fewer errors than requests");
/// let found = rate(counts, Alpha::default());
/// assert!(found.low.get() > 0.002 && found.excludes(0.012) && !found.excludes(0.006));
/// assert!(!rate(Counts::NONE, Alpha::default()).excludes(1.0), "no data exclude nothing");
/// ```
pub fn rate(counts: Counts, alpha: Alpha) -> Interval {
    let (n, x) = (counts.requests() as f64, counts.errors() as f64);
    let clean = (counts.requests() - counts.errors()) as f64;
    if counts.requests() == 0 {
        return Interval { high: Finite::new(1.0), ..Interval::ANY };
    }
    let ln_mixture = ln_beta(x + 0.5, clean + 0.5) - LN_PI;
    let threshold = alpha.ln_threshold();
    let holds = |p: f64| {
        let ln_clean = if clean == 0.0 { 0.0 } else { clean * libm::log1p(-p) };
        ln_mixture - times_ln(x, p) - ln_clean < threshold
    };
    let estimate = x / n;
    Interval {
        low: Finite::new(last_that_holds(estimate, 0.0, holds)).unwrap_or(Finite::ZERO),
        high: Finite::new(last_that_holds(estimate, 1.0, holds)),
        estimate: Finite::new(estimate),
    }
}

/// The canary's rate over the baseline's, at every look at once with probability `1 − α`; none where no single ratio fits
/// all steps.
///
/// Takes the totals of each step, in the order of the track. Steps in which an arm had no requests say nothing, and with none that
/// does any ratio is possible.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{confidence::ratio, evidence::Alpha, factor::{Arms, Counts}};
///
/// let counts = |requests, errors| Counts::new(requests, errors).expect("fewer errors than requests");
/// let steps = [
///     Arms { canary: counts(18_000, 19), baseline: counts(1_782_000, 1_801) },
///     Arms { canary: counts(720_000, 700), baseline: counts(6_480_000, 6_455) },
/// ];
/// let found = ratio(&steps, Alpha::default()).expect("one ratio fits both steps");
/// assert!(found.low.get() < 1.0 && found.excludes(2.0) && found.excludes(1.2));
/// ```
pub fn ratio(steps: &[Arms], alpha: Alpha) -> Option<Interval> {
    let steps: Vec<StepLikelihood> = steps.iter().filter_map(StepLikelihood::of).collect();
    let (mut canary, mut baseline, mut ln_mixture) = (0.0, 0.0, 0.0);
    for step in &steps {
        canary += step.canary_errors;
        baseline += step.baseline_errors;
        ln_mixture += ln_beta(step.canary_errors + 0.5, step.baseline_errors + 0.5) - LN_PI;
    }
    if canary + baseline == 0.0 {
        return Some(Interval::ANY);
    }
    let threshold = alpha.ln_threshold();
    let holds = |ln_ratio: f64| {
        let mut ln_likelihood = 0.0;
        for step in &steps {
            ln_likelihood += step.ln_likelihood(ln_ratio);
        }
        ln_mixture - ln_likelihood < threshold
    };
    // The likelihood rises while the canary has more errors than the ratio explains.
    let best = last_that_holds(-FURTHEST, FURTHEST, |ln_ratio| {
        let mut explained = 0.0;
        for step in &steps {
            explained += step.canary_errors_at(ln_ratio);
        }
        explained < canary
    });
    if !holds(best) {
        return None;
    }
    let bounded = |end: f64| Finite::new(libm::exp(last_that_holds(best, end, holds)));
    Some(Interval {
        low: if canary == 0.0 { Finite::ZERO } else { bounded(-FURTHEST).unwrap_or(Finite::ZERO) },
        high: if baseline == 0.0 { None } else { bounded(FURTHEST) },
        estimate: match (canary == 0.0, baseline == 0.0) {
            (true, _) => Some(Finite::ZERO),
            (false, true) => None,
            (false, false) => Finite::new(libm::exp(best)),
        },
    })
}

/// One step's part in the likelihood of a ratio.
struct StepLikelihood {
    canary_errors: f64,
    baseline_errors: f64,
    /// The baseline's requests over the canary's.
    odds: f64,
}

impl StepLikelihood {
    fn of(arms: &Arms) -> Option<Self> {
        let (canary, baseline) = (arms.canary.requests(), arms.baseline.requests());
        (canary > 0 && baseline > 0).then(|| Self {
            canary_errors: arms.canary.errors() as f64,
            baseline_errors: arms.baseline.errors() as f64,
            odds: baseline as f64 / canary as f64,
        })
    }

    /// `x_c · ln θ + x_b · ln(1 − θ)`, with `θ = 1 / (1 + odds/ρ)`.
    fn ln_likelihood(&self, ln_ratio: f64) -> f64 {
        let against = self.odds * libm::exp(-ln_ratio);
        -self.canary_errors * libm::log1p(against) - self.baseline_errors * libm::log1p(1.0 / against)
    }

    /// How many of the step's errors the canary has on average at a ratio.
    fn canary_errors_at(&self, ln_ratio: f64) -> f64 {
        (self.canary_errors + self.baseline_errors) / (1.0 + self.odds * libm::exp(-ln_ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, errors: u64) -> Counts {
        Counts::new(requests, errors).unwrap()
    }

    fn arms(canary: (u64, u64), baseline: (u64, u64)) -> Arms {
        Arms { canary: counts(canary.0, canary.1), baseline: counts(baseline.0, baseline.1) }
    }

    fn contains(interval: &Interval, value: f64) -> bool {
        interval.low.get() <= value && interval.high.is_none_or(|high| value <= high.get())
    }

    /// The probability that the truth is outside at any of the first looks, a look at each request, going through
    /// every course of events.
    fn ever_wrong(p: f64, looks: u64, alpha: Alpha) -> f64 {
        // How probable it is to have so many errors now and to have been right at every look so far.
        let mut right = vec![1.0];
        for n in 1..=looks {
            let mut next = vec![0.0; right.len() + 1];
            for (x, probability) in right.iter().enumerate() {
                next[x] += probability * (1.0 - p);
                next[x + 1] += probability * p;
            }
            for (x, probability) in next.iter_mut().enumerate() {
                if !contains(&rate(counts(n, x as u64), alpha), p) {
                    *probability = 0.0;
                }
            }
            right = next;
        }
        1.0 - right.iter().sum::<f64>()
    }

    #[test]
    fn the_truth_is_inside_at_every_look_at_once() {
        let alpha = Alpha::new(0.05).unwrap();
        for p in [0.01, 0.1, 0.5, 0.93] {
            let wrong = ever_wrong(p, 120, alpha);
            assert!(wrong <= alpha.get(), "{p}: {wrong}");
        }
    }

    #[test]
    fn ends_are_where_the_martingale_reaches_its_threshold() {
        let alpha = Alpha::default();
        let found = rate(counts(600, 3), alpha);
        for end in [found.low.get(), found.high.unwrap().get()] {
            let ln = ln_beta(3.5, 597.5) - LN_PI - 3.0 * libm::log(end) - 597.0 * libm::log1p(-end);
            assert!((ln - alpha.ln_threshold()).abs() < 1e-9, "{end}: {ln}");
        }
        assert!(contains(&found, 0.005));
    }

    #[test]
    fn a_rate_with_nothing_or_everything_wrong_has_one_end() {
        let alpha = Alpha::default();
        assert_eq!(rate(counts(100, 0), alpha).low, Finite::ZERO);
        assert_eq!(rate(counts(100, 100), alpha).high, Finite::new(1.0));
        assert!(rate(counts(100, 0), alpha).excludes(0.2));
        assert_eq!(rate(Counts::NONE, alpha).high, Finite::new(1.0));
    }

    #[test]
    fn a_ratio_has_the_ends_that_its_data_give_it() {
        let alpha = Alpha::default();
        let no_errors = ratio(&[arms((100, 0), (900, 0))], alpha).unwrap();
        assert_eq!(no_errors, Interval::ANY);
        assert_eq!(ratio(&[], alpha).unwrap(), Interval::ANY);
        let clean_canary = ratio(&[arms((1_000, 0), (9_000, 90))], alpha).unwrap();
        assert_eq!((clean_canary.low, clean_canary.estimate), (Finite::ZERO, Some(Finite::ZERO)));
        assert!(clean_canary.excludes(2.0));
        let clean_baseline = ratio(&[arms((1_000, 50), (1_000, 0))], alpha).unwrap();
        assert_eq!((clean_baseline.high, clean_baseline.estimate), (None, None));
        assert!(clean_baseline.low.get() > 2.0);
        let found = ratio(&[arms((600, 12), (5_400, 54))], alpha).unwrap();
        assert!((found.estimate.unwrap().get() - 2.0).abs() < 1e-9);
        assert!(contains(&found, 2.0) && !found.excludes(2.0));
    }

    #[test]
    fn steps_add_to_each_other_in_any_order_and_may_contradict_each_other() {
        let alpha = Alpha::default();
        let (first, second) = (arms((600, 6), (59_400, 594)), arms((6_000, 60), (54_000, 540)));
        let both = ratio(&[first, second], alpha).unwrap();
        let alone = ratio(&[second], alpha).unwrap();
        assert!(contains(&both, 1.0) && both.high.unwrap() < ratio(&[first], alpha).unwrap().high.unwrap());
        assert!(contains(&alone, 1.0));
        let (worse, better) = (arms((10_000, 1_000), (10_000, 100)), arms((10_000, 100), (10_000, 1_000)));
        assert_eq!(ratio(&[worse, better], alpha), None, "ten times in one step and a tenth in the other");
        assert_eq!(ratio(&[arms((0, 0), (10, 1)), second], alpha), Some(alone));
    }

    #[test]
    fn more_of_the_same_makes_it_narrower() {
        let alpha = Alpha::default();
        let width = |times: u64| {
            let found = ratio(&[arms((600 * times, 6 * times), (5_400 * times, 54 * times))], alpha).unwrap();
            found.high.unwrap().get() - found.low.get()
        };
        assert!(width(1) > width(4) && width(4) > width(100) && width(100) > width(100_000));
        assert!(width(100_000) < 0.05);
    }
}
