//! What can go wrong on the way, in process: each is an error that says so, and none is an empty list.

use std::time::Duration;

use relman_adapters::{
    incident::alertmanager::{Alertmanager, AlertmanagerConfig},
    secret::Secret,
};
use relman_core::{
    port::{Incident, IncidentSource, PortError, PortErrorKind, Retry},
    unit::{ServiceName, Span, Window},
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, header, method, path, query_param},
};

const TOKEN: &str = "hunter2-hunter2";

fn service() -> ServiceName {
    "checkout".parse().unwrap()
}

fn window() -> Window {
    let until = "2026-11-23T09:00:00.000Z".parse().unwrap();
    Window { from: "2026-11-23T08:55:00.000Z".parse().unwrap(), until }
}

async fn told(reply: ResponseTemplate) -> Result<Vec<Incident>, PortError> {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    let source = Alertmanager::builder(server.uri())
        .bearer(Secret::new(TOKEN))
        .timeout(Span::from_secs(2))
        .build()
        .unwrap();
    source.incidents(&service(), window()).await
}

async fn failed(reply: ResponseTemplate) -> PortError {
    let error = told(reply).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
    error
}

fn alert(change: impl FnOnce(&mut serde_json::Value)) -> ResponseTemplate {
    let mut alert = serde_json::json!({
        "annotations": {},
        "endsAt": "2026-11-23T09:04:00.000Z",
        "fingerprint": "8b8a1c9a6a4c2e11",
        "receivers": [{"name": "nobody"}],
        "startsAt": "2026-11-23T09:58:00.123456789+01:00",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-11-23T09:59:00.000Z",
        "generatorURL": "javascript:alert(1)",
        "labels": {"alertname": "Down", "service": "checkout"}
    });
    change(&mut alert);
    ResponseTemplate::new(200).set_body_json(serde_json::json!([alert]))
}

#[tokio::test]
async fn silence_rejection_and_nonsense_are_errors_that_say_what_to_do() {
    let late = ResponseTemplate::new(200).set_body_string("[]").set_delay(Duration::from_secs(5));
    assert_eq!(failed(late).await.kind(), PortErrorKind::TimedOut);
    for (status, kind) in [
        (500, PortErrorKind::Unavailable),
        (503, PortErrorKind::Unavailable),
        (429, PortErrorKind::Throttled),
        (401, PortErrorKind::Unauthorized),
        (400, PortErrorKind::Rejected),
        (302, PortErrorKind::Rejected),
    ] {
        let body = format!("you sent {TOKEN}");
        assert_eq!(
            failed(ResponseTemplate::new(status).set_body_string(body)).await.kind(),
            kind,
            "{status}"
        );
    }
    let wait = ResponseTemplate::new(429).insert_header("retry-after", "7");
    assert_eq!(failed(wait).await.retry(), Retry::After(Span::from_secs(7)));
    for body in ["", "<html>", "{}", "null", "[{}]", "[", "[{\"labels\": 1}]"] {
        let error = failed(ResponseTemplate::new(200).set_body_string(body)).await;
        assert_eq!(error.kind(), PortErrorKind::InvalidAnswer, "{body:?}");
    }
    let endless = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 11 * 1024 * 1024]);
    assert!(failed(endless).await.to_string().contains("longer than"));
}

#[tokio::test]
async fn an_alert_that_can_not_be_read_spoils_the_answer_and_no_half_of_it_is_believed() {
    for change in [
        |alert: &mut serde_json::Value| alert["startsAt"] = "yesterday".into(),
        |alert: &mut serde_json::Value| alert["fingerprint"] = "".into(),
        |alert: &mut serde_json::Value| alert["labels"] = serde_json::Value::Null,
    ] {
        assert_eq!(failed(alert(change)).await.kind(), PortErrorKind::InvalidAnswer);
    }
}

#[tokio::test]
async fn what_is_missing_or_odd_in_an_alert_is_left_out_of_the_incident() {
    let incidents = told(alert(|_| {})).await.unwrap();
    let [incident] = incidents.as_slice() else { panic!("{incidents:?}") };
    assert_eq!(incident.started_at.to_string(), "2026-11-23T08:58:00.123Z");
    assert_eq!((incident.title.as_str(), &incident.severity, &incident.url), ("Down", &None, &None));
    let nameless = alert(|alert| alert["labels"] = serde_json::json!({"service": "checkout"}));
    assert_eq!(told(nameless).await.unwrap()[0].title.as_str(), "8b8a1c9a6a4c2e11");
    // A server that does not filter.
    let other = alert(|alert| alert["labels"]["service"] = "search".into());
    assert_eq!(told(other).await.unwrap(), []);
    let later = alert(|alert| alert["startsAt"] = "2026-11-23T09:00:01.000Z".into());
    assert_eq!(told(later).await.unwrap(), []);
}

#[tokio::test]
async fn the_question_names_the_service_and_carries_the_credentials() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/prefix/api/v2/alerts"))
        .and(query_param("active", "true"))
        .and(query_param("silenced", "false"))
        .and(query_param("inhibited", "false"))
        .and(query_param("filter", "app=\"checkout\""))
        .and(header("authorization", "Basic YW5hOmh1bnRlcjItaHVudGVyMg=="))
        .respond_with(ResponseTemplate::new(200).set_body_string("[]"))
        .expect(1)
        .mount(&server)
        .await;
    let source = Alertmanager::builder(format!("{}/prefix/", server.uri()))
        .service_label("app")
        .basic("ana", Secret::new(TOKEN))
        .build()
        .unwrap();
    assert_eq!(source.incidents(&service(), window()).await.unwrap(), []);
    assert!(!format!("{source:?}").contains(TOKEN));
}

#[test]
fn what_can_not_be_used_is_refused_with_its_field() {
    let said = |text: &str| {
        let config: AlertmanagerConfig = toml::from_str(text).unwrap();
        Alertmanager::from_config(&config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let url = "url = \"http://127.0.0.1:9093\"\n";
    assert_eq!(said(url), "");
    for (text, expected) in [
        ("url = \"http://alerts.example.org\"".to_owned(), "`url`: it is plain http"),
        (format!("{url}service_label = \"a=b\""), "`service_label`: \"a=b\" is not the name of a label"),
        (format!("{url}severity_label = \"\""), "`severity_label`: \"\" is not the name of a label"),
        (format!("{url}matchers = [\" \"]"), "`matchers`: a matcher is empty"),
        (format!("{url}bearer = {{ env = \"RELMAN_TEST_NO_SUCH\" }}"), "`bearer`: failed to read a secret"),
        (
            format!(
                "{url}bearer = {{ env = \"CARGO_PKG_NAME\" }}\nbasic = {{ user = \"ana\", password = {{ env = \
                 \"CARGO_PKG_NAME\" }} }}"
            ),
            "`basic`: there is a `bearer` as well",
        ),
    ] {
        let error = said(&text);
        assert!(error.starts_with("failed to set up alertmanager: ") && error.contains(expected), "{error}");
    }
}
