//! The conductor of relman, and adapters that connect [`relman_core`] to the outside world: each implements one of
//! its [ports](relman_core::port).
//!
//! Every adapter that needs more than tokio is behind a feature of its own; `full` turns all of them on.

pub mod clock;
pub mod conductor;
pub mod deployer;
pub mod directory;
#[cfg(any(
    feature = "alertmanager",
    feature = "github",
    feature = "gitlab",
    feature = "jira",
    feature = "prometheus",
    feature = "slack",
    feature = "webhook"
))]
mod http;
pub mod incident;
pub mod journal;
pub mod metrics;
pub mod notifier;
pub mod prelude;
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
    feature = "prometheus",
    feature = "slack",
    feature = "webhook"
))]
pub use http::EndpointError;
pub use releases::{LoadError, Releases, SubmitError};
