//! The state machine of a release: what may happen, what follows, and when to look again.
//!
//! - [`decide`] turns an input into events, or refuses it.
//! - [`Release::apply`] folds a record into the state; it is total and has no rules.
//! - [`react`] says which effects an event asks for.
//! - [`ReJudge`] judges every recorded look again, [`ReJudgeBy`] by other settings than those of the release.
//! - [`Release::next_deadline`] and [`Release::question`] say when to look again, and at what.

mod command;
mod deadline;
mod decide;
mod effect;
mod flows;
mod fold;
mod phase;
mod re_judge;
mod re_judge_by;
mod react;
mod refusal;
mod release;
mod requirements;
mod transition;

pub use command::{Action, Command, Input, Look, OutcomeOf, Principal};
pub use deadline::{LookQuestion, Question};
pub use decide::decide;
pub use effect::{Due, Effect, Outstanding};
pub use flows::{FLOWS_FRESH_FOR, FLOWS_RENEWED_AFTER};
pub use phase::{EndedAs, Phase, PhaseName, Rollback, RollbackState, Rollout, StepProgress, TrafficState};
pub use re_judge::{ReJudge, ReJudgeError};
pub use re_judge_by::{FirstFailure, ReJudgeBy};
pub use react::react;
pub use refusal::Refusal;
pub use release::{
    ActionItem, Approval, Check, Complaint, Cover, Hold, Override, PostMortem, Release, ReplayError,
    SeenIncident,
};
pub use requirements::{Missing, Turn};
pub use transition::MOVES;
