use relman_core::{
    judge::{Answer, Arm, ClassicHistogram, Histogram, Measurement},
    port::{MetricQuery, MetricsSource},
    unit::{Finite, Span, Timestamp, Window},
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string_contains, method, path},
};

use super::{
    GaugeUnit, HistogramUnit, Prometheus, PrometheusBuilder, PrometheusConfig, PrometheusMetric, Scope,
};
use crate::secret::Secret;

const UNTIL_MILLIS: i64 = 1_795_370_400_000;
const TOKEN: &str = "hunter2-hunter2";

fn window() -> Window {
    let until = Timestamp::from_millis(UNTIL_MILLIS);
    Window { from: until.minus(Span::from_millis(90_500)), until }
}

fn question(metric: &str) -> MetricQuery {
    MetricQuery::new(
        metric.parse().unwrap(),
        "checkout-241".parse().unwrap(),
        "checkout".parse().unwrap(),
        "2.0",
        "1.0",
    )
}

/// Queries whose first word tells the mock which one it is.
fn query(word: &str) -> String {
    format!("{word}(x{{v=\"{{{{version}}}}\"}}[{{{{window}}}}])")
}

fn builder(url: String) -> PrometheusBuilder {
    let shared = PrometheusMetric::Gauge {
        query: "value".to_owned(),
        unit: GaugeUnit::Percent,
        scope: Scope::Shared,
        freshness: Some("fresh".to_owned()),
    };
    Prometheus::builder(url)
        .bearer(Secret::new(TOKEN))
        .timeout(Span::from_secs(5))
        .freshness(query("fresh"))
        .metric("error_rate".parse().unwrap(), PrometheusMetric::counts(query("requests"), query("errors")))
        .metric(
            "latency_p99".parse().unwrap(),
            PrometheusMetric::histogram(query("buckets"), HistogramUnit::Seconds),
        )
        .metric("lag".parse().unwrap(), PrometheusMetric::gauge(query("value"), GaugeUnit::Seconds))
        .metric("crashes".parse().unwrap(), PrometheusMetric::events(query("requests"), query("errors")))
        .metric("disk".parse().unwrap(), shared)
}

fn vector(series: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"status": "success", "data": {"resultType": "vector", "result": series}}))
}

fn value(written: &str) -> ResponseTemplate {
    vector(&json!([{"metric": {}, "value": [UNTIL_MILLIS / 1_000, written]}]))
}

fn fresh() -> ResponseTemplate {
    value("1795370399.25")
}

async fn serve(answers: Vec<(&str, ResponseTemplate)>) -> MockServer {
    let server = MockServer::start().await;
    for (word, answer) in answers {
        Mock::given(method("POST"))
            .and(path("/prefix/api/v1/query"))
            .and(body_string_contains(format!("query={word}")))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    server
}

async fn observe(metric: &str, arm: Arm, answers: Vec<(&str, ResponseTemplate)>) -> Answer {
    let server = serve(answers).await;
    let url = format!("{}/prefix/", server.uri());
    let observation = builder(url).build().unwrap().observe(&question(metric), arm, window()).await;
    assert_eq!((observation.window, observation.source.as_str()), (window(), "prometheus"));
    assert!(!format!("{observation:?}").contains("hunter2"), "{observation:?}");
    observation.answer
}

async fn counts(requests: ResponseTemplate, errors: ResponseTemplate) -> Answer {
    let answers = vec![("fresh", fresh()), ("requests", requests), ("errors", errors)];
    observe("error_rate", Arm::Canary, answers).await
}

fn counted(requests: u64, errors: u64) -> Answer {
    Answer::Value(Measurement::Counts { requests, errors })
}

fn detail(answer: Answer) -> String {
    match answer {
        Answer::ProviderError { detail } => detail,
        other => panic!("a provider error was expected, not {other}"),
    }
}

#[tokio::test]
async fn the_query_is_asked_at_the_end_of_the_window_with_the_version_of_the_arm() {
    let server = serve(vec![("fresh", fresh()), ("requests", value("10")), ("errors", value("1"))]).await;
    let source = builder(format!("{}/prefix", server.uri())).build().unwrap();
    source.observe(&question("error_rate"), Arm::Baseline, window()).await;
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}").as_str());
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        assert!(form[0].1.ends_with("(x{v=\"1.0\"}[90500ms])"), "{form:?}");
        assert_eq!(form[1], ("time".to_owned(), "2026-11-22T18:00:00.000Z".to_owned()));
        assert_eq!(form[2], ("timeout".to_owned(), "5000ms".to_owned()));
    }
}

#[tokio::test]
async fn counts_are_rounded_and_errors_are_capped() {
    assert_eq!(counts(value("1000.49"), value("10.5")).await, counted(1_000, 11));
    assert_eq!(counts(value("10.2"), value("10.7")).await, counted(10, 10));
    assert_eq!(counts(value("0"), value("0")).await, counted(0, 0));
    let scalar = ResponseTemplate::new(200)
        .set_body_json(json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}));
    assert_eq!(counts(value("9"), scalar).await, counted(9, 3));
}

#[tokio::test]
async fn nothing_is_not_zero() {
    for (requests, errors, field) in [
        (vector(&json!([])), value("0"), "the requests query"),
        (value("10"), vector(&json!([])), "the errors query"),
    ] {
        let Answer::NoData { detail } = counts(requests, errors).await else {
            panic!("no data was expected")
        };
        assert!(detail.starts_with(field) && detail.contains("v=\"2.0\""), "{detail}");
    }
}

#[tokio::test]
async fn what_is_not_a_number_is_told_as_it_is_written() {
    for written in ["NaN", "+Inf", "-Inf"] {
        assert_eq!(
            counts(value("10"), value(written)).await,
            Answer::NotFinite { written: written.to_owned() }
        );
    }
}

#[tokio::test]
async fn a_sample_older_than_allowed_is_stale() {
    let with_newest = async |newest: ResponseTemplate| {
        let answers = vec![("fresh", newest), ("requests", value("10")), ("errors", value("1"))];
        observe("error_rate", Arm::Canary, answers).await
    };
    assert_eq!(with_newest(value("1795370340")).await, counted(10, 1));
    assert_eq!(
        with_newest(value("1795370339.999")).await,
        Answer::Stale { newest: Timestamp::from_millis(1_795_370_339_999) }
    );
    assert!(
        matches!(with_newest(vector(&json!([]))).await, Answer::NoData { detail } if detail.contains("freshness"))
    );
    assert!(detail(with_newest(value("1795370340000")).await).contains("a sample's time in seconds"));
}

#[tokio::test]
async fn odd_values_are_errors_of_the_source() {
    let two =
        vector(&json!([{"metric": {}, "value": [1, "1"]}, {"metric": {"pod": "b"}, "value": [1, "2"]}]));
    let native = vector(&json!([{"metric": {}, "histogram": [1, {"count": "1", "sum": "1"}]}]));
    for (odd, message) in [
        (value("-1"), "the requests query: -1 is negative"),
        (value("9007199254740993e3"), "is more than a count can be"),
        (value("many"), "\"many\" is not a number"),
        (two, "2 series came back and one is needed: put sum("),
        (native, "a native histogram came back"),
    ] {
        let detail = detail(counts(odd, value("1")).await);
        assert!(detail.contains(message), "{detail}");
    }
}

#[tokio::test]
async fn odd_answers_are_errors_of_the_source_and_can_be_told_apart() {
    let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let error =
        json!({"status": "error", "errorType": "bad_data", "error": "parse error near hunter2-hunter2"});
    for (odd, message) in [
        (
            ResponseTemplate::new(400).set_body_json(&error),
            "HTTP 400 Bad Request: bad_data: parse error near [secret]",
        ),
        (ResponseTemplate::new(422).set_body_json(&error), "HTTP 422 Unprocessable Entity: bad_data"),
        (ok(error), "it answers with an error: bad_data: parse error near [secret]"),
        (ResponseTemplate::new(401), "prometheus: failed to query: not authorized: HTTP 401"),
        (
            ResponseTemplate::new(404).set_body_string("404 page not found"),
            "refused: HTTP 404 Not Found: 404 page",
        ),
        (ResponseTemplate::new(503).set_body_string("Service Unavailable"), "not available: HTTP 503"),
        (ResponseTemplate::new(302), "redirects are not followed"),
        (
            ResponseTemplate::new(200).set_body_string("<html>"),
            "not what the query API sends: expected value",
        ),
        (ResponseTemplate::new(200), "not what the query API sends: EOF"),
        (ok(json!({"status": "success"})), "its answer has no data"),
        (
            ok(json!({"status": "success", "data": {"resultType": "matrix", "result": []}})),
            "its answer is a range vector",
        ),
        (
            ok(json!({"status": "success", "data": {"resultType": "string", "result": [1, "a"]}})),
            "is a string",
        ),
        (
            ok(json!({"status": "success", "data": {"resultType": "cube", "result": []}})),
            "unknown variant `cube`",
        ),
        (
            ok(
                json!({"status": "success", "isPartial": true, "data": {"resultType": "vector", "result": []}}),
            ),
            "partial",
        ),
        (
            ok(json!({"status": "success", "data": {"resultType": "vector", "result": [{"value": 1}]}})),
            "query API",
        ),
        (
            ResponseTemplate::new(200).set_body_string(" ".repeat(10 * 1024 * 1024 + 1)),
            "the answer is longer than 10485760 bytes",
        ),
    ] {
        let detail = detail(counts(odd, value("1")).await);
        assert!(detail.starts_with("the requests query: ") && detail.contains(message), "{detail}");
    }
}

#[tokio::test]
async fn warnings_do_not_change_the_answer() {
    let warned = ResponseTemplate::new(200).set_body_json(json!({
        "status": "success", "warnings": ["slow"], "infos": ["x"],
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "7"]}], "stats": {}},
    }));
    assert_eq!(counts(warned, value("1")).await, counted(7, 1));
}

#[tokio::test]
async fn no_answer_and_no_server_are_told_apart() {
    let server = serve(vec![("", fresh().set_delay(std::time::Duration::from_mins(1)))]).await;
    let ask = async |url: String| {
        let source = builder(url).timeout(Span::from_millis(50)).build().unwrap();
        detail(source.observe(&question("error_rate"), Arm::Canary, window()).await.answer)
    };
    let slow = ask(format!("{}/prefix", server.uri())).await;
    assert!(slow.contains("no answer in time: nothing within 50ms"), "{slow}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = ask(format!("http://{closed}")).await;
    assert!(refused.contains("not available: it can't be reached: Connection refused"), "{refused}");
}

async fn histogram(buckets: &[(&str, &str)]) -> Answer {
    let series: Vec<_> =
        buckets.iter().map(|(le, count)| json!({"metric": {"le": le}, "value": [1, count]})).collect();
    let answers = vec![("fresh", fresh()), ("buckets", vector(&json!(series)))];
    observe("latency_p99", Arm::Canary, answers).await
}

#[tokio::test]
async fn buckets_are_counted_each_on_its_own_in_milliseconds() {
    let answer = histogram(&[("+Inf", "100.4"), ("0.07", "49.6"), ("1", "99.9"), ("2.5e-05", "0")]).await;
    let bounds = [0.025, 70.0, 1_000.0].iter().map(|bound| Finite::new(*bound).unwrap()).collect();
    let expected = ClassicHistogram::new(bounds, vec![0, 50, 50, 0]).unwrap();
    assert_eq!(answer, Answer::Value(Measurement::Histogram(Histogram::Classic(expected))));
}

#[tokio::test]
async fn a_bucket_slightly_below_the_one_before_is_extrapolation() {
    let answer = histogram(&[("0.1", "995"), ("0.2", "990"), ("+Inf", "1000")]).await;
    let Answer::Value(Measurement::Histogram(Histogram::Classic(histogram))) = answer else {
        panic!("a histogram was expected")
    };
    assert_eq!(histogram.counts(), [995, 0, 5]);
}

#[tokio::test]
async fn odd_buckets_are_errors_of_the_source() {
    for (buckets, message) in [
        (vec![("0.1", "5")], "no bucket has le=\"+Inf\""),
        (vec![("+Inf", "5")], "the only bucket"),
        (vec![("0.1", "5"), ("0.1", "6"), ("+Inf", "9")], "two series came back for le=\"0.1\""),
        (vec![("0.1", "5"), ("+Inf", "6"), ("Inf", "9")], "two series came back for le=\"Inf\""),
        (vec![("a", "5"), ("+Inf", "6")], "le=\"a\" is not a bound"),
        (vec![("0.1", "90"), ("0.2", "5"), ("+Inf", "100")], "fewer than the 90"),
        (vec![("0.1", "-90"), ("+Inf", "100")], "negative"),
    ] {
        let detail = detail(histogram(&buckets).await);
        assert!(detail.starts_with("the buckets query: ") && detail.contains(message), "{detail}");
    }
    let nan = histogram(&[("0.1", "NaN"), ("+Inf", "100")]).await;
    assert_eq!(nan, Answer::NotFinite { written: "NaN".to_owned() });
    assert!(matches!(histogram(&[]).await, Answer::NoData { .. }));
    let answers = vec![("fresh", fresh()), ("buckets", value("1"))];
    let without_le = detail(observe("latency_p99", Arm::Canary, answers).await);
    assert!(without_le.contains("without `le`"), "{without_le}");
}

#[tokio::test]
async fn gauges_come_in_the_units_of_the_core() {
    let gauge = async |metric: &str, arm| {
        observe(metric, arm, vec![("fresh", fresh()), ("value", value("-1.5"))]).await
    };
    let measured = |value| Answer::Value(Measurement::Gauge { value: Finite::new(value).unwrap() });
    assert_eq!(gauge("lag", Arm::Canary).await, measured(-1_500.0));
    assert_eq!(gauge("disk", Arm::Canary).await, measured(-0.015));
    assert!(
        matches!(gauge("disk", Arm::Baseline).await, Answer::NoData { detail } if detail.contains("shared"))
    );
}

#[tokio::test]
async fn events_may_be_more_than_their_exposure() {
    let answers = vec![("fresh", fresh()), ("requests", value("5")), ("errors", value("2"))];
    let answer = observe("crashes", Arm::Canary, answers).await;
    assert_eq!(answer, Answer::Value(Measurement::Events { count: 5, exposure: 2 }));
}

#[tokio::test]
async fn a_metric_without_a_query_is_not_known() {
    let source = builder("http://127.0.0.1:1".to_owned()).build().unwrap();
    assert!(source.knows(&"error_rate".parse().unwrap()));
    assert!(!source.knows(&"complaints".parse().unwrap()));
    let answer = source.observe(&question("complaints"), Arm::Canary, window()).await.answer;
    assert_eq!(detail(answer), "no query is configured for the metric complaints");
    let shown = format!("{source:?}{:?}", builder("http://127.0.0.1:1".to_owned()));
    assert!(shown.contains("error_rate") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn an_empty_window_is_not_asked_for() {
    let moment = Timestamp::from_millis(UNTIL_MILLIS);
    let source = builder("http://127.0.0.1:1".to_owned()).build().unwrap();
    let empty = Window { from: moment, until: moment };
    let answer = source.observe(&question("error_rate"), Arm::Canary, empty).await.answer;
    assert!(detail(answer).contains("has no length"));
}

#[test]
fn a_file_describes_all_of_it() {
    let text = r#"
        url = "https://prometheus.example.org/prefix"
        bearer = { env = "CARGO_PKG_NAME" }
        timeout = "3s"
        stale_after = "2m"
        freshness = 'max(timestamp(x{v="{{version}}"}))'

        [metrics.error_rate]
        kind = "counts"
        requests = 'sum(increase(x{v="{{version}}"}[{{window}}]))'
        errors = 'sum(increase(x{v="{{version}}",code=~"5.."}[{{window}}]))'

        [metrics."latency_p99.9"]
        kind = "histogram"
        buckets = 'sum by (le) (increase(x_bucket{v="{{version}}"}[{{window}}]))'
        unit = "seconds"

        [metrics.queue_depth]
        kind = "gauge"
        query = 'queue_depth'
        scope = "shared"
        freshness = 'max(timestamp(queue_depth))'

        [metrics.crashes]
        kind = "events"
        count = 'sum(increase(crashes{v="{{version}}"}[{{window}}]))'
        exposure = 'sum(increase(sessions{v="{{version}}"}[{{window}}]))'
    "#;
    let config: PrometheusConfig = toml::from_str(text).unwrap();
    assert_eq!((config.timeout, config.stale_after), (Span::from_secs(3), Span::from_minutes(2)));
    let source = Prometheus::from_config(config).unwrap();
    assert!(source.knows(&"latency_p99.9".parse().unwrap()));
    for (line, wrong, message) in [
        ("timeout = \"3s\"", "timeout = 3", "expected a string"),
        ("stale_after", "stale_afer", "unknown field `stale_afer`"),
        ("unit = \"seconds\"", "unit = \"hours\"", "unknown variant `hours`"),
        ("scope = \"shared\"", "scop = \"shared\"", "unknown field `scop`"),
        ("kind = \"counts\"", "kind = \"rate\"", "unknown variant `rate`"),
    ] {
        let error = toml::from_str::<PrometheusConfig>(&text.replace(line, wrong)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_token_never_travels_in_the_clear() {
    let error = builder("http://prometheus.example.org".to_owned()).build().unwrap_err().to_string();
    assert!(error.starts_with("failed to set up prometheus: `url`: it is plain http"), "{error}");
}
