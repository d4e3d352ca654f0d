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
//! | [`EvidenceReport`] | what spoke for and against it, look by look, and how near to an alarm that came |
//! | [`Storyboard`] | the whole release in five frames: checklists, gates, evidence, artifacts |
//! | [`ValidationReport`] | how the 24 hours with all of the traffic go or went |
//! | [`RollbackLog`] | why it was taken back, how long that took, who was harmed, and what caused it |
//! | [`PostMortemReport`] | what the record tells of an override or a rollback, and what people wrote |
//! | [`Retrospective`] | what there is to look back on, what was learnt, and who changes what |
//! | [`OpenItems`] | what people owe releases: post-mortems, and action items that are overdue |
//! | [`DeliveryMetrics`] | how well software is delivered, over all releases of a journal |
//!
//! Those that are handed to people as documents are [`Artifact`]s.

mod facts;
mod render;
mod view;

pub use facts::{
    ActionItemEnd, ActionItemReport, ActionItemState, Availability, CheckRun, Complaint, CoverEnd,
    CoverPeriod, CoverSlot, CriterionResult, CriterionStory, Ended, Exposure, ExposureCause, ExposureChange,
    Figure, GateFailure, GateOutcome, GateReport, GateResult, GateState, GateStory, Harm, Heading, History,
    HoldEnd, HoldPeriod, IncidentReport, IncidentTime, LookNote, LookResult, LookStory, LookTally, Mark,
    NoticeOutcome, ObservedShare, OpenHold, OpenPostMortem, OverrideEnd, OverrideStory, Performance, Reading,
    RequestsHarmed, RollbackEvidence, RollbackTimes, RootCause, StepProgress, Uptime, VerdictKind,
    VerdictStory, sentence,
};
#[cfg(feature = "markdown")]
pub use render::markdown::{self, Form, TemplateError, Templates};
pub use view::{
    AfterStart, ApprovalGiven, Artifact, ArtifactName, ChecklistItem, Checkpoint, Contribution,
    CountedRequests, CoverStatus, CriterionEvidence, DELIVERY_METRICS_SOURCE, DeliveryMetrics,
    EvidenceBreach, EvidenceMove, EvidenceReport, FailedAttempt, FailedDeployment, Figures, Frame, FrameName,
    FrameState, Highlight, ItemState, LastLook, LastRecord, Lesson, LookEvidence, OpenItems, OverrideInForce,
    PlanFrame, PlanReport, PlannedStep, PostMortemReport, ProcedureStep, ReleaseActionItem, ReleaseFrame,
    ReleasePostMortem, Retrospective, RetrospectiveSection, RollbackFrame, RollbackLog, RollbackStatus,
    Schedule, ScheduledStep, Spread, StageFrame, Status, StepEnd, StepEvidence, StepStory, StoryArtifact,
    Storyboard, Summary, SummaryFold, Timeline, TimelineEntry, TimelineRow, ValidationOutcome,
    ValidationReport, VerifyFrame, Waiting,
};
