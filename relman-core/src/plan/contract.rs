use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Criterion, Threshold};
use crate::unit::{MetricName, Text, TrafficShare, UnitError, schema_as_text, serde_as_text};

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
    /// The criteria, each with a numeric threshold. Any one that is breached rolls the release back.
    #[serde(default)]
    criteria: Vec<Criterion>,
    /// For a change that can't be taken back once enough users have it: `none after 10%`. Beyond that share a breach holds
    /// the release and pages, in place of a rollback that would do harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    way_back: Option<NoneAfter>,
    /// Why there is no way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text>,
    /// What is done instead of a rollback, such as `roll forward with 2.41.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instead: Option<Text>,
}

/// Up to which share a change can be taken back, where it can't for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WayBack {
    /// The last share of the traffic with a way back.
    #[serde(rename = "none_after_bp")]
    pub none_after: TrafficShare,
    /// Why there is none beyond it.
    pub reason: Text,
    /// What is done instead.
    pub instead: Text,
}

impl WayBack {
    /// Up to that share, for that reason, and what is done instead.
    pub fn new(none_after: TrafficShare, reason: Text, instead: Text) -> Self {
        Self { none_after, reason, instead }
    }
}

impl fmt::Display for WayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none after {}: {}. Instead: {}", self.none_after, self.reason, self.instead)
    }
}

/// A share as a plan writes it: `none after 10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoneAfter(TrafficShare);

impl FromStr for NoneAfter {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a way back such as \"none after 10%\"";
        let words: Vec<&str> = text.split_whitespace().collect();
        let [none, after, share @ ..] = &words[..] else {
            return Err(UnitError::new(text, WHAT, "it names no share"));
        };
        if !none.eq_ignore_ascii_case("none") || !after.eq_ignore_ascii_case("after") || share.is_empty() {
            return Err(UnitError::new(text, WHAT, "it names no share up to which there is one"));
        }
        let share: TrafficShare = share
            .concat()
            .parse()
            .map_err(|error: UnitError| UnitError::new(text, WHAT, error.to_string()))?;
        if share == TrafficShare::FULL {
            return Err(UnitError::new(text, WHAT, "after 100% nothing comes; leave it out"));
        }
        Ok(Self(share))
    }
}

impl fmt::Display for NoneAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("none after {}", self.0))
    }
}

serde_as_text!(NoneAfter);
schema_as_text!(
    NoneAfter,
    "NoneAfter",
    "The last share of the traffic with a way back",
    "none after 10%",
    r"^\s*[Nn][Oo][Nn][Ee]\s+[Aa][Ff][Tt][Ee][Rr]\s+[0-9._]+\s*%\s*$"
);

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
    /// The way back is not told in full.
    #[error(
        "the rollback contract has no `{lacks}`: a change without a way back says three things, as in way_back = \"none \
         after 10%\", reason = \"the migration drops a column\", instead = \"roll forward with 2.41.1\""
    )]
    WayBackIncomplete {
        /// What is missing.
        lacks: &'static str,
    },
    /// A text on the way back is too long for a page.
    #[error("the rollback contract's `{what}` has {count} characters, at most {max} are allowed", max = RollbackContract::MAX_LINE)]
    WayBackTooLong {
        /// Which.
        what: &'static str,
        /// How long it is.
        count: usize,
    },
    /// There are more criteria than a record holds at every look.
    #[error("the rollback contract has {0} criteria, at most {max} are allowed", max = RollbackContract::MAX_CRITERIA)]
    TooMany(usize),
}

impl RollbackContract {
    /// More criteria than this would not fit one record with their observations.
    pub const MAX_CRITERIA: usize = 24;

    /// What stands in a hold, a message and a page beside other things.
    const MAX_LINE: usize = 400;

    /// A contract of these criteria.
    ///
    /// # Errors
    ///
    /// [`ContractError`] where there are none or too many, or one appears twice.
    pub fn new(criteria: Vec<Criterion>) -> Result<Self, ContractError> {
        let contract = Self { criteria, way_back: None, reason: None, instead: None };
        contract.check()?;
        Ok(contract)
    }

    /// The same contract for a change that can't be taken back for good.
    ///
    /// # Errors
    ///
    /// [`ContractError`] where a text is too long.
    pub fn with_way_back(self, way_back: WayBack) -> Result<Self, ContractError> {
        let contract = Self::recorded(self.criteria, Some(way_back));
        contract.check()?;
        Ok(contract)
    }

    /// The contract that a record holds, whatever it says.
    pub(crate) fn recorded(criteria: Vec<Criterion>, way_back: Option<WayBack>) -> Self {
        let (way_back, reason, instead) = match way_back {
            Some(WayBack { none_after, reason, instead }) => {
                (Some(NoneAfter(none_after)), Some(reason), Some(instead))
            }
            None => (None, None, None),
        };
        Self { criteria, way_back, reason, instead }
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
        self.check_way_back()
    }

    fn check_way_back(&self) -> Result<(), ContractError> {
        let lacks = match (&self.way_back, &self.reason, &self.instead) {
            (None, None, None) | (Some(_), Some(_), Some(_)) => None,
            (None, Some(_), _) | (None, None, Some(_)) => Some("way_back"),
            (Some(_), None, _) => Some("reason"),
            (Some(_), Some(_), None) => Some("instead"),
        };
        if let Some(lacks) = lacks {
            return Err(ContractError::WayBackIncomplete { lacks });
        }
        for (what, text) in [("reason", &self.reason), ("instead", &self.instead)] {
            let count = text.as_ref().map_or(0, |text| text.as_str().chars().count());
            if count > Self::MAX_LINE {
                return Err(ContractError::WayBackTooLong { what, count });
            }
        }
        Ok(())
    }

    /// Up to which share the change can be taken back; nothing for one that always can.
    pub fn way_back(&self) -> Option<WayBack> {
        let (NoneAfter(none_after), reason, instead) =
            (self.way_back?, self.reason.clone()?, self.instead.clone()?);
        Some(WayBack { none_after, reason, instead })
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
