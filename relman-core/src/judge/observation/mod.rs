//! What sources answer: values, counts and histograms, or the reason why there is none.

mod answer;
mod boundary;
mod counts;
mod histogram;

pub use answer::{Answer, Arm, Disbelief, Measurement, MissingKind, Observation, Pool};
pub use boundary::Boundary;
pub use counts::{Arms, Counts, Exposed};
pub use histogram::{ClassicHistogram, Histogram, HistogramError, NativeHistogram};
