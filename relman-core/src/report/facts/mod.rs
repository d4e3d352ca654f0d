//! Facts: what the records say of one subject, each folded in one place.
//!
//! A view takes its facts from here, so that the same fact is the same in every report. Nothing here knows how a report
//! is laid out; what a fact's name is in words (`Display` of an enum, of a [`Mark`], of an incident) is part of the fact.

mod action_item;
mod cover;
mod criterion;
mod gate;
mod history;
mod hold;
mod incident;
mod look;
mod measured;
mod notice;
mod post_mortem;
mod rollback;
mod sentence;
mod step;
mod traffic;
mod words;

pub use action_item::{ActionItemEnd, ActionItemReport, ActionItemState};
pub use cover::{CoverEnd, CoverPeriod, CoverSlot};
pub(in crate::report) use criterion::contract;
pub use criterion::{CriterionResult, CriterionStory};
pub(in crate::report) use gate::gate_of_step;
pub use gate::{
    CheckRun, GateFailure, GateOutcome, GateReport, GateResult, GateState, GateStory, OverrideEnd,
    OverrideStory,
};
pub use history::{Ended, Heading, History, Mark};
pub(in crate::report) use history::{by, end_of};
pub use hold::{HoldEnd, HoldPeriod, OpenHold};
pub use incident::{Complaint, IncidentReport, IncidentTime};
pub use look::{LookNote, LookResult, LookStory, LookTally, Reading, VerdictKind, VerdictStory};
pub use measured::{Availability, Figure, Performance, Uptime};
pub(in crate::report) use measured::{ERROR_RATE, MetricSums};
pub use notice::NoticeOutcome;
pub use post_mortem::{OpenPostMortem, RootCause};
pub use rollback::{Harm, RequestsHarmed, RollbackEvidence, RollbackTimes};
pub(in crate::report) use rollback::{breach, evidence};
pub use sentence::sentence;
pub use step::StepProgress;
pub(in crate::report) use step::bake_left;
pub use traffic::{Exposure, ExposureCause, ExposureChange, ObservedShare};
pub(in crate::report) use words::{commas, counted, numbers, time};
