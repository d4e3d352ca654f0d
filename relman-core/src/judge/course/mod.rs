//! The course of a release before its judge: look after look, one verdict for each criterion.

mod criterion;
mod datum;
mod exclusion;
mod judge;
mod sequence;
mod settings;
mod weighed;

pub use judge::{Answers, Judge, Look, Suspicion};
pub use settings::{FastAlarm, Judging, MethodChoice, SampleRatioRule};

#[cfg(test)]
mod laws_tests;
#[cfg(test)]
mod release_for_tests;
#[cfg(test)]
mod tests;
