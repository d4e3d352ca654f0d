use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    port::{Notification, Notifier, PortError, PortErrorKind},
    unit::Channel,
};

/// A notifier that keeps what it was told.
#[derive(Debug, Default)]
pub struct RecordingNotifier {
    served: Served,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum Served {
    #[default]
    Every,
    These(BTreeSet<Channel>),
}

#[derive(Debug, Default)]
struct State {
    told: Vec<Notification>,
    failures_left: u32,
}

impl RecordingNotifier {
    /// A notifier that serves these channels alone; the default serves every one.
    #[must_use]
    pub fn serving(channels: impl IntoIterator<Item = Channel>) -> Self {
        Self { served: Served::These(channels.into_iter().collect()), ..Self::default() }
    }

    /// The same notifier, and its next `times` deliveries fail.
    #[must_use]
    pub fn failing(self, times: u32) -> Self {
        self.fail(times);
        self
    }

    /// Lets the next `times` deliveries fail.
    pub fn fail(&self, times: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failures_left = times;
    }

    /// What was delivered, in order. A repetition is there twice, with the same key.
    pub fn told(&self) -> Vec<Notification> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).told.clone()
    }
}

#[async_trait]
impl Notifier for RecordingNotifier {
    fn name(&self) -> &'static str {
        "recording"
    }

    fn serves(&self, channel: &Channel) -> bool {
        match &self.served {
            Served::Every => true,
            Served::These(channels) => channels.contains(channel),
        }
    }

    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failures_left > 0 {
            state.failures_left -= 1;
            let detail = "this failure was asked for";
            return Err(PortError::new("recording", "notify", PortErrorKind::Unavailable, detail));
        }
        state.told.push(notification.clone());
        Ok(())
    }
}
