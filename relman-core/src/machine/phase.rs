use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    event::RollbackTrigger,
    judge::{CriterionOutcome, Verdict},
    unit::{Span, Timestamp, TrafficShare},
};

/// Where a release is, with what belongs to that place.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Nothing is recorded yet.
    Unplanned,
    /// The plan is written and waits for its contract and its approvals.
    Planning,
    /// The change is tried before it meets users.
    Staging {
        /// Since when the artifact is installed; not yet, if absent.
        deployed_at: Option<Timestamp>,
        /// When the platform was last observed, and the place for the new version was free.
        free_at: Option<Timestamp>,
    },
    /// The change meets users, step by step.
    Releasing(Rollout),
    /// All users have it, and it is validated under on-call cover.
    Validating(StepProgress),
    /// It is being taken back.
    RollingBack(Rollback),
    /// The validation has passed.
    Completed,
    /// It was taken back, and the traffic was seen at zero.
    RolledBack(Rollback),
    /// It was given up before production.
    Aborted,
    /// Nothing is left to do.
    Closed(EndedAs),
}

impl Phase {
    /// The phase without its data.
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Unplanned => PhaseName::Unplanned,
            Self::Planning => PhaseName::Planning,
            Self::Staging { .. } => PhaseName::Staging,
            Self::Releasing(_) => PhaseName::Releasing,
            Self::Validating(_) => PhaseName::Validating,
            Self::RollingBack(_) => PhaseName::RollingBack,
            Self::Completed => PhaseName::Completed,
            Self::RolledBack(_) => PhaseName::RolledBack,
            Self::Aborted => PhaseName::Aborted,
            Self::Closed(_) => PhaseName::Closed,
        }
    }

    /// The step under way, where there is one.
    pub fn step(&self) -> Option<&StepProgress> {
        match self {
            Self::Releasing(rollout) => rollout.step.as_ref(),
            Self::Validating(step) => Some(step),
            Self::Unplanned
            | Self::Planning
            | Self::Staging { .. }
            | Self::RollingBack(_)
            | Self::Completed
            | Self::RolledBack(_)
            | Self::Aborted
            | Self::Closed(_) => None,
        }
    }

    pub(super) fn step_mut(&mut self) -> Option<&mut StepProgress> {
        match self {
            Self::Releasing(rollout) => rollout.step.as_mut(),
            Self::Validating(step) => Some(step),
            Self::Unplanned
            | Self::Planning
            | Self::Staging { .. }
            | Self::RollingBack(_)
            | Self::Completed
            | Self::RolledBack(_)
            | Self::Aborted
            | Self::Closed(_) => None,
        }
    }
}

/// The name of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// Nothing is recorded yet.
    Unplanned,
    /// The plan waits for its contract and its approvals.
    Planning,
    /// The change is tried before it meets users.
    Staging,
    /// The change meets users, step by step.
    Releasing,
    /// All users have it, and it is validated.
    Validating,
    /// It is being taken back.
    RollingBack,
    /// The validation has passed.
    Completed,
    /// It was taken back.
    RolledBack,
    /// It was given up before production.
    Aborted,
    /// Nothing is left to do.
    Closed,
}

impl PhaseName {
    /// Every phase, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::Unplanned,
        Self::Planning,
        Self::Staging,
        Self::Releasing,
        Self::Validating,
        Self::RollingBack,
        Self::Completed,
        Self::RolledBack,
        Self::Aborted,
        Self::Closed,
    ];

    /// Whether production may have been touched in this phase.
    pub fn touches_production(self) -> bool {
        match self {
            Self::Releasing | Self::Validating | Self::RollingBack | Self::Completed | Self::RolledBack => {
                true
            }
            Self::Unplanned | Self::Planning | Self::Staging | Self::Aborted | Self::Closed => false,
        }
    }

    /// Whether the release has reached an end: nothing happens by itself any more.
    pub fn is_end(self) -> bool {
        match self {
            Self::Completed | Self::RolledBack | Self::Aborted | Self::Closed => true,
            Self::Unplanned
            | Self::Planning
            | Self::Staging
            | Self::Releasing
            | Self::Validating
            | Self::RollingBack => false,
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unplanned => "unplanned",
            Self::Planning => "planning",
            Self::Staging => "staging",
            Self::Releasing => "releasing",
            Self::Validating => "validating",
            Self::RollingBack => "rolling back",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
            Self::Closed => "closed",
        })
    }
}

/// How a release that is closed has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedAs {
    /// It was validated.
    Completed,
    /// It was taken back.
    RolledBack,
    /// It was given up before production.
    Aborted,
}

impl fmt::Display for EndedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
        })
    }
}

/// The change meets users, step by step.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Rollout {
    /// Since when the artifact is installed in production; not yet, if absent.
    pub deployed_at: Option<Timestamp>,
    /// The step under way; none before the first.
    pub step: Option<StepProgress>,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepProgress {
    /// The number of the step, from 1.
    pub number: u32,
    /// The share of the traffic that the new version is to get.
    pub share: TrafficShare,
    /// How long the step has to be observed.
    pub bake: Span,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether the traffic is where it should be.
    pub traffic: TrafficState,
    /// How long it was observed on fresh data, at the right share, without a hold.
    pub baked: Span,
    /// From when on the time counts: since the traffic was set, a hold ended or somebody took on-call duty.
    pub counts_from: Timestamp,
    /// How many looks were taken.
    pub looks: u64,
    /// What came of each criterion in the last look, in the order of the contract.
    pub outcomes: Vec<CriterionOutcome>,
    /// Which criteria were clean on enough data at least once in this step, by their place in the contract.
    pub clean: BTreeSet<usize>,
    /// Up to when the metrics were looked at while the traffic is not where it should be.
    pub(crate) watched_until: Timestamp,
    /// Whether a person has let it go on in spite of a suspicion.
    pub(crate) cleared: bool,
    /// How often the traffic was found elsewhere than it was set, since a person last looked into it.
    pub(crate) drifts: u32,
    pub(crate) verdicts: LastVerdicts,
}

/// Where the verdicts of the last look are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LastVerdicts {
    /// Here: they were recorded, or the judge has counted anew since.
    Kept(Vec<Verdict>),
    /// They follow from what the judge has seen. To derive them costs more than to fold the look, and few are asked for.
    WithTheJudge,
}

/// Whether the traffic of a step is where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficState {
    /// The deployer was asked and has not answered yet.
    Requested,
    /// It is there; the last look ended at this moment.
    Set {
        /// Up to when the step was looked at.
        looked_until: Timestamp,
    },
    /// The validation has passed, and the version is being made the stable one: its places change, and the share says nothing.
    Promoting,
}

/// A release on its way back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rollback {
    /// What triggered it.
    pub trigger: RollbackTrigger,
    /// The share of the traffic that the new version had.
    pub share: TrafficShare,
    /// When it began.
    pub started_at: Timestamp,
    /// How far it is.
    pub state: RollbackState,
    /// How often the platform did not show what it should.
    pub unconfirmed: u32,
    /// Whether a change that gives the new version traffic was asked for before, and how it ended is not known: it may
    /// still arrive, so that zero is watched for as long as a call may take.
    pub in_doubt: bool,
    /// How many requests the new version had served when zero traffic was last seen, since the traffic was set.
    pub served: Option<u64>,
    /// Since when users were seen who are pinned to the new version.
    pub pinned_since: Option<Timestamp>,
    /// Whether they have been cut off.
    pub cut: bool,
}

/// How far a rollback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackState {
    /// The deployer was asked for zero traffic and has not answered yet.
    Requested,
    /// It has answered, and observation has to confirm it.
    Confirming {
        /// How often in a row zero was seen.
        seen: u32,
        /// When to look next.
        next_at: Timestamp,
    },
    /// Zero traffic was confirmed.
    Confirmed {
        /// When.
        at: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_where_nothing_happens_by_itself() {
        let ends: Vec<PhaseName> = PhaseName::ALL.into_iter().filter(|phase| phase.is_end()).collect();
        assert_eq!(
            ends,
            [PhaseName::Completed, PhaseName::RolledBack, PhaseName::Aborted, PhaseName::Closed]
        );
    }

    #[test]
    fn production_is_touched_from_the_rollout_on() {
        let touching: Vec<PhaseName> =
            PhaseName::ALL.into_iter().filter(|phase| phase.touches_production()).collect();
        assert_eq!(
            touching,
            [
                PhaseName::Releasing,
                PhaseName::Validating,
                PhaseName::RollingBack,
                PhaseName::Completed,
                PhaseName::RolledBack
            ]
        );
    }
}
