use async_trait::async_trait;

use crate::{
    judge::{Arm, Observation},
    unit::{MetricName, ReleaseId, ServiceName, Timestamp, Window},
};

/// Where measurements come from.
#[async_trait]
pub trait MetricsSource: Send + Sync {
    /// The name of the adapter, for observations, errors and logs.
    fn name(&self) -> &str;

    /// Whether this source has a query for the metric. The conductor asks before a release starts, so that a
    /// metric that nobody can measure is found then and not at 3 a.m.
    fn knows(&self, metric: &MetricName) -> bool;

    /// Measures one metric of one arm over one window.
    ///
    /// - Never an error: what went wrong is an [`Answer`](crate::judge::Answer) of its own, so that it is recorded.
    /// - An empty result is [`NoData`](crate::judge::Answer::NoData), never a zero. A zero is a zero that was
    ///   measured.
    /// - The observation's `window` is the one that the answer covers, which may differ from the one asked for.
    /// - Reading changes nothing: asking twice is harmless.
    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation;
}

/// What is to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricQuery {
    /// The metric.
    pub metric: MetricName,
    /// The release for which it is measured.
    pub release: ReleaseId,
    /// The service that is measured.
    pub service: ServiceName,
    /// The version in the canary arm.
    pub canary_version: String,
    /// The version in the baseline arm.
    pub baseline_version: String,
    /// When the release entered production: what began before is not its doing. Not known, if absent.
    pub since: Option<Timestamp>,
}

impl MetricQuery {
    /// Asks for one metric of a service while a release replaces its baseline version by the canary version.
    pub fn new(
        metric: MetricName,
        release: ReleaseId,
        service: ServiceName,
        canary_version: impl Into<String>,
        baseline_version: impl Into<String>,
    ) -> Self {
        Self {
            metric,
            release,
            service,
            canary_version: canary_version.into(),
            baseline_version: baseline_version.into(),
            since: None,
        }
    }

    /// With the moment at which the release entered production.
    #[must_use]
    pub fn entered_at(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }
}
