//! Whether anybody drives a release, as far as its record tells.

use serde::Serialize;

use crate::{
    machine::{Phase, Release, RollbackState, SessionConfig, TrafficState},
    unit::{Span, Timestamp},
};

/// Whether a conductor drives a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Driving {
    /// One does.
    Driven,
    /// None does.
    Undriven,
    /// Nobody has said. The record shows it late: by evaluations that are long overdue.
    #[default]
    Unknown,
}

/// Since when the record is silent although an evaluation or an observation is long overdue. A conductor records what it
/// finds even where it can measure nothing, so that a silent record has none.
pub(in crate::report) fn silent_since(release: &Release, now: Timestamp) -> Option<Timestamp> {
    let last = release.last_at();
    let (expected, every) = match release.phase() {
        Phase::Releasing(_) | Phase::Validating(_) => {
            let TrafficState::Set { looked_until } = release.phase().step()?.traffic else { return None };
            let every = release.track()?.1.look_every();
            (looked_until + every, every)
        }
        Phase::RollingBack(rollback) => match rollback.state {
            RollbackState::Confirming { next_at, .. } => {
                (next_at, release.policy().map(|policy| policy.rollback().confirm_every)?)
            }
            RollbackState::Requested | RollbackState::Confirmed { .. } => return None,
        },
        _ => return None,
    };
    (now > expected + patience(every) && now > last + patience(every)).then_some(last)
}

/// How long after its time an evaluation is overdue beyond doubt: as much again, and the time that a call may take.
pub(in crate::report) fn patience(every: Span) -> Span {
    every + SessionConfig::default().call_time
}
