//! Figures with their confidence intervals. Only `+ − × ÷` and the square root, summed in a fixed order, so that a
//! report is the same on every machine.

use serde::Serialize;

/// How sure the intervals are: 95 of 100 hold the true value.
pub const CONFIDENCE: f64 = 0.95;

/// How many standard deviations to each side hold 95 % of a normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A share of the trials, with Wilson's interval.
///
/// The interval is the score interval of Wilson (1927), which Brown, Cai and Dasgupta (Interval Estimation for a
/// Binomial Proportion, Statistical Science 16, 2001) recommend for shares near 0 and 1, too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Share {
    /// In how many trials.
    pub hits: u64,
    /// Of how many.
    pub trials: u64,
    /// The share, between 0 and 1; 0 where there were no trials.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Share {
    /// The share `hits` of `trials`.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_testkit::lab::Share;
    ///
    /// let share = Share::of(1, 10);
    /// assert_eq!((share.value, (share.low * 1e4).round(), (share.high * 1e4).round()), (0.1, 179.0, 4042.0));
    /// // Never seen in 1,000 trials is not never.
    /// assert!(Share::of(0, 1_000).high > 0.003);
    /// ```
    pub fn of(hits: u64, trials: u64) -> Self {
        if trials == 0 {
            return Self { hits, trials, value: 0.0, low: 0.0, high: 1.0 };
        }
        let n = trials as f64;
        let value = hits as f64 / n;
        let squared = Z * Z;
        let scale = 1.0 + squared / n;
        let centre = (value + squared / (2.0 * n)) / scale;
        let half = Z / scale * (value * (1.0 - value) / n + squared / (4.0 * n * n)).sqrt();
        // Rounding must not turn an end that is exactly 0 or 1 into nearly that.
        let low = if hits == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if hits == trials { 1.0 } else { (centre + half).min(1.0) };
        Self { hits, trials, value, low, high }
    }

    /// Whether a value lies in the interval.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// A number with its interval, which has no end where there are too few trials to say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// How a quantity is spread over trials.
///
/// The mean's interval is the normal one by the central limit theorem; a quantile's is between two values of the
/// sample, by their ranks, and supposes nothing about the distribution (Conover, Practical Nonparametric Statistics,
/// 1999, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// In how many trials there was one.
    pub trials: u64,
    /// The mean.
    pub mean: Estimate,
    /// What half of the trials stay below.
    pub median: Estimate,
    /// What nine of ten trials stay below.
    pub p90: Estimate,
}

impl Spread {
    /// The spread of these values; none where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let mean = mean(&values);
        values.sort_by(f64::total_cmp);
        let (median, p90) = (quantile(&values, 0.5), quantile(&values, 0.9));
        Some(Self { trials: values.len() as u64, mean, median, p90 })
    }
}

/// The mean with the normal interval.
pub(super) fn mean(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return Estimate { value, low: None, high: None };
    }
    let squares = values.iter().map(|one| (one - value) * (one - value)).sum::<f64>();
    let half = Z * (squares / (n - 1.0) / n).sqrt();
    Estimate { value, low: Some(value - half), high: Some(value + half) }
}

/// By how much more often the second of two paired trials is hit, with the interval of Agresti and Min (Simple improved
/// confidence intervals for comparing matched proportions, Statistics in Medicine 24, 2005): half a trial is added for
/// each of the four ways in which a pair can come out, so that no difference in ever so few trials is not none at all.
pub(super) fn paired_share(pairs: impl Iterator<Item = (bool, bool)>) -> Estimate {
    let (mut all, mut first_alone, mut second_alone) = (0_u64, 0_u64, 0_u64);
    for (first, second) in pairs {
        all += 1;
        first_alone += u64::from(first && !second);
        second_alone += u64::from(second && !first);
    }
    let value = (second_alone as f64 - first_alone as f64) / all as f64;
    let (first, second, n) = (first_alone as f64 + 0.5, second_alone as f64 + 0.5, all as f64 + 2.0);
    let centre = (second - first) / n;
    let half = Z * (first + second - (second - first) * (second - first) / n).sqrt() / n;
    Estimate { value, low: Some((centre - half).max(-1.0)), high: Some((centre + half).min(1.0)) }
}

/// A quantile of values that rise, with the interval by ranks.
fn quantile(values: &[f64], quantile: f64) -> Estimate {
    let n = values.len() as f64;
    let half = Z * (n * quantile * (1.0 - quantile)).sqrt();
    // Ranks count from 1; outside of the sample there is no end.
    let at = |rank: f64| -> Option<f64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank is a whole number from 1 to the number of trials here"
        )]
        let index = (rank >= 1.0 && rank <= n).then(|| rank as usize - 1)?;
        values.get(index).copied()
    };
    let value = at((n * quantile).ceil().max(1.0)).unwrap_or(f64::NAN);
    let (low, high) = (at((n * quantile - half).floor()), at((n * quantile + half).ceil() + 1.0));
    Estimate { value, low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
        for (hits, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = Share::of(hits, trials);
            assert!((share.low - low).abs() < 5e-5 && (share.high - high).abs() < 5e-5, "{share:?}");
        }
        assert!(Share::of(20, 20).holds(1.0));
        assert_eq!(Share::of(0, 0).high.to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn quantiles_have_ranks_for_ends() {
        let spread = Spread::of((1..=100).rev().map(f64::from).collect()).unwrap();
        let ends = |estimate: Estimate| (estimate.value, estimate.low, estimate.high);
        assert_eq!(ends(spread.median), (50.0, Some(40.0), Some(61.0)));
        assert_eq!(ends(spread.p90), (90.0, Some(84.0), Some(97.0)));
        assert!((spread.mean.value - 50.5).abs() < 1e-9);
        // The standard deviation of 1 to 100 is 29.01, a tenth of that twice over is 5.69.
        assert!((spread.mean.high.unwrap() - 56.19).abs() < 0.01);
    }

    #[test]
    fn pairs_that_never_differ_may_differ_yet() {
        let same = paired_share([(true, true); 100].into_iter());
        assert!(
            same.value.abs() < 1e-9 && same.low.unwrap() < -0.01 && same.high.unwrap() > 0.01,
            "{same:?}"
        );
        let often = (0..100).map(|index| (index < 10, index < 40));
        let estimate = paired_share(often);
        // By hand: (30.5 - 0.5) / 102, and 1.96 · √(31 − 30²/102) / 102.
        let (low, high) = (estimate.low.unwrap(), estimate.high.unwrap());
        assert!((estimate.value - 0.3).abs() < 1e-9, "{estimate:?}");
        assert!((low - 0.2034).abs() < 5e-4 && (high - 0.3848).abs() < 5e-4, "{estimate:?}");
    }

    #[test]
    fn too_few_trials_have_no_ends() {
        let spread = Spread::of(vec![3.0]).unwrap();
        assert_eq!(spread.mean, Estimate { value: 3.0, low: None, high: None });
        assert_eq!(spread.median, Estimate { value: 3.0, low: None, high: None });
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
