use std::cmp::Ordering;

use crate::{
    judge::{
        observation::{Answer, Arm, Measurement, MissingKind},
        verdict::{Channel, Control, Method, Outcome, Undecided, Verdict},
    },
    plan::{COMPLAINTS, Comparator, Criterion, Quantity, Threshold, Unit},
    unit::{Decimal, Finite, Ratio},
};

/// The version of the rules in this file; recorded with every verdict.
pub(crate) const ENGINE: u32 = 1;

/// What a criterion is judged on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What the canary showed over the looks since the last decided verdict, or why it showed nothing.
    pub canary: &'a Answer,
    /// What the baseline showed over the same looks; not needed for a fixed limit.
    pub baseline: Option<(&'a Answer, Control)>,
    /// How many requests a verdict rests on at least.
    pub min_requests: u64,
}

/// Compares a value with a fixed limit or with a multiple of the baseline.
///
/// Rates are compared in integers. While there are fewer than `min_requests` requests, a rate fails only if it
/// would fail with as many clean requests as are missing: the verdict could not come out otherwise then.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{Answer, Evidence, Measurement, Outcome, judge};
///
/// let criterion = "error_rate > 1%".parse()?;
/// let canary = Answer::Value(Measurement::Counts { requests: 600, errors: 31 });
/// let verdict = judge(&criterion, Evidence { canary: &canary, baseline: None, min_requests: 100 });
/// assert_eq!(verdict.outcome, Outcome::Fail);
/// assert_eq!(verdict.to_string(), "error_rate > 1%: breached, 5.167% (31 of 600) against 1%");
/// # Ok::<(), relman_core::plan::CriterionError>(())
/// ```
pub fn judge(criterion: &Criterion, evidence: Evidence<'_>) -> Verdict {
    let Assessment { outcome, value, threshold } = assess(criterion, evidence);
    let canary = evidence.canary.measurement().cloned();
    let (method, beside) = match criterion.threshold {
        Threshold::Limit(_) => (Method::Threshold, None),
        Threshold::Baseline { .. } => (Method::BaselineMultiple, evidence.baseline),
    };
    // What a canary without a value would have been compared with does not matter.
    let beside = beside.filter(|_| canary.is_some());
    Verdict {
        criterion: criterion.clone(),
        outcome,
        method,
        channel: Channel::HardLimit,
        engine: ENGINE,
        canary,
        baseline: beside.and_then(|(baseline, _)| baseline.measurement().cloned()),
        control: beside.map_or(Control::None, |(_, control)| control),
        value,
        threshold,
        strength: None,
        confidence: None,
        dispersion: None,
        lag_1_correlation: None,
        warnings: Vec::new(),
    }
}

/// What [`judge`] makes of a criterion, without copies of what it rests on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Assessment {
    /// The outcome.
    pub outcome: Outcome,
    /// The canary's value, as in [`Verdict::value`].
    pub value: Option<Finite>,
    /// What it was compared with, as in [`Verdict::threshold`].
    pub threshold: Option<Finite>,
}

/// Compares as [`judge`] does, and copies nothing: for simulations that judge millions of times.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{Answer, Evidence, Measurement, Outcome, assess};
///
/// let criterion = "error_rate > 1%".parse()?;
/// let canary = Answer::Value(Measurement::Counts { requests: 600, errors: 3 });
/// let assessed = assess(&criterion, Evidence { canary: &canary, baseline: None, min_requests: 100 });
/// assert_eq!(assessed.outcome, Outcome::Pass);
/// # Ok::<(), relman_core::plan::CriterionError>(())
/// ```
pub fn assess(criterion: &Criterion, evidence: Evidence<'_>) -> Assessment {
    match compared(criterion, evidence) {
        Ok(compared) => {
            let outcome = match (criterion.comparator.is_breached_by(compared.order), compared.short_of) {
                (true, _) => Outcome::Fail,
                (false, Some(undecided)) => Outcome::Undecided(undecided),
                (false, None) => Outcome::Pass,
            };
            let (value, threshold) = (Finite::new(compared.value), Finite::new(compared.threshold));
            Assessment { outcome, value, threshold }
        }
        Err(undecided) => Assessment { outcome: Outcome::Undecided(undecided), value: None, threshold: None },
    }
}

fn compared(criterion: &Criterion, evidence: Evidence<'_>) -> Result<Compared, Undecided> {
    let canary = present(evidence.canary, Arm::Canary)?;
    match criterion.threshold {
        Threshold::Limit(limit) => against_limit(criterion, canary, limit, evidence.min_requests),
        Threshold::Baseline { factor } => {
            let Some((answer, _)) = evidence.baseline else {
                let none = Answer::NoData { detail: "no baseline was measured".to_owned() };
                return Err(missing(&none, Arm::Baseline));
            };
            let baseline = present(answer, Arm::Baseline)?;
            against_baseline(criterion, canary, baseline, factor, evidence.min_requests)
        }
    }
}

/// A value beside its threshold.
struct Compared {
    value: f64,
    threshold: f64,
    /// How the value compares, exactly.
    order: Ordering,
    /// What is missing before this is a pass.
    short_of: Option<Undecided>,
}

fn present(answer: &Answer, arm: Arm) -> Result<&Measurement, Undecided> {
    answer.measurement().ok_or_else(|| missing(answer, arm))
}

fn missing(answer: &Answer, arm: Arm) -> Undecided {
    let missing = answer.missing().unwrap_or(MissingKind::NoData);
    Undecided::Missing { arm, missing, detail: answer.to_string() }
}

/// The measurement does not answer the criterion's question.
fn unsuited(criterion: &Criterion, arm: Arm, what: &str) -> Undecided {
    let detail = format!("`{criterion}` can't be judged on {what}; fix the query or the criterion");
    Undecided::Missing { arm, missing: MissingKind::ProviderError, detail }
}

/// The part and the whole of a measured rate.
fn rate(measurement: &Measurement) -> Option<(u64, u64)> {
    match measurement {
        Measurement::Counts { requests, errors: part }
        | Measurement::Exceedances { requests, exceedances: part, .. } => Some((*part, *requests)),
        Measurement::Histogram(_) | Measurement::Events { .. } | Measurement::Gauge { .. } => None,
    }
}

fn too_few(arm: Arm, have: u64, need: u64) -> Option<Undecided> {
    (have < need).then_some(Undecided::TooFewRequests { arm, have, need })
}

/// The whole against which a rate is compared: filled up with clean requests where a high rate is the breach.
fn filled(comparator: Comparator, whole: u64, min_requests: u64) -> u64 {
    match comparator {
        Comparator::Above | Comparator::AtLeast => whole.max(min_requests),
        Comparator::Below | Comparator::AtMost => whole,
    }
}

fn against_limit(
    criterion: &Criterion,
    canary: &Measurement,
    limit: Quantity,
    min_requests: u64,
) -> Result<Compared, Undecided> {
    if let Some((part, whole)) = rate(canary) {
        let percent = match limit.unit {
            Unit::Percent => limit.number,
            Unit::Plain => times_hundred(limit.number),
            Unit::Milliseconds | Unit::Seconds => return Err(unsuited(criterion, Arm::Canary, "counts")),
        };
        let short_of = too_few(Arm::Canary, whole, min_requests);
        let waits = |comparator| matches!(comparator, Comparator::Below | Comparator::AtMost);
        if let (Some(undecided), true) = (&short_of, waits(criterion.comparator)) {
            return Err(undecided.clone());
        }
        let filled = Ratio::new(part, filled(criterion.comparator, whole, min_requests));
        let order = filled.map_or(Ordering::Less, |ratio| ratio.cmp_percent(percent));
        let value = Ratio::new(part, whole).map_or(0.0, Ratio::to_f64);
        return Ok(Compared { value, threshold: percent.to_f64() / 100.0, order, short_of });
    }
    let (value, short_of) = number(criterion, canary, Arm::Canary, min_requests)?;
    let threshold = in_unit_of_metric(limit);
    Ok(compare(value, threshold, short_of))
}

fn against_baseline(
    criterion: &Criterion,
    canary: &Measurement,
    baseline: &Measurement,
    factor: Decimal,
    min_requests: u64,
) -> Result<Compared, Undecided> {
    if let (Some((part, whole)), Some((base_part, base_whole))) = (rate(canary), rate(baseline)) {
        if let Some(undecided) = too_few(Arm::Baseline, base_whole, min_requests) {
            return Err(undecided);
        }
        let short_of = too_few(Arm::Canary, whole, min_requests);
        if let (Some(undecided), Comparator::Below | Comparator::AtMost) = (&short_of, criterion.comparator) {
            return Err(undecided.clone());
        }
        // part/whole ? f·base_part/base_whole with f = digits/10^scale, multiplied out. Counts are below 2^53 and
        // digits below 2^50, so each side fits 128 bits if the smaller counts are multiplied first.
        let (digits, scale) = factor.parts();
        let whole_filled = filled(criterion.comparator, whole, min_requests);
        let left = wide(part, base_whole, 10_u64.pow(u32::from(scale)));
        let right = wide(base_part, whole_filled, digits);
        let value = Ratio::new(part, whole).map_or(0.0, Ratio::to_f64);
        let threshold = factor.to_f64() * Ratio::new(base_part, base_whole).map_or(0.0, Ratio::to_f64);
        return Ok(Compared { value, threshold, order: left.cmp(&right), short_of });
    }
    let (value, short_of) = number(criterion, canary, Arm::Canary, min_requests)?;
    let (base, base_short_of) = number(criterion, baseline, Arm::Baseline, min_requests)?;
    if let Some(undecided) = base_short_of {
        return Err(undecided);
    }
    Ok(compare(value, factor.to_f64() * base, short_of))
}

fn compare(value: f64, threshold: f64, short_of: Option<Undecided>) -> Compared {
    let order = value.partial_cmp(&threshold).unwrap_or(Ordering::Less);
    Compared { value, threshold, order, short_of }
}

/// A product of three integers in 192 bits, as high and low part: compared like a number.
fn wide(one: u64, two: u64, three: u64) -> (u128, u64) {
    let product = u128::from(one) * u128::from(two);
    let low = (product & u128::from(u64::MAX)) * u128::from(three);
    let high = (product >> 64) * u128::from(three) + (low >> 64);
    (high, u64::try_from(low & u128::from(u64::MAX)).unwrap_or(u64::MAX))
}

/// The one number that a measurement other than a rate amounts to, in the unit of the metric.
fn number(
    criterion: &Criterion,
    measurement: &Measurement,
    arm: Arm,
    min_requests: u64,
) -> Result<(f64, Option<Undecided>), Undecided> {
    match measurement {
        Measurement::Gauge { value } => Ok((value.get(), None)),
        Measurement::Events { count, exposure } => match criterion.threshold {
            Threshold::Limit(limit) if is_rate_of_events(criterion, limit) => {
                match Ratio::new(*count, *exposure) {
                    Some(ratio) => Ok((ratio.to_f64(), None)),
                    None => Err(Undecided::TooFewRequests { arm, have: 0, need: 1 }),
                }
            }
            Threshold::Limit(_) => Ok((*count as f64, None)),
            Threshold::Baseline { .. } => match Ratio::new(*count, *exposure) {
                Some(ratio) => Ok((ratio.to_f64(), None)),
                None => Err(unsuited(criterion, arm, "a count without exposure")),
            },
        },
        Measurement::Histogram(histogram) => {
            let Some(quantile) = criterion.metric.quantile() else {
                return Err(unsuited(
                    criterion,
                    arm,
                    "a histogram: the metric's name has no quantile such as _p99",
                ));
            };
            if let Some(undecided) = too_few(arm, histogram.count(), min_requests) {
                return Err(undecided);
            }
            match histogram.quantile(quantile) {
                Some(value) => Ok((value.get(), None)),
                None => Err(unsuited(criterion, arm, "an empty histogram")),
            }
        }
        Measurement::Counts { .. } | Measurement::Exceedances { .. } => {
            Err(unsuited(criterion, arm, "counts in one arm and something else in the other"))
        }
    }
}

/// Whether a limit on events is one on their rate: `crashes > 3` counts them, and `crashes > 0.1%` wants to know of how
/// many. Complaints are counted without an exposure.
pub(super) fn is_rate_of_events(criterion: &Criterion, limit: Quantity) -> bool {
    limit.unit == Unit::Percent && criterion.metric.as_str() != COMPLAINTS
}

fn times_hundred(number: Decimal) -> Decimal {
    let (digits, scale) = number.parts();
    match scale {
        0 => Decimal::new(digits.saturating_mul(100).min(999_999_999_999_999), 0),
        1 => Decimal::new(digits.saturating_mul(10).min(999_999_999_999_999), 0),
        _ => Decimal::new(digits, scale - 2),
    }
}

/// A limit in the unit in which the metric is measured: a ratio for per cent, milliseconds for times.
pub(super) fn in_unit_of_metric(limit: Quantity) -> f64 {
    match limit.unit {
        Unit::Percent => limit.number.to_f64() / 100.0,
        Unit::Seconds => limit.number.to_f64() * 1_000.0,
        Unit::Milliseconds | Unit::Plain => limit.number.to_f64(),
    }
}

#[cfg(test)]
#[path = "threshold_tests.rs"]
mod tests;
