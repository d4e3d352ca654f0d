//! The tables of `relman.toml` that configure adapters.

use relman_adapters::{
    deployer::{command::CommandConfig, haproxy::HaproxyConfig},
    flow::{CommandFlowConfig, HttpFlowConfig},
    incident::alertmanager::AlertmanagerConfig,
    metrics::prometheus::PrometheusConfig,
    notifier::{SlackConfig, WebhookConfig},
    tracker::{github::GitHubConfig, gitlab::GitLabConfig, jira::JiraConfig},
};
use relman_core::unit::FlowName;
use serde::Deserialize;

/// A deployer.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum DeployerConfig {
    /// Traffic by the weights of servers.
    Haproxy(HaproxyConfig),
    /// Any executable.
    Command(CommandConfig),
}

/// A metrics source.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum MetricsConfig {
    /// Prometheus, or whatever speaks its HTTP API.
    Prometheus(PrometheusConfig),
}

/// A source of incidents.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum IncidentsConfig {
    /// Prometheus Alertmanager, or whatever speaks its API.
    Alertmanager(AlertmanagerConfig),
}

/// A notifier.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum NotifierConfig {
    /// To this program's log.
    Log(LogConfig),
    /// JSON to a URL.
    Webhook(WebhookConfig),
    /// An incoming webhook of Slack.
    Slack(SlackConfig),
}

/// Something that users do.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "UserFlowTable")]
pub(crate) struct UserFlowConfig {
    pub(crate) name: FlowName,
    pub(crate) tried_by: TriedBy,
}

/// What tries a user flow.
#[derive(Debug, Clone)]
pub(crate) enum TriedBy {
    /// One HTTP request.
    Http(Box<HttpFlowConfig>),
    /// Any executable.
    Command(CommandFlowConfig),
}

/// A user flow as people write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserFlowTable {
    name: FlowName,
    #[serde(default)]
    http: Option<HttpFlowConfig>,
    #[serde(default)]
    command: Option<CommandFlowConfig>,
}

impl TryFrom<UserFlowTable> for UserFlowConfig {
    type Error = String;

    fn try_from(table: UserFlowTable) -> Result<Self, String> {
        let tried_by = match (table.http, table.command) {
            (Some(http), None) => TriedBy::Http(Box::new(http)),
            (None, Some(command)) => TriedBy::Command(command),
            (None, None) | (Some(_), Some(_)) => {
                return Err(format!("the user flow {} needs one of `http` and `command`", table.name));
            }
        };
        Ok(Self { name: table.name, tried_by })
    }
}

/// A tracker.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum TrackerConfig {
    /// Releases of a repository on GitHub.
    Github(GitHubConfig),
    /// Releases of a project on GitLab.
    Gitlab(GitLabConfig),
    /// Versions and issues of a project in Jira Cloud.
    Jira(JiraConfig),
}

/// A notifier that writes to the log has nothing to configure.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {}
