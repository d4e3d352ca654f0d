use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use relman_core::{
    judge::{Answer, Arm, Measurement, Observation},
    port::{Incident, IncidentSource, MetricQuery, MetricsSource},
    unit::{Finite, MetricName, Window},
};

/// The metric that counts every incident.
const INCIDENTS: &str = "incidents";

/// A [`MetricsSource`] that counts the incidents of a service: the metric `incidents`, and more of them by severity.
///
/// - The value is a gauge: how many incidents of the service fired at some time in the window, in `incidents > 0` as
///   people write it. One that began before the release entered production is not its doing, and does not count.
/// - It belongs to the service and not to an arm. It is measured as the canary's, and the baseline has no data, so that
///   nothing can be compared with it.
/// - Where the source can't say what fires, the answer is a
///   [`ProviderError`](relman_core::judge::Answer::ProviderError), and no zero.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use relman_adapters::incident::IncidentMetrics;
/// use relman_core::port::{Incident, IncidentSource, MetricsSource};
/// # use relman_core::{port::PortError, unit::{ServiceName, Window}};
/// # struct Pager;
/// # #[async_trait::async_trait]
/// # impl IncidentSource for Pager {
/// #     fn name(&self) -> &str { "pager" }
/// #     async fn incidents(&self, _: &ServiceName, _: Window) -> Result<Vec<Incident>, PortError> { Ok(Vec::new()) }
/// # }
///
/// let metrics = IncidentMetrics::new(Arc::new(Pager)).counting("pages".parse()?, ["page", "critical"]);
/// assert!(metrics.knows(&"incidents".parse()?));
/// assert!(metrics.knows(&"pages".parse()?));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Clone)]
pub struct IncidentMetrics {
    source: Arc<dyn IncidentSource>,
    metrics: BTreeMap<MetricName, Counted>,
}

/// What a metric counts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Counted {
    Every,
    Of(BTreeSet<String>),
}

impl Counted {
    fn counts(&self, incident: &Incident) -> bool {
        match self {
            Self::Every => true,
            Self::Of(severities) => {
                incident.severity.as_ref().is_some_and(|severity| severities.contains(severity.as_str()))
            }
        }
    }
}

impl IncidentMetrics {
    /// Counts the incidents of a source, as the metric `incidents`.
    ///
    /// # Panics
    ///
    /// Never: the name of the metric is a constant.
    pub fn new(source: Arc<dyn IncidentSource>) -> Self {
        let every = INCIDENTS.parse().expect("a constant name");
        Self { source, metrics: [(every, Counted::Every)].into() }
    }

    /// Counts those of some severities apart, under a name of their own. An incident without a severity is not one of them.
    #[must_use]
    pub fn counting<S: Into<String>>(
        mut self,
        metric: MetricName,
        severities: impl IntoIterator<Item = S>,
    ) -> Self {
        let severities = severities.into_iter().map(Into::into).collect();
        self.metrics.insert(metric, Counted::Of(severities));
        self
    }

    async fn count(&self, query: &MetricQuery, arm: Arm, window: Window) -> Answer {
        let Some(counted) = self.metrics.get(&query.metric) else {
            let detail = format!("no incidents are counted as the metric {}", query.metric);
            return Answer::ProviderError { detail };
        };
        match arm {
            Arm::Canary => {}
            Arm::Baseline => {
                let detail =
                    format!("{} is shared by both arms and has no baseline of its own", query.metric);
                return Answer::NoData { detail };
            }
        }
        let incidents = match self.source.incidents(&query.service, window).await {
            Ok(incidents) => incidents,
            Err(error) => return Answer::ProviderError { detail: error.to_string() },
        };
        let is_its_own = |incident: &&Incident| query.since.is_none_or(|since| incident.started_at >= since);
        let count = incidents.iter().filter(|incident| counted.counts(incident)).filter(is_its_own).count();
        // Beyond 2^53 a double would round; a source with so many incidents would be out of memory.
        match Finite::new(count as f64) {
            Some(value) => Answer::Value(Measurement::Gauge { value }),
            None => Answer::NotFinite { written: count.to_string() },
        }
    }
}

#[async_trait]
impl MetricsSource for IncidentMetrics {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn knows(&self, metric: &MetricName) -> bool {
        self.metrics.contains_key(metric)
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let answer = self.count(query, arm, window).await;
        Observation::new(query.metric.clone(), arm, window, self.name(), answer)
    }
}

impl fmt::Debug for IncidentMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncidentMetrics")
            .field("source", &self.source.name())
            .field("metrics", &self.metrics)
            .finish()
    }
}
