use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Deployment, PortError};
use crate::{
    plan::Artifact,
    unit::{ReleaseId, ServiceName, TrafficShare},
};

/// The platform that installs versions and routes traffic to them.
///
/// The port is declarative: a request says what should be, not what to change. Every request carries an
/// idempotency key; performing the same request twice leaves the world as performing it once.
#[async_trait]
pub trait Deployer: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// How this platform differs from others.
    fn capabilities(&self) -> DeployerCapabilities;

    /// Installs an artifact in an environment, without any traffic, and returns when it is ready to take some.
    ///
    /// - **Idempotent**: where the artifact is installed already, this changes nothing and succeeds.
    /// - Traffic is not touched.
    ///
    /// # Errors
    ///
    /// [`PortError`]; after [`TimedOut`](super::PortErrorKind::TimedOut) it may or may not be installed.
    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError>;

    /// Routes this share of the production traffic to the canary and the rest to the baseline.
    ///
    /// - **Absolute**: the share is the state wanted, whatever it was before.
    /// - **Idempotent**: where the share is set already, this changes nothing and succeeds.
    /// - **Never more**: a share that the platform can't represent exactly is set to the nearest one below, or
    ///   refused; it is never exceeded.
    /// - Returns when the platform has taken the change, or fails; it does not return early.
    ///
    /// # Errors
    ///
    /// [`PortError`]; after [`TimedOut`](super::PortErrorKind::TimedOut) the share may or may not be set, and
    /// [`observe`](Self::observe) tells.
    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError>;

    /// What a person types to take all traffic from the new version without relman, such as a command line; shown to
    /// on-call when nothing can be recorded, and so nothing carried out. None where there is no such thing to say.
    fn by_hand(&self, target: &Target) -> Option<String> {
        let _ = target;
        None
    }

    /// What is really out there, read from the platform and not from memory.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the platform can't tell. Not knowing is an error, never a zero.
    async fn observe(&self, target: &Target) -> Result<Deployment, PortError>;
}

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
}

impl DeployerCapabilities {
    /// Describes a platform that reports exactly the share that it was told.
    pub const fn new() -> Self {
        Self { share_tolerance: TrafficShare::ZERO }
    }

    /// Allows an observed share to be this far from the one that was set.
    #[must_use]
    pub const fn with_share_tolerance(mut self, share_tolerance: TrafficShare) -> Self {
        self.share_tolerance = share_tolerance;
        self
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
    /// The new version.
    pub artifact: Artifact,
    /// The version that it replaces.
    pub baseline_version: String,
}

impl Target {
    /// Names what a release acts upon: the service, the new version, and the version that it replaces.
    pub fn new(
        release: ReleaseId,
        service: ServiceName,
        artifact: Artifact,
        baseline_version: impl Into<String>,
    ) -> Self {
        Self { release, service, artifact, baseline_version: baseline_version.into() }
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
    /// The idempotency key: the same for every repetition of this request.
    pub key: String,
    /// The sequence number of the record that asked for it: of two requests, the one with the larger number is the
    /// later one. A platform that can remember it refuses one that is older than the last.
    #[serde(default)]
    pub generation: u64,
}

impl TrafficRequest {
    /// Asks for this share of the production traffic on the canary, with generation 0, which is older than every
    /// recorded request.
    pub fn new(target: Target, share: TrafficShare, key: impl Into<String>) -> Self {
        Self { target, share, key: key.into(), generation: 0 }
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
