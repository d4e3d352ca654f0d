use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    judge::{
        evidence::{Alpha, Scheme},
        familiar::Rule,
        kayenta::MannWhitneyRule,
    },
    unit::MetricName,
};

/// How a policy has the criteria of a contract judged.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{MethodChoice, Judging};
///
/// let judging = Judging::default();
/// assert_eq!(judging.method_of(&"error_rate".parse()?), MethodChoice::Evidence);
/// assert_eq!(judging.alpha.get(), 0.01);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Judging {
    /// The probability, for a whole release and all its criteria, of turning back a healthy one.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub alpha: Alpha,
    /// How belief about the start of a regression is spread over the plan.
    pub start_weights: Scheme,
    /// The method for a metric that `methods` does not name.
    pub method: MethodChoice,
    /// The method for a metric.
    pub methods: BTreeMap<MetricName, MethodChoice>,
    /// What the fast channel brings about.
    pub fast_alarm: FastAlarm,
    /// What a split of the traffic brings about that is not what it was meant to be.
    pub sample_ratio: SampleRatioRule,
}

/// What a sample-ratio mismatch brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SampleRatioRule {
    /// The release is held: nothing that was measured can be trusted.
    #[default]
    Hold,
    /// Verdicts warn of it. For sources that do not count the requests of both arms alike.
    Warn,
}

impl Eq for Judging {}

impl Judging {
    /// The same method for every metric.
    pub fn by(method: MethodChoice) -> Self {
        Self { method, ..Self::default() }
    }

    /// The method for a metric.
    pub fn method_of(&self, metric: &MetricName) -> MethodChoice {
        self.methods.get(metric).copied().unwrap_or(self.method)
    }

    /// Whether this is what a policy that says nothing gets.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A method by name.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MethodChoice {
    /// [Evidence over time](crate::judge::evidence), which keeps its promise at every look. What can't be counted in
    /// requests is judged against a hard limit.
    #[default]
    Evidence,
    /// A hard limit: the value over the threshold in any look on enough requests.
    Threshold,
    /// A number of failed looks, each on enough requests.
    FailedLooks(Rule),
    /// Kayenta's Mann-Whitney rule over the looks of a step, each look on enough requests one sample; from as many looks on
    /// as its confidence needs, which are five for 98 %. It needs values of both arms, whatever the criterion says.
    MannWhitney(MannWhitneyRule),
}

/// What an alarm of the fast channel brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FastAlarm {
    /// The release is held: exposure stops growing, and on-call is told.
    #[default]
    Hold,
    /// The release is rolled back, too. Right only where units are independent of each other: users, sessions. Both channels
    /// share the probability that is allowed then, and boundaries near a quantile, which are not the rule, hold alone.
    RollBack,
}
