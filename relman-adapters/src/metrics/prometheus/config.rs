use std::collections::BTreeMap;

use relman_core::unit::{MetricName, Span};
use serde::Deserialize;

use crate::{http::span_from_text, secret::SecretSource};

/// A Prometheus as a file describes it.
///
/// ```toml
/// url = "https://prometheus.example.org"
/// bearer = { env = "PROMETHEUS_TOKEN" }
/// freshness = 'max(max_over_time(timestamp(http_requests_total{version="{{version}}"})[{{window}}:5s]))'
///
/// [metrics.error_rate]
/// kind = "counts"
/// requests = 'sum(increase(http_requests_total{version="{{version}}"}[{{window}}]))'
/// errors = 'sum(increase(http_requests_total{version="{{version}}",code=~"5.."}[{{window}}]))'
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Where it is; a path in front of `/api/v1` belongs to it. https, or http to a loopback host.
    pub url: String,
    /// A token to send along.
    #[serde(default)]
    pub bearer: Option<SecretSource>,
    /// How long one query may take: `10s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// How much older than the end of the window the newest sample may be: `1m` by default.
    #[serde(default = "default_stale_after", deserialize_with = "span_from_text")]
    pub stale_after: Span,
    /// A query for the time of the newest sample, for the metrics that have none of their own.
    #[serde(default)]
    pub freshness: Option<String>,
    /// The queries of each metric.
    pub metrics: BTreeMap<MetricName, PrometheusMetric>,
}

/// Prometheus's own limit for a query is two minutes; a gate that waits that long holds up the others.
pub(super) const fn default_timeout() -> Span {
    Span::from_secs(10)
}

/// Four scrapes of 15 seconds, or two of 30: what most installations have.
pub(super) const fn default_stale_after() -> Span {
    Span::from_minutes(1)
}

/// The queries of one metric, and what they mean together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PrometheusMetric {
    /// Requests, and those that went wrong: a [`Counts`](relman_core::judge::Measurement::Counts).
    Counts {
        /// One value: all requests of the window.
        requests: String,
        /// One value: those that failed.
        errors: String,
        /// The time of the newest sample, where the source's query doesn't fit.
        #[serde(default)]
        freshness: Option<String>,
    },
    /// A classic histogram: a [`Histogram`](relman_core::judge::Measurement::Histogram) in milliseconds.
    Histogram {
        /// One series for each `le`, `+Inf` among them: `sum by (le) (increase(…_bucket{…}[{{window}}]))`.
        buckets: String,
        /// The unit of the bounds.
        unit: HistogramUnit,
        /// The time of the newest sample, where the source's query doesn't fit.
        #[serde(default)]
        freshness: Option<String>,
    },
    /// One value as it is: a [`Gauge`](relman_core::judge::Measurement::Gauge).
    Gauge {
        /// One value.
        query: String,
        /// Its unit; by default the value stays as it is.
        #[serde(default)]
        unit: GaugeUnit,
        /// Whether it belongs to an arm; it does by default.
        #[serde(default)]
        scope: Scope,
        /// The time of the newest sample, where the source's query doesn't fit.
        #[serde(default)]
        freshness: Option<String>,
    },
    /// Things counted, and what was exposed to them: [`Events`](relman_core::judge::Measurement::Events).
    Events {
        /// One value: how many there were in the window.
        count: String,
        /// One value: how much was exposed in the window.
        exposure: String,
        /// Whether it belongs to an arm; it does by default.
        #[serde(default)]
        scope: Scope,
        /// The time of the newest sample, where the source's query doesn't fit.
        #[serde(default)]
        freshness: Option<String>,
    },
}

impl PrometheusMetric {
    /// Requests, and those that went wrong.
    pub fn counts(requests: impl Into<String>, errors: impl Into<String>) -> Self {
        Self::Counts { requests: requests.into(), errors: errors.into(), freshness: None }
    }

    /// A classic histogram with bounds in that unit.
    pub fn histogram(buckets: impl Into<String>, unit: HistogramUnit) -> Self {
        Self::Histogram { buckets: buckets.into(), unit, freshness: None }
    }

    /// One value of an arm.
    pub fn gauge(query: impl Into<String>, unit: GaugeUnit) -> Self {
        Self::Gauge { query: query.into(), unit, scope: Scope::Arm, freshness: None }
    }

    /// Things counted in an arm, and what was exposed to them.
    pub fn events(count: impl Into<String>, exposure: impl Into<String>) -> Self {
        Self::Events { count: count.into(), exposure: exposure.into(), scope: Scope::Arm, freshness: None }
    }

    /// The same metric with a freshness query of its own.
    #[must_use]
    pub fn with_freshness(mut self, query: impl Into<String>) -> Self {
        match &mut self {
            Self::Counts { freshness, .. }
            | Self::Histogram { freshness, .. }
            | Self::Gauge { freshness, .. }
            | Self::Events { freshness, .. } => *freshness = Some(query.into()),
        }
        self
    }

    pub(super) fn freshness(&self) -> Option<&str> {
        match self {
            Self::Counts { freshness, .. }
            | Self::Histogram { freshness, .. }
            | Self::Gauge { freshness, .. }
            | Self::Events { freshness, .. } => freshness.as_deref(),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Counts { .. } | Self::Histogram { .. } => Scope::Arm,
            Self::Gauge { scope, .. } | Self::Events { scope, .. } => *scope,
        }
    }
}

/// The unit of a histogram's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistogramUnit {
    /// Seconds, as Prometheus's naming rules want it.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// The unit of a gauge's value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GaugeUnit {
    /// A number that is taken as it is: a queue's depth, or a ratio between 0 and 1.
    #[default]
    Plain,
    /// Seconds, which become milliseconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Per cent, which become a ratio between 0 and 1.
    Percent,
}

/// What a metric is measured on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// On each arm apart.
    #[default]
    Arm,
    /// On something that both arms share, such as a queue or a database. It is measured as the canary's, the baseline
    /// has no data, and the freshness query is the metric's own.
    Shared,
}
