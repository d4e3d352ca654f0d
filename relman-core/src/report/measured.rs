//! What was measured, added up over looks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{LookNote, LookResult, Mark};
use crate::{
    event::{Event, LookTaken, Record},
    judge::{Arm, Measurement, Pool, significant},
    unit::{Finite, MetricName, Ratio, Span},
};

/// How many looks came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LookTally {
    /// All of them.
    pub looks: u64,
    /// Those in which every criterion was clean.
    pub clean: u64,
    /// Those that rest on too few requests.
    pub too_few: u64,
    /// Those in which a criterion was over its threshold, which may still be chance.
    pub not_proven: u64,
    /// Those in which something could not be measured.
    pub unmeasured: u64,
    /// Those in which a criterion held.
    pub breached: u64,
    /// How much time counts as observed.
    #[serde(rename = "counted_ms")]
    pub counted: Span,
    /// The first one; none yet, if absent.
    pub first: Option<Mark>,
    /// The last one.
    pub last: Option<Mark>,
}

impl LookTally {
    pub(super) fn add(&mut self, record: &Record, look: &LookTaken) {
        let note = LookNote::of(look);
        self.looks += 1;
        match note.result {
            LookResult::Clean => self.clean += 1,
            LookResult::TooFewRequests => self.too_few += 1,
            LookResult::NotProven => self.not_proven += 1,
            LookResult::Unmeasured => self.unmeasured += 1,
            LookResult::Breached => self.breached += 1,
        }
        self.counted = self.counted + note.credit;
        self.first = self.first.or(Some(Mark::of(record)));
        self.last = Some(Mark::of(record));
    }
}

impl std::fmt::Display for LookTally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let looks = super::layout::counted(self.looks, "look", "looks");
        let parts = [
            (self.clean, "clean"),
            (self.too_few + self.not_proven, "undecided"),
            (self.unmeasured, "not measured"),
            (self.breached, "BREACHED"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if parts.is_empty() { f.write_str(&looks) } else { write!(f, "{looks}: {}", parts.join(", ")) }
    }
}

/// One metric of the new version beside the version that it replaces.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
pub(super) struct Sums(BTreeMap<(MetricName, Arm), Sum>);

#[derive(Debug, Default)]
struct Sum {
    pool: Pool,
    gauges: Vec<Finite>,
    looks: u64,
    first: u64,
    last: u64,
}

impl Sums {
    /// Adds up the looks among records.
    pub(super) fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut sums = Self::default();
        for record in records {
            if let Event::LookTaken(look) = &record.event {
                sums.add(record.seq, look);
            }
        }
        sums
    }

    fn add(&mut self, seq: u64, look: &LookTaken) {
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
    pub(super) fn figure(&self, metric: &MetricName, arm: Arm) -> Option<Figure> {
        self.0.get(&(metric.clone(), arm)).map(|sum| sum.figure(metric))
    }

    /// The metrics of the new version whose requests were counted.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&MetricName, Figure)> {
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
                let shown = value.map_or_else(|| "nothing".to_owned(), |value| significant(value.get()));
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
        return ("nothing".to_owned(), None);
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
