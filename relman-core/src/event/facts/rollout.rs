//! The way forward and back: deployments, steps, traffic, holds, rollbacks, and the end.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    event::{
        HoldReason, ResumeReason, ShownInRollback, Task, ZeroBy,
        wire::words::{Moment, Place},
    },
    plan::{Criterion, NotifyOn},
    port::Environment,
    unit::{Channel, Role, Span, Text, Timestamp, TrafficShare},
};

facts! {
    /// Staging began.
    struct StagingStarted {}

    /// The deployer has installed the artifact.
    struct Deployed {
        /// The effect that asked for it.
        effect: EffectId,
        /// Where.
        #[serde(with = "Place")]
        environment: Environment,
    }

    /// Production was entered, without traffic as yet.
    struct RolloutStarted {}

    /// A step began.
    struct StepStarted {
        /// The number of the step, from 1.
        step: u32,
        /// The share of the traffic that the new version is to get.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// How long the step has to be observed.
        #[serde(rename = "bake_ms")]
        bake: Span,
    }

    /// The deployer has routed traffic as it was asked to.
    struct TrafficSet {
        /// The effect that asked for it.
        effect: EffectId,
        /// The share of the new version.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// Whether the conductor changed something, or found it so.
        #[serde(rename = "by")]
        means: SetBy,
    }

    /// The traffic is not where it was set.
    struct TrafficDrifted {
        /// The share that was set.
        #[serde(rename = "expected_bp")]
        expected: TrafficShare,
        /// The share that the platform shows.
        #[serde(rename = "observed_bp")]
        observed: TrafficShare,
    }

    /// The times of the record are ahead of the clock of whoever drives the release: a process with a wrong clock wrote
    /// to it, or the clock of the conductor is behind. From here on, time in the stream is the conductor's own steady
    /// clock and this much more, so that nobody waits for the one to catch up with the other.
    struct ClockSkewed {
        /// The newest record when it was noticed.
        record: u64,
        /// How far the stream is ahead of the conductor's clock, in all.
        #[serde(rename = "ahead_ms")]
        ahead: Span,
    }

    /// An effect failed, for now.
    struct EffectFailed {
        /// The effect.
        effect: EffectId,
        /// What it should have done.
        what: Task,
        /// How often it was tried.
        attempt: u32,
        /// What went wrong.
        detail: Text,
        /// When it is tried again; never by itself where this is absent.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    }

    /// The release stands still.
    struct HoldPlaced {
        /// What kind of reason.
        cause: HoldCause,
        /// Why, and with that what would unblock it.
        reason: HoldReason,
        /// When patience ends and the release is rolled back.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        roll_back_at: Option<Timestamp>,
        /// The roles of the one who placed it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// A reason to stand still is gone.
    struct HoldReleased {
        /// Which reason.
        cause: HoldCause,
        /// Why it is gone.
        reason: ResumeReason,
        /// The roles of the one who released it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// All of the traffic is on the new version; the validation began.
    struct ValidationStarted {
        /// How long it has to last.
        #[serde(rename = "length_ms")]
        length: Span,
    }

    /// The release is being taken back.
    struct RollbackStarted {
        /// What triggered it.
        trigger: RollbackTrigger,
        /// The share of the traffic that the new version had.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
    }

    /// The platform did not show what a rollback should lead to. It is tried again.
    struct RollbackUnconfirmed {
        /// How often it was tried.
        attempt: u32,
        /// What the platform showed, or why it showed nothing.
        shown: ShownInRollback,
    }

    /// The platform showed no traffic on the new version.
    struct ZeroTrafficObserved {
        /// How often in a row.
        times: u32,
        /// How often it has to.
        needed: u32,
        /// What the platform said.
        detail: Text,
        /// How many requests the new version's place has served so far; not told, if absent.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        served: Option<u64>,
    }

    /// The platform showed no share for the new version, and users who are pinned to it still reach it.
    struct PinnedUsersObserved {
        /// How many requests its place has served so far; not told, if absent.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        served: Option<u64>,
        /// How many of them since the observation before.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        more: Option<u64>,
        /// How many sessions are open to it or pinned to it; not told, if absent.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        sessions: Option<u64>,
        /// When they are cut off, if they have not gone by then.
        cut_at: Timestamp,
    }

    /// The time to go is over for users who are pinned to the new version: they are cut off.
    struct PinnedUsersCut {
        /// How long they were given.
        #[serde(rename = "drained_ms")]
        drained: Span,
    }

    /// The rollback is done: traffic is at zero, by observation.
    struct RollbackConfirmed {
        /// How long the traffic took to get there.
        #[serde(rename = "took_ms")]
        took: Span,
        /// What it rests on. Absent in records of before it was told.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        by: Option<ZeroBy>,
    }

    /// The validation has passed.
    struct ReleaseCompleted {
        /// How long all of the traffic was observed under cover, on fresh data.
        #[serde(rename = "validated_ms")]
        validated: Span,
    }

    /// The release was given up before production.
    struct ReleaseAborted {
        /// Why.
        reason: Text,
        /// The roles of the one who gave it up.
        roles: BTreeSet<Role>,
    }

    /// Nothing is left to do.
    struct ReleaseClosed {
        /// The roles of the one who closed it.
        roles: BTreeSet<Role>,
    }

    /// People were told.
    struct Notified {
        /// The effect that asked for it.
        effect: EffectId,
        /// Of what.
        #[serde(with = "Moment")]
        moment: NotifyOn,
        /// Who.
        audience: Text,
        /// Through which channel.
        channel: Channel,
    }

    /// People could not be told, and it is not tried again.
    struct NotificationAbandoned {
        /// The effect that asked for it.
        effect: EffectId,
        /// Of what.
        #[serde(with = "Moment")]
        moment: NotifyOn,
        /// Through which channel.
        channel: Channel,
        /// What went wrong.
        detail: Text,
    }
}

/// An effect, by the record that asked for it and its place among the effects of that record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectId {
    /// The sequence number of the record.
    pub record: u64,
    /// The place, from 0.
    pub index: u32,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.record, self.index)
    }
}

/// How traffic came to be where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// The deployer was asked to set it, and did.
    Deployer,
    /// It was there already when the conductor looked, after an answer was lost or a restart.
    Observation,
}

/// What kind of reason keeps a release from moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// A person said so.
    Manual,
    /// Something could not be measured.
    Unmeasured,
    /// The deployer fails.
    Deployer,
    /// Something speaks against the release, and it is not sure enough to roll back.
    Suspicion,
    /// The platform does something else than it was asked for, or there is no way back on it.
    Platform,
    /// Someone else moves the traffic.
    Drift,
    /// It would be rolled back, and the change can't be taken back any more.
    Irreversible,
    /// Another release holds the target.
    Target,
    /// Everything that goes forward is stopped.
    Freeze,
}

impl fmt::Display for HoldCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Manual => "manual",
            Self::Unmeasured => "unmeasured",
            Self::Deployer => "deployer",
            Self::Suspicion => "suspicion",
            Self::Platform => "platform",
            Self::Drift => "drift",
            Self::Irreversible => "irreversible",
            Self::Target => "target",
            Self::Freeze => "freeze",
        })
    }
}

/// What triggered a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RollbackTrigger {
    /// A criterion of the contract; the record before holds the numbers.
    Criterion {
        /// The criterion, in the words of the contract.
        criterion: Criterion,
        /// The observed value, as people write it.
        observed: String,
        /// The threshold in the same unit; the baseline's multiple is worked out.
        threshold: String,
    },
    /// Something could not be measured, and the policy says to roll back, or its patience is over.
    Unmeasured {
        /// What was not measured, and in which way.
        reason: HoldReason,
        /// How long the release had held on.
        #[serde(rename = "held_ms")]
        held: Span,
    },
    /// A person said so.
    Manual {
        /// Why.
        reason: Text,
        /// The person's roles.
        roles: BTreeSet<Role>,
    },
}

impl fmt::Display for RollbackTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Criterion { criterion, observed, threshold } => {
                write!(f, "`{criterion}` breached: {observed} observed, limit {threshold}")
            }
            Self::Unmeasured { reason, held } if *held == Span::ZERO => write!(f, "not measured: {reason}"),
            Self::Unmeasured { reason, held } => write!(f, "not measured for {held}: {reason}"),
            Self::Manual { reason, .. } => write!(f, "by hand: {reason}"),
        }
    }
}
