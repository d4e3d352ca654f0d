//! On what a gate was passed or not, what an effect should have done, and what a platform showed, as facts: a code with its values.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::wire::words::{Moment, Place};
use crate::{
    plan::NotifyOn,
    port::{Deployment, Environment},
    unit::{Actor, Channel, CheckName, Span, Text, TrafficShare},
};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        })
    }
}

/// One ground on which a gate was passed, or was not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Ground {
    /// Someone who did not write the plan approved it.
    Approved {
        /// Who.
        by: Actor,
    },
    /// A check passed.
    Check {
        /// Which.
        check: CheckName,
        /// How it ended.
        outcome: CheckOutcome,
        /// Who recorded it.
        by: Actor,
    },
    /// An executive has overridden a check.
    Overridden {
        /// Which.
        check: CheckName,
        /// Who.
        by: Actor,
    },
    /// The step was observed.
    Observed {
        /// For how long, on fresh data.
        #[serde(rename = "for_ms")]
        length: Span,
        /// In how many evaluations.
        looks: u64,
    },
    /// A check failed.
    CheckFailed {
        /// Which.
        check: CheckName,
        /// What shows it.
        evidence: Text,
    },
    /// The next step is beyond the share up to which the change can be taken back.
    LastWayBack {
        /// That share.
        #[serde(rename = "none_after_bp")]
        none_after: TrafficShare,
        /// What is done instead from then on.
        instead: Text,
    },
    /// Version 1 of the record had a sentence.
    InWords {
        /// The sentence.
        text: String,
    },
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approved { by } => write!(f, "approved by {by}"),
            Self::Check { check, outcome, by } => write!(f, "{check}: {outcome} by {by}"),
            Self::Overridden { check, by } => write!(f, "{check}: overridden by {by}"),
            Self::Observed { length, looks } => write!(f, "observed for {length} in {looks} looks"),
            Self::CheckFailed { check, evidence } => write!(f, "{check} has failed: {evidence}"),
            Self::LastWayBack { none_after, instead } => {
                write!(f, "NO WAY BACK after {none_after}: from here on, in place of a rollback: {instead}")
            }
            Self::InWords { text } => f.write_str(text),
        }
    }
}

/// What the outside world was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Task {
    /// Install the artifact.
    Deploy {
        /// Where.
        #[serde(with = "Place")]
        environment: Environment,
    },
    /// Route this share of the traffic to the new version.
    SetTraffic {
        /// The share.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
    },
    /// Make the new version the stable one.
    Promote {},
    /// Note in the target's stream that the release has ended.
    LeaveTarget {},
    /// Tell people.
    Notify {
        /// What happened.
        #[serde(with = "Moment")]
        moment: NotifyOn,
        /// Who is told.
        audience: Text,
        /// Through which channel.
        channel: Channel,
    },
    /// Version 1 of the record had a sentence.
    InWords {
        /// The sentence.
        text: String,
    },
}

impl fmt::Display for Task {
    /// As the rest of "failed to …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deploy { environment } => write!(f, "deploy to {environment}"),
            Self::SetTraffic { share } => write!(f, "set traffic to {share}"),
            Self::Promote {} => f.write_str("promote the new version"),
            Self::LeaveTarget {} => f.write_str("free the target"),
            Self::Notify { moment, audience, channel } => {
                write!(f, "tell {audience} through {channel}: {moment}")
            }
            Self::InWords { text } => f.write_str(text),
        }
    }
}

/// What a platform showed while a rollback was to be confirmed, where that is not zero traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ShownInRollback {
    /// The new version still had traffic.
    Traffic {
        /// The share.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// What the platform said of it, if anything.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        detail: Option<Text>,
    },
    /// Users still reached it although they were cut off.
    Pinned {
        /// How many requests its place has served so far; not told, if absent.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        served: Option<u64>,
        /// How many of them since the observation before.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        more: Option<u64>,
        /// How many sessions are open to it or pinned to it; not told, if absent.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        sessions: Option<u64>,
    },
    /// It could not be asked.
    Unknown {
        /// Why not.
        detail: Text,
    },
    /// Version 1 of the record had a sentence.
    InWords {
        /// The sentence.
        text: Text,
    },
}

/// What the confirmation of zero traffic rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroBy {
    /// The shares that the platform shows alone: it counts no requests.
    WeightsAlone,
    /// The shares, and that the new version served no request between two observations.
    ServedRequests,
}

impl fmt::Display for ZeroBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WeightsAlone => "by weights alone; the platform counts no requests",
            Self::ServedRequests => "and the new version served no request in between",
        })
    }
}

/// How users were seen to reach a version: requests since the last observation, and sessions.
pub(crate) struct Reached {
    pub(crate) more: Option<u64>,
    pub(crate) sessions: Option<u64>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: Option<u64>, one: &str| {
            count.filter(|count| *count > 0).map(|count| match count {
                1 => format!("1 {one}"),
                count => format!("{count} {one}s"),
            })
        };
        match (of(self.more, "request"), of(self.sessions, "session")) {
            (Some(more), Some(sessions)) => write!(f, "{more} since the last look, {sessions} open"),
            (Some(more), None) => write!(f, "{more} since the last look"),
            (None, Some(sessions)) => write!(f, "{sessions} open"),
            (None, None) => f.write_str("how many is not told"),
        }
    }
}

impl ShownInRollback {
    pub(crate) fn traffic(shown: &Deployment) -> Self {
        let detail = (!shown.detail.is_empty()).then(|| Text::of(&shown.detail));
        Self::Traffic { share: shown.canary_share, detail }
    }
}

impl fmt::Display for ShownInRollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Traffic { share, detail } => {
                write!(f, "the platform shows {share} of the traffic")?;
                detail.iter().try_for_each(|detail| write!(f, ": {detail}"))
            }
            Self::Pinned { more, sessions, .. } => {
                write!(
                    f,
                    "users were cut off and still reach it: {}",
                    Reached { more: *more, sessions: *sessions }
                )
            }
            Self::Unknown { detail } => write!(f, "the traffic could not be observed: {detail}"),
            Self::InWords { text } => text.fmt(f),
        }
    }
}
