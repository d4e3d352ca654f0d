use serde::{Deserialize, Serialize};

use crate::{judge::MissingKind, unit::Span};

/// What to do when there is no value, for each way of having none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoDataRules {
    /// An empty answer.
    pub no_data: NoDataRule,
    /// An answer that is too old.
    pub stale: NoDataRule,
    /// An error in place of an answer.
    pub provider_error: NoDataRule,
    /// NaN or an infinity.
    pub not_finite: NoDataRule,
}

/// What to do, and for how long to be patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoDataRule {
    /// What to do at once.
    pub action: NoDataAction,
    /// How long the release holds before it is rolled back; it holds on for good where this is absent.
    #[serde(default, rename = "roll_back_after_ms", skip_serializing_if = "Option::is_none")]
    pub roll_back_after: Option<Span>,
}

/// What to do at once when there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoDataAction {
    /// Stop the step's clock and wait for data.
    Hold,
    /// Roll back.
    RollBack,
}

impl NoDataRules {
    /// The rule for one way of having no value.
    pub fn rule(&self, kind: MissingKind) -> NoDataRule {
        match kind {
            MissingKind::NoData => self.no_data,
            MissingKind::Stale => self.stale,
            MissingKind::ProviderError => self.provider_error,
            MissingKind::NotFinite => self.not_finite,
        }
    }
}

impl Default for NoDataRules {
    /// Hold, and roll back after two hours: an outage of the metrics is not a bad release, and most are over
    /// within two hours; a release that nobody can see should not stay out for longer.
    fn default() -> Self {
        let hold = NoDataRule { action: NoDataAction::Hold, roll_back_after: Some(Span::from_hours(2)) };
        Self { no_data: hold, stale: hold, provider_error: hold, not_finite: hold }
    }
}
