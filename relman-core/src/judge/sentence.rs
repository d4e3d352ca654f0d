//! A verdict in one sentence, for a person at 3 a.m.

use std::fmt;

use super::{
    Channel, Control, Measurement, Method, Outcome, Strength, Undecided, Verdict, diagnostics::Warning,
    factor::Counts,
};
use crate::unit::{Finite, Ratio, Timestamp};

/// Up to four significant digits, without trailing zeros.
pub(crate) fn significant(value: f64) -> String {
    let size = value.abs();
    let places = match () {
        () if size >= 1_000.0 => 0,
        () if size >= 100.0 => 1,
        () if size >= 10.0 => 2,
        () if size >= 1.0 => 3,
        () => 4,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl fmt::Display for Verdict {
    /// One sentence: the rule, what was seen beside what was allowed, since when, and how likely a healthy release shows
    /// it where the method can say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.criterion)?;
        match &self.outcome {
            Outcome::Undecided(Undecided::NotProven) if self.value.is_some() => {
                f.write_str("over the threshold, ")?;
                self.write_numbers(f)?;
                f.write_str(self.why_not_proven())?;
            }
            Outcome::Undecided(undecided) => undecided.fmt(f)?,
            Outcome::Pass => {
                f.write_str("clean, ")?;
                self.write_numbers(f)?;
            }
            Outcome::Fail => {
                f.write_str("breached, ")?;
                self.write_numbers(f)?;
                if let (Method::Evidence, Some(strength)) = (self.method, &self.strength) {
                    self.write_evidence(f, strength)?;
                }
            }
        }
        for warning in self.warnings.iter().filter(|warning| self.is_weakened_by(warning)) {
            write!(f, "; {warning}")?;
        }
        Ok(())
    }
}

impl Verdict {
    /// What was seen beside what was allowed.
    fn write_numbers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.observed())?;
        match &self.canary {
            Some(
                Measurement::Counts { requests, errors: part }
                | Measurement::Exceedances { requests, exceedances: part, .. },
            ) => write!(f, " ({part} of {requests})")?,
            Some(Measurement::Histogram(histogram)) => write!(f, " (of {} requests)", histogram.count())?,
            Some(Measurement::Events { .. } | Measurement::Gauge { .. }) | None => {}
        }
        write!(f, " against {}", self.limit())?;
        match self.control {
            Control::Frozen => f.write_str(" (the baseline of the step before; no concurrent control)"),
            Control::Concurrent | Control::None => Ok(()),
        }
    }

    /// Why what is over the threshold is no breach yet. Whoever reads of 97 errors where ten are allowed must not be told
    /// that it may be chance: it is not, unless it was one burst.
    fn why_not_proven(&self) -> &'static str {
        let fast_alarms = |strength: &Strength| strength.fast.get() >= strength.threshold.get();
        match self.method {
            Method::FailedLooks => "; a failed look, and not as many of them yet as are too many",
            Method::Evidence if self.strength.as_ref().is_some_and(fast_alarms) => {
                "; too much for chance unless it came in one burst: the next looks will tell"
            }
            Method::Threshold | Method::BaselineMultiple | Method::Evidence | Method::MannWhitney => {
                "; that may still be chance: more data will tell"
            }
        }
    }

    /// What the evidence is, and what it is worth.
    fn write_evidence(&self, f: &mut fmt::Formatter<'_>, strength: &Strength) -> fmt::Result {
        match (&self.canary, strength.arms, strength.boundary) {
            (Some(Measurement::Histogram(_)), Some(arms), Some(boundary)) => {
                let slow = rate(arms.canary);
                let allowed = 1.0 - self.criterion.metric.quantile().unwrap_or(1.0);
                let (slow, allowed) = (slow, significant(100.0 * allowed));
                let at = self.show(boundary.at);
                write!(f, "; {slow} took longer than {at}, and {allowed}% may")?;
            }
            _ => {
                if let (Some(baseline), Control::Concurrent) =
                    (self.baseline.as_ref().and_then(Counts::of), self.control)
                {
                    write!(f, "; {} in the old version at the same time", rate(baseline))?;
                }
            }
        }
        if let Some(since) = strength.since {
            write!(f, "; from about {} UTC on", hour_and_minute(since))?;
        }
        write!(f, "; a healthy release shows this in fewer than 1 of {}", one_of(strength.threshold))?;
        match self.channel {
            Channel::Fast => f.write_str(" if errors are independent of each other"),
            Channel::Robust | Channel::HardLimit => Ok(()),
        }
    }

    /// Whether a warning takes something from what the sentence says.
    fn is_weakened_by(&self, warning: &Warning) -> bool {
        let failed = self.outcome == Outcome::Fail;
        match warning {
            Warning::SampleRatioMismatch { .. } => true,
            // Burst-proof evidence holds all the same.
            Warning::Bursts { .. } => failed && self.channel == Channel::Fast,
            Warning::CoarseBuckets { .. } => failed,
            // A regression that lasts looks just so.
            Warning::Correlated { .. } => false,
        }
    }
}

/// `0.1% (54 of 54000)`.
fn rate(counts: Counts) -> String {
    let (part, whole) = (counts.errors(), counts.requests());
    Ratio::new(part, whole)
        .map_or_else(|| "nothing".to_owned(), |ratio| format!("{ratio} ({part} of {whole})"))
}

/// `14:02`.
fn hour_and_minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..16).unwrap_or(&text).to_owned()
}

/// `100` of `ln 100`: no more than the method promises, and a little less where rounding took something.
fn one_of(ln: Finite) -> String {
    const ROUNDING: f64 = 1e-9;
    significant(libm::floor(libm::exp(ln.get()) * (1.0 + ROUNDING)))
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { arm, missing, detail } => write!(f, "{missing} for the {arm}: {detail}"),
            Self::TooFewRequests { arm, have, need } => {
                write!(f, "too few requests for the {arm}: {have} of {need}")
            }
            Self::NotProven => {
                f.write_str("over the threshold; that may still be chance: more data will tell")
            }
            Self::NotExcluded { size, high } => {
                write!(f, "not bad so far, but {size} times the baseline is not excluded yet: it may be ")?;
                match high {
                    Some(high) => write!(f, "up to {} times", significant(high.get())),
                    None => f.write_str("any multiple"),
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "sentence_tests.rs"]
mod tests;
