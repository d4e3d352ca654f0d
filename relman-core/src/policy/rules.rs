//! The rules of a policy besides its tracks: missing data, roles, on-call, rollback and overrides.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    judge::MissingKind,
    unit::{Channel, Role, Span},
};

/// What to do when there is no value, for each way of having none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// within two hours; a release that cannot be observed should not stay out for longer.
    fn default() -> Self {
        let hold = NoDataRule { action: NoDataAction::Hold, roll_back_after: Some(Span::from_hours(2)) };
        Self { no_data: hold, stale: hold, provider_error: hold, not_finite: hold }
    }
}

/// What a role allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Record and revise a plan.
    Plan,
    /// Approve another person's plan.
    Approve,
    /// Record the outcome of a check.
    Check,
    /// Override a failed gate.
    Override,
    /// Acknowledge on-call duty for a release.
    OnCall,
    /// Resume, abort and close a release, file post-mortems and keep action items.
    Operate,
}

impl Permission {
    /// Every permission, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Plan, Self::Approve, Self::Check, Self::Override, Self::OnCall, Self::Operate];

    /// The name, as a policy writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Approve => "approve",
            Self::Check => "check",
            Self::Override => "override",
            Self::OnCall => "on_call",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plan => "record a plan",
            Self::Approve => "approve",
            Self::Check => "record a check",
            Self::Override => "override a gate",
            Self::OnCall => "be on call",
            Self::Operate => "resume, abort or close a release, file a post-mortem or keep action items",
        })
    }
}

/// Which roles allow what.
///
/// Holding, rolling back and reporting a complaint need no permission: anyone in the directory may
/// pull the cord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<Permission, BTreeSet<Role>>);

impl Roles {
    /// Which roles allow what; a permission that is left out is given by no role.
    pub fn new(roles: BTreeMap<Permission, BTreeSet<Role>>) -> Self {
        Self(roles)
    }

    pub(crate) fn into_map(self) -> BTreeMap<Permission, BTreeSet<Role>> {
        self.0
    }

    /// The roles that allow something.
    pub fn allowing(&self, permission: Permission) -> BTreeSet<Role> {
        self.0.get(&permission).cloned().unwrap_or_default()
    }

    /// Whether one of these roles gives a permission.
    pub fn allow(&self, permission: Permission, held: &BTreeSet<Role>) -> bool {
        self.0.get(&permission).is_some_and(|allowing| !allowing.is_disjoint(held))
    }
}

/// How on-call cover works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OnCallRules {
    /// How long one acknowledgement covers.
    #[serde(rename = "shift_ms")]
    pub shift: Span,
    /// Where on-call is paged.
    pub channel: Channel,
}

/// How a rollback is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RollbackRules {
    /// How long to wait before a failed change is tried again.
    #[serde(rename = "retry_every_ms")]
    pub retry_every: Span,
    /// How long to wait between two observations that should confirm zero traffic.
    #[serde(rename = "confirm_every_ms")]
    pub confirm_every: Span,
    /// How many observations of zero traffic in a row confirm a rollback.
    pub confirmations: u32,
    /// How long users that are pinned to the new version may finish what they are at, before they are cut off.
    #[serde(rename = "drain_ms", default = "five_minutes", skip_serializing_if = "is_five_minutes")]
    pub drain: Span,
}

/// What a policy says that does not say how long pinned users are drained.
pub(crate) const fn five_minutes() -> Span {
    Span::from_minutes(5)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(crate) fn is_five_minutes(span: &Span) -> bool {
    *span == five_minutes()
}

/// By when people do what they still have to do for a release that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FollowUpRules {
    /// How long after it is opened a post-mortem is due.
    #[serde(rename = "post_mortem_within_ms")]
    pub post_mortem_within: Span,
    /// How long after it is opened an action item is due, where whoever opens it says nothing else.
    #[serde(rename = "action_items_within_ms")]
    pub action_items_within: Span,
}

impl FollowUpRules {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for FollowUpRules {
    /// Five days, while people still remember, and thirty: what is not done within a month is seldom done.
    fn default() -> Self {
        Self { post_mortem_within: Span::from_hours(5 * 24), action_items_within: Span::from_hours(30 * 24) }
    }
}

/// What an override may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OverrideRules {
    /// The longest time until an override expires.
    #[serde(rename = "longest_ms")]
    pub longest: Span,
}
