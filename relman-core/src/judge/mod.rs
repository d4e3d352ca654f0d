//! What was measured, and what it means: observations, judges and verdicts.

mod histogram;
mod observation;

pub use histogram::{ClassicHistogram, Histogram, HistogramError, NativeHistogram};
pub use observation::{Answer, Arm, Measurement, MissingKind, Observation};
