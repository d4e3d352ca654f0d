//! Kinds that were written once and are not any more: what they were, and what they are read as.

use std::collections::BTreeSet;

use serde::{
    Deserialize,
    de::{self, DeserializeOwned},
};

use super::{
    look_taken::LookTaken,
    plan::{Planned, Risk1},
};
use crate::{
    event::{
        EffectFailed, EffectId, Event, Gate, GateFailed, GatePassed, Ground, HoldCause, HoldPlaced,
        HoldReason, HoldReleased, PlanRecorded, PlanRevised, ResumeReason, RollbackStarted, RollbackTrigger,
        RollbackUnconfirmed, ShownInRollback, Task,
    },
    plan::Criterion,
    unit::{Role, Span, Text, Timestamp, TrafficShare, UnitError},
};

/// Reads the data of a kind that was written once; `None` for one that never was.
pub(in crate::event) fn read(kind: &str, data: &str) -> Option<Result<Event, serde_json::Error>> {
    fn as_event<T: DeserializeOwned + Into<Event>>(data: &str) -> Result<Event, serde_json::Error> {
        serde_json::from_str::<T>(data).map(Into::into)
    }
    fn planned<T>(data: &str) -> Result<Event, serde_json::Error>
    where
        T: TryFrom<Planned<Risk1>, Error = UnitError> + Into<Event>,
    {
        let planned = serde_json::from_str::<Planned<Risk1>>(data)?;
        T::try_from(planned).map(Into::into).map_err(de::Error::custom)
    }
    let read = match kind {
        "plan_recorded" => planned::<PlanRecorded>,
        "plan_revised" => planned::<PlanRevised>,
        "look_taken" => as_event::<LookTaken>,
        "gate_passed" => as_event::<GatePassed1>,
        "gate_failed" => as_event::<GateFailed1>,
        "effect_failed" => as_event::<EffectFailed1>,
        "hold_placed" => as_event::<HoldPlaced1>,
        "hold_released" => as_event::<HoldReleased1>,
        "rollback_started" => as_event::<RollbackStarted1>,
        "rollback_unconfirmed" => as_event::<RollbackUnconfirmed1>,
        _ => return None,
    };
    Some(read(data))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GatePassed1 {
    gate: Gate,
    grounds: Vec<String>,
}

impl From<GatePassed1> for Event {
    fn from(GatePassed1 { gate, grounds }: GatePassed1) -> Self {
        GatePassed { gate, grounds: in_words(grounds), verdicts: Vec::new() }.into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateFailed1 {
    gate: Gate,
    reasons: Vec<String>,
}

impl From<GateFailed1> for Event {
    fn from(GateFailed1 { gate, reasons }: GateFailed1) -> Self {
        GateFailed { gate, reasons: in_words(reasons) }.into()
    }
}

fn in_words(sentences: Vec<String>) -> Vec<Ground> {
    sentences.into_iter().map(|text| Ground::InWords { text }).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EffectFailed1 {
    effect: EffectId,
    what: String,
    attempt: u32,
    detail: Text,
    #[serde(default, deserialize_with = "crate::chain::present")]
    retry_at: Option<Timestamp>,
}

impl From<EffectFailed1> for Event {
    fn from(failed: EffectFailed1) -> Self {
        let EffectFailed1 { effect, what, attempt, detail, retry_at } = failed;
        EffectFailed { effect, what: Task::InWords { text: what }, attempt, detail, retry_at }.into()
    }
}

/// The causes that there were.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cause1 {
    Manual,
    Unmeasured,
    Deployer,
    Suspicion,
}

impl From<Cause1> for HoldCause {
    fn from(cause: Cause1) -> Self {
        match cause {
            Cause1::Manual => Self::Manual,
            Cause1::Unmeasured => Self::Unmeasured,
            Cause1::Deployer => Self::Deployer,
            Cause1::Suspicion => Self::Suspicion,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldPlaced1 {
    cause: Cause1,
    reason: Text,
    unblocked_by: Text,
    #[serde(default, deserialize_with = "crate::chain::present")]
    roll_back_at: Option<Timestamp>,
    #[serde(default)]
    roles: BTreeSet<Role>,
}

impl From<HoldPlaced1> for Event {
    fn from(placed: HoldPlaced1) -> Self {
        let HoldPlaced1 { cause, reason, unblocked_by, roll_back_at, roles } = placed;
        let reason = match cause {
            Cause1::Manual => HoldReason::Said { text: reason },
            Cause1::Unmeasured | Cause1::Deployer | Cause1::Suspicion => {
                HoldReason::InWords { text: reason, unblocked_by: Some(unblocked_by) }
            }
        };
        HoldPlaced { cause: cause.into(), reason, roll_back_at, roles }.into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldReleased1 {
    cause: Cause1,
    reason: Text,
    #[serde(default)]
    roles: BTreeSet<Role>,
}

impl From<HoldReleased1> for Event {
    fn from(HoldReleased1 { cause, reason, roles }: HoldReleased1) -> Self {
        HoldReleased { cause: cause.into(), reason: ResumeReason::Said { text: reason }, roles }.into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackStarted1 {
    trigger: RollbackTrigger1,
    share_bp: TrafficShare,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RollbackTrigger1 {
    Criterion { criterion: Criterion, observed: String, threshold: String },
    Unmeasured { reason: Text, held_ms: Span },
    Manual { reason: Text, roles: BTreeSet<Role> },
}

impl From<RollbackStarted1> for Event {
    fn from(started: RollbackStarted1) -> Self {
        let trigger = match started.trigger {
            RollbackTrigger1::Criterion { criterion, observed, threshold } => {
                RollbackTrigger::Criterion { criterion, observed, threshold }
            }
            RollbackTrigger1::Unmeasured { reason: text, held_ms } => RollbackTrigger::Unmeasured {
                reason: HoldReason::InWords { text, unblocked_by: None },
                held: held_ms,
            },
            RollbackTrigger1::Manual { reason, roles } => RollbackTrigger::Manual { reason, roles },
        };
        RollbackStarted { trigger, share: started.share_bp }.into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackUnconfirmed1 {
    attempt: u32,
    detail: Text,
}

impl From<RollbackUnconfirmed1> for Event {
    fn from(RollbackUnconfirmed1 { attempt, detail: text }: RollbackUnconfirmed1) -> Self {
        RollbackUnconfirmed { attempt, shown: ShownInRollback::InWords { text } }.into()
    }
}
