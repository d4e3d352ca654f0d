//! Reports: what the records amount to, for people.
//!
//! Every report is a pure fold over a [`History`]: a release, its records, and the time of asking. There are three steps,
//! and each only knows the one before:
//!
//! 1. **facts**: what the records say of one subject (gates, holds, cover, traffic, evaluations …), each folded once;
//! 2. **views**: what one report shows, as plain data; the storyboard and the pages use the same facts and views;
//! 3. **rendering**: a view as *text* by `Display` (at most 100 columns, aligned, without colours, readable at 3 a.m.), as
//!    *JSON* by `Serialize` (field names are stable, shares end in `_bp` for basis points, spans in `_ms`, times are RFC 3339
//!    in UTC, and a fact names its record as `record`), and as *Markdown* by templates (feature `markdown`).
//!
//! All of them say which record a fact comes from (`#12` in text), so that nobody has to take a report's word for it. A
//! report of a drill says so in its first line.
//!
//! | report | answers |
//! | --- | --- |
//! | [`PlanReport`] | what is to be released, by which rules, and who has approved it |
//! | [`Schedule`] | what was planned beside what happened, and when it will be over |
//! | [`Waiting`] | why it does not move, what would unblock it, and whose turn it is |
//! | [`Glance`] | what is live, what happens, why it waits, whose turn it is, what comes next: in phrases |
//! | [`Status`] | where it is now, in one line or in full |
//! | [`Timeline`] | what happened, record by record |
//! | [`EvidenceReport`] | what spoke for and against it, evaluation by evaluation, and how close it came to an alarm |
//! | [`Storyboard`] | the whole release in five frames: checklists, gates, evidence, artifacts |
//! | [`ValidationReport`] | how the 24 hours with all traffic go or went |
//! | [`RollbackLog`] | why it was rolled back, how long that took, who was harmed, and what caused it |
//! | [`PostMortemReport`] | what the record says of an override or a rollback, and what people wrote |
//! | [`Retrospective`] | what went well and badly, what was learnt, and who changes what |
//! | [`OpenItems`] | what people still have to do: post-mortems to file, action items to finish |
//! | [`DeliveryMetrics`] | how well software is delivered, over all releases of a journal |
//!
//! Those that people receive as documents are [`Artifact`]s.

mod facts;
mod render;
mod view;

pub use facts::{
    ActionItemEnd, ActionItemReport, ActionItemState, Availability, CheckRun, Complaint, CoverEnd,
    CoverPeriod, CoverSlot, CriterionResult, CriterionStory, Driving, Ended, EvaluationNote,
    EvaluationResult, EvaluationStory, EvaluationTally, Exposure, ExposureCause, ExposureChange, Figure,
    GateFailure, GateGround, GateOutcome, GateReport, GateResult, GateState, GateStory, GroundKind, Harm,
    Heading, History, HoldEnd, HoldPeriod, IncidentReport, IncidentState, IncidentTime, Mark, NoticeOutcome,
    ObservedShare, OpenHold, OpenPostMortem, OverrideEnd, OverrideStory, Performance, Reading,
    RequestsHarmed, RollbackEvidence, RollbackTimes, RootCause, StepProgress, Undriven, Uptime, VerdictKind,
    VerdictStory, WatchedMetric, Withdrawal, sentence,
};
#[cfg(feature = "markdown")]
pub use render::markdown::{self, Form, TemplateError, Templates};
pub use view::{
    AfterStart, ApprovalGiven, Artifact, ArtifactName, Awaited, ChecklistItem, Checkpoint, Contribution,
    CountedRequests, CoverStatus, CriterionEvidence, DELIVERY_METRICS_SOURCE, DeliveryMetrics,
    EvaluationEvidence, EvidenceBreach, EvidenceMove, EvidenceReport, FailedAttempt, FailedDeployment,
    Figures, Frame, FrameName, FrameState, Glance, Health, Highlight, ItemState, LastEvaluation, LastRecord,
    Lesson, Live, OpenItems, OverrideInForce, PlanFrame, PlanReport, PlannedStep, PostMortemReport,
    ProcedureStep, ReleaseActionItem, ReleaseFrame, ReleasePostMortem, Retrospective, RetrospectiveSection,
    RollbackFrame, RollbackLog, RollbackStatus, Schedule, ScheduledStep, Spread, StageFrame, Status, StepEnd,
    StepEvidence, StepStory, StoryArtifact, Storyboard, Summary, SummaryFold, TestReport, Timeline,
    TimelineEntry, TimelineRow, Upcoming, UpcomingTime, ValidationOutcome, ValidationReport, VerifyFrame,
    Waiting, WayBackStatus,
};
