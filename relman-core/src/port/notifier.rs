use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::unit::{Channel, ReleaseId};

/// Tells people what happens.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// Whether this notifier serves the channel. The conductor asks before a release starts, so that a
    /// communication plan that can't be kept is found then.
    fn serves(&self, channel: &Channel) -> bool;

    /// Delivers one notification.
    ///
    /// A notification may be delivered twice, with the same [`key`](Notification::key), when an answer was lost:
    /// an adapter hands the key on where the other side can tell duplicates by it.
    ///
    /// # Errors
    ///
    /// [`PortError`] where it was not delivered, or where that is not known.
    async fn notify(&self, notification: &Notification) -> Result<(), PortError>;
}

/// One message to one audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// The release it is about.
    pub release: ReleaseId,
    /// Whether the release is a drill; the title says so too.
    pub drill: bool,
    /// What happened.
    pub moment: Moment,
    /// Who is told, as the communication plan names them.
    pub audience: String,
    /// Through which channel.
    pub channel: Channel,
    /// Whether somebody has to get up.
    pub urgency: Urgency,
    /// One line.
    pub title: String,
    /// What happened, why, and what would be next.
    pub body: String,
    /// The same for every repetition of this notification.
    pub key: String,
}

/// A moment of a release at which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The plan was approved and staging begins.
    Staging,
    /// The first step of the rollout begins.
    RolloutStarted,
    /// A further step begins.
    StepStarted,
    /// The release stands still.
    Held,
    /// The release goes on.
    Resumed,
    /// All traffic is on the new version and the 24 hours begin.
    ValidationStarted,
    /// Nobody is on call for the release.
    CoverMissing,
    /// The release is complete.
    Completed,
    /// The release is being rolled back.
    RollbackStarted,
    /// The rollback is not confirmed.
    RollbackUnconfirmed,
    /// The rollback is confirmed.
    RolledBack,
    /// The release was given up before production.
    Aborted,
    /// An executive has overridden a failed gate.
    Overridden,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Staging => "staging",
            Self::RolloutStarted => "rollout started",
            Self::StepStarted => "step started",
            Self::Held => "held",
            Self::Resumed => "resumed",
            Self::ValidationStarted => "validation started",
            Self::CoverMissing => "no on-call cover",
            Self::Completed => "completed",
            Self::RollbackStarted => "rollback started",
            Self::RollbackUnconfirmed => "rollback not confirmed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
            Self::Overridden => "gate overridden",
        })
    }
}

/// Whether somebody has to get up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// For information.
    Inform,
    /// A person is needed now.
    Page,
}
