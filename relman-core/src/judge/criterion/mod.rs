//! The criteria of a contract before their judge: look after look, one verdict for each.

mod criterion_judge;
mod datum;
mod judge;
mod settings;
mod threshold;
mod weighed;

pub use judge::{Answers, Evaluation, Judge, Suspicion};
pub use settings::{FastAlarm, Judging, MethodChoice, SampleRatioRule};
pub(crate) use threshold::ENGINE;
pub use threshold::{Assessment, Evidence, assess, judge};

#[cfg(test)]
mod laws_tests;
#[cfg(test)]
mod release_for_tests;
#[cfg(test)]
mod tests;
