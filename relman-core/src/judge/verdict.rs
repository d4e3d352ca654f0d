use serde::{Deserialize, Serialize};

use super::{
    Arm, Boundary, Measurement, MissingKind, confidence::Interval, diagnostics::Warning,
    evidence::LnEvidence, factor::Arms, sentence::significant,
};
use crate::{
    plan::{Criterion, Threshold, Unit},
    unit::{Finite, Timestamp},
};

/// What a judge makes of a criterion: the rule, the numbers, the method and the outcome.
///
/// A verdict carries everything it rests on, so that it can be judged again years later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Measurement>,
    /// What the baseline showed, where the rule compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Measurement>,
    /// Where the baseline's numbers come from.
    pub control: Control,
    /// The canary's value: a ratio between 0 and 1, milliseconds, or a plain number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Finite>,
    /// What it was compared with, in the same unit; the baseline's multiple is worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Finite>,
    /// How strong the evidence is, where it was judged by evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// The confidence sequence of the ratio to the baseline, or of the rate where nothing is compared, over the whole
    /// release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Interval>,
    /// How errors are spread over the looks: about 1 where they are independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispersion: Option<Finite>,
    /// How neighbouring looks hang together: about 0 where they are independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_1_correlation: Option<Finite>,
    /// What a person should know before believing it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
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
pub struct Strength {
    /// `ln E` of this criterion in the fast channel.
    pub fast: LnEvidence,
    /// `ln E` of this criterion in the robust channel.
    pub robust: LnEvidence,
    /// `ln E` of all criteria in the fast channel.
    pub all_fast: LnEvidence,
    /// `ln E` of all criteria in the robust channel.
    pub all_robust: LnEvidence,
    /// The criterion's share of the allowed probability.
    pub share: Finite,
    /// `ln(1/α)`: evidence of all criteria of so much or more is an alarm.
    pub threshold: Finite,
    /// When the most likely regression began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What both arms counted since: requests, and those that speak for a breach. For a quantile these are the ones above
    /// the boundary; the baseline has none where it was not counted beside the canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arms: Option<Arms>,
    /// The boundary between buckets that a quantile is judged at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
