use async_trait::async_trait;

use super::{
    DeployRequest, DeployerCapabilities, Deployment, PortError, PortErrorKind, PromoteRequest, Promotion,
    Target, TrafficRequest,
};
use crate::unit::TrafficShare;

/// The platform that installs versions and routes traffic to them.
///
/// The port is declarative: a request says what should be, not what to change. Every request carries an
/// idempotency key; performing the same request twice leaves the world as performing it once.
///
/// # Places
///
/// A platform has two places for the versions of a service. Which of them has the version that users had before this
/// release is the journal's to know, and each [`Target`] says it ([`Target::stable`]); the other one is the candidate's. An
/// adapter keeps no state. What a finished release leaves behind is what the next one begins with, and how that comes about is the
/// platform's [`Promotion`]:
///
/// - [`Promotion::Swap`]: two equal places, which change roles. The next target's stable place is the one that was the candidate's,
///   and has all of the traffic already.
/// - [`Promotion::Replace`]: the stable place is always the first, and [`promote`](Self::promote) puts the new version there. Such a
///   platform does not read [`Target::stable`].
#[async_trait]
pub trait Deployer: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// How this platform differs from others.
    fn capabilities(&self) -> DeployerCapabilities;

    /// Installs an artifact in an environment, in the candidate's place and without any traffic, and returns when it is ready to
    /// take some.
    ///
    /// - **Idempotent**: where the artifact is installed already, this changes nothing and succeeds.
    /// - Traffic is not touched, and neither is the stable place.
    /// - What an earlier rollback has cut off is let in again, so that the new version can be given traffic.
    ///
    /// # Errors
    ///
    /// [`PortError`]; after [`TimedOut`](super::PortErrorKind::TimedOut) it may or may not be installed.
    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError>;

    /// Routes this share of the production traffic to the candidate's place and the rest to the stable one.
    ///
    /// - **Absolute**: the share is the state wanted, whatever it was before.
    /// - **Idempotent**: where the share is set already, this changes nothing and succeeds.
    /// - **Never more**: a share that the platform can't represent exactly is set to the nearest one below, or
    ///   refused; it is never exceeded. [`reachable`](Self::reachable) says beforehand which.
    /// - Returns when the platform has taken the change, or fails; it does not return early.
    /// - With [`cut`](TrafficRequest::cut), sessions that are pinned to the candidate's place are ended, and can't come back to it. A
    ///   platform that pins none has nothing to cut.
    ///
    /// # Errors
    ///
    /// [`PortError`]; after [`TimedOut`](super::PortErrorKind::TimedOut) the share may or may not be set, and
    /// [`observe`](Self::observe) tells.
    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError>;

    /// Makes the candidate's version the stable one, once it has passed and has all of the traffic.
    ///
    /// [`Promotion::Swap`]: there is nothing to be done on most platforms, as the roles are the journal's. That is what this does
    /// where it isn't implemented.
    ///
    /// [`Promotion::Replace`]: the stable instances get the new version, then the traffic goes back to them, then the candidate's
    /// place is emptied: it has no traffic.
    ///
    /// - **Idempotent**, and may be repeated after a crash at any point: it goes on where it was left.
    /// - Nobody is ever sent to a stable instance that does not have the new version yet.
    /// - Where it fails, the traffic stays with whoever has the new version.
    /// - [`observe`](Self::observe) confirms it: the stable place has the new version, and the canary's share is zero.
    ///
    /// # Errors
    ///
    /// [`PortError`]; after [`TimedOut`](super::PortErrorKind::TimedOut) it may or may not be done, and
    /// [`observe`](Self::observe) tells.
    async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError> {
        match self.capabilities().promotion {
            Promotion::Swap => Ok(()),
            Promotion::Replace => {
                let version = &request.target.artifact.version;
                let detail = format!("{} can't put {version} into the stable place", self.name());
                Err(PortError::new(self.name(), "promote", PortErrorKind::Rejected, detail))
            }
        }
    }

    /// Which share would be set where this one is asked for: the nearest one that the platform can represent and that is not above.
    ///
    /// - Changes nothing, and needs no version to be installed.
    /// - Nothing and all of the traffic are reachable on every platform that [`set_traffic`](Self::set_traffic) serves.
    /// - The very share that was asked for, where this isn't implemented.
    ///
    /// # Errors
    ///
    /// [`PortError`] of kind [`Rejected`](super::PortErrorKind::Rejected) where the share would be refused, and of another kind where
    /// the platform can't tell.
    async fn reachable(&self, target: &Target, share: TrafficShare) -> Result<TrafficShare, PortError> {
        let _ = target;
        Ok(share)
    }

    /// What a person types to take all traffic from the new version without relman, such as a command line; shown to
    /// on-call when nothing can be recorded, and so nothing carried out. None where there is no such thing to say.
    fn by_hand(&self, target: &Target) -> Option<String> {
        let _ = target;
        None
    }

    /// What is really out there, read from the platform and not from memory.
    ///
    /// - The share is the candidate's place's, whatever version is in it: of a platform whose places change roles, the same traffic is
    ///   100 % to one target and 0 % to the next.
    /// - What the platform can't tell is left out, and never zero.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the platform can't tell where the traffic is. Not knowing is an error, never a zero.
    async fn observe(&self, target: &Target) -> Result<Deployment, PortError>;
}
