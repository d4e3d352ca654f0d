//! The adapters that the configuration names, as ports of a conductor.

use std::sync::Arc;

use relman_adapters::{
    deployer::{SplitDeployer, command::CommandDeployer, haproxy::Haproxy},
    flow::{CommandFlow, Flows, HttpFlow},
    incident::{IncidentMetrics, alertmanager::Alertmanager},
    metrics::{MetricsByName, prometheus::Prometheus},
    notifier::{Channels, LogNotifier, Slack, Webhook},
    tracker::{TrackerError, github::GitHub, gitlab::GitLab, jira::Jira},
};
use relman_core::port::{Deployer, IncidentSource, MetricsSource, Notifier, Tracker, UserFlows};

use crate::{
    config::{
        Config,
        adapters::{DeployerConfig, IncidentsConfig, MetricsConfig, NotifierConfig, TrackerConfig, TriedBy},
    },
    failure::Failure,
};

/// What installs versions and routes traffic.
///
/// # Errors
///
/// [`Failure::Usage`] where the configuration has none.
pub(crate) fn deployer(config: &Config) -> Result<Arc<dyn Deployer>, Failure> {
    let routes = config
        .deployer()
        .ok_or_else(|| missing(config, "[deployer]", "kind = \"haproxy\" or \"command\""))?;
    let routes = build(routes);
    Ok(match config.installer() {
        Some(installs) => Arc::new(SplitDeployer::new(build(installs), routes)),
        None => routes,
    })
}

fn build(config: &DeployerConfig) -> Arc<dyn Deployer> {
    match config {
        DeployerConfig::Haproxy(config) => Arc::new(Haproxy::new(config.clone())),
        DeployerConfig::Command(config) => Arc::new(CommandDeployer::new(config.clone())),
    }
}

/// Where measurements come from: incidents are counted beside them, where their source is configured.
///
/// # Errors
///
/// [`Failure::Usage`] where the configuration has none, or one that can't be used.
pub(crate) fn metrics(config: &Config) -> Result<Arc<dyn MetricsSource>, Failure> {
    match config.metrics() {
        None => Err(missing(config, "[metrics]", "kind = \"prometheus\"")),
        Some(MetricsConfig::Prometheus(prometheus)) => {
            let source = Prometheus::from_config(prometheus.clone())
                .map_err(|error| Failure::usage(format_args!("{}: [metrics]: {error}", config.origin())))?;
            match incidents(config)? {
                None => Ok(Arc::new(source)),
                Some(incidents) => {
                    let mut counted = IncidentMetrics::new(incidents);
                    for (metric, severities) in config.incident_metrics() {
                        counted = counted.counting(metric.clone(), severities.clone());
                    }
                    Ok(Arc::new(MetricsByName::new(Arc::new(source)).or(Arc::new(counted))))
                }
            }
        }
    }
}

/// Where incidents come from; none where the configuration has no source of them.
///
/// # Errors
///
/// [`Failure::Usage`] where the source can't be used as it is configured, or metrics are to count its incidents and
/// there is none.
pub(crate) fn incidents(config: &Config) -> Result<Option<Arc<dyn IncidentSource>>, Failure> {
    match config.incidents() {
        None if config.incident_metrics().is_empty() => Ok(None),
        None => {
            Err(missing(config, "[incidents]", "kind = \"alertmanager\", which [incident_metrics] needs"))
        }
        Some(IncidentsConfig::Alertmanager(alertmanager)) => {
            let source = Alertmanager::from_config(alertmanager)
                .map_err(|error| Failure::usage(format_args!("{}: [incidents]: {error}", config.origin())))?;
            Ok(Some(Arc::new(source)))
        }
    }
}

/// What tells people: one notifier for each channel of the configuration.
///
/// # Errors
///
/// [`Failure::Usage`] where one can't be used as it is configured.
pub(crate) fn notifier(config: &Config) -> Result<Arc<dyn Notifier>, Failure> {
    let mut channels = Channels::default();
    for (channel, notifier) in config.notifiers() {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(format_args!("{}: [notifiers.{channel}]: {error}", config.origin()))
        };
        let notifier: Arc<dyn Notifier> = match notifier {
            NotifierConfig::Log(_) => Arc::new(LogNotifier),
            NotifierConfig::Webhook(webhook) => {
                Arc::new(Webhook::from_config(webhook).map_err(|error| wrong(&error))?)
            }
            NotifierConfig::Slack(slack) => {
                Arc::new(Slack::from_config(slack).map_err(|error| wrong(&error))?)
            }
        };
        channels = channels.with(channel.clone(), notifier);
    }
    Ok(Arc::new(channels))
}

/// Where copies of releases are kept.
///
/// # Errors
///
/// [`Failure::Usage`] where one can't be used as it is configured.
pub(crate) fn trackers(config: &Config) -> Result<Vec<Arc<dyn Tracker>>, Failure> {
    let built = config.trackers().iter().map(|tracker| -> Result<Arc<dyn Tracker>, TrackerError> {
        Ok(match tracker {
            TrackerConfig::Github(github) => Arc::new(GitHub::from_config(github)?),
            TrackerConfig::Gitlab(gitlab) => Arc::new(GitLab::from_config(gitlab)?),
            TrackerConfig::Jira(jira) => Arc::new(Jira::from_config(jira)?),
        })
    });
    let built: Result<Vec<_>, _> = built.collect();
    built.map_err(|error| Failure::usage(format_args!("{}: [[trackers]]: {error}", config.origin())))
}

/// What tries the key user flows; none where the configuration has none, and somebody else records the check.
///
/// # Errors
///
/// [`Failure::Usage`] where one can't be used as it is configured.
pub(crate) fn user_flows(config: &Config) -> Result<Option<Arc<dyn UserFlows>>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format_args!("{}: [[user_flows]]: {error}", config.origin()))
    };
    let mut flows: Vec<Arc<dyn UserFlows>> = Vec::new();
    for flow in config.user_flows() {
        let name = flow.name.clone();
        flows.push(match &flow.tried_by {
            TriedBy::Http(http) => Arc::new(HttpFlow::new(name, http).map_err(|error| wrong(&error))?),
            TriedBy::Command(command) => Arc::new(CommandFlow::new(name, command.clone())),
        });
    }
    if flows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(Flows::new(flows).map_err(|error| wrong(&error))?)))
}

fn missing(config: &Config, table: &str, example: &str) -> Failure {
    Failure::usage(format_args!(
        "the configuration has no {table}: add it to {}, with {example}; `init` writes an example",
        config.origin()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Global;

    fn config(path: &str) -> Config {
        let config = Some(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")).into());
        Config::load(&Global { journal: None, config, actor: None, json: false }).unwrap()
    }

    #[test]
    fn the_example_configuration_makes_every_port() {
        let config = config("example/relman.toml");
        assert_eq!(deployer(&config).unwrap().name(), "command+haproxy");
        let metrics = metrics(&config).unwrap();
        let notifier = notifier(&config).unwrap();
        for metric in config.policy(None).unwrap().watch() {
            assert!(metrics.knows(metric), "{metric}");
        }
        assert_eq!(incidents(&config).unwrap().unwrap().name(), "alertmanager");
        for metric in ["incidents", "pages"] {
            assert!(metrics.knows(&metric.parse().unwrap()), "{metric}");
        }
        for channel in ["releases", "on-call"] {
            assert!(notifier.serves(&channel.parse().unwrap()), "{channel}");
        }
        let flows = user_flows(&config).unwrap().unwrap().flows();
        assert_eq!(flows.iter().map(ToString::to_string).collect::<Vec<_>>(), ["front-page", "checkout"]);
    }

    #[test]
    fn what_a_conductor_needs_and_is_not_configured_is_named() {
        let config = Config::default();
        let error = deployer(&config).err().unwrap().to_string();
        assert!(error.contains("no [deployer]: add it to relman.toml"), "{error}");
        let error = metrics(&config).err().unwrap().to_string();
        assert!(error.contains("no [metrics]"), "{error}");
        assert!(incidents(&config).unwrap().is_none(), "a conductor does without");
    }
}
