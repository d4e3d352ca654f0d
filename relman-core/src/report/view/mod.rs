//! Views: what one report shows, as plain data. `Serialize` makes JSON of it, [`render`](super::render) text and Markdown.

mod artifact;
mod delivery;
mod evidence;
mod glance;
mod health;
mod highlight;
mod open_items;
mod plan;
mod post_mortem;
mod retrospective;
mod rollback;
mod schedule;
mod status;
mod storyboard;
mod summary;
mod test_report;
mod timeline;
mod validation;

pub use artifact::{Artifact, ArtifactName, StoryArtifact};
pub use delivery::{Contribution, DELIVERY_METRICS_SOURCE, DeliveryMetrics, FailedDeployment, Spread};
pub use evidence::{
    CountedRequests, CriterionEvidence, EvaluationEvidence, EvidenceBreach, EvidenceMove, EvidenceReport,
    StepEvidence,
};
pub use glance::{Awaited, Glance, Live, Upcoming, UpcomingTime};
pub use health::Health;
pub use highlight::Highlight;
pub use open_items::{OpenItems, ReleaseActionItem, ReleasePostMortem};
pub use plan::{ApprovalGiven, PlanReport, PlannedStep};
pub use post_mortem::PostMortemReport;
pub use retrospective::{Figures, Lesson, Retrospective, RetrospectiveSection};
pub use rollback::{AfterStart, FailedAttempt, RollbackLog, RollbackStatus};
pub use schedule::{Checkpoint, Schedule, ScheduledStep, StepEnd};
pub use status::{CoverStatus, LastEvaluation, LastRecord, OverrideInForce, Status, Waiting, WayBackStatus};
pub use storyboard::{
    ChecklistItem, Frame, FrameName, FrameState, ItemState, PlanFrame, ProcedureStep, ReleaseFrame,
    RollbackFrame, StageFrame, StepStory, Storyboard, VerifyFrame,
};
pub(in crate::report) use storyboard::{artifacts, check_item, closing_items};
pub use summary::{Summary, SummaryFold};
pub use test_report::TestReport;
pub(in crate::report) use timeline::collapse;
pub use timeline::{Timeline, TimelineEntry, TimelineRow};
pub use validation::{ValidationOutcome, ValidationReport};
