//! The Prometheus adapter against a real Prometheus that scrapes a real exporter.

mod conformance;

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use relman_adapters::{
    clock::SystemClock,
    metrics::prometheus::{GaugeUnit, HistogramUnit, Prometheus, PrometheusBuilder, PrometheusMetric},
};
use relman_core::{
    judge::{Answer, Arm, Histogram, Measurement},
    port::{Clock, MetricQuery, MetricsSource},
    unit::{Span, Window},
};
use tempfile::TempDir;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::path};

/// Long enough for a busy machine, short enough to fail while somebody watches.
const DEADLINE: Duration = Duration::from_mins(1);

/// A Prometheus of this test's own, stopped when it is dropped.
struct Server {
    process: Child,
    url: String,
    _data: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only fails where it has stopped by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a Prometheus that scrapes the exporter once a second; none where no Prometheus is installed.
fn start(exporter: &MockServer) -> Option<Server> {
    let found =
        Command::new("prometheus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        assert!(
            std::env::var_os("RELMAN_REQUIRE_SERVICES").is_none(),
            "RELMAN_REQUIRE_SERVICES is set and prometheus is not installed"
        );
        println!("prometheus is not installed: this test is passed over");
        return None;
    }
    let data = tempfile::tempdir().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n",
        exporter.address()
    );
    let file = data.path().join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let process = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some(Server { process, url: format!("http://{address}"), _data: data })
}

/// Metrics of two versions whose counters rise with every scrape: the canary's by 20 requests of which 2 fail, the
/// baseline's by 100 of which 1 fails.
async fn exporter() -> MockServer {
    // Built and not taken from the pool: only such a server stops when it is dropped.
    let server = MockServer::builder().start().await;
    let scrapes = AtomicU64::new(0);
    let metrics = move |_: &Request| {
        let n = scrapes.fetch_add(1, Ordering::Relaxed);
        ResponseTemplate::new(200).set_body_raw(
            format!(
                "# TYPE http_requests_total counter\n\
                 http_requests_total{{version=\"2.0\",code=\"200\"}} {}\n\
                 http_requests_total{{version=\"2.0\",code=\"500\"}} {}\n\
                 http_requests_total{{version=\"1.0\",code=\"200\"}} {}\n\
                 http_requests_total{{version=\"1.0\",code=\"500\"}} {}\n\
                 http_requests_total{{version=\"2x0\",code=\"500\"}} {}\n\
                 # TYPE refusals_total counter\n\
                 refusals_total{{version=\"2.0\"}} 0\n\
                 # TYPE latency_seconds histogram\n\
                 latency_seconds_bucket{{version=\"2.0\",le=\"0.1\"}} {}\n\
                 latency_seconds_bucket{{version=\"2.0\",le=\"0.5\"}} {}\n\
                 latency_seconds_bucket{{version=\"2.0\",le=\"+Inf\"}} {}\n\
                 # TYPE lag_seconds gauge\n\
                 lag_seconds{{version=\"2.0\"}} 1.5\n\
                 lag_seconds{{version=\"1.0\"}} NaN\n",
                18 * n,
                2 * n,
                99 * n,
                n,
                1_000 * n,
                10 * n,
                19 * n,
                20 * n,
            ),
            "text/plain; version=0.0.4",
        )
    };
    Mock::given(path("/metrics")).respond_with(metrics).mount(&server).await;
    server
}

fn source(url: &str) -> PrometheusBuilder {
    let requests = r#"sum(increase(http_requests_total{version=~"{{version}}"}[{{window}}]))"#;
    let errors = r#"sum(increase(http_requests_total{version=~"{{version}}",code=~"5.."}[{{window}}]))"#;
    let refused = r#"sum(increase(refusals_total{version="{{version}}"}[{{window}}]))"#;
    let absent = r#"sum(increase(no_such_total{version="{{version}}"}[{{window}}]))"#;
    Prometheus::builder(url)
        .stale_after(Span::from_secs(4))
        .freshness(
            r#"max(max_over_time(timestamp(http_requests_total{version="{{version}}"})[{{window}}:1s]))"#,
        )
        .metric("error_rate".parse().unwrap(), PrometheusMetric::counts(requests, errors))
        .metric("complaints".parse().unwrap(), PrometheusMetric::counts(requests, absent))
        .metric("refusals".parse().unwrap(), PrometheusMetric::counts(requests, refused))
        .metric("broken".parse().unwrap(), PrometheusMetric::counts(requests, format!("sum(({absent})")))
        .metric(
            "unsummed".parse().unwrap(),
            PrometheusMetric::gauge(r#"http_requests_total{version="{{version}}"}"#, GaugeUnit::Plain),
        )
        .metric(
            "latency_p99".parse().unwrap(),
            PrometheusMetric::histogram(
                r#"sum by (le) (increase(latency_seconds_bucket{version="{{version}}"}[{{window}}]))"#,
                HistogramUnit::Seconds,
            ),
        )
        .metric(
            "lag".parse().unwrap(),
            PrometheusMetric::gauge(r#"lag_seconds{version="{{version}}"}"#, GaugeUnit::Seconds),
        )
}

async fn observe(source: &Prometheus, metric: &str, arm: Arm, length: Span) -> Answer {
    let query = MetricQuery::new(
        metric.parse().unwrap(),
        "checkout-241".parse().unwrap(),
        "checkout".parse().unwrap(),
        "2.0",
        "1.0",
    );
    let until = SystemClock.now();
    source.observe(&query, arm, Window { from: until.minus(length), until }).await.answer
}

/// Asks again until the answer is the one that is waited for; fails with the last one at the deadline.
async fn wait_for(
    source: &Prometheus,
    metric: &str,
    length: Span,
    wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    let started = std::time::Instant::now();
    loop {
        let answer = observe(source, metric, Arm::Canary, length).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "the last answer about {metric} was {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn counted(answer: &Answer) -> (u64, u64) {
    match answer {
        Answer::Value(Measurement::Counts { requests, errors }) => (*requests, *errors),
        other => panic!("counts were expected, not {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_is_measured_and_its_silence_is_noticed() {
    let exporter = exporter().await;
    let Some(server) = start(&exporter) else { return };
    let source = source(&server.url).build().unwrap();
    let window = Span::from_secs(5);

    let enough = |answer: &Answer| matches!(answer, Answer::Value(Measurement::Counts { requests, .. }) if *requests >= 80);
    let (requests, errors) = counted(&wait_for(&source, "error_rate", window, enough).await);
    // Ten per cent, give or take what rounding moves; version 2x0 would add a thousand errors a scrape.
    assert!((80..=140).contains(&requests), "{errors} of {requests}");
    assert!(requests.abs_diff(errors * 10) <= 10, "{errors} of {requests}");
    let (requests, errors) = counted(&observe(&source, "error_rate", Arm::Baseline, window).await);
    assert!(
        (300..=700).contains(&requests) && requests.abs_diff(errors * 100) <= 100,
        "{errors} of {requests}"
    );

    let histogram = observe(&source, "latency_p99", Arm::Canary, window).await;
    let Answer::Value(Measurement::Histogram(Histogram::Classic(histogram))) = histogram else {
        panic!("a histogram was expected, not {histogram}")
    };
    let bounds: Vec<_> = histogram.bounds().iter().map(|bound| bound.get()).collect();
    assert_eq!(bounds, [100.0, 500.0]);
    let counts = histogram.counts();
    assert!(counts[0].abs_diff(counts[2] * 10) <= 10 && counts[1] > counts[2], "{counts:?}");

    let lag = observe(&source, "lag", Arm::Canary, window).await;
    assert_eq!(lag.to_string(), "1500");
    let lag = observe(&source, "lag", Arm::Baseline, window).await;
    assert_eq!(lag, Answer::NotFinite { written: "NaN".to_owned() });
    let absent = observe(&source, "complaints", Arm::Canary, window).await;
    assert!(matches!(&absent, Answer::NoData { detail } if detail.contains("no_such_total")), "{absent}");
    let broken = observe(&source, "broken", Arm::Canary, window).await.to_string();
    assert!(
        broken.contains("the errors query: HTTP 400 Bad Request: bad_data") && broken.contains("parse error"),
        "{broken}"
    );
    let unsummed = observe(&source, "unsummed", Arm::Canary, window).await.to_string();
    assert!(unsummed.contains("2 series came back and one is needed"), "{unsummed}");

    // The exporter stops. `increase` over half a minute still answers; the freshness query knows better.
    drop(exporter);
    let stale = |answer: &Answer| matches!(answer, Answer::Stale { .. });
    let answer = wait_for(&source, "error_rate", Span::from_secs(30), stale).await;
    let Answer::Stale { newest } = answer else { panic!("a stale answer was waited for") };
    assert!(SystemClock.now().since(newest) > Span::from_secs(4));
    // Once the window holds no sample at all, there is nothing to call stale.
    let gone = |answer: &Answer| matches!(answer, Answer::NoData { .. });
    wait_for(&source, "error_rate", Span::from_secs(5), gone).await;

    let url = server.url.clone();
    drop(server);
    let answer = observe(&source, "error_rate", Arm::Canary, window).await.to_string();
    assert!(answer.contains("it can't be reached: Connection refused"), "{url}: {answer}");
}
