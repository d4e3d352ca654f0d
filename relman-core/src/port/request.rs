use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    plan::Artifact,
    unit::{ReleaseId, ServiceName, TargetName, TrafficShare},
};

/// How a platform differs from others.
///
/// # Examples
///
/// ```
/// use relman_core::{port::DeployerCapabilities, unit::TrafficShare};
///
/// let rounds = DeployerCapabilities::new().with_share_tolerance("0.4%".parse()?);
/// assert_eq!(rounds.share_tolerance.to_string(), "0.4%");
/// assert_eq!(DeployerCapabilities::new().share_tolerance, TrafficShare::ZERO);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployerCapabilities {
    /// How far an observed share may be from the one that was set without being drift: zero for a platform that
    /// reports exactly what it was told, more for one that rounds or samples. Nothing and all of the traffic are never
    /// a matter of rounding: whatever the tolerance, they are observed as exactly that.
    pub share_tolerance: TrafficShare,
    /// What becomes of the places when a release has passed.
    pub promotion: Promotion,
    /// Whether an observation says which version is in each place.
    pub tells_versions: bool,
}

impl DeployerCapabilities {
    /// Describes a platform that reports exactly the share that it was told, and whose places change roles.
    pub const fn new() -> Self {
        Self { share_tolerance: TrafficShare::ZERO, promotion: Promotion::Swap, tells_versions: false }
    }

    /// Allows an observed share to be this far from the one that was set.
    #[must_use]
    pub const fn with_share_tolerance(mut self, share_tolerance: TrafficShare) -> Self {
        self.share_tolerance = share_tolerance;
        self
    }

    /// Sets what becomes of the places when a release has passed.
    #[must_use]
    pub const fn with_promotion(mut self, promotion: Promotion) -> Self {
        self.promotion = promotion;
        self
    }

    /// Says that an observation tells which version is in each place.
    #[must_use]
    pub const fn telling_versions(mut self) -> Self {
        self.tells_versions = true;
        self
    }
}

/// How a version becomes the stable one of a platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promotion {
    /// Two equal places change roles, as blue and green do: what was the candidate's place is the stable one from then on.
    #[default]
    Swap,
    /// The stable instances get the new version, and the candidate's place is emptied for the next one, as with a canary that is smaller
    /// than the rest.
    Replace,
}

impl Promotion {
    /// The place that is stable after a release whose target had this one has been promoted.
    #[must_use]
    pub const fn stable_after(self, stable: Slot) -> Slot {
        match self {
            Self::Swap => stable.other(),
            Self::Replace => stable,
        }
    }
}

impl fmt::Display for Promotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Swap => "swap",
            Self::Replace => "replace",
        })
    }
}

/// What a release acts upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Target {
    /// The release that acts.
    pub release: ReleaseId,
    /// The service it changes.
    pub service: ServiceName,
    /// The target: that service in one environment or region.
    pub name: TargetName,
    /// The new version.
    pub artifact: Artifact,
    /// The version that it replaces.
    pub baseline_version: String,
    /// The place that has the version that users had before this release, as the journal knows it. The new version belongs in the
    /// [other](Slot::other) one.
    #[serde(default)]
    pub stable: Slot,
}

impl Target {
    /// Names what a release acts upon: the service, the new version, and the version that it replaces, in the first place.
    pub fn new(
        release: ReleaseId,
        service: ServiceName,
        artifact: Artifact,
        baseline_version: impl Into<String>,
    ) -> Self {
        let (baseline_version, stable) = (baseline_version.into(), Slot::First);
        let name = TargetName::from(&service);
        Self { release, service, name, artifact, baseline_version, stable }
    }

    /// On another target than the one that is named after the service.
    #[must_use]
    pub fn named(mut self, name: TargetName) -> Self {
        self.name = name;
        self
    }

    /// Sets the place that has the version that users had before this release.
    #[must_use]
    pub fn with_stable(mut self, stable: Slot) -> Self {
        self.stable = stable;
        self
    }

    /// The place that the new version belongs in.
    pub const fn candidate(&self) -> Slot {
        self.stable.other()
    }
}

/// One of the two places that a platform has for the versions of a service: blue or green, say. Which is which, the platform's
/// configuration says.
///
/// # Examples
///
/// ```
/// use relman_core::port::Slot;
///
/// assert_eq!(Slot::First.other(), Slot::Second);
/// assert_eq!(serde_json::to_string(&Slot::Second)?, r#""second""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The first place, which is the stable one before anything was released.
    #[default]
    First,
    /// The second place.
    Second,
}

impl Slot {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// The other place.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// A request to install an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeployRequest {
    /// What is released.
    pub target: Target,
    /// Where to.
    pub environment: Environment,
    /// The idempotency key: the same for every repetition of this request.
    pub key: String,
    /// The sequence number of the record that asked for it: of two requests, the one with the larger number is the
    /// later one. A platform that can remember it refuses one that is older than the last.
    #[serde(default)]
    pub generation: u64,
}

impl DeployRequest {
    /// Asks for the target's artifact in an environment, with generation 0, which is older than every recorded request.
    pub fn new(target: Target, environment: Environment, key: impl Into<String>) -> Self {
        Self { target, environment, key: key.into(), generation: 0 }
    }

    /// Sets the sequence number of the record that asked for it.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }
}

/// A request to route traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrafficRequest {
    /// What is released.
    pub target: Target,
    /// The share of the production traffic that the canary should get.
    pub share: TrafficShare,
    /// Whether sessions that are pinned to the candidate's place are ended rather than left to end. Asked for with no traffic at all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
    /// The idempotency key: the same for every repetition of this request.
    pub key: String,
    /// The sequence number of the record that asked for it: of two requests, the one with the larger number is the
    /// later one. A platform that can remember it refuses one that is older than the last.
    #[serde(default)]
    pub generation: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl TrafficRequest {
    /// Asks for this share of the production traffic on the canary, with generation 0, which is older than every
    /// recorded request.
    pub fn new(target: Target, share: TrafficShare, key: impl Into<String>) -> Self {
        Self { target, share, cut: false, key: key.into(), generation: 0 }
    }

    /// Ends the sessions that are pinned to the candidate's place as well.
    #[must_use]
    pub fn with_cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Sets the sequence number of the record that asked for it.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }
}

/// A request to make the new version the stable one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PromoteRequest {
    /// What was released.
    pub target: Target,
    /// The idempotency key: the same for every repetition of this request.
    pub key: String,
    /// The sequence number of the record that asked for it: of two requests, the one with the larger number is the
    /// later one. A platform that can remember it refuses one that is older than the last.
    #[serde(default)]
    pub generation: u64,
}

impl PromoteRequest {
    /// Asks for the target's artifact to be the stable version, with generation 0, which is older than every recorded request.
    pub fn new(target: Target, key: impl Into<String>) -> Self {
        Self { target, key: key.into(), generation: 0 }
    }

    /// Sets the sequence number of the record that asked for it.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }
}

/// Where something is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Where a change is tried before it meets users.
    Staging,
    /// Where users are.
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}
