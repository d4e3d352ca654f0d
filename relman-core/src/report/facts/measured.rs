//! What was measured, added up over looks.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    event::{Evaluated, Event, Record},
    judge::{Arm, Measurement, Pool, significant},
    unit::{Finite, MetricName, Ratio, Span},
};

/// One metric of the new version beside the version that it replaces.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Performance {
    /// The metric.
    pub metric: MetricName,
    /// What the new version showed; nothing was measured, if absent.
    pub canary: Option<Figure>,
    /// What the version that it replaces showed.
    pub baseline: Option<Figure>,
}

/// What the looks at one metric of one arm amount to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Figure {
    /// The figure as people write it, with its unit.
    pub said: String,
    /// A ratio between 0 and 1, milliseconds for a quantile, or a plain number; of a gauge the median.
    pub value: Option<Finite>,
    /// How many requests it rests on; not known for a gauge.
    pub requests: Option<u64>,
    /// Of the requests, how many failed or were above a bound.
    pub part: Option<u64>,
    /// How many looks have a measurement.
    pub looks: u64,
    /// The first record that it rests on.
    pub first_record: u64,
    /// The last record that it rests on.
    pub last_record: u64,
}

/// Measurements of several looks, by metric and arm.
#[derive(Debug, Default)]
pub(in crate::report) struct MetricSums(BTreeMap<(MetricName, Arm), Sum>);

#[derive(Debug, Default)]
struct Sum {
    pool: Pool,
    gauges: Vec<Finite>,
    looks: u64,
    first: u64,
    last: u64,
}

impl MetricSums {
    /// Adds up the looks among records.
    pub(in crate::report) fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut sums = Self::default();
        for record in records {
            if let Event::Evaluated(look) = &record.event {
                sums.add(record.seq, look);
            }
        }
        sums
    }

    fn add(&mut self, seq: u64, look: &Evaluated) {
        for seen in &look.observations {
            let Some(measurement) = seen.answer.measurement() else { continue };
            let sum = self.0.entry((seen.metric.clone(), seen.arm)).or_default();
            if sum.looks == 0 {
                sum.first = seq;
            }
            sum.looks += 1;
            sum.last = seq;
            match measurement {
                Measurement::Gauge { value } => sum.gauges.push(*value),
                Measurement::Counts { .. }
                | Measurement::Exceedances { .. }
                | Measurement::Histogram(_)
                | Measurement::Events { .. } => sum.pool.add(measurement),
            }
        }
    }

    /// What was measured of one metric in one arm.
    pub(in crate::report) fn figure(&self, metric: &MetricName, arm: Arm) -> Option<Figure> {
        self.0.get(&(metric.clone(), arm)).map(|sum| sum.figure(metric))
    }

    /// The metrics of the new version whose requests were counted.
    pub(in crate::report) fn counted(&self) -> impl Iterator<Item = (&MetricName, Figure)> {
        let canary = self.0.iter().filter(|((_, arm), _)| *arm == Arm::Canary);
        canary
            .map(|((metric, _), sum)| (metric, sum.figure(metric)))
            .filter(|(_, figure)| figure.requests.is_some() && figure.part.is_some())
    }
}

impl Sum {
    fn figure(&self, metric: &MetricName) -> Figure {
        let unit = if metric.quantile().is_some() { "ms" } else { "" };
        let (said, value, requests, part) = match self.pool.measurement() {
            Some(
                Measurement::Counts { requests, errors: part }
                | Measurement::Exceedances { requests, exceedances: part, .. },
            ) => {
                let value = Ratio::new(*part, *requests).and_then(|ratio| Finite::new(ratio.to_f64()));
                let said = self.pool.measurement().map(ToString::to_string).unwrap_or_default();
                (said, value, Some(*requests), Some(*part))
            }
            Some(Measurement::Histogram(histogram)) => {
                let value = metric.quantile().and_then(|quantile| histogram.quantile(quantile));
                let shown = value.map_or_else(|| "no data".to_owned(), |value| significant(value.get()));
                let requests = histogram.count();
                (format!("{shown}{unit} (of {requests} requests)"), value, Some(requests), None)
            }
            Some(Measurement::Events { count, exposure }) => {
                (format!("{count} in an exposure of {exposure}"), Finite::new(*count as f64), None, None)
            }
            Some(Measurement::Gauge { .. }) | None => {
                let (said, median) = of_gauges(&self.gauges, unit);
                (said, median, None, None)
            }
        };
        let Self { looks, first, last, .. } = *self;
        Figure { said, value, requests, part, looks, first_record: first, last_record: last }
    }
}

/// The median of gauges, with the lowest and the highest of them.
fn of_gauges(gauges: &[Finite], unit: &str) -> (String, Option<Finite>) {
    let mut sorted: Vec<f64> = gauges.iter().map(|value| value.get()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(lowest), Some(highest)) = (sorted.first(), sorted.last()) else {
        return ("no data".to_owned(), None);
    };
    // The lower of the two in the middle: a value that was measured.
    let median = sorted[(sorted.len() - 1) / 2];
    let said = if lowest.total_cmp(highest).is_eq() {
        format!("{}{unit}", significant(median))
    } else {
        let (lowest, highest) = (significant(*lowest), significant(*highest));
        format!("{}{unit} (median; {lowest} to {highest}{unit})", significant(median))
    };
    (said, Finite::new(median))
}

/// How much of the time the new version answered, by the requests that were counted.
///
/// A window in which a request succeeded is up, one in which every request failed is down. A window without a request,
/// or without a measurement, is neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Uptime {
    /// How long it was up.
    #[serde(rename = "up_ms")]
    pub up: Span,
    /// How long it was down.
    #[serde(rename = "down_ms")]
    pub down: Span,
    /// How long it is unknown.
    #[serde(rename = "unknown_ms")]
    pub unknown: Span,
}

impl Uptime {
    /// The part of the known time in which it was up; none where nothing is known.
    pub fn ratio(&self) -> Option<Ratio> {
        let (up, down) = (self.up.as_millis(), self.down.as_millis());
        Ratio::new(up, up.saturating_add(down))
    }

    pub(in crate::report) fn add(&mut self, look: &Evaluated) {
        let length = look.window.length();
        let counts = look.observations.iter().filter(|seen| seen.arm == Arm::Canary).filter_map(|seen| {
            match seen.answer.measurement()? {
                Measurement::Counts { requests, errors } if *requests > 0 => Some(errors < requests),
                _ => None,
            }
        });
        let place = match counts.reduce(|one, other| one || other) {
            Some(true) => &mut self.up,
            Some(false) => &mut self.down,
            None => &mut self.unknown,
        };
        *place = *place + length;
    }
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ratio() {
            Some(ratio) => write!(f, "{ratio} ({} up, {} down", self.up, self.down)?,
            None => f.write_str("unknown (no requests counted")?,
        }
        if self.unknown > Span::ZERO { write!(f, ", {} unknown)", self.unknown) } else { f.write_str(")") }
    }
}

/// The metric whose counts are requests that failed, as policies name it; others count log lines and the like.
pub(in crate::report) const ERROR_RATE: &str = "error_rate";

/// Requests that were served, and those that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Availability {
    /// All requests.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
}

impl Availability {
    /// Requests and errors by a figure that counts both.
    pub(in crate::report) fn of(figure: &Figure) -> Option<Self> {
        Some(Self { requests: figure.requests?, errors: figure.part? })
    }

    /// The share of requests that were served, between 0 and 1.
    pub fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { 1.0 - self.errors as f64 / self.requests as f64 }
    }
}
