//! Where incidents come from: implementations of [`IncidentSource`](relman_core::port::IncidentSource), and the metrics
//! that count them.
//!
//! A conductor asks a source while a release has users, and records the answer. That alone moves no release. A policy
//! that gates on incidents watches a metric: [`IncidentMetrics`] counts what fires.

#[cfg(feature = "alertmanager")]
pub mod alertmanager;
mod metrics;
#[cfg(any(feature = "alertmanager", feature = "incident-webhook"))]
mod source;
#[cfg(feature = "incident-webhook")]
pub mod webhook;

pub use metrics::IncidentMetrics;
#[cfg(any(feature = "alertmanager", feature = "incident-webhook"))]
pub use source::IncidentSetupError;
