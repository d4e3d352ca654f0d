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

mod facts;
mod render;
mod view;

pub use facts::{
    ActionItemEnd, ActionItemReport, ActionItemState, Availability, CheckDone, CheckRun, ComplaintMade,
    ComplaintStory, CoverEnd, CoverSpell, CoverStory, CriterionSeen, CriterionStory, Ended, Exposure,
    ExposureCause, ExposureChange, ExposureSeen, Figure, GateFailure, GateOutcome, GateReport, GateResult,
    GateState, GateStory, Harm, Heading, HeldBy, History, HoldEnd, HoldSpell, HoldStory, IncidentReport,
    IncidentTime, LookNote, LookResult, LookStory, LookTally, Mark, OverrideEnd, OverrideStory,
    OwedPostMortem, Performance, Reading, RequestsHarmed, RollbackEvidence, RollbackTimes, RootCause,
    StepLeft, StepStatus, Told, Uptime, VerdictKind, VerdictStory, sentence,
};
#[cfg(feature = "markdown")]
pub use render::markdown::{self, Form, TemplateError, Templates};
pub use view::{
    ActionItemOwed, AfterStart, ApprovalGiven, Artifact, ArtifactName, BreachOfCourse, ChecklistItem,
    Checkpoint, Contribution, Counted, CoverStatus, CriterionCourse, DELIVERY_METRICS_SOURCE,
    DeliveryMetrics, EvidenceCourse, FailedAttempt, FailedDeployment, Figures, Frame, FrameName, FrameState,
    ItemState, LastLook, LastRecord, Lesson, LookCourse, Moved, Obligations, OverrideInForce, PlanFrame,
    PlanReport, PlannedStep, PostMortemOwed, PostMortemReport, ProcedureStep, ReleaseFrame, Remarkable,
    Retrospective, RetrospectiveSection, RollbackFrame, RollbackLog, RollbackStatus, Schedule, ScheduledStep,
    Spread, StageFrame, Status, StepCourse, StepEnd, StepStory, StoryArtifact, Storyboard, Summary,
    SummaryFold, Timeline, TimelineEntry, TimelineRow, ValidationOutcome, ValidationReport, VerifyFrame,
    Waiting,
};
