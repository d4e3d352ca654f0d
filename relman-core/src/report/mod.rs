//! Reports: what the records amount to, for people.
//!
//! Every report is a pure fold over a [`History`]: a release, its records, and the moment at which somebody asks. Each
//! has two forms:
//!
//! - **text**, by `Display`: at most 100 columns, aligned, without colours, readable at 3 a.m.;
//! - **JSON**, by `Serialize`: field names are stable, shares end in `_bp` (basis points), spans in `_ms`, moments are
//!   RFC 3339 in UTC, and a fact names the record it comes from as `record`.
//!
//! Both say which record a fact comes from (`#12` in text), so that nobody has to take a report's word for it. A
//! report of a drill says so in its first line.
//!
//! | report | answers |
//! | --- | --- |
//! | [`PlanReport`] | what is to be released, by which rules, and who has approved it |
//! | [`Schedule`] | what was planned beside what happened, and when it will be over |
//! | [`Waiting`] | why it does not move, what would unblock it and whose turn it is |
//! | [`Status`] | where it is now, in one line or in full |
//! | [`Timeline`] | what happened, record by record |
//! | [`EvidenceCourse`] | what spoke for and against it, look by look, and how near to an alarm that came |
//! | [`Storyboard`] | the whole release in five frames: checklists, gates, evidence, artifacts |
//! | [`ValidationReport`] | how the 24 hours with all of the traffic go or went |
//! | [`RollbackLog`] | why it was taken back, how long that took, who was harmed, and what caused it |
//! | [`PostMortemReport`] | what the record tells of an override or a rollback, and what people wrote |
//! | [`Retrospective`] | what there is to look back on, what was learnt, and who changes what |
//! | [`Obligations`] | what people owe releases: post-mortems, and action items that are overdue |
//! | [`DeliveryMetrics`] | how well software is delivered, over all releases of a journal |
//!
//! Those that are handed to people as documents are [`Artifact`]s.

mod action_item;
mod artifact;
mod delivery;
mod evidence;
mod gate;
mod harm;
mod heading;
mod history;
mod incident;
mod layout;
#[cfg(feature = "markdown")]
pub mod markdown;
mod measured;
mod obligations;
mod plan;
mod post_mortem;
mod remarkable;
mod retrospective;
mod rollback;
mod schedule;
mod sentence;
mod spell;
mod status;
mod storyboard;
mod timeline;
mod times;
mod told;
mod validation;
mod waiting;

pub use action_item::{ActionItemEnd, ActionItemReport, ActionItemState};
pub use artifact::{Artifact, ArtifactName};
pub use delivery::{Contribution, DELIVERY_METRICS_SOURCE, DeliveryMetrics, FailedDeployment, Spread};
pub use evidence::{BreachOfCourse, Counted, CriterionCourse, EvidenceCourse, LookCourse, Moved, StepCourse};
pub use gate::{CheckDone, GateOutcome, GateReport, GateResult};
pub use harm::{Harm, RequestsHarmed};
pub use heading::{Ended, Heading, Mark};
pub use history::History;
pub use incident::{IncidentReport, IncidentTime};
#[cfg(feature = "markdown")]
pub use markdown::{Form, TemplateError, Templates};
pub use measured::{Figure, LookTally, Performance};
pub use obligations::{ActionItemOwed, Obligations, PostMortemOwed};
pub use plan::{ApprovalGiven, PlanReport, PlannedStep};
pub use post_mortem::PostMortemReport;
pub use remarkable::Remarkable;
pub use retrospective::{Figures, Lesson, Retrospective, RetrospectiveSection};
pub use rollback::{AfterStart, FailedAttempt, RollbackEvidence, RollbackLog, RollbackStatus, RootCause};
pub use schedule::{Checkpoint, Schedule, ScheduledStep, StepEnd};
pub use sentence::sentence;
pub use spell::{CoverEnd, CoverSpell, Exposure, HoldSpell};
pub use status::{
    CoverStatus, ExposureSeen, LastLook, LastRecord, OverrideInForce, OwedPostMortem, Status, StepStatus,
};
pub use storyboard::{
    Availability, CheckRun, ChecklistItem, ComplaintStory, CoverStory, CriterionStory, ExposureCause,
    ExposureChange, Frame, FrameName, FrameState, GateFailure, GateState, GateStory, HoldEnd, HoldStory,
    ItemState, LookStory, OverrideEnd, OverrideStory, PlanFrame, ProcedureStep, Reading, ReleaseFrame,
    RollbackFrame, StageFrame, StepStory, StoryArtifact, Storyboard, Summary, SummaryFold, VerdictKind,
    VerdictStory, VerifyFrame,
};
pub use timeline::{LookNote, LookResult, Timeline, TimelineEntry, TimelineRow};
pub use times::RollbackTimes;
pub use told::Told;
pub use validation::{ComplaintMade, CriterionSeen, Uptime, ValidationOutcome, ValidationReport};
pub use waiting::{HeldBy, StepLeft, Waiting};
