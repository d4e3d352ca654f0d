//! The course of a release before its judge: look after look, one verdict for each criterion.

mod course;
mod datum;
mod exclusion;
mod judge;
mod sequence;
mod settings;
mod weighed;

pub use judge::{Judge, Look, Suspicion};
pub use settings::{FastAlarm, Judging, MethodChoice, SampleRatioRule};
