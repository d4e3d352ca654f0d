use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::unit::{Channel, Text};

/// Who is told, through which channel, at which moments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct CommunicationPlan {
    /// One entry for each audience and channel.
    pub notices: Vec<Notice>,
}

/// One audience, one channel, and the moments at which it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Who is told: internal teams, customers, compliance.
    pub audience: Text,
    /// Through which channel; the host maps the name to a notifier.
    pub channel: Channel,
    /// When.
    pub moments: BTreeSet<NotifyOn>,
}

impl CommunicationPlan {
    /// The notices that are due at a moment.
    pub fn due_at(&self, moment: NotifyOn) -> impl Iterator<Item = &Notice> {
        self.notices.iter().filter(move |notice| notice.moments.contains(&moment))
    }
}

/// A moment of a release at which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NotifyOn {
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
    /// The clocks of those who write to the record differ.
    ClockSkewed,
    /// The journal can't be written, so that nothing of the release can be carried out.
    JournalUnavailable,
}

impl NotifyOn {
    /// Every moment, in the order of declaration.
    pub const ALL: [Self; 15] = [
        Self::Staging,
        Self::RolloutStarted,
        Self::StepStarted,
        Self::Held,
        Self::Resumed,
        Self::ValidationStarted,
        Self::CoverMissing,
        Self::Completed,
        Self::RollbackStarted,
        Self::RollbackUnconfirmed,
        Self::RolledBack,
        Self::Aborted,
        Self::Overridden,
        Self::ClockSkewed,
        Self::JournalUnavailable,
    ];
}

impl fmt::Display for NotifyOn {
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
            Self::ClockSkewed => "clocks differ",
            Self::JournalUnavailable => "journal unavailable",
        })
    }
}
