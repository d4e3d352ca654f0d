//! The shift between two samples with its interval, and the root finder that R takes for it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ranks::{Continuity, Sorted, ways};
use crate::{
    judge::math::{normal_two_sided, normal_upper_quantile},
    unit::Finite,
};

/// How the interval of a shift is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Procedure {
    /// As Kayenta does: the normal approximation for samples of any size, with the corrections for ties and
    /// continuity, in the estimate as well.
    #[default]
    Kayenta,
    /// As R's `wilcox.test(conf.int = TRUE)` does: exact for two samples of fewer than fifty values without ties, and
    /// otherwise the normal approximation, without the correction for continuity in the estimate.
    R,
}

/// How far the canary's values lie above the baseline's, with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Shift {
    /// The lower end of the interval.
    pub ci_low: Finite,
    /// The upper end of the interval.
    pub ci_high: Finite,
    /// The Hodges-Lehmann estimate: the shift at which neither sample wins, about the median of all differences.
    pub estimate: Finite,
}

/// Why samples have no shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A sample is empty.
    #[error("a sample is empty, both need at least one value")]
    Empty,
    /// The confidence is not a probability.
    #[error("the confidence is not above 0 and below 1")]
    Confidence,
    /// The values are too far apart for doubles.
    #[error("the samples differ by more than a double can hold")]
    TooFarApart,
}

/// Samples below this size, without ties, are judged exactly, as R does.
const EXACT_BELOW: usize = 50;

/// How far the experiment lies above the control, with a confidence interval.
///
/// The interval holds the shifts that a two-sided Mann-Whitney test would not refuse; its ends are where the deviation of
/// the rank sum crosses a quantile of the normal distribution, found as R finds them, within `1e-4` and bound to the
/// range of all differences. Values are in the unit of the metric.
///
/// Where both samples are constant, the shift is their difference, and the interval that difference alone: this is
/// where Kayenta's interval goes as the noise that it adds goes to nothing. relman adds none.
///
/// # Errors
///
/// [`SampleError`] for an empty sample, a confidence that is not a probability, and values whose differences overflow.
///
/// # Examples
///
/// ```
/// use relman_core::{judge::kayenta::{Procedure, shift}, unit::Finite};
///
/// let sample = |values: [f64; 4]| values.map(|value| Finite::new(value).expect("a finite value"));
/// let found =
///     shift(&sample([10.0, 20.0, 30.0, 40.0]), &sample([1.0, 2.0, 3.0, 4.0]), 0.95, Procedure::Kayenta)?;
/// assert!((found.estimate.get() - 22.5).abs() < 1e-9);
/// assert_eq!((found.ci_low.get(), found.ci_high.get()), (6.0, 39.0));
/// # Ok::<(), relman_core::judge::kayenta::SampleError>(())
/// ```
pub fn shift(
    experiment: &[Finite],
    control: &[Finite],
    confidence: f64,
    procedure: Procedure,
) -> Result<Shift, SampleError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(SampleError::Confidence);
    }
    let samples = Sorted::new(experiment, control);
    let range = samples.range().ok_or(SampleError::Empty)?;
    let tail = (1.0 - confidence) / 2.0;
    let (low, high, estimate) = match procedure {
        Procedure::R if is_exact(&samples) => exact(&samples, tail),
        Procedure::R => approximate(&samples, range, tail, Continuity::Plain),
        Procedure::Kayenta => approximate(&samples, range, tail, Continuity::Corrected),
    };
    let finite = |value| Finite::new(value).ok_or(SampleError::TooFarApart);
    Ok(Shift { ci_low: finite(low)?, ci_high: finite(high)?, estimate: finite(estimate)? })
}

/// The interval by the normal approximation, and the estimate.
#[expect(clippy::float_cmp, reason = "both samples are constant where the ends are one")]
fn approximate(
    samples: &Sorted,
    (least, greatest): (f64, f64),
    tail: f64,
    estimate_with: Continuity,
) -> (f64, f64, f64) {
    if least == greatest {
        return (least, greatest, least);
    }
    let crossing = |quantile: f64, continuity: Continuity| {
        // Nothing can be tied throughout here: the samples are not both constant.
        let excess = |shift: f64| samples.z(shift, continuity).unwrap_or(0.0) - quantile;
        let (low, high) = (excess(least), excess(greatest));
        if low <= 0.0 {
            least
        } else if high >= 0.0 {
            greatest
        } else {
            root(Point { x: least, y: low }, Point { x: greatest, y: high }, excess)
        }
    };
    let quantile = normal_upper_quantile(tail);
    let corrected = Continuity::Corrected;
    (crossing(quantile, corrected), crossing(-quantile, corrected), crossing(0.0, estimate_with))
}

/// The interval by the exact distribution, and the median of all differences.
fn exact(samples: &Sorted, tail: f64) -> (f64, f64, f64) {
    let (experiment, control) = (&samples.experiment, &samples.control);
    let mut differences: Vec<f64> =
        experiment.iter().flat_map(|one| control.iter().map(move |other| one - other)).collect();
    differences.sort_by(f64::total_cmp);
    let ways = ways(experiment.len(), control.len());
    let all = ways.iter().sum::<u128>() as f64;
    // The smallest statistic that is not below the tail; at least one, so that there is a difference to name.
    let mut below = 0_u128;
    let quantile = ways.iter().position(|count| {
        below += count;
        below as f64 / all >= tail
    });
    let pairs = differences.len();
    let cut = quantile.unwrap_or(pairs).clamp(1, pairs);
    let middle = f64::midpoint(differences[(pairs - 1) / 2], differences[pairs / 2]);
    (differences[cut - 1], differences[pairs - cut], middle)
}

/// Whether R would judge these samples exactly.
fn is_exact(samples: &Sorted) -> bool {
    let small = samples.experiment.len() < EXACT_BELOW && samples.control.len() < EXACT_BELOW;
    small && samples.rank_sums(0.0).ties == 0.0
}

/// The two-sided p-value of the Mann-Whitney test: exact for two samples of fewer than fifty values without ties, and
/// otherwise the normal approximation with the corrections for ties and continuity, as R's `wilcox.test`; 1 where all
/// values are the same.
///
/// # Errors
///
/// [`SampleError::Empty`] for an empty sample.
///
/// # Examples
///
/// ```
/// use relman_core::{judge::kayenta::p_value, unit::Finite};
///
/// let sample = |values: [f64; 4]| values.map(|value| Finite::new(value).expect("a finite value"));
/// let p = p_value(&sample([10.0, 20.0, 30.0, 40.0]), &sample([1.0, 2.0, 3.0, 4.0]))?;
/// // Two of the seventy ways to place four among eight are as extreme.
/// assert!((p - 2.0 / 70.0).abs() < 1e-15);
/// # Ok::<(), relman_core::judge::kayenta::SampleError>(())
/// ```
pub fn p_value(experiment: &[Finite], control: &[Finite]) -> Result<f64, SampleError> {
    let samples = Sorted::new(experiment, control);
    samples.range().ok_or(SampleError::Empty)?;
    if !is_exact(&samples) {
        return Ok(samples.z(0.0, Continuity::Corrected).map_or(1.0, normal_two_sided));
    }
    let ways = ways(samples.experiment.len(), samples.control.len());
    let all = ways.iter().sum::<u128>() as f64;
    // Symmetric: the side that is as far or further out, whichever side it is.
    let wins = samples.rank_sums(0.0).wins;
    let pairs = (ways.len() - 1) as f64;
    let outer = f64::min(wins, pairs - wins);
    let counted = ways.iter().enumerate().take_while(|(wins, _)| *wins as f64 <= outer);
    let extreme = counted.map(|(_, count)| count).sum::<u128>() as f64;
    Ok(f64::min(1.0, 2.0 * extreme / all))
}

/// How close `uniroot` comes as `wilcox.test` calls it.
const TOLERANCE: f64 = 1e-4;

/// The most steps it takes.
const MOST_STEPS: u32 = 1_000;

/// A point and the function's value there.
#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
}

/// Where a function between two points of different signs changes its sign, to within `1e-4`.
///
/// R. P. Brent, *Algorithms for Minimization Without Derivatives*, 1973, chapter 4, in the form of `zeroin` (netlib):
/// inverse quadratic interpolation, or linear with two points, and bisection where that leads too far or too slowly.
/// Kayenta and R both search the step function of a rank test with it, and a plain bisection ends elsewhere.
fn root(low: Point, high: Point, value: impl Fn(f64) -> f64) -> f64 {
    if low.y == 0.0 {
        return low.x;
    }
    if high.y == 0.0 {
        return high.x;
    }
    // The best so far, the one before it, and the last with the other sign.
    let (mut best, mut before, mut opposite) = (high, low, low);
    for _ in 0..MOST_STEPS {
        let last_step = best.x - before.x;
        if opposite.y.abs() < best.y.abs() {
            (before, best, opposite) = (best, opposite, best);
        }
        let tolerance = 2.0 * f64::EPSILON * best.x.abs() + TOLERANCE / 2.0;
        let half = (opposite.x - best.x) / 2.0;
        if half.abs() <= tolerance || best.y == 0.0 {
            return best.x;
        }
        let mut step = half;
        if last_step.abs() >= tolerance && before.y.abs() > best.y.abs() {
            step = interpolated(before, best, opposite, last_step, tolerance).unwrap_or(half);
        }
        if step.abs() < tolerance {
            step = if step > 0.0 { tolerance } else { -tolerance };
        }
        before = best;
        let x = best.x + step;
        best = Point { x, y: value(x) };
        if (best.y > 0.0 && opposite.y > 0.0) || (best.y < 0.0 && opposite.y < 0.0) {
            opposite = before;
        }
    }
    best.x
}

/// The step that interpolation proposes; none if it leads out of the bracket or is no better than halving.
#[expect(clippy::float_cmp, reason = "one point or two, by identity")]
fn interpolated(before: Point, best: Point, opposite: Point, last_step: f64, tolerance: f64) -> Option<f64> {
    let width = opposite.x - best.x;
    // The step is p/q; the division waits until it is known to be wanted.
    let (mut p, mut q) = if before.x == opposite.x {
        let slope = best.y / before.y;
        (width * slope, 1.0 - slope)
    } else {
        let (a, b, c) = (before.y / opposite.y, best.y / opposite.y, best.y / before.y);
        (c * (width * a * (a - b) - (best.x - before.x) * (b - 1.0)), (a - 1.0) * (b - 1.0) * (c - 1.0))
    };
    if p > 0.0 {
        q = -q;
    } else {
        p = -p;
    }
    let inside = p < 0.75 * width * q - (tolerance * q).abs() / 2.0;
    let faster = p < (last_step * q / 2.0).abs();
    (inside && faster).then(|| p / q)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the very same number is meant")]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Vec<Finite> {
        values.iter().map(|value| Finite::new(*value).unwrap()).collect()
    }

    #[test]
    fn small_samples_without_ties_are_exact_as_in_r() {
        // wilcox.test(c(1.1, 2.2, 3.3, 4.4, 5.5), c(0.5, 1.6, 2.7), conf.int = TRUE, conf.level = 0.9)
        let (x, y) = (sample(&[1.1, 2.2, 3.3, 4.4, 5.5]), sample(&[0.5, 1.6, 2.7]));
        // The experiment wins 12 of 15: 1 + 1 + 2 + 3 = 7 ways of 56 are as extreme on one side.
        assert!((p_value(&x, &y).unwrap() - 14.0 / 56.0).abs() < 1e-15);
        let found = shift(&x, &y, 0.9, Procedure::R).unwrap();
        // P(W ≤ 1) = 2/56 is below 5 %, P(W ≤ 2) = 4/56 is not: the second smallest and greatest difference.
        assert!((found.ci_low.get() - (1.1 - 1.6)).abs() < 1e-12, "{found:?}");
        assert!((found.ci_high.get() - (4.4 - 0.5)).abs() < 1e-12, "{found:?}");
        assert!((found.estimate.get() - 1.7).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn ties_are_approximated_with_both_corrections() {
        // W = 8.5 of 9, with three pairs of tied values: Σ (t³ − t) = 18.
        let (x, y) = (sample(&[2.0, 3.0, 3.0]), sample(&[1.0, 1.0, 2.0]));
        let z = (8.5 - 4.5 - 0.5) / (0.75_f64 * (7.0 - 18.0 / 30.0)).sqrt();
        assert!((p_value(&x, &y).unwrap() - normal_two_sided(z)).abs() < 1e-15);
        assert_eq!(p_value(&sample(&[1.0]), &sample(&[1.0])).unwrap(), 1.0);
    }

    #[test]
    fn constant_samples_get_no_noise() {
        let found = shift(&sample(&[3.0; 9]), &sample(&[1.0; 7]), 0.98, Procedure::Kayenta).unwrap();
        assert_eq!([found.ci_low, found.ci_high, found.estimate].map(Finite::get), [2.0; 3]);
    }

    #[test]
    fn samples_that_have_no_shift_say_so() {
        assert_eq!(shift(&[], &sample(&[1.0]), 0.98, Procedure::R), Err(SampleError::Empty));
        assert_eq!(shift(&sample(&[1.0]), &[], 0.98, Procedure::Kayenta), Err(SampleError::Empty));
        assert_eq!(p_value(&[], &[]), Err(SampleError::Empty));
        let one = sample(&[1.0]);
        assert_eq!(shift(&one, &one, 1.0, Procedure::Kayenta), Err(SampleError::Confidence));
        let far = shift(&sample(&[f64::MAX, 0.0]), &sample(&[-f64::MAX]), 0.9, Procedure::Kayenta);
        assert_eq!(far, Err(SampleError::TooFarApart));
    }

    fn point(x: f64, value: impl Fn(f64) -> f64) -> Point {
        Point { x, y: value(x) }
    }

    #[test]
    fn the_root_of_a_smooth_function_is_found() {
        let cube = |x: f64| x * x * x - 2.0;
        let found = root(point(0.0, cube), point(4.0, cube), cube);
        assert!((found - 1.259_921_049_894_873).abs() < 1e-4, "{found}");
    }

    #[test]
    fn an_end_that_is_a_root_is_the_answer() {
        let line = |x: f64| x - 1.0;
        assert_eq!(root(point(1.0, line), point(2.0, line), line), 1.0);
        assert_eq!(root(point(0.0, line), point(1.0, line), line), 1.0);
    }
}
