use std::fmt;

use serde::{Deserialize, Serialize};

/// How much can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// Everything the change touches is harmless by policy.
    Low,
    /// The ordinary case.
    Standard,
    /// It touches what hurts most: manual QA and a second approver are needed.
    High,
}

impl RiskLevel {
    /// What is high risk whatever a policy or an author says.
    pub const ALWAYS_HIGH: [&'static str; 3] = ["authentication", "payments", "data-migration"];

    /// Every level, rising.
    pub const ALL: [Self; 3] = [Self::Low, Self::Standard, Self::High];
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Standard => "standard",
            Self::High => "high",
        })
    }
}

/// How the risk of a plan was assessed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskAssessment {
    /// The level that counts.
    pub level: RiskLevel,
    /// What the author said, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<RiskLevel>,
    /// What made the level what it is, one reason a line.
    pub reasons: Vec<String>,
}
