use std::{fmt, sync::Arc};

use async_trait::async_trait;
use relman_core::{
    judge::{Answer, Arm, Observation},
    port::{MetricQuery, MetricsSource},
    unit::{MetricName, Window},
};

/// A [`MetricsSource`] made of several: each metric is measured by the first one that knows it.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use relman_adapters::metrics::MetricsByName;
/// use relman_core::port::MetricsSource;
/// use relman_testkit::mock::MockMetricsSource;
///
/// let mut requests = MockMetricsSource::new();
/// requests.expect_name().return_const("requests".to_owned());
/// requests.expect_knows().returning(|metric| metric.as_str() == "error_rate");
/// let mut incidents = MockMetricsSource::new();
/// incidents.expect_name().return_const("pager".to_owned());
/// incidents.expect_knows().returning(|metric| metric.as_str() == "incidents");
///
/// let metrics = MetricsByName::new(Arc::new(requests)).or(Arc::new(incidents));
/// assert_eq!(metrics.name(), "requests+pager");
/// assert!(metrics.knows(&"error_rate".parse()?) && metrics.knows(&"incidents".parse()?));
/// assert!(!metrics.knows(&"latency_p99".parse()?));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Clone)]
pub struct MetricsByName {
    sources: Vec<Arc<dyn MetricsSource>>,
    name: String,
}

impl MetricsByName {
    /// Starts with one source.
    pub fn new(source: Arc<dyn MetricsSource>) -> Self {
        Self { name: source.name().to_owned(), sources: vec![source] }
    }

    /// Asks another source for the metrics that none before it knows.
    #[must_use]
    pub fn or(mut self, source: Arc<dyn MetricsSource>) -> Self {
        self.name = format!("{}+{}", self.name, source.name());
        self.sources.push(source);
        self
    }
}

#[async_trait]
impl MetricsSource for MetricsByName {
    /// The names of all of them, with `+` between. An observation names the one that made it.
    fn name(&self) -> &str {
        &self.name
    }

    fn knows(&self, metric: &MetricName) -> bool {
        self.sources.iter().any(|source| source.knows(metric))
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        if let Some(source) = self.sources.iter().find(|source| source.knows(&query.metric)) {
            source.observe(query, arm, window).await
        } else {
            let detail = format!("none of {} knows the metric {}", self.name, query.metric);
            let answer = Answer::ProviderError { detail };
            Observation::new(query.metric.clone(), arm, window, &self.name, answer)
        }
    }
}

impl fmt::Debug for MetricsByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetricsByName").field(&self.name).finish()
    }
}
