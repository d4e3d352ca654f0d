use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::{
    plan::NotifyOn,
    unit::{Channel, ReleaseId},
};

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
    pub moment: NotifyOn,
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

/// Whether somebody has to get up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// For information.
    Inform,
    /// A person is needed now.
    Page,
}
