//! What one interval says about a criterion, as whole numbers.

use crate::{
    judge::{
        Histogram, Measurement, confidence,
        evidence::Alpha,
        factor::{Arms, Counts, Exposed},
    },
    plan::{Comparator, Criterion, Threshold, Unit},
    unit::Finite,
};

/// What one interval says about a criterion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Datum {
    /// A rate against a limit.
    Limit { counts: Counts, limit: f64 },
    /// A rate against so many times the baseline's.
    Baseline { arms: Arms, ratio: f64 },
    /// Counts against an expected rate.
    Exposure { exposed: Exposed, rate: f64 },
}

/// What an interval is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beside<'a> {
    /// The baseline in the same interval, and all that it showed before.
    Concurrent { now: Option<&'a Measurement>, before: Option<&'a Measurement> },
    /// The baseline as it was before it had no traffic any more.
    Frozen(Option<&'a Measurement>),
}

impl Datum {
    /// Whether a measurement can be counted in requests at all; a gauge can't, and is judged against a hard limit.
    pub(super) fn is_countable(criterion: &Criterion, canary: &Measurement) -> bool {
        match canary {
            Measurement::Counts { .. } | Measurement::Exceedances { .. } => match criterion.threshold {
                Threshold::Limit(_) => limit(criterion).is_some(),
                Threshold::Baseline { .. } => is_upper(criterion),
            },
            Measurement::Histogram(_) => criterion.metric.quantile().is_some() && is_upper(criterion),
            Measurement::Events { exposure, .. } => {
                *exposure > 0 && is_upper(criterion) && limit(criterion).is_some()
            }
            Measurement::Gauge { .. } => false,
        }
    }

    /// What a measurement says; none where it can't be counted or compared.
    pub(super) fn of(criterion: &Criterion, canary: &Measurement, beside: Beside<'_>) -> Option<Self> {
        match (canary, criterion.metric.quantile()) {
            (Measurement::Histogram(histogram), Some(quantile)) => {
                Self::of_histogram(criterion, histogram, quantile, beside)
            }
            (Measurement::Events { count, exposure }, _) => match criterion.threshold {
                Threshold::Limit(_) if *exposure > 0 && is_upper(criterion) => {
                    let exposed = Exposed { count: *count, exposure: *exposure };
                    limit(criterion).map(|rate| Self::Exposure { exposed, rate })
                }
                _ => None,
            },
            _ => Self::of_rate(criterion, Counts::of(canary)?, beside),
        }
    }

    fn of_rate(criterion: &Criterion, canary: Counts, beside: Beside<'_>) -> Option<Self> {
        match criterion.threshold {
            Threshold::Limit(_) => {
                let limit = limit(criterion)?;
                if is_upper(criterion) {
                    Some(Self::Limit { counts: canary, limit })
                } else {
                    // Too few good ones are too many of the others.
                    let counts = Counts::new(canary.requests(), canary.requests() - canary.errors())?;
                    Some(Self::Limit { counts, limit: 1.0 - limit })
                }
            }
            Threshold::Baseline { factor } if is_upper(criterion) => {
                let ratio = factor.to_f64();
                match beside {
                    Beside::Concurrent { now, .. } => {
                        let baseline = Counts::of(now?)?;
                        Some(Self::Baseline { arms: Arms { canary, baseline }, ratio })
                    }
                    Beside::Frozen(baseline) => {
                        let baseline = Counts::of(baseline?)?;
                        // The upper end of what the baseline's rate may be: no canary is accused of its noise.
                        let highest = confidence::rate(baseline, Alpha::default()).high?.get();
                        Some(Self::Limit { counts: canary, limit: ratio * highest })
                    }
                }
            }
            Threshold::Baseline { .. } => None,
        }
    }

    /// A quantile is a rate: so many requests may be above a bound.
    fn of_histogram(
        criterion: &Criterion,
        canary: &Histogram,
        quantile: f64,
        beside: Beside<'_>,
    ) -> Option<Self> {
        if !is_upper(criterion) {
            return None;
        }
        let at = match criterion.threshold {
            Threshold::Limit(limit) => {
                canary.boundary_at(Finite::new(crate::judge::threshold::in_unit_of_metric(limit))?)?.at
            }
            Threshold::Baseline { factor } => {
                let (Beside::Concurrent { before: baseline, .. } | Beside::Frozen(baseline)) = beside;
                histogram(baseline?)?.boundary_for(quantile, factor.to_f64())?.at
            }
        };
        Some(Self::Limit { counts: canary.exceedances(at)?, limit: 1.0 - quantile })
    }

    /// Both arms at the boundaries near the baseline's p95 to p99, where the criterion compares a quantile with a
    /// concurrent baseline: what finds a slow-down early.
    pub(super) fn early(criterion: &Criterion, canary: &Measurement, beside: Beside<'_>) -> Vec<Self> {
        let (Threshold::Baseline { factor }, Some(_), true) =
            (criterion.threshold, criterion.metric.quantile(), is_upper(criterion))
        else {
            return Vec::new();
        };
        let Beside::Concurrent { now: Some(now), before: Some(before) } = beside else {
            return Vec::new();
        };
        let (Some(canary), Some(now), Some(before)) = (histogram(canary), histogram(now), histogram(before))
        else {
            return Vec::new();
        };
        let boundaries = before.watched_boundaries().into_iter();
        let counted = boundaries.filter_map(|at| {
            let arms = Arms { canary: canary.exceedances(at)?, baseline: now.exceedances(at)? };
            Some(Self::Baseline { arms, ratio: factor.to_f64() })
        });
        counted.collect()
    }

    /// The counts of both arms; of the baseline none where it was not counted.
    pub(super) fn arms(self) -> Option<Arms> {
        match self {
            Self::Limit { counts, .. } => Some(Arms { canary: counts, baseline: Counts::NONE }),
            Self::Baseline { arms, .. } => Some(arms),
            Self::Exposure { .. } => None,
        }
    }
}

fn histogram(measurement: &Measurement) -> Option<&Histogram> {
    match measurement {
        Measurement::Histogram(histogram) => Some(histogram),
        _ => None,
    }
}

/// Whether a high value is the breach.
fn is_upper(criterion: &Criterion) -> bool {
    matches!(criterion.comparator, Comparator::Above | Comparator::AtLeast)
}

/// The limit as a part of one; none where it is no rate.
fn limit(criterion: &Criterion) -> Option<f64> {
    let Threshold::Limit(quantity) = criterion.threshold else { return None };
    let limit = match quantity.unit {
        Unit::Percent => quantity.number.to_f64() / 100.0,
        Unit::Plain => quantity.number.to_f64(),
        Unit::Milliseconds | Unit::Seconds => return None,
    };
    (limit > 0.0 && limit < 1.0).then_some(limit)
}
