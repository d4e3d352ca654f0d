//! Where measurements come from: implementations of [`MetricsSource`](relman_core::port::MetricsSource).

#[cfg(feature = "prometheus")]
pub mod prometheus;
