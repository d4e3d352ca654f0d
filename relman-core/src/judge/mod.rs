//! What was measured, and what it means: observations, judges and verdicts.

pub mod confidence;
pub mod diagnostics;
pub mod evidence;
pub mod familiar;
pub mod kayenta;

mod criterion;
mod math;
mod observation;
mod verdict;

pub(crate) use criterion::ENGINE;
pub use criterion::{
    Answers, Assessment, Evaluation, Evidence, FastAlarm, Judge, Judging, MethodChoice, SampleRatioRule,
    Suspicion, assess, judge,
};
pub use evidence::factor;
pub use observation::{
    Answer, Arm, Boundary, ClassicHistogram, Disbelief, Histogram, HistogramError, Measurement, MissingKind,
    NativeHistogram, Observation, Pool,
};
pub(crate) use verdict::significant;
pub use verdict::{Channel, Control, CriterionOutcome, Method, Outcome, Strength, Undecided, Verdict};
