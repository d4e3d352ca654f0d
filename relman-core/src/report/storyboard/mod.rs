//! The storyboard: a release in five frames, each with its checklist, its gates and its artifacts.
//!
//! [`Storyboard`] is a pure fold like every report; a page, a file and a terminal show the same one.

mod artifact;
mod board;
mod fold;
mod frame;
mod gate;
mod look;
mod plan;
mod release;
mod rollback;
mod stage;
mod summary;
mod text;
mod verify;

pub use artifact::StoryArtifact;
pub use board::Storyboard;
pub use frame::{ChecklistItem, Frame, FrameName, FrameState, ItemState};
pub use gate::{GateFailure, GateState, GateStory, OverrideEnd, OverrideStory};
pub use look::{CriterionStory, LookStory, Reading, VerdictKind, VerdictStory};
pub use plan::PlanFrame;
pub use release::{ExposureCause, ExposureChange, HoldEnd, HoldStory, ReleaseFrame, StepStory};
pub use rollback::{ProcedureStep, RollbackFrame};
pub use stage::{CheckRun, StageFrame};
pub use summary::{Summary, SummaryFold};
pub use verify::{Availability, ComplaintStory, CoverStory, VerifyFrame};
