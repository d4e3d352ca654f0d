use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    port::{Notification, Notifier, PortError, PortErrorKind},
    unit::Channel,
};

use crate::world::fault::{Fault, NotifierFate, Schedule};

/// A notifier that keeps every message.
#[derive(Debug, Default)]
pub struct RecordingNotifier {
    served: Served,
    faults: Arc<Schedule>,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
enum Served {
    #[default]
    Every,
    These(BTreeSet<Channel>),
}

#[derive(Debug, Default, Clone)]
struct State {
    sent: Vec<Arc<Notification>>,
    messages: u32,
    failures_left: u32,
}

impl RecordingNotifier {
    /// A notifier that serves these channels alone; the default serves every one.
    #[must_use]
    pub fn serving(channels: impl IntoIterator<Item = Channel>) -> Self {
        Self { served: Served::These(channels.into_iter().collect()), ..Self::default() }
    }

    /// The same notifier, and what a schedule says of messages goes wrong.
    #[must_use]
    pub fn with_faults(self, faults: Schedule) -> Self {
        Self { faults: Arc::new(faults), ..self }
    }

    /// The same notifier, and its next `times` deliveries fail.
    #[must_use]
    pub fn failing(self, times: u32) -> Self {
        self.fail(times);
        self
    }

    /// Lets the next `times` deliveries fail.
    pub fn fail(&self, times: u32) {
        self.state().failures_left = times;
    }

    /// What was delivered, in order. A repetition is there twice, with the same key.
    pub fn sent(&self) -> Vec<Notification> {
        self.state().sent.iter().map(|sent| Notification::clone(sent)).collect()
    }

    /// How many messages it was asked to deliver.
    pub fn messages(&self) -> u32 {
        self.state().messages
    }

    /// The same notifier once more, as it is now.
    #[must_use]
    pub(crate) fn fork(&self) -> Self {
        let (served, faults) = (self.served.clone(), self.faults.clone());
        Self { served, faults, state: Mutex::new(self.state().clone()) }
    }

    /// Hands what has an influence on what happens next to a hasher.
    pub(crate) fn hash_future(&self, hasher: &mut impl Hasher) {
        let state = self.state();
        state.failures_left.hash(hasher);
        for fault in &self.faults.faults {
            if let Fault::Notifier { nth, times, .. } = fault {
                state.messages.min(nth.saturating_add(*times)).hash(hasher);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, number: u32) -> Option<NotifierFate> {
        self.faults.faults.iter().find_map(|fault| match fault {
            Fault::Notifier { nth, times, fate } if Fault::hits(*nth, *times, number) => Some(*fate),
            _ => None,
        })
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
        let failed = |kind, detail| Err(PortError::new("recording", "notify", kind, detail));
        let mut state = self.state();
        state.messages += 1;
        let mut fate = self.fate(state.messages);
        if state.failures_left > 0 {
            state.failures_left -= 1;
            fate = Some(NotifierFate::Down);
        }
        if fate == Some(NotifierFate::Down) {
            return failed(PortErrorKind::Unavailable, "this failure was asked for");
        }
        state.sent.push(Arc::new(notification.clone()));
        match fate {
            Some(NotifierFate::AnswerLost) => failed(PortErrorKind::TimedOut, "the answer was lost"),
            Some(NotifierFate::Down) | None => Ok(()),
        }
    }
}
