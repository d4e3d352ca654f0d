//! The everyday names: `use relman_core::prelude::*;`.
//!
//! What it takes to plan a release, to decide about it, to look at it and to tell about it. The parts of plans,
//! policies and events, and the ports, are in their modules.

pub use crate::{
    chain::{Digest, Head, SealedLine},
    event::{CheckOutcome, Event, Fact, Gate, Record},
    machine::{
        Action, Call, Command, Effect, Input, Outcome, Phase, PhaseName, Principal, Refusal, Release,
        Request, Session, SessionConfig,
    },
    plan::{Criterion, Plan, RollbackContract},
    policy::Policy,
    report::{History, PlanReport, RollbackLog, Schedule, Status, Timeline, Waiting},
    unit::{Actor, ReleaseId, Role, Span, Text, Timestamp, TrafficShare},
};
