//! The conductor of relman, and adapters that connect [`relman_core`] to the outside world: each implements one of
//! its [ports](relman_core::port).
//!
//! Every adapter that needs more than tokio is behind a feature of its own; `full` turns all of them on.

pub mod clock;
pub mod conductor;
pub mod deployer;
pub mod directory;
pub mod flow;
#[cfg(feature = "handover")]
pub mod handover;
#[cfg(any(
    feature = "alertmanager",
    feature = "github",
    feature = "gitlab",
    feature = "jira",
    feature = "probe",
    feature = "prometheus",
    feature = "slack",
    feature = "webhook"
))]
#[cfg_attr(
    not(any(
        feature = "github",
        feature = "gitlab",
        feature = "jira",
        feature = "prometheus",
        feature = "slack",
        feature = "webhook"
    )),
    allow(dead_code, reason = "a probe looks at any answer, and at none as the answer of a port")
)]
mod http;
pub mod incident;
pub mod journal;
#[cfg(any(feature = "handover", feature = "web"))]
mod jsonl;
pub mod lease;
pub mod metrics;
pub mod notifier;
#[cfg(feature = "web")]
pub mod package;
pub mod prelude;
#[cfg(feature = "command")]
mod process;
mod releases;
#[cfg(any(feature = "github", feature = "gitlab", feature = "jira", feature = "slack", feature = "webhook"))]
mod retry;
pub mod secret;
#[cfg(any(feature = "github", feature = "gitlab", feature = "jira"))]
pub mod tracker;
#[cfg(feature = "web")]
pub mod web;

#[cfg(any(
    feature = "alertmanager",
    feature = "github",
    feature = "gitlab",
    feature = "jira",
    feature = "probe",
    feature = "prometheus",
    feature = "slack",
    feature = "webhook"
))]
pub use http::EndpointError;
pub use releases::{LoadError, Releases, SubmitError};
