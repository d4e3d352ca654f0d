//! The everyday names: `use relman_adapters::prelude::*;`.

pub use crate::{
    Releases,
    clock::SystemClock,
    conductor::{Conductor, Limits},
    directory::StaticDirectory,
    flow::Flows,
    incident::IncidentMetrics,
    journal::MemoryJournal,
    lease::MemoryLeases,
    metrics::MetricsByName,
    notifier::{Channels, LogNotifier},
    secret::Secret,
};

#[cfg(feature = "command")]
pub use crate::deployer::command::CommandDeployer;
#[cfg(feature = "haproxy")]
pub use crate::deployer::haproxy::Haproxy;
#[cfg(feature = "command")]
pub use crate::flow::CommandFlow;
#[cfg(feature = "probe")]
pub use crate::flow::HttpFlow;
#[cfg(feature = "alertmanager")]
pub use crate::incident::alertmanager::Alertmanager;
#[cfg(feature = "prometheus")]
pub use crate::metrics::prometheus::Prometheus;
#[cfg(feature = "slack")]
pub use crate::notifier::Slack;
#[cfg(feature = "webhook")]
pub use crate::notifier::Webhook;
#[cfg(feature = "github")]
pub use crate::tracker::github::GitHub;
#[cfg(feature = "gitlab")]
pub use crate::tracker::gitlab::GitLab;
#[cfg(feature = "jira")]
pub use crate::tracker::jira::Jira;
#[cfg(feature = "sqlite")]
pub use crate::{journal::SqliteJournal, lease::SqliteLeases};
