//! Words of the format: each stands for one variant of a type that may be named otherwise tomorrow. Their order is that of sets and
//! maps on disk.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    judge::{
        FastAlarm, SampleRatioRule,
        evidence::Scheme,
        kayenta::{Direction, EffectSize, Procedure},
    },
    plan::{Audience, NotifyOn, PerformanceImpact, ReleaseKind, RiskLevel},
    policy::{NoDataAction, Permission, TrackUse},
    port::Environment,
};

macro_rules! words {
    ($($name:ident as $type:ty { $($variant:ident = $word:literal,)* })*) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
            pub(in crate::event) enum $name {
                $(#[serde(rename = $word)] $variant,)*
            }

            /// For a field: `#[serde(with = "…")]`.
            #[allow(dead_code, reason = "some stand in sets and maps alone")]
            impl $name {
                pub(in crate::event) fn serialize<S: Serializer>(
                    value: &$type,
                    serializer: S,
                ) -> Result<S::Ok, S::Error> {
                    Serialize::serialize(&Self::from(*value), serializer)
                }

                pub(in crate::event) fn deserialize<'de, D: Deserializer<'de>>(
                    deserializer: D,
                ) -> Result<$type, D::Error> {
                    <Self as Deserialize>::deserialize(deserializer).map(Into::into)
                }
            }

            impl From<$type> for $name {
                fn from(value: $type) -> Self {
                    match value {
                        $(<$type>::$variant => Self::$variant,)*
                    }
                }
            }

            impl From<$name> for $type {
                fn from(word: $name) -> Self {
                    match word {
                        $($name::$variant => Self::$variant,)*
                    }
                }
            }
        )*
    };
}

words! {
    Place as Environment {
        Staging = "staging",
        Production = "production",
    }
    Kind as ReleaseKind {
        Production = "production",
        Drill = "drill",
    }
    Level as RiskLevel {
        Low = "low",
        Standard = "standard",
        High = "high",
    }
    SeenBy as Audience {
        UserFacing = "user-facing",
        BackendOnly = "backend-only",
    }
    Performance as PerformanceImpact {
        Neutral = "neutral",
        Sensitive = "sensitive",
    }
    Moment as NotifyOn {
        Staging = "staging",
        RolloutStarted = "rollout-started",
        StepStarted = "step-started",
        Held = "held",
        Resumed = "resumed",
        ValidationStarted = "validation-started",
        CoverMissing = "cover-missing",
        Completed = "completed",
        RollbackStarted = "rollback-started",
        RollbackUnconfirmed = "rollback-unconfirmed",
        RolledBack = "rolled-back",
        Aborted = "aborted",
        Overridden = "overridden",
        ClockSkewed = "clock-skewed",
        JournalUnavailable = "journal-unavailable",
    }
    UsedBy as TrackUse {
        Anyone = "anyone",
        DrillsOnly = "drills_only",
    }
    Allowed as Permission {
        Plan = "plan",
        Approve = "approve",
        Check = "check",
        Override = "override",
        OnCall = "on_call",
        Operate = "operate",
    }
    WithoutData as NoDataAction {
        Hold = "hold",
        RollBack = "roll_back",
    }
    StartWeights as Scheme {
        Steps = "steps",
        First = "first",
        Uniform = "uniform",
    }
    OnFastAlarm as FastAlarm {
        Hold = "hold",
        RollBack = "roll_back",
    }
    OnSampleRatio as SampleRatioRule {
        Hold = "hold",
        Warn = "warn",
    }
    Bad as Direction {
        Increase = "increase",
        Decrease = "decrease",
        Either = "either",
    }
    IntervalBy as Procedure {
        Kayenta = "kayenta",
        R = "r",
    }
    SizeBy as EffectSize {
        MeanRatio = "mean_ratio",
        Cles = "cles",
    }
}
