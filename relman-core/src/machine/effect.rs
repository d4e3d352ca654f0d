use std::fmt;

use crate::{
    event::Task,
    port::{Environment, NotifyOn, Urgency},
    target::LeftAs,
    unit::{Channel, Text, Timestamp, TrafficShare},
};

/// Something that the outside world is asked to do, because an event says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Install the artifact.
    Deploy {
        /// Where.
        environment: Environment,
    },
    /// Route this share of the traffic to the new version.
    SetTraffic {
        /// The share.
        share: TrafficShare,
        /// Whether users who are pinned to the new version are cut off.
        cut: bool,
    },
    /// Make the new version the stable one, and have the platform show that it is.
    Promote,
    /// Note in the target's stream that the release has ended.
    LeaveTarget {
        /// How.
        how: LeftAs,
    },
    /// Tell people.
    Notify {
        /// What happened.
        moment: NotifyOn,
        /// Who is told.
        audience: Text,
        /// Through which channel.
        channel: Channel,
        /// Whether somebody has to get up.
        urgency: Urgency,
        /// One line.
        title: String,
        /// The rest.
        body: String,
    },
}

impl Effect {
    /// What it asks for, as a record has it: a message without its text.
    pub fn task(&self) -> Task {
        match self {
            Self::Deploy { environment } => Task::Deploy { environment: *environment },
            Self::SetTraffic { share, .. } => Task::SetTraffic { share: *share },
            Self::Promote => Task::Promote {},
            Self::LeaveTarget { .. } => Task::LeaveTarget {},
            Self::Notify { moment, audience, channel, .. } => {
                let (audience, channel) = (audience.clone(), channel.clone());
                Task::Notify { moment: *moment, audience, channel }
            }
        }
    }

    /// Whether this gives users the new version, or more of them.
    pub fn exposes_users(&self) -> bool {
        match self {
            Self::SetTraffic { share, .. } => !share.is_zero(),
            Self::Deploy { .. } | Self::Promote | Self::LeaveTarget { .. } | Self::Notify { .. } => false,
        }
    }

    /// Routes this share of the traffic to the new version, and cuts nobody off.
    pub const fn set_traffic(share: TrafficShare) -> Self {
        Self::SetTraffic { share, cut: false }
    }

    /// Whether this takes all traffic from the new version.
    pub fn takes_everybody_back(&self) -> bool {
        match self {
            Self::SetTraffic { share, .. } => share.is_zero(),
            Self::Deploy { .. } | Self::Promote | Self::LeaveTarget { .. } | Self::Notify { .. } => false,
        }
    }

    /// Whether this goes forward: installs the new version, or gives it users.
    pub fn goes_forward(&self) -> bool {
        match self {
            Self::Deploy { .. } | Self::Promote => true,
            Self::SetTraffic { share, .. } => !share.is_zero(),
            Self::LeaveTarget { .. } | Self::Notify { .. } => false,
        }
    }

    /// Whether this is a message to people, which never stands in the way of anything.
    pub fn is_notification(&self) -> bool {
        match self {
            Self::Notify { .. } => true,
            Self::Deploy { .. } | Self::SetTraffic { .. } | Self::Promote | Self::LeaveTarget { .. } => false,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task().fmt(f)
    }
}

/// An effect that was asked for and has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outstanding {
    /// The effect.
    pub effect: Effect,
    /// The idempotency key: the hash of the record that asked for it, and its place among that record's effects.
    pub key: String,
    /// How often it has failed.
    pub failures: u32,
    /// When to perform it.
    pub due: Due,
}

/// When to perform an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At once.
    Now,
    /// Not before.
    At(Timestamp),
    /// When a person has resumed the release.
    WhenResumed,
}

impl Due {
    /// Whether it is due at a moment.
    pub fn is_due(self, now: Timestamp) -> bool {
        match self {
            Self::Now => true,
            Self::At(at) => at <= now,
            Self::WhenResumed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_wait_is_not_due() {
        let now = Timestamp::from_millis(1_000);
        assert!(Due::Now.is_due(now));
        assert!(Due::At(now).is_due(now));
        assert!(!Due::At(Timestamp::from_millis(1_001)).is_due(now));
        assert!(!Due::WhenResumed.is_due(now));
    }
}
