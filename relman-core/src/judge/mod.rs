//! What was measured, and what it means: observations, judges and verdicts.

pub mod confidence;
pub mod diagnostics;
pub mod evidence;
pub mod factor;
pub mod familiar;
pub mod kayenta;

mod course;
mod exceedance;
mod histogram;
mod math;
mod observation;
mod pool;
mod sentence;
mod threshold;
mod verdict;

pub use course::{Answers, FastAlarm, Judge, Judging, Look, MethodChoice, SampleRatioRule, Suspicion};
pub use exceedance::Boundary;
pub use histogram::{ClassicHistogram, Histogram, HistogramError, NativeHistogram};
pub use observation::{Answer, Arm, Measurement, MissingKind, Observation};
pub use pool::Pool;
pub(crate) use sentence::significant;
pub(crate) use threshold::ENGINE;
pub use threshold::{Assessment, Evidence, assess, judge};
pub use verdict::{Channel, Control, Method, Outcome, Strength, Undecided, Verdict};
