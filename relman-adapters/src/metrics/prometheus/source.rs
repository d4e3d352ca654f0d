use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use relman_core::{
    judge::{Answer, Arm, Measurement, Observation},
    port::{MetricQuery, MetricsSource, PortError},
    unit::{MetricName, Span, Window},
};
use tracing::warn;

use super::{
    answer::{error_in, series_in},
    config::{PrometheusConfig, PrometheusMetric, Scope, default_stale_after, default_timeout},
    measure::{self, Table},
    plan::{MetricPlan, PrometheusError, Queries, compile},
    template::Template,
};
use crate::{
    http::{Endpoint, HttpClient, Limits},
    secret::Secret,
};

const NAME: &str = "prometheus";

/// A few series are a kilobyte; this leaves room for a query that forgot its `sum`, so that the message can say so.
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// A [`MetricsSource`] that asks Prometheus. See the [module](super) for what queries look like.
///
/// Nothing is asked twice: the next observation is the retry.
pub struct Prometheus {
    client: HttpClient,
    bearer: Option<Secret>,
    timeout: Span,
    stale_after: Span,
    metrics: BTreeMap<MetricName, MetricPlan>,
}

/// Puts a [`Prometheus`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct PrometheusBuilder {
    url: String,
    bearer: Option<Secret>,
    timeout: Span,
    stale_after: Span,
    freshness: Option<String>,
    metrics: BTreeMap<MetricName, PrometheusMetric>,
}

impl PrometheusBuilder {
    /// Sends this token along.
    pub fn bearer(mut self, token: Secret) -> Self {
        self.bearer = Some(token);
        self
    }

    /// Gives up on a query after this time, 10 seconds by default. Prometheus is told to give up too.
    pub fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes samples for stale that are older than the end of the window by more than this, one minute where nothing
    /// is said.
    pub fn stale_after(mut self, stale_after: Span) -> Self {
        self.stale_after = stale_after;
        self
    }

    /// Sets the freshness query of the metrics that have none of their own.
    pub fn freshness(mut self, query: impl Into<String>) -> Self {
        self.freshness = Some(query.into());
        self
    }

    /// Adds a metric, in place of one with the same name.
    pub fn metric(mut self, name: MetricName, metric: PrometheusMetric) -> Self {
        self.metrics.insert(name, metric);
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where the URL must not be connected to or a query can't mean what it should.
    pub fn build(self) -> Result<Prometheus, PrometheusError> {
        let metrics = compile(&self.metrics, self.freshness.as_deref())?;
        let endpoint =
            Endpoint::parse(&self.url).map_err(PrometheusError::Url)?.with_segments(&["api", "v1", "query"]);
        let limits = Limits { timeout: self.timeout, body_bytes: BODY_BYTES };
        let secrets = self.bearer.iter().cloned().collect();
        let client = HttpClient::new(NAME, endpoint, limits, secrets).map_err(PrometheusError::Url)?;
        Ok(Prometheus {
            client,
            bearer: self.bearer,
            timeout: self.timeout,
            stale_after: self.stale_after,
            metrics,
        })
    }
}

impl Prometheus {
    /// Starts with a URL: https, or http to a loopback host; a path in front of `/api/v1` belongs to it.
    pub fn builder(url: impl Into<String>) -> PrometheusBuilder {
        PrometheusBuilder {
            url: url.into(),
            bearer: None,
            timeout: default_timeout(),
            stale_after: default_stale_after(),
            freshness: None,
            metrics: BTreeMap::new(),
        }
    }

    /// Sets up the Prometheus that a file describes, and reads its token.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where the token can't be read, the URL must not be connected to, or a query can't mean
    /// what it should.
    pub fn from_config(config: PrometheusConfig) -> Result<Self, PrometheusError> {
        let bearer =
            config.bearer.map(|source| source.resolve()).transpose().map_err(PrometheusError::Bearer)?;
        PrometheusBuilder {
            url: config.url,
            bearer,
            timeout: config.timeout,
            stale_after: config.stale_after,
            freshness: config.freshness,
            metrics: config.metrics,
        }
        .build()
    }

    async fn measure(&self, query: &MetricQuery, arm: Arm, window: Window) -> Result<Measurement, Answer> {
        let Some(plan) = self.metrics.get(&query.metric) else {
            let detail = format!("no query is configured for the metric {}", query.metric);
            return Err(Answer::ProviderError { detail });
        };
        if (plan.scope, arm) == (Scope::Shared, Arm::Baseline) {
            let detail = format!("{} is shared by both arms and has no baseline of its own", query.metric);
            return Err(Answer::NoData { detail });
        }
        if window.length() == Span::ZERO {
            return Err(Answer::ProviderError { detail: format!("the window {window} has no length") });
        }
        let question = Measurand { query, arm, window };
        let freshness = self.ask("freshness", &plan.freshness, &question);
        match &plan.queries {
            Queries::Counts { requests, errors } => {
                let (freshness, requests, errors) = tokio::join!(
                    freshness,
                    self.ask("requests", requests, &question),
                    self.ask("errors", errors, &question),
                );
                measure::fresh(&freshness?, window, self.stale_after)?;
                measure::counts(&requests?, &errors?)
            }
            Queries::Histogram { buckets, unit } => {
                let (freshness, buckets) = tokio::join!(freshness, self.ask("buckets", buckets, &question));
                measure::fresh(&freshness?, window, self.stale_after)?;
                measure::histogram(&buckets?, *unit)
            }
            Queries::Gauge { query, unit } => {
                let (freshness, value) = tokio::join!(freshness, self.ask("gauge", query, &question));
                measure::fresh(&freshness?, window, self.stale_after)?;
                measure::gauge(&value?, *unit)
            }
            Queries::Events { count, exposure } => {
                let (freshness, count, exposure) = tokio::join!(
                    freshness,
                    self.ask("count", count, &question),
                    self.ask("exposure", exposure, &question),
                );
                measure::fresh(&freshness?, window, self.stale_after)?;
                measure::events(&count?, &exposure?)
            }
        }
    }

    async fn ask(
        &self,
        field: &'static str,
        template: &Template,
        question: &Measurand<'_>,
    ) -> Result<Table, Answer> {
        let query = template.render(question.query, question.arm, question.window.length());
        let failed =
            |detail: String| Answer::ProviderError { detail: format!("the {field} query: {detail}") };
        let body = self.post(&query, question.window).await.map_err(|failure| failed(failure.to_string()))?;
        let (series, warnings) = series_in(&body).map_err(|problem| failed(self.client.redact(&problem)))?;
        for warning in warnings {
            warn!(
                metric = %question.query.metric,
                arm = %question.arm,
                field,
                warning = %self.client.redact(&warning),
                "prometheus warns"
            );
        }
        Ok(Table { field, query, series })
    }

    async fn post(&self, query: &str, window: Window) -> Result<Vec<u8>, Failure> {
        const OPERATION: &str = "query";
        let timeout = format!("{}ms", self.timeout.as_millis());
        let form = [("query", query), ("time", &window.until.to_string()), ("timeout", &timeout)];
        let mut request = self.client.post().form(&form);
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token.expose());
        }
        let reply = self.client.send(OPERATION, request).await?;
        match error_in(&reply.body) {
            Some(error) if !reply.status.is_success() => Err(Failure::Told(format!(
                "HTTP {}: {}",
                reply.status,
                self.client.excerpt(error.as_bytes())
            ))),
            Some(_) | None => Ok(self.client.accept(OPERATION, reply)?),
        }
    }
}

/// One metric of one arm over one window.
struct Measurand<'a> {
    query: &'a MetricQuery,
    arm: Arm,
    window: Window,
}

/// Why a query brought no body.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Prometheus said what is wrong.
    #[error("{0}")]
    Told(String),
    /// Nobody did.
    #[error(transparent)]
    Port(#[from] PortError),
}

#[async_trait]
impl MetricsSource for Prometheus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn knows(&self, metric: &MetricName) -> bool {
        self.metrics.contains_key(metric)
    }

    /// Asks for the values and for the time of the newest sample, all at the end of the window and all at once. The
    /// answer covers the window that was asked for.
    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let answer = match self.measure(query, arm, window).await {
            Ok(measurement) => Answer::Value(measurement),
            Err(absence) => absence,
        };
        Observation::new(query.metric.clone(), arm, window, NAME, answer)
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").field("metrics", &self.metrics.keys()).finish_non_exhaustive()
    }
}
