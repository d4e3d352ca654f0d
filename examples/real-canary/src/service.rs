//! The service that is released: it answers, fails as often as it is told, and measures itself.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use serde::Deserialize;
use tokio::net::TcpListener;

/// The header that says which version has answered.
pub const VERSION_HEADER: &str = "x-version";

/// The bounds of the latency histogram, in seconds: from what loopback takes to what people wait for.
const LATENCY_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// What the rate of errors is counted in: one in a million.
const MILLION: u32 = 1_000_000;

/// One version of the service.
///
/// - `GET /` answers 200, or 500 at the error rate, after the latency.
/// - `GET /health` answers 200 and is not counted.
/// - `GET /metrics` gives `http_requests_total{version,code}`, `http_request_duration_seconds{version}` and
///   `log_errors_total{version}`, each there from the first scrape on, so that a zero is measured as a zero.
/// - `POST /fail?rate=0.05` changes the error rate.
#[derive(Debug)]
pub struct Service {
    version: String,
    latency: Duration,
    errors_per_million: AtomicU32,
    /// What the requests so far have left over towards the next error.
    due: AtomicU64,
    metrics: Metrics,
}

impl Service {
    /// A version that answers after `latency` and fails at `error_rate`.
    pub fn new(version: impl Into<String>, error_rate: ErrorRate, latency: Duration) -> Self {
        let version = version.into();
        let metrics = Metrics::new(&version);
        let errors_per_million = AtomicU32::new(error_rate.0);
        Self { version, latency, errors_per_million, due: AtomicU64::new(0), metrics }
    }

    /// Serves until `stop` completes; requests that are under way are still answered.
    ///
    /// # Errors
    ///
    /// What the listener fails with.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/", get(answer))
            .route("/health", get(|| async { "well\n" }))
            .route("/metrics", get(metrics))
            .route("/fail", post(fail))
            .with_state(Arc::new(self));
        axum::serve(listener, router).with_graceful_shutdown(stop).await
    }

    /// Whether the next request fails. Errors are spread evenly, so that counts can be predicted: at 0.05 it is
    /// every twentieth request.
    fn next_fails(&self) -> bool {
        let rate = u64::from(self.errors_per_million.load(Ordering::Relaxed));
        let million = u64::from(MILLION);
        let before = self.due.fetch_add(rate, Ordering::Relaxed);
        (before + rate) / million > before / million
    }
}

/// How many requests fail: a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct ErrorRate(u32);

impl ErrorRate {
    /// Nothing fails.
    pub const NONE: Self = Self(0);
}

impl TryFrom<f64> for ErrorRate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&rate) {
            return Err(format!("{rate} is not an error rate: it is a number from 0 to 1"));
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to a million, as checked"
        )]
        Ok(Self((rate * f64::from(MILLION)).round() as u32))
    }
}

impl std::str::FromStr for ErrorRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<f64>().map_err(|error| format!("{text:?} is not a number: {error}"))?.try_into()
    }
}

#[derive(Debug)]
struct Metrics {
    registry: Registry,
    requests: Family<Code, Counter>,
    duration: Histogram,
    log_errors: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: u16,
}

impl Metrics {
    fn new(version: &str) -> Self {
        let version = [("version".into(), version.to_owned().into())];
        let mut registry = Registry::with_labels(version.into_iter());
        let requests = Family::<Code, Counter>::default();
        for status in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
            drop(requests.get_or_create(&Code { code: status.as_u16() }));
        }
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let duration = Histogram::new(LATENCY_BOUNDS);
        let help = "How long answers took, in seconds";
        registry.register("http_request_duration_seconds", help, duration.clone());
        let log_errors = Counter::default();
        registry.register("log_errors", "Lines that were logged as errors", log_errors.clone());
        Self { registry, requests, duration, log_errors }
    }
}

async fn answer(State(service): State<Arc<Service>>) -> Response {
    let begin = Instant::now();
    tokio::time::sleep(service.latency).await;
    let (status, body) = if service.next_fails() {
        eprintln!("error: version {}: the answer could not be made, as it was told", service.version);
        service.metrics.log_errors.inc();
        (StatusCode::INTERNAL_SERVER_ERROR, "failed\n")
    } else {
        (StatusCode::OK, "done\n")
    };
    service.metrics.requests.get_or_create(&Code { code: status.as_u16() }).inc();
    service.metrics.duration.observe(begin.elapsed().as_secs_f64());
    (status, [(VERSION_HEADER, service.version.clone())], body).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &service.metrics.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Deserialize)]
struct Fail {
    rate: ErrorRate,
}

async fn fail(State(service): State<Arc<Service>>, Query(Fail { rate }): Query<Fail>) -> &'static str {
    service.errors_per_million.store(rate.0, Ordering::Relaxed);
    "changed\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Client;

    async fn start(error_rate: f64) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Service::new("2.0.0", error_rate.try_into().unwrap(), Duration::ZERO);
        tokio::spawn(service.serve(listener, std::future::pending()));
        url
    }

    #[tokio::test]
    async fn every_series_is_there_before_the_first_request() {
        let url = start(0.0).await;
        let metrics = Client::default().get(&format!("{url}/metrics")).await.unwrap().body;
        for line in [
            r#"http_requests_total{version="2.0.0",code="200"} 0"#,
            r#"http_requests_total{version="2.0.0",code="500"} 0"#,
            r#"http_request_duration_seconds_bucket{version="2.0.0",le="+Inf"} 0"#,
            r#"http_request_duration_seconds_count{version="2.0.0"} 0"#,
            r#"log_errors_total{version="2.0.0"} 0"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is missing in\n{metrics}");
        }
    }

    #[tokio::test]
    async fn requests_fail_at_the_rate_and_are_counted() {
        let (url, client) = (start(0.05).await, Client::default());
        for request in 1..=40 {
            let answer = client.get(&url).await.unwrap();
            assert_eq!(answer.status.as_u16(), if request % 20 == 0 { 500 } else { 200 });
            assert_eq!(answer.headers[VERSION_HEADER], "2.0.0");
        }
        let wrong = client.post(&format!("{url}/fail?rate=1.5")).await.unwrap();
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        client.post(&format!("{url}/fail?rate=1")).await.unwrap();
        assert_eq!(client.get(&url).await.unwrap().status.as_u16(), 500);
        let metrics = client.get(&format!("{url}/metrics")).await.unwrap().body;
        for line in [
            r#"http_requests_total{version="2.0.0",code="200"} 38"#,
            r#"http_requests_total{version="2.0.0",code="500"} 3"#,
            r#"http_request_duration_seconds_count{version="2.0.0"} 41"#,
            r#"log_errors_total{version="2.0.0"} 3"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is missing in\n{metrics}");
        }
    }
}
