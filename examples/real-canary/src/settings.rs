//! How a deploy tool reaches the stack.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// The parts of a deploy tool's configuration that depend on where the stack runs, and the addresses of its parts.
///
/// As TOML, `haproxy` is what [`HaproxyConfig`](relman_adapters::deployer::haproxy::HaproxyConfig) reads, and
/// `prometheus` what the Prometheus source reads: an address and the queries of each metric, with `{{version}}` and
/// `{{window}}` where they are put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// How the deployer reaches HAProxy.
    pub haproxy: HaproxySettings,
    /// How measurements are asked for.
    pub prometheus: PrometheusSettings,
    /// Where the parts listen.
    pub addresses: Addresses,
}

/// How the deployer reaches HAProxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HaproxySettings {
    /// The socket of the runtime API.
    pub socket: PathBuf,
    /// The backend.
    pub backend: &'static str,
    /// Its server with the new version.
    pub canary: &'static str,
    /// Its server with the old version.
    pub baseline: &'static str,
}

/// How measurements are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrometheusSettings {
    /// Where Prometheus is.
    pub url: String,
    /// How old the newest sample may be.
    pub stale_after: &'static str,
    /// The query for the time of the newest sample.
    pub freshness: &'static str,
    /// The queries by the name of the metric.
    pub metrics: BTreeMap<&'static str, Queries>,
}

/// The queries of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Queries {
    /// Requests, and how many of them went wrong.
    Counts {
        /// All requests.
        requests: &'static str,
        /// Those that went wrong.
        errors: &'static str,
    },
    /// A histogram.
    Histogram {
        /// Its buckets.
        buckets: &'static str,
        /// The unit of their bounds.
        unit: &'static str,
    },
}

/// Where the parts of the stack listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// HAProxy, where users come in.
    pub front: SocketAddr,
    /// The old version.
    pub baseline: SocketAddr,
    /// The new version.
    pub canary: SocketAddr,
    /// Prometheus.
    pub prometheus: SocketAddr,
}

const REQUESTS: &str = r#"sum(increase(http_requests_total{version="{{version}}"}[{{window}}]))"#;
const ERRORS: &str = r#"sum(increase(http_requests_total{version="{{version}}",code=~"5.."}[{{window}}]))"#;
const LOG_ERRORS: &str = r#"sum(increase(log_errors_total{version="{{version}}"}[{{window}}]))"#;
const LATENCY: &str =
    r#"sum by (le) (increase(http_request_duration_seconds_bucket{version="{{version}}"}[{{window}}]))"#;
const FRESHNESS: &str =
    r#"max(max_over_time(timestamp(http_requests_total{version="{{version}}"})[{{window}}:250ms]))"#;

impl Settings {
    pub(crate) fn new(dir: &Path, addresses: Addresses) -> Self {
        let metrics = BTreeMap::from([
            ("error_rate", Queries::Counts { requests: REQUESTS, errors: ERRORS }),
            ("latency_p99", Queries::Histogram { buckets: LATENCY, unit: "seconds" }),
            ("log_errors", Queries::Counts { requests: REQUESTS, errors: LOG_ERRORS }),
        ]);
        Self {
            haproxy: HaproxySettings {
                socket: dir.join("haproxy.sock"),
                backend: "app",
                canary: "canary",
                baseline: "baseline",
            },
            prometheus: PrometheusSettings {
                url: format!("http://{}", addresses.prometheus),
                // Twenty scrapes: fewer could be missed on a machine that is busy.
                stale_after: "5s",
                freshness: FRESHNESS,
                metrics,
            },
            addresses,
        }
    }

    /// The settings as TOML with the tables `haproxy`, `prometheus` and `addresses`.
    ///
    /// # Panics
    ///
    /// Never: paths of a temporary directory and constant texts can be written.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("paths and texts are TOML")
    }

    pub(crate) fn haproxy_file(&self) -> String {
        let Addresses { front, baseline, canary, .. } = self.addresses;
        let HaproxySettings { socket, backend, canary: canary_server, baseline: baseline_server } =
            &self.haproxy;
        format!(
            "global
  stats socket {} mode 600 level admin
  maxconn 4000
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend front
  bind {front}
  default_backend {backend}
backend {backend}
  balance roundrobin
  option httpchk GET /health
  http-check expect status 200
  default-server check inter 250ms fall 2 rise 1
  server {baseline_server} {baseline} weight 1
  server {canary_server} {canary} weight 0
",
            socket.display()
        )
    }

    /// Four scrapes a second: a look at the last second needs two at least, and has them also where one is late.
    pub(crate) fn prometheus_file(&self) -> String {
        let Addresses { baseline, canary, .. } = self.addresses;
        format!(
            "global:
  scrape_interval: 250ms
  scrape_timeout: 250ms
scrape_configs:
  - job_name: app
    static_configs:
      - targets: ['{baseline}', '{canary}']
"
        )
    }
}

#[cfg(test)]
mod tests {
    use relman_adapters::deployer::haproxy::{Endpoint, HaproxyConfig};

    use super::*;

    #[test]
    fn a_deploy_tool_can_read_them() {
        let address = "127.0.0.1:1".parse().unwrap();
        let addresses = Addresses { front: address, baseline: address, canary: address, prometheus: address };
        let settings = Settings::new(Path::new("/tmp/stack"), addresses);
        let tables: toml::Table = settings.to_toml().parse().unwrap();
        let haproxy: HaproxyConfig = tables["haproxy"].clone().try_into().unwrap();
        let socket = Endpoint::Socket("/tmp/stack/haproxy.sock".into());
        assert_eq!(haproxy, HaproxyConfig::new(socket, "app", "canary", "baseline").unwrap());
        let error_rate = &tables["prometheus"]["metrics"]["error_rate"];
        assert_eq!(error_rate["kind"].as_str(), Some("counts"));
        assert!(error_rate["errors"].as_str().unwrap().contains("{{version}}"));
    }
}
