//! What one interval says about a criterion, as whole numbers.

use super::threshold::{in_unit_of_metric, is_rate_of_events};
use crate::{
    judge::observation::{Arms, Boundary, Counts, Exposed, Histogram, Measurement},
    plan::{Comparator, Criterion, Threshold, Unit},
    unit::Finite,
};

/// A quantile that fewer of the baseline's requests than this are above is a guess, and no boundary is chosen by it.
const FEWEST_ABOVE: f64 = 10.0;

/// What one interval says about a criterion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Datum {
    /// A rate against a limit between 0 and 1.
    Limit { counts: Counts, limit: f64 },
    /// A rate against so many times the baseline's.
    Baseline { arms: Arms, ratio: f64 },
    /// Counts against an expected rate between 0 and 1.
    Exposure { exposed: Exposed, rate: f64 },
}

/// What an interval is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beside<'a> {
    /// The baseline in the same interval, and what it showed in the steps and the looks before.
    Concurrent { now: Option<&'a Measurement>, before: [Option<&'a Measurement>; 2] },
    /// The baseline as it was before it had no traffic any more.
    Frozen(Option<&'a Frozen>),
}

/// The baseline of the step before, for a step that has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frozen {
    pub(super) measurement: Measurement,
    /// The upper end of what the baseline's rate may be: no canary is accused of its noise.
    pub(super) highest: Option<f64>,
}

/// Whether and how an interval can be judged by evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reading {
    /// By these counts; those of a quantile are at a boundary.
    Counted(Datum, Option<Boundary>),
    /// Another one can, and this one says nothing: nothing was served, or there is nothing to compare with as yet.
    Silent,
    /// What was measured can't be counted in requests.
    Uncountable,
}

impl Reading {
    /// Whether a measurement of any shape could be judged by evidence: `queue_depth > 10_000` never can, and neither can
    /// limits of 0 and 100 %, which one request breaches or none.
    pub(super) fn is_possible(criterion: &Criterion) -> bool {
        match criterion.threshold {
            Threshold::Limit(_) => {
                limit(criterion).is_some() || (criterion.metric.quantile().is_some() && is_upper(criterion))
            }
            Threshold::Baseline { .. } => is_upper(criterion),
        }
    }

    /// What a measurement says.
    pub(super) fn of(criterion: &Criterion, canary: &Measurement, beside: Beside<'_>) -> Self {
        match canary {
            Measurement::Counts { .. } | Measurement::Exceedances { .. } => {
                // An interval without requests says nothing, and takes its part of the weights on starts like any other.
                Counts::of(canary).map_or(Self::Silent, |counts| Self::of_rate(criterion, counts, beside))
            }
            Measurement::Histogram(histogram) => match criterion.metric.quantile() {
                Some(quantile) if is_upper(criterion) => {
                    Self::of_quantile(criterion, histogram, quantile, beside)
                }
                Some(_) | None => Self::Uncountable,
            },
            Measurement::Events { count, exposure } => match (criterion.threshold, limit(criterion)) {
                (Threshold::Limit(quantity), Some(rate))
                    if is_rate_of_events(criterion, quantity) && is_upper(criterion) =>
                {
                    // A count without exposure is one that came late: it is no proof of an infinite rate.
                    let count = if *exposure > 0 { *count } else { 0 };
                    let exposed = Exposed { count, exposure: *exposure };
                    Self::Counted(Datum::Exposure { exposed, rate }, None)
                }
                _ => Self::Uncountable,
            },
            Measurement::Gauge { .. } => Self::Uncountable,
        }
    }

    fn of_rate(criterion: &Criterion, canary: Counts, beside: Beside<'_>) -> Self {
        let against = |counts, limit: f64| {
            if limit > 0.0 && limit < 1.0 {
                Self::Counted(Datum::Limit { counts, limit }, None)
            } else {
                Self::Uncountable
            }
        };
        match (criterion.threshold, beside) {
            (Threshold::Limit(_), _) => match limit(criterion) {
                Some(limit) if is_upper(criterion) => against(canary, limit),
                Some(limit) => against(complement(canary), 1.0 - limit),
                None => Self::Uncountable,
            },
            (Threshold::Baseline { .. }, _) if !is_upper(criterion) => Self::Uncountable,
            (Threshold::Baseline { factor }, Beside::Concurrent { now, .. }) => {
                now.and_then(Counts::of).map_or(Self::Silent, |baseline| {
                    let arms = Arms { canary, baseline };
                    Self::Counted(Datum::Baseline { arms, ratio: factor.to_f64() }, None)
                })
            }
            (Threshold::Baseline { factor }, Beside::Frozen(frozen)) => {
                let highest = frozen.and_then(|frozen| frozen.highest);
                highest.map_or(Self::Silent, |highest| against(canary, factor.to_f64() * highest))
            }
        }
    }

    /// A quantile is a rate: so many requests may be above a boundary.
    fn of_quantile(criterion: &Criterion, canary: &Histogram, quantile: f64, beside: Beside<'_>) -> Self {
        let at = |boundary: Option<Boundary>| {
            let counted = boundary.and_then(|boundary| Some((boundary, canary.exceedances(boundary.at)?)));
            match counted {
                None => Self::Uncountable,
                Some((_, counts)) if counts.requests() == 0 => Self::Silent,
                Some((boundary, counts)) => {
                    Self::Counted(Datum::Limit { counts, limit: 1.0 - quantile }, Some(boundary))
                }
            }
        };
        match (criterion.threshold, beside) {
            (Threshold::Limit(limit), _) => {
                at(Finite::new(in_unit_of_metric(limit)).and_then(|wanted| canary.boundary_at(wanted)))
            }
            (Threshold::Baseline { factor }, Beside::Concurrent { now, before }) => {
                let Some(before) = trusted(before, quantile) else { return Self::Silent };
                let Some(now) = now.and_then(histogram).filter(|now| now.count() > 0) else {
                    return Self::Silent;
                };
                // What hits both arms makes the baseline slow in the same interval, and accuses nobody.
                let Some(other) = now.boundary_for(quantile, factor.to_f64()) else { return Self::Silent };
                let one = before.boundary_for(quantile, factor.to_f64());
                at(one.map(|one| if other.at > one.at { other } else { one }))
            }
            (Threshold::Baseline { factor }, Beside::Frozen(frozen)) => {
                let frozen = trusted([frozen.map(|frozen| &frozen.measurement), None], quantile);
                frozen.map_or(Self::Silent, |frozen| at(frozen.boundary_for(quantile, factor.to_f64())))
            }
        }
    }
}

impl Datum {
    /// Both arms at the boundaries near the baseline's p95 to p99, where the criterion compares a quantile with a
    /// concurrent baseline: what finds a slow-down early. None where it does not compare so.
    pub(super) fn early(
        criterion: &Criterion,
        canary: &Measurement,
        beside: Beside<'_>,
    ) -> Option<Vec<Self>> {
        let Threshold::Baseline { factor } = criterion.threshold else { return None };
        let (canary, quantile) = histogram(canary).zip(criterion.metric.quantile())?;
        let Beside::Concurrent { now, before } = beside else { return Some(Vec::new()) };
        let known = now.and_then(histogram).zip(trusted(before, quantile));
        let Some((now, before)) = known else { return Some(Vec::new()) };
        let boundaries = before.watched_boundaries().into_iter();
        let counted = boundaries.filter_map(|at| {
            let arms = Arms { canary: canary.exceedances(at)?, baseline: now.exceedances(at)? };
            Some(Self::Baseline { arms, ratio: factor.to_f64() })
        });
        Some(counted.collect())
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

/// The first of what was measured before whose quantile is more than a guess.
fn trusted(before: [Option<&Measurement>; 2], quantile: f64) -> Option<&Histogram> {
    let enough = |one: &&Histogram| one.count() as f64 * (1.0 - quantile) >= FEWEST_ABOVE;
    before.into_iter().flatten().filter_map(histogram).find(enough)
}

fn histogram(measurement: &Measurement) -> Option<&Histogram> {
    match measurement {
        Measurement::Histogram(histogram) => Some(histogram),
        _ => None,
    }
}

/// Too few good ones are too many of the others.
pub(super) fn complement(counts: Counts) -> Counts {
    Counts::new(counts.requests(), counts.requests() - counts.errors()).unwrap_or(counts)
}

/// Whether a high value is the breach.
pub(super) fn is_upper(criterion: &Criterion) -> bool {
    matches!(criterion.comparator, Comparator::Above | Comparator::AtLeast)
}

/// The limit as a part of one; none where it is no rate.
fn limit(criterion: &Criterion) -> Option<f64> {
    let Threshold::Limit(quantity) = criterion.threshold else { return None };
    let limit = match quantity.unit {
        Unit::Percent | Unit::Plain => in_unit_of_metric(quantity),
        Unit::Milliseconds | Unit::Seconds => return None,
    };
    (limit > 0.0 && limit < 1.0).then_some(limit)
}
