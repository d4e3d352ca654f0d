//! What came of judging: the verdict, when it fell, and the course of the evidence.

use relman_core::{
    judge::{Channel, Measurement, Verdict as Record, kayenta::Label},
    unit::Timestamp,
};
use serde::Serialize;

/// What a gate would have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Pass,
    Fail,
    Hold,
    Undecided,
}

impl Verdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Hold => "hold",
            Self::Undecided => "undecided",
        }
    }

    /// A fail stays, and a hold unless it becomes a fail.
    pub(super) fn and_then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::Hold, _) => Self::Hold,
            (Self::Pass | Self::Undecided, next) => next,
        }
    }
}

/// The evidence of one channel after each interval.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Series {
    pub(super) ln_evidence: Vec<f64>,
    /// The first interval at which it reached the threshold.
    pub(super) alarm_at: Option<usize>,
}

impl Series {
    /// One more interval; nothing new where it was not judged.
    pub(super) fn push(&mut self, ln_evidence: Option<f64>, threshold: f64) {
        let ln = ln_evidence.or(self.ln_evidence.last().copied()).unwrap_or(0.0);
        if self.alarm_at.is_none() && ln >= threshold {
            self.alarm_at = Some(self.ln_evidence.len());
        }
        self.ln_evidence.push(ln);
    }
}

/// Which channels were followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Followed {
    Both {
        fast: Series,
        robust: Series,
    },
    Fast(Series),
    Robust(Series),
    /// The method has no evidence, or there was nothing that can be weighed.
    None,
}

impl Followed {
    /// The course that stands for the whole: that of the channel that was asked for, and of `fast` where both were.
    pub(super) fn main(&self) -> Option<&Series> {
        match self {
            Self::Both { fast: course, .. } | Self::Fast(course) | Self::Robust(course) => Some(course),
            Self::None => None,
        }
    }

    pub(super) fn fast(&self) -> Option<&Series> {
        match self {
            Self::Both { fast: course, .. } | Self::Fast(course) => Some(course),
            Self::Robust(_) | Self::None => None,
        }
    }

    pub(super) fn robust(&self) -> Option<&Series> {
        match self {
            Self::Both { robust: course, .. } | Self::Robust(course) => Some(course),
            Self::Fast(_) | Self::None => None,
        }
    }
}

/// What Kayenta's rule found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Tested {
    pub(super) ci_low: Option<f64>,
    pub(super) ci_high: Option<f64>,
    pub(super) estimate: Option<f64>,
    pub(super) classification: Label,
    /// How many values the canary and the baseline have.
    #[serde(skip)]
    pub(super) samples: (usize, usize),
}

/// What came of judging.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) channel: Channel,
    /// The interval in which a fail or a hold fell.
    pub(super) decided_at: Option<usize>,
    /// `ln(1/α)`, where evidence was weighed.
    pub(super) threshold: Option<f64>,
    pub(super) followed: Followed,
    /// What the gate says after each interval.
    pub(super) states: Vec<Verdict>,
    /// What a journal would hold: of the interval of the fail or the hold, or of the last.
    pub(super) record: Option<Record>,
    pub(super) tested: Option<Tested>,
    /// When the most likely regression began.
    pub(super) since: Option<Timestamp>,
    pub(super) warnings: Vec<String>,
}

/// A measurement in a few words, for a table.
pub(super) fn words(measurement: &Measurement) -> String {
    match measurement {
        Measurement::Counts { requests, errors } => format!("{errors} of {requests}"),
        Measurement::Exceedances { requests, exceedances, .. } => format!("{exceedances} of {requests}"),
        Measurement::Histogram(histogram) => format!("{} requests", histogram.count()),
        Measurement::Events { count, exposure: 0 } => count.to_string(),
        Measurement::Events { count, exposure } => format!("{count} in {exposure}"),
        Measurement::Gauge { value } => value.to_string(),
    }
}
