use serde::Serialize;
use serde_json::Value;

use crate::report::{History, PlanReport, RollbackLog, Schedule, Status, Timeline};

/// An artifact that a frame leads to: a report of the release, as text and as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoryArtifact {
    /// The [`PlanReport`].
    Plan,
    /// The [`Schedule`].
    Schedule,
    /// The [`Status`].
    Status,
    /// The [`Timeline`].
    Timeline,
    /// The [`RollbackLog`].
    RollbackLog,
}

impl StoryArtifact {
    /// Every artifact.
    pub const ALL: [Self; 5] = [Self::Plan, Self::Schedule, Self::Status, Self::Timeline, Self::RollbackLog];

    /// The name in addresses and files, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Schedule => "schedule",
            Self::Status => "status",
            Self::Timeline => "timeline",
            Self::RollbackLog => "rollback-log",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Plan => "Release plan",
            Self::Schedule => "Rollout schedule",
            Self::Status => "Status",
            Self::Timeline => "Timeline, record by record",
            Self::RollbackLog => "Rollback log",
        }
    }

    /// The artifact as text; none where the release has not come so far.
    pub fn text(self, history: &History<'_>) -> Option<String> {
        match self {
            Self::Plan => PlanReport::of(history).map(|report| report.to_string()),
            Self::Schedule => Schedule::of(history).map(|report| report.to_string()),
            Self::Status => Some(Status::of(history).to_string()),
            Self::Timeline => Some(Timeline::of(history).to_string()),
            Self::RollbackLog => RollbackLog::of(history).map(|report| report.to_string()),
        }
    }

    /// The artifact as JSON; none where the release has not come so far.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form, which none of today's reports has.
    pub fn json(self, history: &History<'_>) -> Result<Option<Value>, serde_json::Error> {
        match self {
            Self::Plan => PlanReport::of(history).map(serde_json::to_value).transpose(),
            Self::Schedule => Schedule::of(history).map(serde_json::to_value).transpose(),
            Self::Status => serde_json::to_value(Status::of(history)).map(Some),
            Self::Timeline => serde_json::to_value(Timeline::of(history)).map(Some),
            Self::RollbackLog => RollbackLog::of(history).map(serde_json::to_value).transpose(),
        }
    }
}
