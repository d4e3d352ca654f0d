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
///
/// # Examples
///
/// ```
/// use relman_core::port::{Notification, NotifyOn, Urgency};
///
/// let (release, channel) = ("checkout-241".parse()?, "releases".parse()?);
/// let notification = Notification::new(release, NotifyOn::RollbackStarted, "on-call", channel, "key-7")
///     .with_urgency(Urgency::Page)
///     .with_body("error_rate > 1% breached: 5% observed, limit 1%");
/// assert_eq!(notification.title, "checkout-241: rollback started");
/// assert!(!notification.drill);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
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

impl Notification {
    /// Tells an audience of a moment of a release, for information. The title names the release and the moment, the
    /// body is empty, and the release is not a drill.
    pub fn new(
        release: ReleaseId,
        moment: NotifyOn,
        audience: impl Into<String>,
        channel: Channel,
        key: impl Into<String>,
    ) -> Self {
        Self {
            title: format!("{release}: {moment}"),
            body: String::new(),
            drill: false,
            urgency: Urgency::Inform,
            audience: audience.into(),
            key: key.into(),
            release,
            moment,
            channel,
        }
    }

    /// Sets whether somebody has to get up.
    #[must_use]
    pub fn with_urgency(mut self, urgency: Urgency) -> Self {
        self.urgency = urgency;
        self
    }

    /// Sets the title, which is one line.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets what happened, why, and what would be next.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Marks the release as a drill. The title is left as it is and has to say so too.
    #[must_use]
    pub fn for_drill(mut self) -> Self {
        self.drill = true;
        self
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
