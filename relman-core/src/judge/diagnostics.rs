//! What a verdict's assumptions rest on: dispersion, lag-1 correlation and sample-ratio mismatch, each with its warning.
//!
//! They do not decide about a version, except that nothing that was measured can be trusted where the traffic is not
//! split as it was meant to be.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    evidence::Alpha,
    math::ln_beta,
    observation::{Arms, Counts},
};
use crate::unit::{Finite, TrafficShare};

/// Fewer intervals than this tell nothing about how intervals hang together.
const FEWEST_INTERVALS: u64 = 10;

/// How many standard deviations are no accident: one healthy series in 740 goes so far.
const DEVIATIONS: f64 = 3.0;

/// A dispersion of less than this is not worth a person's time, however certain it is.
const NOTABLE_DISPERSION: f64 = 1.5;

/// A part of a sum of squares that rounding may leave where nothing is left.
const ROUNDING: f64 = 1e-12;

/// How errors are spread over the intervals of one arm, as sums that add up as intervals come.
///
/// - **Dispersion**: Pearson's `Σ (x_t − n_t·p)² / (n_t·p·(1−p)) / (T−1)`, with `p` the rate of all intervals. About 1 where errors
///   are independent of each other, above it where they come in bursts (`McCullagh` and Nelder 1989, section 4.5). Its
///   standard deviation is then about `√(2/(T−1))`.
/// - **Lag-1 correlation** of the standardised residuals `(x_t − n_t·p)/√n_t`: about 0 where intervals are independent, with a
///   standard deviation of about `1/√T` (Bartlett 1946).
///
/// # Examples
///
/// ```
/// use relman_core::judge::{diagnostics::{Spread, Warning}, factor::Counts};
///
/// let mut spread = Spread::default();
/// for interval in 0..60 {
///     // Twenty errors at once, every tenth minute.
///     let errors = if interval % 10 == 0 { 20 } else { 0 };
///     spread.observe(Counts::new(600, errors).expect("fewer errors than requests"));
/// }
/// assert!(spread.dispersion().is_some_and(|dispersion| dispersion.get() > 15.0));
/// assert!(matches!(spread.warnings()[..], [Warning::Bursts { .. }]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    intervals: u64,
    all: Counts,
    last: Counts,
    /// `Σ x²/n`.
    squares: f64,
    /// `Σ x·x′ / √(n·n′)` over neighbours.
    products: f64,
    /// `Σ (x·n′ + x′·n) / √(n·n′)`.
    crossed: f64,
    /// `Σ √(n·n′)`.
    roots: f64,
}

impl Spread {
    /// One more interval; one without requests is left out.
    pub fn observe(&mut self, interval: Counts) {
        if interval.requests() == 0 {
            return;
        }
        let (n, x) = (interval.requests() as f64, interval.errors() as f64);
        self.squares += x * x / n;
        if self.last.requests() > 0 {
            let (before_n, before_x) = (self.last.requests() as f64, self.last.errors() as f64);
            let root = (before_n * n).sqrt();
            self.products += before_x * x / root;
            self.crossed += (before_x * n + x * before_n) / root;
            self.roots += root;
        }
        self.intervals += 1;
        self.all = self.all.plus(interval);
        self.last = interval;
    }

    /// The dispersion; none for fewer than two intervals, without errors, and with nothing else.
    pub fn dispersion(&self) -> Option<Finite> {
        let (rate, residuals) = self.residuals()?;
        let degrees = self.intervals.checked_sub(1).filter(|degrees| *degrees > 0)? as f64;
        Finite::new(residuals / (rate * (1.0 - rate)) / degrees)
    }

    /// The correlation of neighbouring intervals, between -1 and 1; none where there is no [`Self::dispersion`].
    pub fn lag_1_correlation(&self) -> Option<Finite> {
        let (rate, residuals) = self.residuals()?;
        if self.intervals < 2 || residuals <= 0.0 {
            return None;
        }
        let covariance = self.products - rate * self.crossed + rate * rate * self.roots;
        Finite::new((covariance / residuals).clamp(-1.0, 1.0))
    }

    /// The rate of all intervals, strictly between 0 and 1, and `Σ (x_t − n_t·p)²/n_t`.
    fn residuals(&self) -> Option<(f64, f64)> {
        let rate = self.all.errors() as f64 / self.all.requests() as f64;
        (rate > 0.0 && rate < 1.0).then(|| {
            // What rounding leaves of the difference of two equal sums, on either side of zero, is no spread.
            let left = self.squares - rate * self.all.errors() as f64;
            (rate, if left > ROUNDING * self.squares { left } else { 0.0 })
        })
    }

    /// What a person should know, on ten intervals or more; nothing where errors look independent.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.intervals < FEWEST_INTERVALS {
            return warnings;
        }
        let intervals = self.intervals as f64;
        if let Some(dispersion) = self.dispersion() {
            let certain = 1.0 + DEVIATIONS * (2.0 / (intervals - 1.0)).sqrt();
            if dispersion.get() > certain.max(NOTABLE_DISPERSION) {
                warnings.push(Warning::Bursts { dispersion });
            }
        }
        if let Some(correlation) = self.lag_1_correlation()
            && correlation.get() > DEVIATIONS / intervals.sqrt()
        {
            warnings.push(Warning::Correlated { correlation });
        }
        warnings
    }
}

/// The requests that two arms got, against the share that the canary was meant to get.
///
/// A sequential test, since it is looked at as often as everything else: `E = B(a+n_c, b+n_b) / (B(a, b) · s^(n_c) · (1−s)^(n_b))`
/// with `a = C·s` and `b = C·(1−s)`, the likelihood under a mixture of shares around the wanted share `s` over the likelihood at
/// `s` (Lindon and Malek 2022, "Anytime-valid inference for multinomial count data", who made it for this). `E` is a
/// non-negative martingale from 1 while each request is routed by itself, and stays below it for a balancer that
/// takes turns. Steps with different shares multiply.
///
/// With millions of requests the test finds a share that is off by what no one cares about; so a mismatch is also off by
/// [`NOTABLE_MISMATCH`] of the wanted share.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     judge::{diagnostics::SampleRatio, evidence::Alpha, factor::{Arms, Counts}},
///     unit::TrafficShare,
/// };
///
/// let share: TrafficShare = "10%".parse()?;
/// let served = |canary, baseline| Arms {
///     canary: Counts::new(canary, 0).expect("no errors"),
///     baseline: Counts::new(baseline, 0).expect("no errors"),
/// };
/// let mut ratio = SampleRatio::default();
/// ratio.observe_step(share, served(6_050, 53_950));
/// assert_eq!(ratio.mismatch(Alpha::default()), None);
/// ratio.observe_step(share, served(4_000, 56_000));
/// assert!(ratio.mismatch(Alpha::default()).is_some());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRatio {
    /// `ln E` over the steps that were added.
    ln_evidence: f64,
    /// How many requests the canary was meant to get.
    expected: f64,
    /// How many it got.
    seen: u64,
}

/// From this part of the wanted share on, a mismatch is one that matters.
pub const NOTABLE_MISMATCH: f64 = 0.02;

/// How many requests the mixture of shares weighs as much as: shares within some per cent of the wanted one are likely.
const CONCENTRATION: f64 = 1_000.0;

impl SampleRatio {
    /// Adds the totals of one step, or of a part of it that is judged by itself. A share of 0 or 100 % says nothing.
    pub fn observe_step(&mut self, wanted: TrafficShare, served: Arms) {
        let share = f64::from(wanted.basis_points()) / 10_000.0;
        let (canary, baseline) = (served.canary.requests(), served.baseline.requests());
        if share <= 0.0 || share >= 1.0 || canary.saturating_add(baseline) == 0 {
            return;
        }
        let (n_c, n_b) = (canary as f64, baseline as f64);
        let (a, b) = (CONCENTRATION * share, CONCENTRATION * (1.0 - share));
        let ln_wanted = n_c * libm::log(share) + n_b * libm::log1p(-share);
        self.ln_evidence += ln_beta(a + n_c, b + n_b) - ln_beta(a, b) - ln_wanted;
        self.expected += share * (n_c + n_b);
        self.seen = self.seen.saturating_add(canary);
    }

    /// `ln E` against a split as it was meant to be.
    pub fn ln_evidence(&self) -> f64 {
        self.ln_evidence
    }

    /// The mismatch, where there is one: a release with one is held.
    pub fn mismatch(&self, alpha: Alpha) -> Option<Warning> {
        let of_expected = self.seen as f64 / self.expected;
        let is_certain = self.ln_evidence >= alpha.ln_threshold();
        let is_notable = (of_expected - 1.0).abs() >= NOTABLE_MISMATCH;
        if !(is_certain && is_notable) {
            return None;
        }
        Finite::new(of_expected).map(|of_expected| Warning::SampleRatioMismatch { of_expected })
    }
}

/// What a person should know before believing a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Warning {
    /// Errors come in bursts.
    Bursts {
        /// How many times the spread of independent errors.
        dispersion: Finite,
    },
    /// A bad interval follows a bad one more often than by chance.
    Correlated {
        /// The lag-1 correlation.
        correlation: Finite,
    },
    /// The canary does not get the requests it was meant to get.
    SampleRatioMismatch {
        /// How many it got, of those it was meant to get.
        of_expected: Finite,
    },
    /// The histogram has no boundary where one was wanted: the next above was judged by.
    CoarseBuckets {
        /// The boundary, in the unit of the metric.
        at: Finite,
        /// The latency that was asked for.
        wanted: Finite,
    },
}

impl Warning {
    /// Whether nothing that was measured can be trusted while this stands, so that a release is held.
    pub fn holds_the_release(self) -> bool {
        match self {
            Self::SampleRatioMismatch { .. } => true,
            Self::Bursts { .. } | Self::Correlated { .. } | Self::CoarseBuckets { .. } => false,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bursts { dispersion } => write!(
                f,
                "errors come in bursts: they spread {:.1} times as wide as independent ones would, so that only the \
                 burst-proof evidence counts and intervals are too narrow",
                dispersion.get()
            ),
            Self::Correlated { correlation } => write!(
                f,
                "bad intervals follow each other (correlation {:.2}): a cause lasts longer than one interval, so \
                 that the evidence of neighbouring intervals is partly the same",
                correlation.get()
            ),
            Self::SampleRatioMismatch { of_expected } => write!(
                f,
                "the canary got {:.1} % of the requests it was meant to get: the arms do not see the same traffic, \
                 and nothing measured on them can be compared before the routing is understood",
                100.0 * of_expected.get()
            ),
            Self::CoarseBuckets { at, wanted } => write!(
                f,
                "the buckets are coarse: slow requests are counted from {at} on, the next bound above {:.1}, and what is \
                 between is not seen",
                wanted.get()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, errors: u64) -> Counts {
        Counts::new(requests, errors).unwrap()
    }

    fn spread(intervals: &[(u64, u64)]) -> Spread {
        let mut spread = Spread::default();
        for (requests, errors) in intervals {
            spread.observe(counts(*requests, *errors));
        }
        spread
    }

    #[test]
    fn sums_give_what_the_definitions_give() {
        let intervals = [(100, 3), (250, 1), (80, 0), (400, 9), (120, 2)];
        let spread = spread(&intervals);
        let (n, x): (Vec<f64>, Vec<f64>) = intervals.iter().map(|(n, x)| (*n as f64, *x as f64)).unzip();
        let rate = 15.0 / 950.0;
        let residual: Vec<f64> = n.iter().zip(&x).map(|(n, x)| (x - n * rate) / n.sqrt()).collect();
        let squares: f64 = residual.iter().map(|residual| residual * residual).sum();
        let products: f64 = residual.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let dispersion = squares / (rate * (1.0 - rate)) / 4.0;
        assert!((spread.dispersion().unwrap().get() - dispersion).abs() < 1e-12);
        assert!((spread.lag_1_correlation().unwrap().get() - products / squares).abs() < 1e-12);
    }

    #[test]
    fn little_or_nothing_tells_nothing() {
        assert_eq!(Spread::default().dispersion(), None);
        assert_eq!(spread(&[(100, 1)]).dispersion(), None);
        assert_eq!(spread(&[(100, 0); 30]).dispersion(), None);
        assert_eq!(spread(&[(100, 100); 30]).lag_1_correlation(), None);
        assert_eq!(spread(&[(100, 50), (100, 0)]).warnings(), []);
        assert_eq!(spread(&[(0, 0); 30]), Spread::default());
    }

    #[test]
    fn a_cause_that_lasts_is_seen_as_correlation() {
        let intervals: Vec<(u64, u64)> =
            (0..100).map(|t| (600, if (t / 10) % 2 == 0 { 9 } else { 3 })).collect();
        let warnings = spread(&intervals).warnings();
        assert!(warnings.iter().any(|warning| matches!(warning, Warning::Correlated { .. })), "{warnings:?}");
        assert!(warnings.iter().all(|warning| !warning.holds_the_release()));
        // Rates as even as they can be are below one and no reason to warn.
        for even in [(600, 6), (6_000, 6), (700, 1), (9_999, 17)] {
            assert_eq!(spread(&[even; 100]).warnings(), []);
            assert_eq!(spread(&[even; 20]).lag_1_correlation(), None, "rounding is no correlation");
        }
    }

    #[test]
    fn evidence_of_a_mismatch_has_mean_one_while_there_is_none() {
        // Going through every split of few requests, at a share of a quarter.
        let share: TrafficShare = "25%".parse().unwrap();
        for requests in [1_u64, 2, 12] {
            let mut mean = 0.0;
            let mut probability = libm::pow(0.75, requests as f64);
            for canary in 0..=requests {
                let mut ratio = SampleRatio::default();
                let baseline = counts(requests - canary, 0);
                ratio.observe_step(share, Arms { canary: counts(canary, 0), baseline });
                mean += probability * libm::exp(ratio.ln_evidence());
                probability *= (requests - canary) as f64 / (canary + 1) as f64 / 3.0;
            }
            assert!((mean - 1.0).abs() < 1e-9, "{requests}: {mean}");
        }
    }

    #[test]
    fn a_mismatch_is_certain_and_matters() {
        let share: TrafficShare = "50%".parse().unwrap();
        let mismatch = |canary, baseline| {
            let mut ratio = SampleRatio::default();
            ratio.observe_step(share, Arms { canary: counts(canary, 0), baseline: counts(baseline, 0) });
            ratio.mismatch(Alpha::default())
        };
        assert_eq!(mismatch(70, 50), None, "may be chance");
        assert_eq!(mismatch(5_050_000, 4_950_000), None, "one per cent is no reason to hold");
        let warning = mismatch(60_000, 40_000).unwrap();
        assert!(warning.holds_the_release());
        assert!(warning.to_string().starts_with("the canary got 120.0 % of the requests"));
        assert_eq!(SampleRatio::default().mismatch(Alpha::default()), None);
    }

    #[test]
    fn all_of_the_traffic_has_no_ratio() {
        let mut ratio = SampleRatio::default();
        ratio.observe_step("100%".parse().unwrap(), Arms { canary: counts(900, 0), baseline: Counts::NONE });
        assert_eq!(ratio, SampleRatio::default());
    }
}
