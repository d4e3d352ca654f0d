//! The state machine of a release: what may happen, what follows, and when to look again.
//!
//! - [`Session`] drives one release: it decides, writes records, and says what to append, to call and to read. All that
//!   decides what happens next is in it.
//! - [`Release`] is the state: what the records amount to. [`Release::apply`] folds one.
//! - [`DeepVerifier`] derives every record again from those before it; [`ReJudgeBy`] judges by other settings than those
//!   of the release.

mod action;
mod action_table;
mod available;
mod command;
mod deadline;
mod decide;
mod deep;
mod effect;
mod flows;
mod fold;
mod health;
mod overview;
mod phase;
mod re_judge_by;
mod react;
mod refusal;
mod release;
mod replay;
mod requirements;
mod session;
mod transition;
mod way_back;

pub use action::Action;
pub use action_table::{ActionField, ActionName, ActionRules, Who};
use command::OutcomeOf;
pub use command::{Command, Principal};
pub use deadline::EvaluationRequest;
use deadline::Inquiry;
pub use deep::{DeepVerifier, NotDerived};
pub use effect::{Due, Effect, Outstanding};
pub use flows::{FLOWS_FRESH_FOR, FLOWS_RENEWED_AFTER};
pub use health::Health;
pub(crate) use phase::LastVerdicts;
pub use phase::{EndedAs, Phase, PhaseName, Rollback, RollbackState, Rollout, StepProgress, TrafficState};
pub use re_judge_by::{FirstFailure, ReJudgeBy};
use react::react;
pub use refusal::Refusal;
pub use release::{
    ActionItem, Approval, Check, Complaint, Cover, Hold, Override, PostMortem, RecordedIncident, Release,
};
pub use replay::ReplayError;
pub use requirements::{Missing, Turn};
pub use session::{
    Alarm, Append, AtRest, Batch, BatchId, Call, CallId, CallUrgency, Input, Outcome, Read, Request, Session,
    SessionConfig,
};
pub use transition::MOVES;
