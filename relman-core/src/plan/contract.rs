use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Criterion, Threshold};
use crate::unit::MetricName;

/// The metric that relman counts itself, from recorded complaints.
pub(crate) const COMPLAINTS: &str = "complaints";

/// The criteria that demand rollback. Never empty; each criterion has a numeric threshold by its type.
///
/// # Examples
///
/// ```
/// use relman_core::plan::{ContractError, RollbackContract};
///
/// let contract = RollbackContract::new(vec!["error_rate > 1%".parse()?])?;
/// assert_eq!(contract.criteria().len(), 1);
/// assert_eq!(RollbackContract::new(vec![]), Err(ContractError::NoThreshold));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RollbackContract {
    /// The criteria, each with a numeric threshold. Any one that holds rolls the release back.
    #[serde(default)]
    criteria: Vec<Criterion>,
}

/// Why criteria are not a rollback contract.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContractError {
    /// There is no criterion at all.
    #[error(
        "the rollback contract has no numeric threshold: give at least one criterion, such as \
         criteria = [\"error_rate > 1%\", \"latency_p99 > 2x baseline\"]"
    )]
    NoThreshold,
    /// The same criterion stands there twice.
    #[error("the rollback contract has `{0}` twice: leave one out")]
    Repeated(Criterion),
    /// Complaints are not compared: they are counted for the release and not for each version.
    #[error(
        "the rollback contract has `{0}`, and complaints have no baseline: write a number, as in complaints > 3"
    )]
    NoBaseline(Criterion),
    /// There are more criteria than a record holds at every look.
    #[error("the rollback contract has {0} criteria, at most {max} are allowed", max = RollbackContract::MAX_CRITERIA)]
    TooMany(usize),
}

impl RollbackContract {
    /// More criteria than this would not fit one record with their observations.
    pub const MAX_CRITERIA: usize = 24;

    /// A contract of these criteria.
    ///
    /// # Errors
    ///
    /// [`ContractError`] where there are none or too many, or one appears twice.
    pub fn new(criteria: Vec<Criterion>) -> Result<Self, ContractError> {
        let contract = Self { criteria };
        contract.check()?;
        Ok(contract)
    }

    /// The contract that a record holds, whatever it says.
    pub(crate) fn recorded(criteria: Vec<Criterion>) -> Self {
        Self { criteria }
    }

    /// Whether a plan may have it today.
    pub(super) fn check(&self) -> Result<(), ContractError> {
        let criteria = &self.criteria;
        if criteria.is_empty() {
            return Err(ContractError::NoThreshold);
        }
        if criteria.len() > Self::MAX_CRITERIA {
            return Err(ContractError::TooMany(criteria.len()));
        }
        let repeated = criteria.iter().enumerate().find(|(index, one)| criteria[..*index].contains(one));
        if let Some((_, criterion)) = repeated {
            return Err(ContractError::Repeated(criterion.clone()));
        }
        let compared = |one: &&Criterion| {
            one.metric.as_str() == COMPLAINTS && matches!(one.threshold, Threshold::Baseline { .. })
        };
        if let Some(criterion) = criteria.iter().find(compared) {
            return Err(ContractError::NoBaseline(criterion.clone()));
        }
        Ok(())
    }

    /// The criteria, in the order of the plan.
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// The metrics that the criteria speak of.
    pub fn metrics(&self) -> BTreeSet<MetricName> {
        self.criteria.iter().map(|criterion| criterion.metric.clone()).collect()
    }
}
