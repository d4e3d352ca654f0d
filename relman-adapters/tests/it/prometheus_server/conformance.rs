use std::{net::SocketAddr, ops::RangeInclusive};

use async_trait::async_trait;
use relman_adapters::{clock::SystemClock, metrics::prometheus::Prometheus, secret::Secret};
use relman_core::{
    judge::{Answer, Arm, Measurement},
    port::{Clock, MetricsSource},
    unit::{Span, Timestamp, Window},
};
use relman_testkit::conformance::{
    self, Able,
    metrics::{MetricCase, MetricsFixture},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{exporter, source, start, wait_for};

const TOKEN: &str = "hunter2-hunter2";

/// A source that asks a real Prometheus through a relay of its own.
struct Relayed {
    source: Prometheus,
    relay: JoinHandle<()>,
    /// A moment up to which everything is scraped.
    until: Timestamp,
}

impl Relayed {
    async fn to(server: SocketAddr, until: Timestamp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let relay = tokio::spawn(async move {
            // Connections end with the relay, kept alive or not.
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    // Either side may end it at any time.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { source: source(&url).bearer(Secret::new(TOKEN)).build().unwrap(), relay, until }
    }

    fn last_seconds(&self) -> Window {
        Window { from: self.until.minus(Span::from_secs(5)), until: self.until }
    }
}

fn question_about(metric: &str, arm: Arm, window: Window) -> MetricCase {
    let mut question = MetricCase::about(metric.parse().unwrap(), arm, window);
    question.query.canary_version = "2.0".into();
    question.query.baseline_version = "1.0".into();
    question
}

#[async_trait]
impl MetricsFixture for Relayed {
    fn source(&self) -> &dyn MetricsSource {
        &self.source
    }

    fn question(&self) -> MetricCase {
        question_about("error_rate", Arm::Canary, self.last_seconds())
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    /// The canary's counters rise by 20 with each scrape, once a second; the baseline's by 100.
    fn requests(&self, arm: Arm) -> Able<RangeInclusive<u64>> {
        Ok(match arm {
            Arm::Canary => 60..=140,
            Arm::Baseline => 300..=700,
        })
    }

    async fn empty(&self) -> Able<MetricCase> {
        Ok(question_about("complaints", Arm::Canary, self.last_seconds()))
    }

    async fn zero(&self) -> Able<MetricCase> {
        Ok(question_about("refusals", Arm::Canary, self.last_seconds()))
    }

    /// Up to a moment that is yet to come, so that what is there now is old then.
    async fn stale(&self) -> Able<MetricCase> {
        let until = self.until + Span::from_secs(60);
        let window = Window { from: self.until.minus(Span::from_secs(5)), until };
        Ok(question_about("error_rate", Arm::Canary, window))
    }

    async fn not_finite(&self) -> Able<MetricCase> {
        Ok(question_about("lag", Arm::Baseline, self.last_seconds()))
    }

    async fn cut_off(&self) -> Able<()> {
        self.relay.abort();
        while !self.relay.is_finished() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_real_server_every_promise_is_checked_and_kept() {
    let exporter = exporter().await;
    let Some(server) = start(&exporter) else { return };
    let source = source(&server.url).build().unwrap();
    let enough = |answer: &Answer| matches!(answer, Answer::Value(Measurement::Counts { requests, .. }) if *requests >= 80);
    wait_for(&source, "error_rate", Span::from_secs(5), enough).await;
    let until = SystemClock.now();
    // Until one more scrape is in, an answer about this moment may still change.
    let later = |answer: &Answer| enough(answer) && SystemClock.now().since(until) > Span::from_secs(2);
    wait_for(&source, "error_rate", Span::from_secs(5), later).await;

    let address = server.url.trim_start_matches("http://").parse().unwrap();
    let report = conformance::metrics::suite(async || Relayed::to(address, until).await).await;
    assert_eq!(report.passed().count(), report.checks.len(), "{report}");
}
