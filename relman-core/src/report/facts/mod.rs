//! Facts: what the records say of one subject, each folded in one place.
//!
//! A view takes its facts from here, so that the same fact is the same in every report. Nothing here knows how a report
//! is laid out; what a fact's name is in words (`Display` of an enum, of a [`Mark`], of an incident) is part of the fact.

mod cover;
mod criterion;
mod driving;
mod follow_up;
mod gate;
mod history;
mod hold;
mod incident;
mod look;
mod measured;
mod people;
mod rollback;
mod step;
mod traffic;
mod words;

pub use cover::{CoverEnd, CoverPeriod, CoverSlot};
pub(in crate::report) use criterion::contract;
pub use criterion::{CriterionResult, CriterionStory};
pub(in crate::report) use driving::silent_since;
pub use driving::{Driving, Undriven};
pub use follow_up::{ActionItemEnd, ActionItemReport, ActionItemState, OpenPostMortem, RootCause};
pub(in crate::report) use gate::gate_of_step;
pub use gate::{
    CheckRun, GateFailure, GateGround, GateOutcome, GateReport, GateResult, GateState, GateStory, GroundKind,
    OverrideEnd, OverrideStory,
};
pub(in crate::report) use history::{EndChange, by};
pub use history::{Ended, Heading, History, Mark};
pub use hold::{HoldEnd, HoldPeriod, OpenHold};
pub use incident::{IncidentReport, IncidentState, IncidentTime};
pub use look::{
    EvaluationNote, EvaluationResult, EvaluationStory, EvaluationTally, Reading, VerdictKind, VerdictStory,
    WatchedMetric,
};
pub use measured::{Availability, Figure, Performance, Uptime};
pub(in crate::report) use measured::{ERROR_RATE, MetricSums};
pub use people::{Complaint, NoticeOutcome, Withdrawal};
pub use rollback::{Harm, RequestsHarmed, RollbackEvidence, RollbackTimes};
pub(in crate::report) use rollback::{breach, evidence};
pub use step::StepProgress;
pub(in crate::report) use step::bake_left;
pub use traffic::{Exposure, ExposureCause, ExposureChange, ObservedShare};
pub use words::sentence;
pub(in crate::report) use words::{commas, counted, numbers, time, whole};
