use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use relman_core::{
    port::{Notification, Notifier, PortError, PortErrorKind},
    unit::Channel,
};
#[cfg(any(feature = "slack", feature = "webhook"))]
use thiserror::Error;

#[cfg(any(feature = "slack", feature = "webhook"))]
use crate::{http::EndpointError, secret::SecretError};

/// Hands each notification to the notifier of its channel.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use relman_adapters::notifier::{Channels, LogNotifier};
/// use relman_core::port::Notifier;
///
/// let channels = Channels::default().with("releases".parse()?, Arc::new(LogNotifier));
/// assert!(channels.serves(&"releases".parse()?));
/// assert!(!channels.serves(&"on-call".parse()?));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Clone, Default)]
pub struct Channels {
    notifiers: BTreeMap<Channel, Arc<dyn Notifier>>,
}

impl Channels {
    /// The notifiers of these channels.
    pub fn new(notifiers: BTreeMap<Channel, Arc<dyn Notifier>>) -> Self {
        Self { notifiers }
    }

    /// The same with one more channel, in place of one with the same name.
    #[must_use]
    pub fn with(mut self, channel: Channel, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.insert(channel, notifier);
        self
    }

    /// The channels that are served, in order.
    pub fn names(&self) -> impl Iterator<Item = &Channel> {
        self.notifiers.keys()
    }
}

#[async_trait]
impl Notifier for Channels {
    fn name(&self) -> &'static str {
        "channels"
    }

    /// A channel that has a notifier which serves it.
    fn serves(&self, channel: &Channel) -> bool {
        self.notifiers.get(channel).is_some_and(|notifier| notifier.serves(channel))
    }

    /// Delivers through the notifier of the channel; a channel without one is refused, naming those there are.
    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        if let Some(notifier) = self.notifiers.get(&notification.channel) {
            return notifier.notify(notification).await;
        }
        let known = self.names().map(Channel::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!("no notifier serves the channel {}, only: {known}", notification.channel);
        Err(PortError::new(self.name(), "notify", PortErrorKind::Rejected, detail))
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.notifiers.iter().map(|(channel, notifier)| (channel.as_str(), notifier.name())))
            .finish()
    }
}

/// Why a notifier can't be used as it is configured. Its URL is a secret and never shown.
#[cfg(any(feature = "slack", feature = "webhook"))]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotifierError {
    /// Its URL can't be connected to.
    #[error("failed to set up {adapter}: `url`: {problem}")]
    Url {
        /// Which kind of notifier it is.
        adapter: &'static str,
        /// What is wrong with the URL.
        problem: EndpointError,
    },
    /// A secret can't be read.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Secret {
        /// Which kind of notifier it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// Why there is no secret.
        problem: SecretError,
    },
    /// The key is too short to sign with.
    #[error("failed to set up {adapter}: the signing key has {bytes} bytes, at least {least} are needed")]
    ShortKey {
        /// Which kind of notifier it is.
        adapter: &'static str,
        /// How long the key is.
        bytes: usize,
        /// How long it has to be.
        least: usize,
    },
}

#[cfg(test)]
/// A notification to deliver in tests.
pub(super) fn notification() -> Notification {
    use relman_core::port::{NotifyOn, Urgency};

    Notification::new(
        "checkout-241".parse().expect("a valid release id"),
        NotifyOn::RollbackStarted,
        "on-call",
        "releases".parse().expect("a valid channel name"),
        "9f86d081884c7d65-1",
    )
    .with_urgency(Urgency::Page)
    .with_title("[drill] checkout 2.41.0 is being rolled back")
    .with_body("error_rate > 1% on the canary: 5% (50 of 1000) & rising")
    .for_drill()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::notifier::LogNotifier;

    #[derive(Default)]
    struct Inbox(Mutex<Vec<Notification>>);

    #[async_trait]
    impl Notifier for Inbox {
        fn name(&self) -> &'static str {
            "inbox"
        }

        fn serves(&self, channel: &Channel) -> bool {
            channel.as_str() == "releases"
        }

        async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
            self.0.lock().unwrap().push(notification.clone());
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_notification_goes_to_the_notifier_of_its_channel_as_it_is() {
        let inbox = Arc::new(Inbox::default());
        let channels = Channels::default()
            .with("releases".parse().unwrap(), inbox.clone())
            .with("on-call".parse().unwrap(), Arc::new(LogNotifier));
        channels.notify(&notification()).await.unwrap();
        let mut to_on_call = notification();
        to_on_call.channel = "on-call".parse().unwrap();
        channels.notify(&to_on_call).await.unwrap();
        assert_eq!(*inbox.0.lock().unwrap(), [notification()]);
        assert_eq!(format!("{channels:?}"), r#"{"on-call": "log", "releases": "inbox"}"#);
    }

    #[tokio::test]
    async fn a_channel_without_a_notifier_is_refused() {
        let channels = Channels::default()
            .with("on-call".parse().unwrap(), Arc::new(LogNotifier))
            .with("support".parse().unwrap(), Arc::new(Inbox::default()));
        let error = channels.notify(&notification()).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Rejected);
        assert!(error.to_string().ends_with("the channel releases, only: on-call, support"), "{error}");
        // The notifier of this channel does not serve it, so neither does the router.
        assert!(!channels.serves(&"support".parse().unwrap()));
    }
}
