//! What a release changes, and how much can go wrong with it.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize, Serializer};

use crate::unit::{ServiceName, Tag, TargetName, Text};

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The service that changes.
    pub service: ServiceName,
    /// Where it changes, for a service that lives in several environments or regions: `checkout-eu`. The target that has the
    /// name of the service, if absent; for a drill, that name with `-rehearsal` behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
    /// What changes, in a few sentences.
    pub summary: Text,
    /// What is deployed.
    pub artifact: Artifact,
    /// The version that it replaces, and to which a rollback returns.
    pub replaces: Text,
    /// Whether users see the change.
    pub audience: Audience,
    /// Whether the change can affect performance; a load test is needed then.
    #[serde(default)]
    pub performance: PerformanceImpact,
    /// What the change touches, in the tags of the policy.
    #[serde(default)]
    pub touches: BTreeSet<Tag>,
    /// Where the changes can be read: pull requests, tickets.
    #[serde(default)]
    pub links: Vec<Text>,
}

/// What is deployed: a name and a version, and the digest where the registry gives one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The name, as the deployer knows it: `registry.example.org/checkout`.
    pub name: Text,
    /// The version: `2.41.0`.
    pub version: Text,
    /// The content's digest: `sha256:9f86d0…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Text>,
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Whether users see a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Users see it.
    UserFacing,
    /// Nobody outside sees it.
    BackendOnly,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UserFacing => "user-facing",
            Self::BackendOnly => "backend-only",
        })
    }
}

/// Whether a change can affect performance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PerformanceImpact {
    /// It is not expected to.
    #[default]
    Neutral,
    /// It may: a load test is part of the staging gate.
    Sensitive,
}

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RiskAssessment {
    /// The level that counts.
    pub level: RiskLevel,
    /// What the author said, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<RiskLevel>,
    /// What made the level what it is.
    pub reasons: Vec<RiskReason>,
}

/// What made a risk what it is. In reports it is its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RiskReason {
    /// The change touches something that no other part of it exceeds.
    Touches {
        /// What, in a tag of the policy.
        tag: Tag,
        /// The risk of that.
        level: RiskLevel,
    },
    /// The plan names nothing that it touches.
    TouchesNothing,
    /// The author raised it.
    Raised {
        /// To this level.
        to: RiskLevel,
    },
    /// The author said a lower one, which does not count.
    NotLowered {
        /// What they said.
        said: RiskLevel,
    },
    /// A version 1 sentence that matches none of these.
    InWords(String),
}

impl fmt::Display for RiskReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Touches { tag, level } => write!(f, "it touches {tag}, which is {level} risk"),
            Self::TouchesNothing => f.write_str("it names nothing that it touches, which is standard risk"),
            Self::Raised { to } => write!(f, "the author raised it to {to}"),
            Self::NotLowered { said } => write!(f, "the author said {said}, which can't lower it"),
            Self::InWords(text) => f.write_str(text),
        }
    }
}

impl Serialize for RiskReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl RiskAssessment {
    /// Every reason in a sentence.
    pub fn sentences(&self) -> Vec<String> {
        self.reasons.iter().map(RiskReason::to_string).collect()
    }
}
