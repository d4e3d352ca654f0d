//! One release being driven, without I/O: the one place that decides what happens next.

mod answers;
mod call;
mod incidents;
mod journal;
mod schedule;
#[expect(clippy::module_inception, reason = "the module's one main type is the session")]
mod session;

pub use call::{
    Alarm, Append, Batch, BatchId, Call, CallId, CallUrgency, LeaveTarget, Outcome, PreflightAnswer, Read,
    Request,
};
pub use session::{AtRest, Input, Session, SessionConfig};
