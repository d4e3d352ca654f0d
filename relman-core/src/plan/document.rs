use serde::{Deserialize, Serialize};

use super::{CommunicationPlan, ReleaseKind, RiskLevel, RollbackContract, Scope};
use crate::unit::{MetricName, ReleaseId, Text, TrackName};

/// A release plan, as files and records hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReleasePlan"))]
#[serde(deny_unknown_fields)]
pub(super) struct PlanDocument {
    /// The identifier of the release.
    pub(super) release: ReleaseId,
    /// One line that says what the release is, at most 200 characters.
    pub(super) title: Text,
    /// `production`, or `drill` for a rehearsal.
    #[serde(default)]
    pub(super) kind: ReleaseKind,
    /// The track; the policy has one for each risk level otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) track: Option<TrackName>,
    /// The risk as the author sees it. It can raise what the change touches, never lower it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) risk: Option<RiskLevel>,
    /// Metrics to watch besides those of the policy and the contract.
    #[serde(default)]
    pub(super) watch: Vec<MetricName>,
    /// What changes.
    pub(super) scope: Scope,
    /// When to roll back. Nothing is staged without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) contract: Option<RollbackContract>,
    /// Who is told, through which channel, at which moments.
    #[serde(default)]
    pub(super) communication: CommunicationPlan,
}
