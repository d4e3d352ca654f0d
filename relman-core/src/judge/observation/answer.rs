use std::fmt;

use serde::{Deserialize, Serialize};

use super::Histogram;
use crate::unit::{Finite, MetricName, Ratio, Timestamp, Window};

/// Which version an observation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The new version.
    Canary,
    /// The version it replaces, measured at the same time.
    Baseline,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Canary => "canary",
            Self::Baseline => "baseline",
        })
    }
}

/// What a metrics source answered to one question: one metric of one arm over one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Observation {
    /// What was measured.
    pub metric: MetricName,
    /// On which version.
    pub arm: Arm,
    /// The time the answer covers, so that a stale answer can be told.
    pub window: Window,
    /// Who answered, such as `prometheus`.
    pub source: String,
    /// The measurement, or why there is none.
    pub answer: Answer,
}

impl Observation {
    /// Reports what a source answered about one metric of one arm; `window` is the time that the answer covers.
    pub fn new(
        metric: MetricName,
        arm: Arm,
        window: Window,
        source: impl Into<String>,
        answer: Answer,
    ) -> Self {
        Self { metric, arm, window, source: source.into(), answer }
    }
}

/// A measurement, or the reason why there is none.
///
/// The reasons are kept apart because a policy may act differently on each. None of them is a
/// zero, and none of them is clean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The source measured something.
    Value(Measurement),
    /// The source answered, and has nothing for this metric, arm and window.
    NoData {
        /// What was asked and came back empty, for a person.
        detail: String,
    },
    /// The newest data are older than the window allows.
    Stale {
        /// When the newest sample was taken.
        newest: Timestamp,
    },
    /// The source could not be asked, or refused to answer.
    ProviderError {
        /// What went wrong, without secrets.
        detail: String,
    },
    /// The source answered with NaN or an infinity.
    NotFinite {
        /// The value as the source wrote it.
        written: String,
    },
    /// The source answered, and what it says is not believed. This is recorded in place of what it said.
    Unbelieved {
        /// Why not.
        why: Disbelief,
    },
}

/// Why an answer is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Disbelief {
    /// It has a part that is more than the whole.
    Contradiction {
        /// The requests that it counts as a part of all, as far as a record can hold the number.
        part: u64,
        /// All of them.
        whole: u64,
    },
    /// It counts more than there can be.
    TooMany {
        /// How many, as far as a record can hold the number.
        counted: u64,
    },
    /// It has buckets beyond every number.
    BeyondNumbers {},
    /// It may be true, and with the others of its evaluation it is too large for a record.
    TooLarge {},
}

impl fmt::Display for Disbelief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction { part, whole } => {
                write!(f, "the answer contradicts itself: {part} of {whole} requests")
            }
            Self::TooMany { counted } => {
                write!(f, "the answer can't be true: it counts {counted} in one look")
            }
            Self::BeyondNumbers {} => {
                f.write_str("the answer can't be true: it has buckets beyond every number")
            }
            Self::TooLarge {} => f.write_str("the answers of this look are too large for one record"),
        }
    }
}

impl Answer {
    /// The measurement, if there is one.
    pub fn measurement(&self) -> Option<&Measurement> {
        match self {
            Self::Value(measurement) => Some(measurement),
            Self::NoData { .. }
            | Self::Stale { .. }
            | Self::ProviderError { .. }
            | Self::NotFinite { .. }
            | Self::Unbelieved { .. } => None,
        }
    }

    /// Which kind of absence this is, if it is one.
    pub fn missing(&self) -> Option<MissingKind> {
        match self {
            Self::Value(_) => None,
            Self::NoData { .. } => Some(MissingKind::NoData),
            Self::Stale { .. } => Some(MissingKind::Stale),
            Self::ProviderError { .. } | Self::Unbelieved { .. } => Some(MissingKind::ProviderError),
            Self::NotFinite { .. } => Some(MissingKind::NotFinite),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(measurement) => measurement.fmt(f),
            Self::NoData { detail } => write!(f, "no data ({detail})"),
            Self::Stale { newest } => write!(f, "stale, newest sample at {newest}"),
            Self::ProviderError { detail } => write!(f, "the source failed: {detail}"),
            Self::NotFinite { written } => write!(f, "not a finite number: {written}"),
            Self::Unbelieved { why } => write!(f, "the source failed: {why}"),
        }
    }
}

/// The ways of having no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKind {
    /// An empty answer.
    NoData,
    /// An answer that is too old.
    Stale,
    /// An error in place of an answer; a judge that panics counts as one.
    ProviderError,
    /// NaN or an infinity.
    NotFinite,
}

impl MissingKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::NoData, Self::Stale, Self::ProviderError, Self::NotFinite];
}

impl fmt::Display for MissingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoData => "no data",
            Self::Stale => "stale data",
            Self::ProviderError => "a failing metrics source",
            Self::NotFinite => "a value that is not a finite number",
        })
    }
}

/// What was measured, as integers wherever a thing can be counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measurement {
    /// Requests, and how many of them went wrong.
    Counts {
        /// All requests of the window.
        requests: u64,
        /// Those that failed; at most `requests`.
        errors: u64,
    },
    /// Requests, and how many of them were above a bound.
    Exceedances {
        /// All requests of the window.
        requests: u64,
        /// Those above the bound; at most `requests`.
        exceedances: u64,
        /// The bound, in the unit of the metric (milliseconds for a latency).
        bound: Finite,
    },
    /// How requests are spread over values (milliseconds for a latency).
    Histogram(Histogram),
    /// Things counted while something was exposed to them: crashes while so many sessions ran.
    Events {
        /// How many were counted.
        count: u64,
        /// How much was exposed, in the unit that the source counts in: requests, sessions, seconds.
        exposure: u64,
    },
    /// One value, as it is now or as the source computed it (milliseconds for a latency, a ratio
    /// between 0 and 1 for a rate).
    Gauge {
        /// The value.
        value: Finite,
    },
}

impl Measurement {
    /// How many requests this measurement rests on; none for events and gauges, which do not say.
    pub fn requests(&self) -> Option<u64> {
        match self {
            Self::Counts { requests, .. } | Self::Exceedances { requests, .. } => Some(*requests),
            Self::Histogram(histogram) => Some(histogram.count()),
            Self::Events { .. } | Self::Gauge { .. } => None,
        }
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_requests =
            |f: &mut fmt::Formatter<'_>, part: u64, requests: u64| match Ratio::new(part, requests) {
                Some(ratio) => write!(f, "{ratio} ({part} of {requests})"),
                None => f.write_str("no requests"),
            };
        match self {
            Self::Counts { requests, errors } => of_requests(f, *errors, *requests),
            Self::Exceedances { requests, exceedances, bound } => {
                of_requests(f, *exceedances, *requests)?;
                write!(f, " above {bound}")
            }
            Self::Histogram(histogram) => write!(f, "{} requests in a histogram", histogram.count()),
            Self::Events { count, exposure } => write!(f, "{count} in an exposure of {exposure}"),
            Self::Gauge { value } => write!(f, "{value}"),
        }
    }
}

/// Measurements of one metric and one arm, added up over several looks.
///
/// Counts and histograms add up; of a gauge the newest value counts.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{Answer, Measurement, Pool};
///
/// let mut pool = Pool::default();
/// pool.add(&Measurement::Counts { requests: 60, errors: 1 });
/// pool.add(&Measurement::Counts { requests: 40, errors: 0 });
/// assert_eq!(pool.answer(), Some(Answer::Value(Measurement::Counts { requests: 100, errors: 1 })));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pool(
    /// Only ever a value.
    Option<Answer>,
);

impl Pool {
    /// Adds one more look. A measurement of another shape than the ones before starts anew: the query was changed.
    pub fn add(&mut self, next: &Measurement) {
        let merged = match &mut self.0 {
            Some(Answer::Value(sum)) => merge(sum, next),
            _ => false,
        };
        if !merged {
            self.0 = Some(Answer::Value(next.clone()));
        }
    }

    /// What the looks amount to; nothing if there were none.
    pub fn answer(&self) -> Option<Answer> {
        self.0.clone()
    }

    /// The same without a copy, for a judge that is asked again and again.
    pub fn as_answer(&self) -> Option<&Answer> {
        self.0.as_ref()
    }

    /// What the looks amount to, as a measurement.
    pub fn measurement(&self) -> Option<&Measurement> {
        self.0.as_ref().and_then(Answer::measurement)
    }

    /// Whether nothing was added since the last decided verdict.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Forgets what was added, except for events, which a limit counts over the whole step.
    pub fn decided(&mut self) {
        if !matches!(self.0, Some(Answer::Value(Measurement::Events { .. }))) {
            self.0 = None;
        }
    }
}

/// Adds `next` to `sum`; whether the two have the same shape.
fn merge(sum: &mut Measurement, next: &Measurement) -> bool {
    match (sum, next) {
        (
            Measurement::Counts { requests, errors },
            Measurement::Counts { requests: more_requests, errors: more_errors },
        ) => {
            *requests = requests.saturating_add(*more_requests);
            *errors = errors.saturating_add(*more_errors);
            true
        }
        (
            Measurement::Exceedances { requests, exceedances, bound },
            Measurement::Exceedances { requests: more_requests, exceedances: more, bound: same },
        ) if bound == same => {
            *requests = requests.saturating_add(*more_requests);
            *exceedances = exceedances.saturating_add(*more);
            true
        }
        (Measurement::Histogram(sum), Measurement::Histogram(next)) => sum.merge(next).is_ok(),
        (
            Measurement::Events { count, exposure },
            Measurement::Events { count: more, exposure: more_exposure },
        ) => {
            *count = count.saturating_add(*more);
            *exposure = exposure.saturating_add(*more_exposure);
            true
        }
        (
            Measurement::Counts { .. }
            | Measurement::Exceedances { .. }
            | Measurement::Histogram(_)
            | Measurement::Events { .. }
            | Measurement::Gauge { .. },
            _,
        ) => false,
    }
}
