//! The storyboard: a release in five frames, each with its checklist, its gates and its artifacts.
//!
//! [`Storyboard`] is made of the facts and views that the reports are made of; a page, a file and a terminal show the
//! same one.

mod board;
mod frame;
mod prepare;
mod release;
mod rollback;
mod verify;

pub use board::Storyboard;
pub use frame::{ChecklistItem, Frame, FrameName, FrameState, ItemState};
pub(in crate::report) use frame::{artifacts, check_item, closing_items};
pub use prepare::{PlanFrame, StageFrame};
pub use release::{ReleaseFrame, StepStory};
pub use rollback::{ProcedureStep, RollbackFrame};
pub use verify::VerifyFrame;
