use std::collections::BTreeMap;

use relman_core::{
    judge::{Answer, ClassicHistogram, Histogram, Measurement},
    unit::{Finite, Span, Timestamp, Window},
};

use super::{
    answer::Series,
    config::{GaugeUnit, HistogramUnit},
};

/// The largest integer that a record may hold.
const MAX_COUNT: f64 = 9_007_199_254_740_991.0;

/// A bucket may count this share of all requests less than the one below it before the answer is taken for nonsense:
/// `increase` is extrapolated for each bucket apart, less far for one whose counter started in the window.
const BUCKET_TOLERANCE: f64 = 0.01;

/// An answer to one query, and what was asked, for messages.
pub(super) struct Table {
    /// The field of the configuration: `requests`.
    pub(super) field: &'static str,
    /// The query as it was sent.
    pub(super) query: String,
    pub(super) series: Vec<Series>,
}

/// Requests and errors, each rounded to the nearest integer. Where rounding or extrapolation makes errors the
/// larger, they are as many as the requests.
pub(super) fn counts(requests: &Table, errors: &Table) -> Result<Measurement, Answer> {
    let requests = requests.count()?;
    let errors = errors.count()?.min(requests);
    Ok(Measurement::Counts { requests, errors })
}

pub(super) fn events(count: &Table, exposure: &Table) -> Result<Measurement, Answer> {
    Ok(Measurement::Events { count: count.count()?, exposure: exposure.count()? })
}

pub(super) fn gauge(table: &Table, unit: GaugeUnit) -> Result<Measurement, Answer> {
    let value = table.number()?;
    let scaled = match unit {
        GaugeUnit::Plain | GaugeUnit::Milliseconds => value,
        GaugeUnit::Seconds => value * 1_000.0,
        GaugeUnit::Percent => value / 100.0,
    };
    let value = Finite::new(scaled).ok_or_else(|| Answer::NotFinite { written: value.to_string() })?;
    Ok(Measurement::Gauge { value })
}

/// The buckets, each on its own, from counts that include every bucket below.
pub(super) fn histogram(table: &Table, unit: HistogramUnit) -> Result<Measurement, Answer> {
    if table.series.is_empty() {
        return Err(table.nothing());
    }
    let (cumulative, total) = table.cumulative(unit)?;
    let tolerance = (total as f64 * BUCKET_TOLERANCE).max(1.0);
    let mut below = 0_u64;
    let mut counts = Vec::with_capacity(cumulative.len() + 1);
    for (bound, count) in cumulative.iter().chain([&(f64::INFINITY, total)]) {
        if below.saturating_sub(*count) as f64 > tolerance {
            return Err(table.wrong(&format!(
                "the bucket up to {bound} ms counts {count}, fewer than the {below} of the one below: \
                 the query must give counts that include the buckets below"
            )));
        }
        counts.push(count.saturating_sub(below));
        below = below.max(*count);
    }
    let bounds = cumulative.iter().filter_map(|(bound, _)| Finite::new(*bound)).collect();
    let histogram = ClassicHistogram::new(bounds, counts).map_err(|error| table.wrong(&error.to_string()))?;
    Ok(Measurement::Histogram(Histogram::Classic(histogram)))
}

/// Whether the newest sample is recent enough for a window.
pub(super) fn fresh(table: &Table, window: Window, stale_after: Span) -> Result<(), Answer> {
    let seconds = table.number()?;
    let newest = Timestamp::from_millis(integer(seconds * 1_000.0));
    // A query can't see samples from behind the time it is asked for, so such a number is no time in seconds.
    if newest > window.until + Span::from_secs(1) {
        return Err(table.wrong(&format!(
            "{seconds} is later than the end of the window: the value must be a sample's time in seconds"
        )));
    }
    if newest < window.until.minus(stale_after) { Err(Answer::Stale { newest }) } else { Ok(()) }
}

impl Table {
    /// The one value of the answer.
    fn number(&self) -> Result<f64, Answer> {
        match self.series.as_slice() {
            [] => Err(self.nothing()),
            [series] => self.finite(series),
            several => Err(self.wrong(&format!(
                "{} series came back and one is needed: put sum(…) or max(…) around the query",
                several.len()
            ))),
        }
    }

    /// The one value of the answer, as a count.
    fn count(&self) -> Result<u64, Answer> {
        self.rounded(self.number()?)
    }

    fn finite(&self, series: &Series) -> Result<f64, Answer> {
        let written = series
            .written()
            .ok_or_else(|| self.wrong("a native histogram came back and a number is needed"))?;
        let value: f64 = written.parse().map_err(|_| self.wrong(&format!("{written:?} is not a number")))?;
        if value.is_finite() { Ok(value) } else { Err(Answer::NotFinite { written: written.to_owned() }) }
    }

    fn rounded(&self, value: f64) -> Result<u64, Answer> {
        if value < 0.0 {
            return Err(self.wrong(&format!("{value} is negative and a count is needed")));
        }
        if value > MAX_COUNT {
            return Err(self.wrong(&format!("{value} is more than a count can be ({MAX_COUNT})")));
        }
        Ok(integer(value).unsigned_abs())
    }

    /// The counts up to each bound in milliseconds, rising by bound, and the count of all.
    fn cumulative(&self, unit: HistogramUnit) -> Result<(Vec<(f64, u64)>, u64), Answer> {
        let mut total = None;
        let mut buckets = BTreeMap::new();
        let twice = |le: &str| {
            self.wrong(&format!("two series came back for le={le:?}: put sum by (le) (…) around the query"))
        };
        for series in &self.series {
            let le = series.metric.get("le").ok_or_else(|| {
                self.wrong("a series without `le` came back: put sum by (le) (…) around the query")
            })?;
            let count = self.rounded(self.finite(series)?)?;
            let bound =
                bound_in_millis(le, unit).ok_or_else(|| self.wrong(&format!("le={le:?} is not a bound")))?;
            if bound == f64::INFINITY {
                if total.replace(count).is_some() {
                    return Err(twice(le));
                }
            } else if buckets.insert(OrderedBound(bound), count).is_some() {
                return Err(twice(le));
            }
        }
        let total = total.ok_or_else(|| {
            self.wrong("no bucket has le=\"+Inf\": without it nobody knows how many requests there were")
        })?;
        if buckets.is_empty() {
            return Err(self.wrong("le=\"+Inf\" is the only bucket: without bounds nothing can be judged"));
        }
        Ok((buckets.into_iter().map(|(OrderedBound(bound), count)| (bound, count)).collect(), total))
    }

    fn nothing(&self) -> Answer {
        Answer::NoData { detail: format!("the {} query found no series: {}", self.field, self.query) }
    }

    pub(super) fn wrong(&self, problem: &str) -> Answer {
        Answer::ProviderError { detail: format!("the {} query: {problem}", self.field) }
    }
}

/// A bound as a key: never NaN.
#[derive(PartialEq)]
struct OrderedBound(f64);

impl Eq for OrderedBound {}

impl PartialOrd for OrderedBound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedBound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A bound in milliseconds; infinite for `+Inf`, none for what is not a bound.
fn bound_in_millis(le: &str, unit: HistogramUnit) -> Option<f64> {
    let bound: f64 = le.parse().ok()?;
    if bound == f64::INFINITY {
        return Some(bound);
    }
    match unit {
        HistogramUnit::Milliseconds => Some(bound),
        // The decimal point is moved and not multiplied, so that 0.07 s are 70 ms and not 70.00000000000001.
        HistogramUnit::Seconds => format!("{bound}e3").parse().ok(),
    }
    .filter(|bound: &f64| bound.is_finite())
}

/// The nearest integer to a number whose range the caller knows.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and callers check the range")]
fn integer(value: f64) -> i64 {
    value.round() as i64
}
