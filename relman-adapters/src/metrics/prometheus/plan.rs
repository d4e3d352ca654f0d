use std::collections::BTreeMap;

use relman_core::unit::MetricName;
use thiserror::Error;

use super::{
    config::{GaugeUnit, HistogramUnit, PrometheusMetric, Scope},
    template::{Template, TemplateError},
};
use crate::{http::EndpointError, secret::SecretError};

/// The queries of one metric, checked.
#[derive(Debug)]
pub(super) struct MetricPlan {
    pub(super) scope: Scope,
    pub(super) freshness: Template,
    pub(super) queries: Queries,
}

#[derive(Debug)]
pub(super) enum Queries {
    Counts { requests: Template, errors: Template },
    Histogram { buckets: Template, unit: HistogramUnit },
    Gauge { query: Template, unit: GaugeUnit },
    Events { count: Template, exposure: Template },
}

/// Why a Prometheus can't be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrometheusError {
    /// Its URL can't be connected to.
    #[error("failed to set up prometheus: `url`: {0}")]
    Url(EndpointError),
    /// Its token can't be read.
    #[error("failed to set up prometheus: `bearer`: {0}")]
    Bearer(SecretError),
    /// A metric is measured by nothing.
    #[error("failed to set up prometheus: no metric has a query")]
    NoMetrics,
    /// A query can't be used.
    #[error("failed to set up prometheus: `{metric}.{field}`: {problem}")]
    Query {
        /// The metric.
        metric: MetricName,
        /// Which of its queries.
        field: &'static str,
        /// What is wrong, and where.
        problem: TemplateError,
    },
    /// A metric whose staleness nobody could notice.
    #[error(
        "failed to set up prometheus: `{metric}` has no freshness query, and the source has none for it: write one whose value \
         is the time of the newest sample, such as \
         max(max_over_time(timestamp(SELECTOR)[{{{{window}}}}:5s]))"
    )]
    NoFreshness {
        /// The metric.
        metric: MetricName,
    },
}

pub(super) fn compile(
    metrics: &BTreeMap<MetricName, PrometheusMetric>,
    freshness: Option<&str>,
) -> Result<BTreeMap<MetricName, MetricPlan>, PrometheusError> {
    if metrics.is_empty() {
        return Err(PrometheusError::NoMetrics);
    }
    metrics
        .iter()
        .map(|(name, metric)| Ok((name.clone(), compile_metric(name, metric, freshness)?)))
        .collect()
}

fn compile_metric(
    name: &MetricName,
    metric: &PrometheusMetric,
    common_freshness: Option<&str>,
) -> Result<MetricPlan, PrometheusError> {
    let scope = metric.scope();
    let template = |field: &'static str, text: &str, over: Over| {
        checked(text, over, scope).map_err(|problem| PrometheusError::Query {
            metric: name.clone(),
            field,
            problem,
        })
    };
    let queries = match metric {
        PrometheusMetric::Counts { requests, errors, .. } => Queries::Counts {
            requests: template("requests", requests, Over::Window)?,
            errors: template("errors", errors, Over::Window)?,
        },
        PrometheusMetric::Histogram { buckets, unit, .. } => {
            Queries::Histogram { buckets: template("buckets", buckets, Over::Window)?, unit: *unit }
        }
        PrometheusMetric::Gauge { query, unit, .. } => {
            Queries::Gauge { query: template("query", query, Over::NotifyOn)?, unit: *unit }
        }
        PrometheusMetric::Events { count, exposure, .. } => Queries::Events {
            count: template("count", count, Over::Window)?,
            exposure: template("exposure", exposure, Over::Window)?,
        },
    };
    // The source's query is about an arm, so it says nothing about what both arms share.
    let common_freshness = common_freshness.filter(|_| scope == Scope::Arm);
    let freshness = metric
        .freshness()
        .or(common_freshness)
        .ok_or_else(|| PrometheusError::NoFreshness { metric: name.clone() })?;
    Ok(MetricPlan { scope, freshness: template("freshness", freshness, Over::NotifyOn)?, queries })
}

/// What a query speaks about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Window,
    NotifyOn,
}

/// Reads a query and makes sure that it is about the window and the arm that are asked for.
fn checked(text: &str, over: Over, scope: Scope) -> Result<Template, TemplateError> {
    let template = Template::parse(text)?;
    let uses = template.uses();
    let missing = |problem: &str| Err(TemplateError::at(text, text.len(), problem));
    if over == Over::Window && !uses.window {
        return missing("it has no {{window}}: it would count over another time than the one that is judged");
    }
    if scope == Scope::Arm && !uses.arm {
        return missing(
            "it has neither {{arm}} nor {{version}}: it would measure the same for canary and baseline",
        );
    }
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: &str = "increase(x{v=\"{{version}}\"}[{{window}}])";
    const FRESH: &str = "max(timestamp(x{v=\"{{version}}\"}))";

    fn problem(metric: PrometheusMetric, freshness: Option<&str>) -> String {
        let metrics = BTreeMap::from([("error_rate".parse().unwrap(), metric)]);
        compile(&metrics, freshness).unwrap_err().to_string()
    }

    #[test]
    fn a_query_about_no_arm_or_no_window_is_refused_with_metric_and_place() {
        assert_eq!(
            problem(PrometheusMetric::counts(REQUESTS, "increase(x[{{window}}])"), Some(FRESH)),
            "failed to set up prometheus: `error_rate.errors`: line 1, column 24: it has neither {{arm}} nor {{version}}: \
             it would measure the same for canary and baseline"
        );
        let problem_of_window =
            problem(PrometheusMetric::counts("increase(x{v=\"{{version}}\"}[5m])", REQUESTS), Some(FRESH));
        assert!(problem_of_window.contains("`error_rate.requests`: line 1, column 33: it has no {{window}}"));
        let problem_of_name =
            problem(PrometheusMetric::gauge("x{v=\"{{v}}\"}", GaugeUnit::Plain), Some(FRESH));
        assert!(problem_of_name.contains("`error_rate.query`: line 1, column 6: \"v\" is not one of"));
    }

    #[test]
    fn a_metric_without_a_freshness_query_is_refused() {
        let error = problem(PrometheusMetric::counts(REQUESTS, REQUESTS), None);
        assert!(error.contains("timestamp(SELECTOR)[{{window}}:5s]"), "{error}");
        let metrics = BTreeMap::from([(
            "error_rate".parse().unwrap(),
            PrometheusMetric::counts(REQUESTS, REQUESTS).with_freshness(FRESH),
        )]);
        assert!(compile(&metrics, None).is_ok());
        assert_eq!(compile(&BTreeMap::new(), Some(FRESH)).unwrap_err(), PrometheusError::NoMetrics);
    }

    #[test]
    fn what_both_arms_share_needs_no_arm() {
        let shared = PrometheusMetric::Gauge {
            query: "queue_depth".to_owned(),
            unit: GaugeUnit::Plain,
            scope: Scope::Shared,
            freshness: None,
        };
        assert!(problem(shared.clone(), Some(FRESH)).contains("no freshness query"));
        let shared = shared.with_freshness("timestamp(queue_depth)");
        assert!(compile(&BTreeMap::from([("queue_depth".parse().unwrap(), shared)]), None).is_ok());
    }
}
