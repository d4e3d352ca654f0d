//! The Alertmanager adapter against a real Alertmanager, to which the tests post alerts as Prometheus does.

mod conformance;
mod faults;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use relman_adapters::{
    clock::SystemClock,
    incident::{
        IncidentMetrics,
        alertmanager::{Alertmanager, Muted},
    },
};
use relman_core::{
    judge::{Answer, Arm, Measurement},
    port::{Clock, Incident, IncidentSource, MetricQuery, MetricsSource},
    unit::{Span, Timestamp, Window},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Long enough for a busy machine, short enough to fail while somebody watches.
const DEADLINE: Duration = Duration::from_mins(1);

/// An Alertmanager of this test's own, stopped when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    _data: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only fails where it has stopped by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts an Alertmanager that tells nobody; none where it is not installed.
pub(crate) async fn start() -> Option<Server> {
    // Debian's name, which leaves `alertmanager` to the program as its authors ship it.
    let names = ["prometheus-alertmanager", "alertmanager"];
    let is_there = |name: &&&str| {
        Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let Some(program) = names.iter().find(is_there) else {
        assert!(
            std::env::var_os("RELMAN_REQUIRE_SERVICES").is_none(),
            "RELMAN_REQUIRE_SERVICES is set and prometheus-alertmanager is not installed"
        );
        println!("prometheus-alertmanager is not installed: this test is passed over");
        return None;
    };
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("alertmanager.yml");
    let config = "route: {receiver: nobody}\n\
                  receivers: [{name: nobody}]\n\
                  inhibit_rules:\n\
                  - source_matchers: [alertname=\"DatacentreDown\"]\n\
                  \x20 target_matchers: [severity=\"warning\"]\n\
                  \x20 equal: [service]\n";
    std::fs::write(&file, config).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let process = Command::new(program)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.path={}", data.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { process, address, url: format!("http://{address}"), _data: data };
    let started = std::time::Instant::now();
    loop {
        if server.ask("GET /-/ready", "").is_ok_and(|reply| reply.starts_with("HTTP/1.1 200 ")) {
            return Some(server);
        }
        assert!(started.elapsed() < DEADLINE, "alertmanager is not ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Server {
    /// One request on a connection of its own, past everything that is tested here.
    fn ask(&self, request: &str, body: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(self.address)?;
        let head = format!("Host: {}\r\nConnection: close\r\nContent-Type: application/json", self.address);
        write!(connection, "{request} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        let mut reply = String::new();
        connection.read_to_string(&mut reply)?;
        Ok(reply)
    }

    fn post(&self, path: &str, body: &Value) {
        let reply = self.ask(&format!("POST /api/v2/{path}"), &body.to_string()).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    }

    /// Posts an alert that fires from a moment on; until another one, where that is given.
    pub(crate) fn alert(&self, labels: &Value, from: Timestamp, until: Option<Timestamp>) {
        let mut alert = json!({
            "labels": labels,
            "annotations": {"summary": "<b>Payments</b> are declined"},
            "startsAt": from.to_string(),
            "generatorURL": "https://prometheus.example.org/graph?g0.expr=up",
        });
        if let Some(until) = until {
            alert["endsAt"] = json!(until.to_string());
        }
        self.post("alerts", &json!([alert]));
    }
}

pub(crate) fn last_minutes() -> Window {
    let until = SystemClock.now();
    Window { from: until.minus(Span::from_minutes(5)), until }
}

async fn ids(source: &Alertmanager) -> Vec<String> {
    let told = source.incidents(&"checkout".parse().unwrap(), last_minutes()).await.unwrap();
    told.into_iter().map(|incident| incident.title.to_string()).collect()
}

#[tokio::test]
async fn an_alert_of_a_real_server_is_an_incident_with_everything_that_is_said_of_it() {
    let Some(server) = start().await else { return };
    let source = Alertmanager::builder(&server.url).build().unwrap();
    let from = SystemClock.now().minus(Span::from_secs(30));
    let labels = json!({"alertname": "PaymentsDeclined", "service": "checkout", "severity": "critical"});
    server.alert(&labels, from, None);
    let told = source.incidents(&"checkout".parse().unwrap(), last_minutes()).await.unwrap();
    let [incident] = told.as_slice() else { panic!("{told:?}") };
    let expected = Incident::new(
        incident.id.clone(),
        "PaymentsDeclined: <b>Payments</b> are declined".parse().unwrap(),
        "checkout".parse().unwrap(),
        from,
    )
    .with_severity("critical".parse().unwrap())
    .with_url("https://prometheus.example.org/graph?g0.expr=up".parse().unwrap());
    assert_eq!(incident, &expected);
    assert_eq!(incident.id.as_str().len(), 16, "a fingerprint");

    server.alert(&labels, from, Some(SystemClock.now()));
    assert_eq!(source.incidents(&"checkout".parse().unwrap(), last_minutes()).await.unwrap(), []);
}

#[tokio::test]
async fn silenced_and_inhibited_alerts_are_left_out_unless_they_are_to_count() {
    let Some(server) = start().await else { return };
    let from = SystemClock.now().minus(Span::from_secs(30));
    let alert =
        |name: &str, severity: &str| json!({"alertname": name, "service": "checkout", "severity": severity});
    server.alert(&alert("Known", "page"), from, None);
    server.alert(&alert("Follows", "warning"), from, None);
    server.alert(&alert("DatacentreDown", "page"), from, None);
    let silence = json!({
        "matchers": [{"name": "alertname", "value": "Known", "isRegex": false, "isEqual": true}],
        "startsAt": from.to_string(),
        "endsAt": (SystemClock.now() + Span::from_minutes(10)).to_string(),
        "createdBy": "ana",
        "comment": "we know",
    });
    server.post("silences", &silence);

    let source = Alertmanager::builder(&server.url).build().unwrap();
    let started = std::time::Instant::now();
    // The inhibitor reads alerts in a loop of its own.
    while ids(&source).await.len() != 1 {
        assert!(started.elapsed() < DEADLINE, "{:?}", ids(&source).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ids(&source).await[0].starts_with("DatacentreDown: "));
    let every = Alertmanager::builder(&server.url).muted(Muted::Counted).build().unwrap();
    assert_eq!(ids(&every).await.len(), 3);
    let warnings = Alertmanager::builder(&server.url).muted(Muted::Counted).matcher("severity=~\"warn.*\"");
    assert!(ids(&warnings.build().unwrap()).await[0].starts_with("Follows: "));
    let broken = Alertmanager::builder(&server.url).matcher("severity is bad").build().unwrap();
    let error = broken.incidents(&"checkout".parse().unwrap(), last_minutes()).await.unwrap_err().to_string();
    assert!(error.starts_with("alertmanager: failed to read the alerts: refused: HTTP 400"), "{error}");
}

#[tokio::test]
async fn what_fires_is_counted_and_what_can_not_be_asked_is_not_zero() {
    let Some(server) = start().await else { return };
    let source = Alertmanager::builder(&server.url).service_label("app").build().unwrap();
    let metrics = IncidentMetrics::new(Arc::new(source)).counting("pages".parse().unwrap(), ["page"]);
    let observe = async |metric: &str, arm| {
        let query = MetricQuery::new(
            metric.parse().unwrap(),
            "checkout-241".parse().unwrap(),
            "checkout".parse().unwrap(),
            "2.0",
            "1.0",
        );
        metrics.observe(&query, arm, last_minutes()).await.answer
    };
    let gauge = |answer: Answer| match answer {
        Answer::Value(Measurement::Gauge { value }) => value.to_string(),
        other => panic!("a gauge was expected, not {other}"),
    };
    assert_eq!(gauge(observe("incidents", Arm::Canary).await), "0", "asked, and nothing fires");
    let from = SystemClock.now().minus(Span::from_secs(30));
    for (name, severity) in [("One", "page"), ("Two", "warning")] {
        server.alert(&json!({"alertname": name, "app": "checkout", "severity": severity}), from, None);
    }
    assert_eq!(gauge(observe("incidents", Arm::Canary).await), "2");
    assert_eq!(gauge(observe("pages", Arm::Canary).await), "1");
    assert!(matches!(observe("incidents", Arm::Baseline).await, Answer::NoData { .. }));
    drop(server);
    let answer = observe("incidents", Arm::Canary).await;
    assert!(
        matches!(&answer, Answer::ProviderError { detail } if detail.contains("not available")),
        "{answer}"
    );
}
