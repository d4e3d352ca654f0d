use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::floors;
use crate::{
    plan::{ReleaseKind, RiskLevel},
    unit::{CheckName, Finite, Span, TrafficShare},
};

/// One step of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The share of the traffic that the new version gets.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// How long the step has to be observed on fresh data before it can pass. For the last step this is the
    /// validation.
    #[serde(rename = "bake_ms")]
    pub bake: Span,
    /// The size of a regression that the data have to exclude before the step can pass, as a multiple of the baseline,
    /// above 1: 2 for a doubling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Finite>,
}

/// Who may use a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackUse {
    /// Every release; the durations keep to the floors.
    Anyone,
    /// Drills alone; the durations may be shorter.
    DrillsOnly,
}

/// The ordered steps that a release goes through. None can be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Track(pub(super) RawTrack);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTrack {
    pub(crate) highest_risk: RiskLevel,
    #[serde(rename = "use")]
    pub(crate) used_by: TrackUse,
    pub(crate) steps: Vec<Step>,
    #[serde(rename = "hold_back_bp", default, skip_serializing_if = "TrafficShare::is_zero")]
    pub(crate) hold_back: TrafficShare,
    #[serde(rename = "look_every_ms")]
    pub(crate) look_every: Span,
    pub(crate) min_requests: u64,
    pub(crate) checks: BTreeSet<CheckName>,
}

/// Why steps are not a track.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrackError {
    /// The last step is not all of the traffic that is not held back.
    #[error("its last step is {share}: it must be {full}, and its bake time is the validation")]
    NotFull {
        /// The share of the last step.
        share: TrafficShare,
        /// All of the traffic but what is held back.
        full: TrafficShare,
    },
    /// Too much is held back.
    #[error(
        "it holds back {0}: at most {max}, so that the validation covers nearly all users",
        max = floors::MAX_HOLD_BACK
    )]
    HoldBack(TrafficShare),
    /// There is no step at all.
    #[error("it has no steps: write at least 1%, two more and 100%")]
    Empty,
    /// A share does not rise.
    #[error("step {step} is {share} after {before}: shares must rise")]
    NotRising {
        /// The number of the step, from 1.
        step: usize,
        /// Its share.
        share: TrafficShare,
        /// The share of the step before.
        before: TrafficShare,
    },
    /// The first share is too large or nothing.
    #[error(
        "its first step is {0}: it must be more than 0% and at most {max}, so that a defect reaches few users",
        max = floors::MAX_FIRST_SHARE
    )]
    FirstShare(TrafficShare),
    /// There are too few steps before all of the traffic.
    #[error("it has {0} steps before 100%, at least {min} are needed", min = floors::MIN_STEPS_BEFORE_FULL)]
    TooFewSteps(usize),
    /// A bake time is below the floor.
    #[error(
        "step {step} ({share}) bakes for {bake}, at least {min} are needed; only a drill track (use = \"drills\") \
         may be shorter"
    )]
    BakeTooShort {
        /// The number of the step, from 1.
        step: usize,
        /// Its share.
        share: TrafficShare,
        /// Its bake time.
        bake: Span,
        /// The floor.
        min: Span,
    },
    /// Looks are too far apart.
    #[error(
        "it looks every {look_every}, and step {step} bakes for {bake}: at least {min} looks a step are needed and \
         one every {max}",
        min = floors::MIN_LOOKS, max = floors::MAX_LOOK_INTERVAL
    )]
    LooksTooRare {
        /// The number of the step, from 1.
        step: usize,
        /// The time between looks.
        look_every: Span,
        /// The bake time of the step.
        bake: Span,
    },
    /// Looking all the time is no interval.
    #[error("it looks every {0}: the shortest interval is 100ms")]
    LooksTooOften(Span),
    /// What is to be excluded is no regression.
    #[error(
        "step {step} excludes {exclude} times the baseline: name a multiple above 1, such as 2 for a doubling"
    )]
    NothingExcluded {
        /// The number of the step, from 1.
        step: usize,
        /// What it says.
        exclude: Finite,
    },
    /// A verdict needs requests.
    #[error("min_requests must be at least 1")]
    NoRequests,
}

impl Track {
    /// The track that a record holds, whatever it says.
    pub(crate) fn recorded(raw: RawTrack) -> Self {
        Self(raw)
    }

    pub(crate) fn into_raw(self) -> RawTrack {
        self.0
    }

    /// The highest risk that may take this track.
    pub fn highest_risk(&self) -> RiskLevel {
        self.0.highest_risk
    }

    /// Who may use it.
    pub fn used_by(&self) -> TrackUse {
        self.0.used_by
    }

    /// Whether a release of this kind may use it.
    pub fn allows(&self, kind: ReleaseKind) -> bool {
        match (self.0.used_by, kind) {
            (TrackUse::Anyone, _) | (TrackUse::DrillsOnly, ReleaseKind::Drill) => true,
            (TrackUse::DrillsOnly, ReleaseKind::Production) => false,
        }
    }

    /// The steps; the last one is 100 %, less the [hold-back](Self::hold_back), and bakes for the validation.
    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// The part of the traffic that stays on the old version until the release is complete, so that there is a baseline
    /// to compare with during the validation; nothing unless the policy says so.
    pub fn hold_back(&self) -> TrafficShare {
        self.0.hold_back
    }

    /// How long all of the traffic is validated.
    pub fn validation(&self) -> Span {
        self.0.steps.last().map_or(floors::MIN_VALIDATION, |step| step.bake)
    }

    /// How many looks each step is planned to have.
    pub fn planned_looks(&self) -> Vec<u32> {
        let looks = |step: &Step| step.bake.as_millis().div_ceil(self.0.look_every.as_millis().max(1));
        self.0.steps.iter().map(|step| u32::try_from(looks(step)).unwrap_or(u32::MAX)).collect()
    }

    /// The time between two looks at the metrics.
    pub fn look_every(&self) -> Span {
        self.0.look_every
    }

    /// How many requests a verdict on a rate or a quantile rests on at least.
    pub fn min_requests(&self) -> u64 {
        self.0.min_requests
    }

    /// Checks that this track adds to the staging gate.
    pub fn checks(&self) -> &BTreeSet<CheckName> {
        &self.0.checks
    }
}

impl Track {
    /// Whether a policy may have it today.
    pub(super) fn check(&self) -> Result<(), TrackError> {
        let raw = &self.0;
        let (Some(first), Some(last)) = (raw.steps.first(), raw.steps.last()) else {
            return Err(TrackError::Empty);
        };
        if raw.hold_back > floors::MAX_HOLD_BACK {
            return Err(TrackError::HoldBack(raw.hold_back));
        }
        let full = raw.hold_back.rest();
        if last.share != full {
            return Err(TrackError::NotFull { share: last.share, full });
        }
        if first.share == TrafficShare::ZERO || first.share > floors::MAX_FIRST_SHARE {
            return Err(TrackError::FirstShare(first.share));
        }
        for (index, pair) in raw.steps.windows(2).enumerate() {
            if pair[1].share <= pair[0].share {
                return Err(TrackError::NotRising {
                    step: index + 2,
                    share: pair[1].share,
                    before: pair[0].share,
                });
            }
        }
        if raw.steps.len() - 1 < floors::MIN_STEPS_BEFORE_FULL {
            return Err(TrackError::TooFewSteps(raw.steps.len() - 1));
        }
        if raw.look_every < Span::from_millis(100) {
            return Err(TrackError::LooksTooOften(raw.look_every));
        }
        if raw.min_requests == 0 {
            return Err(TrackError::NoRequests);
        }
        for (index, step) in raw.steps.iter().enumerate() {
            let min = match raw.used_by {
                TrackUse::Anyone if step.share == full => floors::MIN_VALIDATION,
                TrackUse::Anyone => floors::MIN_BAKE,
                TrackUse::DrillsOnly => Span::ZERO,
            };
            let (number, share, bake) = (index + 1, step.share, step.bake);
            if bake < min {
                return Err(TrackError::BakeTooShort { step: number, share, bake, min });
            }
            if let Some(exclude) = step.exclude.filter(|exclude| exclude.get() <= 1.0) {
                return Err(TrackError::NothingExcluded { step: number, exclude });
            }
            let too_rare = raw.look_every.times(floors::MIN_LOOKS) > bake;
            if too_rare || raw.look_every > floors::MAX_LOOK_INTERVAL {
                return Err(TrackError::LooksTooRare { step: number, look_every: raw.look_every, bake });
            }
        }
        Ok(())
    }
}
