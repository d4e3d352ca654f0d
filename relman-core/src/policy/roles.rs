use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::unit::Role;

/// What a role allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Record and revise a plan.
    Plan,
    /// Approve somebody else's plan.
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
/// Holding, rolling back and reporting a complaint need no permission: everybody whom the directory knows may
/// pull the cord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<Permission, BTreeSet<Role>>);

impl Roles {
    /// Which roles allow what; a permission that is left out is given by no role.
    pub fn new(roles: BTreeMap<Permission, BTreeSet<Role>>) -> Self {
        Self(roles)
    }

    /// The roles that allow something.
    pub fn allowing(&self, permission: Permission) -> BTreeSet<Role> {
        self.0.get(&permission).cloned().unwrap_or_default()
    }

    /// Whether somebody with these roles may do something.
    pub fn allow(&self, permission: Permission, held: &BTreeSet<Role>) -> bool {
        self.0.get(&permission).is_some_and(|allowing| !allowing.is_disjoint(held))
    }
}
