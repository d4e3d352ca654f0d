use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The limits of a metric in an Argo Rollouts `AnalysisTemplate`, with their defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ArgoLimits {
    /// How many measurements may fail in all; -1 for any number. 0 unless said otherwise: none may.
    pub failure_limit: i32,
    /// How many measurements may be inconclusive in all; 0 unless said otherwise.
    pub inconclusive_limit: i32,
    /// How many measurements in a row may end in an error; 4 unless said otherwise.
    pub consecutive_error_limit: i32,
    /// How many measurements in a row have to succeed; 0, which is the default, for no such demand.
    pub consecutive_success_limit: i32,
    /// How many measurements there are; none for as many as there is time.
    pub count: Option<i32>,
}

impl Default for ArgoLimits {
    fn default() -> Self {
        Self {
            failure_limit: 0,
            inconclusive_limit: 0,
            consecutive_error_limit: 4,
            consecutive_success_limit: 0,
            count: None,
        }
    }
}

/// Why limits are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgoError {
    /// Nothing would ever end the analysis.
    #[error("failureLimit is disabled and consecutiveSuccessLimit is 0: one of them has to apply")]
    NeitherApplies,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum ArgoMeasurement {
    /// The success condition held, or the failure condition, the only one, did not.
    Successful,
    /// The failure condition held, or the success condition, the only one, did not.
    Failed,
    /// Neither held, or there is none.
    Inconclusive,
    /// The provider answered with an error.
    Error,
}

/// What an analysis is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum ArgoPhase {
    /// Not decided; goes on.
    Running,
    /// Passed.
    Successful,
    /// Failed: the rollout is aborted.
    Failed,
    /// Not told: the rollout is paused for a person.
    Inconclusive,
    /// Too many errors in a row: the rollout is aborted.
    Error,
}

/// A metric's analysis as Argo Rollouts has it, for those who move over.
///
/// In the order in which its controller looks (`analysis.go`, `assessMetricStatus`), with what its documentation says of
/// each ("Analysis & Progressive Delivery": *Failure Conditions and Failure Limit*, *Inconclusive Runs*, and since v1.8
/// *`ConsecutiveSuccessLimit` and `FailureLimit`* for the last two):
///
/// 1. **failed > `failureLimit`** is `Failed`. The limit is how many failures are *allowed*, in all and however far apart: a
///    limit of 3 fails with the fourth. (One sentence of the page has it fail after three; the field's description
///    and the controller do not.) -1 switches this off.
/// 2. **inconclusive > `inconclusiveLimit`** is `Inconclusive`.
/// 3. **errors in a row > `consecutiveErrorLimit`**, 4 unless said otherwise, is `Error`: the fifth. Any other measurement
///    ends the row.
/// 4. **successes in a row ≥ `consecutiveSuccessLimit`**, if one is set, is `Successful`.
/// 5. **all `count` measurements** made is `Successful`, or `Inconclusive` if successes in a row were asked for and did not
///    come. Errors do not count.
///
/// A phase other than `Running` stays. That nothing measured ends up `Successful` when a run is cut short is Argo's rule,
/// and not built here: what was not measured is not passed.
///
/// # Examples
///
/// ```
/// use relman_core::judge::familiar::{ArgoAnalysis, ArgoLimits, ArgoMeasurement, ArgoPhase};
///
/// let mut analysis = ArgoAnalysis::new(ArgoLimits { failure_limit: 3, ..ArgoLimits::default() })?;
/// let phases: Vec<ArgoPhase> = (0..4).map(|_| analysis.observe(ArgoMeasurement::Failed)).collect();
/// assert_eq!(phases[2], ArgoPhase::Running);
/// assert_eq!(phases[3], ArgoPhase::Failed);
/// # Ok::<(), relman_core::judge::familiar::ArgoError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgoAnalysis {
    limits: ArgoLimits,
    phase: ArgoPhase,
    failed: i32,
    inconclusive: i32,
    /// Measurements other than errors.
    counted: i32,
    errors_in_a_row: i32,
    successes_in_a_row: i32,
}

impl ArgoAnalysis {
    /// Nothing measured yet.
    ///
    /// # Errors
    ///
    /// [`ArgoError::NeitherApplies`] where failures are unlimited and no successes are asked for, as Argo refuses it.
    pub fn new(limits: ArgoLimits) -> Result<Self, ArgoError> {
        if limits.failure_limit < 0 && limits.consecutive_success_limit <= 0 {
            return Err(ArgoError::NeitherApplies);
        }
        Ok(Self {
            limits,
            phase: ArgoPhase::Running,
            failed: 0,
            inconclusive: 0,
            counted: 0,
            errors_in_a_row: 0,
            successes_in_a_row: 0,
        })
    }

    /// The phase.
    pub fn phase(&self) -> ArgoPhase {
        self.phase
    }

    /// One more measurement, and the phase after it. A decided phase stays.
    pub fn observe(&mut self, measurement: ArgoMeasurement) -> ArgoPhase {
        if self.phase != ArgoPhase::Running {
            return self.phase;
        }
        let one_more = |count: i32| count.saturating_add(1);
        match measurement {
            ArgoMeasurement::Error => {
                self.errors_in_a_row = one_more(self.errors_in_a_row);
                self.successes_in_a_row = 0;
            }
            ArgoMeasurement::Successful => self.successes_in_a_row = one_more(self.successes_in_a_row),
            ArgoMeasurement::Failed => {
                self.failed = one_more(self.failed);
                self.successes_in_a_row = 0;
            }
            ArgoMeasurement::Inconclusive => {
                self.inconclusive = one_more(self.inconclusive);
                self.successes_in_a_row = 0;
            }
        }
        if measurement != ArgoMeasurement::Error {
            self.errors_in_a_row = 0;
            self.counted = one_more(self.counted);
        }
        self.phase = self.assessed();
        self.phase
    }

    fn assessed(&self) -> ArgoPhase {
        let limits = &self.limits;
        let asks_for_successes = limits.consecutive_success_limit > 0;
        if limits.failure_limit >= 0 && self.failed > limits.failure_limit {
            ArgoPhase::Failed
        } else if self.inconclusive > limits.inconclusive_limit {
            ArgoPhase::Inconclusive
        } else if self.errors_in_a_row > limits.consecutive_error_limit {
            ArgoPhase::Error
        } else if asks_for_successes && self.successes_in_a_row >= limits.consecutive_success_limit {
            ArgoPhase::Successful
        } else if limits.count.is_some_and(|count| self.counted >= count) {
            if asks_for_successes { ArgoPhase::Inconclusive } else { ArgoPhase::Successful }
        } else {
            ArgoPhase::Running
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ArgoMeasurement::{Error, Failed, Inconclusive, Successful},
        *,
    };

    fn phases(limits: ArgoLimits, measured: &[ArgoMeasurement]) -> ArgoPhase {
        let mut analysis = ArgoAnalysis::new(limits).unwrap();
        for measurement in measured {
            analysis.observe(*measurement);
        }
        analysis.phase()
    }

    #[test]
    fn the_defaults_allow_no_failure_and_four_errors_in_a_row() {
        let limits = ArgoLimits::default();
        assert_eq!(phases(limits, &[Successful, Failed]), ArgoPhase::Failed);
        assert_eq!(phases(limits, &[Inconclusive]), ArgoPhase::Inconclusive);
        assert_eq!(phases(limits, &[Error; 4]), ArgoPhase::Running);
        assert_eq!(phases(limits, &[Error; 5]), ArgoPhase::Error);
        assert_eq!(
            phases(limits, &[Error, Error, Successful, Error, Error, Error, Error]),
            ArgoPhase::Running
        );
    }

    #[test]
    fn failures_are_counted_in_all_and_not_in_a_row() {
        let limits = ArgoLimits { failure_limit: 2, ..ArgoLimits::default() };
        let far_apart = [Failed, Successful, Successful, Failed, Successful, Successful, Failed];
        assert_eq!(phases(limits, &far_apart[..6]), ArgoPhase::Running);
        assert_eq!(phases(limits, &far_apart), ArgoPhase::Failed);
    }

    #[test]
    fn a_count_ends_with_success_unless_successes_in_a_row_were_asked_for() {
        let limits = ArgoLimits { count: Some(3), failure_limit: 2, ..ArgoLimits::default() };
        assert_eq!(phases(limits, &[Failed, Failed, Successful]), ArgoPhase::Successful);
        assert_eq!(
            phases(limits, &[Successful, Error, Successful]),
            ArgoPhase::Running,
            "errors do not count"
        );
        let limits = ArgoLimits { consecutive_success_limit: 2, ..limits };
        assert_eq!(phases(limits, &[Failed, Successful, Successful]), ArgoPhase::Successful);
        assert_eq!(phases(limits, &[Successful, Failed, Successful]), ArgoPhase::Inconclusive);
    }

    #[test]
    fn waiting_for_successes_outlasts_any_failures() {
        let limits = ArgoLimits { failure_limit: -1, consecutive_success_limit: 2, ..ArgoLimits::default() };
        let mut measured = vec![Failed; 50];
        assert_eq!(phases(limits, &measured), ArgoPhase::Running);
        measured.extend([Successful, Successful]);
        assert_eq!(phases(limits, &measured), ArgoPhase::Successful);
        let neither = ArgoLimits { failure_limit: -1, ..ArgoLimits::default() };
        assert_eq!(ArgoAnalysis::new(neither), Err(ArgoError::NeitherApplies));
    }

    #[test]
    fn what_is_decided_stays() {
        let mut analysis = ArgoAnalysis::new(ArgoLimits::default()).unwrap();
        analysis.observe(Failed);
        assert_eq!(analysis.observe(Successful), ArgoPhase::Failed);
    }

    #[test]
    fn limits_are_read_as_argo_writes_them() {
        let limits: ArgoLimits = serde_json::from_str(r#"{"failureLimit":3,"count":5}"#).unwrap();
        assert_eq!(limits, ArgoLimits { failure_limit: 3, count: Some(5), ..ArgoLimits::default() });
    }
}
