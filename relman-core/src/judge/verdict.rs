//! What a judge makes of a criterion, and how it says that in one sentence, for a person at 3 a.m.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    confidence::Interval,
    diagnostics::Warning,
    evidence::LnEvidence,
    observation::{Arm, Arms, Boundary, Counts, Measurement, MissingKind},
};
use crate::{
    plan::{Criterion, Threshold, Unit},
    unit::{Finite, Ratio, Timestamp},
};

/// What a judge makes of a criterion: the rule, the numbers, the method and the outcome.
///
/// A verdict carries everything it rests on, so that it can be judged again years later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Verdict {
    /// The rule, in the words of the contract.
    pub criterion: Criterion,
    /// The outcome.
    pub outcome: Outcome,
    /// How it was judged.
    pub method: Method,
    /// On what the outcome rests.
    pub channel: Channel,
    /// The version of the judge that did.
    pub engine: u32,
    /// What the canary showed, over every look that this verdict rests on.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub canary: Option<Measurement>,
    /// What the baseline showed, where the rule compares.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Measurement>,
    /// Where the baseline's numbers come from.
    pub control: Control,
    /// The canary's value: a ratio between 0 and 1, milliseconds, or a plain number.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub value: Option<Finite>,
    /// What it was compared with, in the same unit; the baseline's multiple is worked out.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Finite>,
    /// How strong the evidence is, where it was judged by evidence.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// The confidence sequence of the ratio to the baseline, or of the rate where nothing is compared, over the whole
    /// release.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Interval>,
    /// How errors are spread over the looks: about 1 where they are independent.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub dispersion: Option<Finite>,
    /// How neighbouring looks hang together: about 0 where they are independent.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub lag_1_correlation: Option<Finite>,
    /// What a person should know before believing it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What came of a criterion, without the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CriterionOutcome {
    /// The outcome.
    pub outcome: Outcome,
    /// On what the outcome rests.
    pub channel: Channel,
}

impl CriterionOutcome {
    /// What a verdict says.
    pub(crate) fn of(verdict: &Verdict) -> Self {
        Self { outcome: verdict.outcome.clone(), channel: verdict.channel }
    }

    /// Whether a verdict has an outcome of the same kind, on the same channel.
    pub(crate) fn is_like(&self, verdict: &Verdict) -> bool {
        let same_kind = match (&self.outcome, &verdict.outcome) {
            (Outcome::Undecided(one), Outcome::Undecided(other)) => {
                std::mem::discriminant(one) == std::mem::discriminant(other)
            }
            (one, other) => one == other,
        };
        same_kind && self.channel == verdict.channel
    }
}

/// On what an outcome rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Likelihood factors, which believe that errors are independent: quick, and cheap to be wrong about.
    Fast,
    /// Burst-proof factors, which need no more than a mean: an alarm is a failure.
    Robust,
    /// A plain comparison, as the contract or the policy states it, without a promise about healthy releases.
    HardLimit,
}

/// How strong the evidence against a criterion is, as natural logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Strength {
    /// `ln E` of this criterion in the fast channel.
    #[serde(deserialize_with = "LnEvidence::deserialize")]
    pub fast: LnEvidence,
    /// `ln E` of this criterion in the robust channel.
    #[serde(deserialize_with = "LnEvidence::deserialize")]
    pub robust: LnEvidence,
    /// `ln E` of all criteria in the fast channel.
    #[serde(deserialize_with = "LnEvidence::deserialize")]
    pub all_fast: LnEvidence,
    /// `ln E` of all criteria in the robust channel.
    #[serde(deserialize_with = "LnEvidence::deserialize")]
    pub all_robust: LnEvidence,
    /// The criterion's share of the allowed probability.
    pub share: Finite,
    /// `ln(1/α)`: evidence of all criteria of so much or more is an alarm.
    pub threshold: Finite,
    /// When the most likely regression began.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What both arms counted since: requests, and those that speak for a breach. For a quantile these are the ones above
    /// the boundary; the baseline has none where it was not counted beside the canary.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub arms: Option<Arms>,
    /// The boundary between buckets that a quantile is judged at.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
}

/// Whether a criterion is clean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The criterion does not hold, on enough data.
    Pass,
    /// The criterion holds.
    Fail,
    /// Neither can be said.
    Undecided(Undecided),
}

/// Why neither can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Undecided {
    /// There is no value.
    Missing {
        /// In which arm.
        arm: Arm,
        /// In which way.
        missing: MissingKind,
        /// What the source said.
        detail: String,
    },
    /// There are values, and they rest on too few requests.
    TooFewRequests {
        /// In which arm.
        arm: Arm,
        /// How many there are.
        have: u64,
        /// How many are needed.
        need: u64,
    },
    /// The value is over the threshold, and it may be chance.
    NotProven,
    /// The data leave a regression possible that the track wants excluded.
    NotExcluded {
        /// The size of it, as a multiple of the baseline.
        size: Finite,
        /// How large it may still be; none for any size.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        high: Option<Finite>,
    },
}

/// How a criterion was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// The value against a fixed limit.
    Threshold,
    /// The value against a multiple of the baseline's.
    BaselineMultiple,
    /// Evidence over time.
    Evidence,
    /// A number of failed looks.
    FailedLooks,
    /// Kayenta's Mann-Whitney rule.
    MannWhitney,
}

/// Where a baseline's numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The baseline at the same time.
    Concurrent,
    /// The baseline as it was in the step before, because it gets no traffic any more.
    Frozen,
    /// The rule does not compare.
    None,
}

impl Verdict {
    /// A value of this verdict in the unit of its metric, as people write it.
    pub fn show(&self, value: Finite) -> String {
        let value = value.get();
        let unit = match self.criterion.threshold {
            Threshold::Limit(quantity) => Some(quantity.unit),
            Threshold::Baseline { .. } => None,
        };
        let rate = matches!(self.canary, Some(Measurement::Counts { .. } | Measurement::Exceedances { .. }));
        match unit {
            Some(Unit::Percent) => format!("{}%", significant(value * 100.0)),
            None | Some(Unit::Plain) if rate => format!("{}%", significant(value * 100.0)),
            Some(Unit::Seconds | Unit::Milliseconds) => format!("{}ms", significant(value)),
            None if self.criterion.metric.quantile().is_some() => format!("{}ms", significant(value)),
            None | Some(Unit::Plain) => significant(value),
        }
    }

    /// The canary's value as people write it.
    pub fn observed(&self) -> String {
        self.value.map_or_else(|| "nothing".to_owned(), |value| self.show(value))
    }

    /// The threshold as people write it, with the baseline's multiple worked out.
    pub fn limit(&self) -> String {
        self.threshold.map_or_else(|| self.criterion.threshold.to_string(), |value| self.show(value))
    }
}

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
    /// One sentence: the rule, the value beside its limit, since when, and how likely a healthy release shows
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
    /// The value beside its limit.
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

    /// Why what is over the threshold is no breach yet. A person who reads of 97 errors where ten are allowed must not be told
    /// that it may be chance: it is not, unless it was one burst.
    fn why_not_proven(&self) -> &'static str {
        let fast_alarms = |strength: &Strength| strength.fast.get() >= strength.threshold.get();
        match self.method {
            Method::FailedLooks => "; a failed look, but not enough of them yet to fail the criterion",
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
#[path = "verdict_tests.rs"]
mod tests;
