//! The course of a release before its judge: look after look, one verdict for each criterion.

mod course;
mod datum;
mod judge;
mod sequence;
mod settings;

pub use judge::{Answers, Judge, Look, Suspicion};
pub use settings::{FastAlarm, Judging, MethodChoice, SampleRatioRule};
