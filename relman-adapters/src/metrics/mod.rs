//! Where measurements come from: implementations of [`MetricsSource`](relman_core::port::MetricsSource).

mod by_name;
#[cfg(feature = "prometheus")]
pub mod prometheus;

pub use by_name::MetricsByName;
