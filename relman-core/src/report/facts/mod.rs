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
pub(in crate::report) use cover::cover;
pub use cover::{CoverEnd, CoverSpell, CoverStory};
pub(in crate::report) use criterion::criteria;
pub use criterion::{CriterionSeen, CriterionStory};
pub use gate::{
    CheckDone, CheckRun, GateFailure, GateOutcome, GateReport, GateResult, GateState, GateStory, OverrideEnd,
    OverrideStory,
};
pub(in crate::report) use history::by;
pub use history::{Ended, Heading, History, Mark};
pub use hold::{HeldBy, HoldEnd, HoldSpell, HoldStory};
pub(in crate::report) use hold::{ends, holds};
pub(in crate::report) use incident::complaints;
pub use incident::{ComplaintMade, ComplaintStory, IncidentReport, IncidentTime};
pub use look::{LookNote, LookResult, LookStory, LookTally, Reading, VerdictKind, VerdictStory};
pub use measured::{Availability, Figure, Performance, Uptime};
pub(in crate::report) use measured::{Sums, availability};
pub use notice::Told;
pub(in crate::report) use post_mortem::owed;
pub use post_mortem::{OwedPostMortem, RootCause};
pub use rollback::{Harm, RequestsHarmed, RollbackEvidence, RollbackTimes};
pub(in crate::report) use rollback::{breach, evidence};
pub use sentence::sentence;
pub use step::{StepLeft, StepStatus};
pub(in crate::report) use step::{left, step};
pub use traffic::{Exposure, ExposureCause, ExposureChange, ExposureSeen};
pub(in crate::report) use traffic::{exposure, exposure_seen};
pub(in crate::report) use words::{commas, counted, time};
