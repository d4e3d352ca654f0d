//! Where incidents come from: implementations of [`IncidentSource`](relman_core::port::IncidentSource), and what makes
//! measurements of them.
//!
//! A conductor asks a source while a release has users, and records what it tells. That alone moves no release. A policy
//! that is to gate on incidents watches a metric: [`IncidentMetrics`] counts what fires.

#[cfg(feature = "alertmanager")]
pub mod alertmanager;
mod metrics;
#[cfg(any(feature = "alertmanager", feature = "incident-webhook"))]
mod setup;
#[cfg(feature = "incident-webhook")]
pub mod webhook;
#[cfg(any(feature = "alertmanager", feature = "incident-webhook"))]
mod words;

pub use metrics::IncidentMetrics;
#[cfg(any(feature = "alertmanager", feature = "incident-webhook"))]
pub use setup::IncidentSetupError;
