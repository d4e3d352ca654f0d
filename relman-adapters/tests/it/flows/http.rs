use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use relman_adapters::{
    flow::{FlowMethod, FlowRedirects, HttpFlow, HttpFlowConfig},
    secret::SecretSource,
};
use relman_core::{
    port::{FlowOutcome, UserFlows},
    unit::Span,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::{check, failure};

const SECRET: &str = "hunter2-hunter2";

/// One quick try, so that a test of a failure takes no second.
fn config(url: &str) -> HttpFlowConfig {
    HttpFlowConfig { tries: 1, pause: Span::from_millis(1), ..HttpFlowConfig::new(url) }
}

fn flow(config: &HttpFlowConfig) -> HttpFlow {
    HttpFlow::new("login".parse().unwrap(), config).unwrap()
}

async fn answering(response: ResponseTemplate) -> MockServer {
    // Built and not taken from the pool: only such a server stops when it is dropped.
    let server = MockServer::builder().start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

/// Answers every connection with these bytes, and then with more of them as long as anybody reads.
async fn endless(head: &'static str, more: Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let more = more.clone();
            tokio::spawn(async move {
                // The request; what it says does not matter.
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(head.as_bytes()).await;
                while socket.write_all(&more).await.is_ok() {
                    if more.len() < 100 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            });
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_flow_passes_where_status_time_and_body_are_right() {
    let body = r#"{"session":{"state":"open"},"user":"probe"}"#;
    let server = answering(ResponseTemplate::new(201).set_body_string(body)).await;
    let config = HttpFlowConfig {
        method: FlowMethod::Post,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body: Some("{}".to_owned()),
        status: "2xx".parse().unwrap(),
        contains: Some("probe".to_owned()),
        json: [("/session/state".to_owned(), "open".into())].into(),
        ..config(&format!("{}/api/login?next=%2F", server.uri()))
    };
    let checked = check(&flow(&config)).await.unwrap();
    assert_eq!((checked.outcome, checked.status), (FlowOutcome::Passed, Some(201)), "{checked}");
    assert!(checked.latency.is_some());
    assert_eq!(
        checked.expected,
        "status 200-299 within 10s, a body with \"probe\", /session/state = \"open\""
    );
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", &b"{}"[..]));
    assert_eq!((request.url.path(), request.url.query()), ("/api/login", Some("next=%2F")));
    assert_eq!(request.headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_wrong_status_or_body_fails() {
    for status in [204, 302, 404, 500, 503] {
        let server = answering(ResponseTemplate::new(status)).await;
        assert_eq!(failure(&flow(&config(&server.uri()))).await, format!("status {status}"));
    }
    let server = answering(ResponseTemplate::new(200).set_body_string("please come back later")).await;
    let wanted = HttpFlowConfig { contains: Some("Your basket".to_owned()), ..config(&server.uri()) };
    assert_eq!(failure(&flow(&wanted)).await, "a body of 22 bytes without that text");
    let wanted = HttpFlowConfig { json: [("/ok".to_owned(), true.into())].into(), ..config(&server.uri()) };
    assert_eq!(failure(&flow(&wanted)).await, "a body of 22 bytes that is not JSON");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_fails() {
    let late = || ResponseTemplate::new(200).set_delay(Duration::from_millis(80));
    let server = answering(late()).await;
    let impatient = HttpFlowConfig { within: Some(Span::from_millis(50)), ..config(&server.uri()) };
    let checked = check(&flow(&impatient)).await.unwrap();
    assert_eq!((checked.outcome, checked.status), (FlowOutcome::Failed, Some(200)));
    assert!(checked.found.starts_with("an answer after "), "{checked}");
    assert!(checked.latency >= Some(Span::from_millis(80)), "{checked}");

    let server = answering(late().set_delay(Duration::from_mins(1))).await;
    let impatient = HttpFlowConfig { timeout: Span::from_millis(60), ..config(&server.uri()) };
    let checked = check(&flow(&impatient)).await.unwrap();
    assert_eq!((checked.outcome, checked.latency), (FlowOutcome::Failed, None));
    assert_eq!(checked.found, "nothing within 60ms");
}

#[tokio::test]
async fn a_service_that_is_not_there_has_failed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let found = failure(&flow(&config(&format!("http://{free}/{SECRET}")))).await;
    assert!(found.starts_with("it can't be reached: ") && found.contains("onnection refused"), "{found}");
    assert!(!found.contains(&free.port().to_string()) && !found.contains(SECRET), "{found}");
}

#[tokio::test]
async fn an_answer_that_never_ends_fails_in_time() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
    // One that drips ends with the time, one that floods with what is read at most.
    for (more, found) in
        [(vec![b'x'], "nothing within 200ms"), (vec![b'x'; 64 * 1024], "longer than 1048576 bytes")]
    {
        let timeout = if more.len() == 1 { Span::from_millis(200) } else { Span::from_secs(20) };
        let (address, server) = endless(head, more).await;
        let begin = Instant::now();
        let said = failure(&flow(&HttpFlowConfig { timeout, ..config(&format!("http://{address}")) })).await;
        assert!(said.contains(found), "{said}");
        assert!(begin.elapsed() < Duration::from_secs(15));
        server.abort();
    }
    let (address, server) = endless("no HTTP at all\r\n\r\n", vec![b'x'; 1024]).await;
    let said = failure(&flow(&config(&format!("http://{address}")))).await;
    assert!(said.starts_with("the connection broke: "), "{said}");
    server.abort();
}

#[tokio::test]
async fn a_large_body_is_searched_to_its_end() {
    let body = format!("{}Your basket", "x".repeat(64 * 1024));
    let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
    let wanted = HttpFlowConfig { contains: Some("xYour basket".to_owned()), ..config(&server.uri()) };
    assert_eq!(check(&flow(&wanted)).await.unwrap().outcome, FlowOutcome::Passed);
}

#[tokio::test]
async fn a_redirect_is_the_answer_unless_it_is_to_be_followed_at_home() {
    let home = MockServer::builder().start().await;
    let elsewhere = answering(ResponseTemplate::new(200)).await;
    let to = |target: String| ResponseTemplate::new(302).insert_header("location", target.as_str());
    for (path, response) in [
        ("/home", to("/welcome".to_owned())),
        ("/welcome", ResponseTemplate::new(200).set_body_string("welcome")),
        ("/away", to(elsewhere.uri())),
        ("/circle", to("/circle".to_owned())),
    ] {
        Mock::given(wiremock::matchers::path(path)).respond_with(response).mount(&home).await;
    }
    let at = |path: &str, redirects| HttpFlowConfig {
        redirects,
        headers: [("authorization".to_owned(), SECRET.to_owned())].into(),
        ..config(&format!("{}{path}", home.uri()))
    };
    assert_eq!(failure(&flow(&at("/home", FlowRedirects::Stop))).await, "status 302");
    let followed = check(&flow(&at("/home", FlowRedirects::SameOrigin))).await.unwrap();
    assert_eq!((followed.outcome, followed.status), (FlowOutcome::Passed, Some(200)));
    for path in ["/away", "/circle"] {
        assert_eq!(failure(&flow(&at(path, FlowRedirects::SameOrigin))).await, "status 302", "{path}");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty(), "no header goes to somebody else");
    // Once for the first request, and five times for those that it led to.
    let requests = home.received_requests().await.unwrap();
    assert_eq!(requests.iter().filter(|request| request.url.path() == "/circle").count(), 6);
}

#[tokio::test]
async fn a_flow_is_tried_as_often_as_it_says_before_it_has_failed() {
    let server = MockServer::builder().start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let tries = |tries| HttpFlowConfig { tries, ..config(&server.uri()) };
    assert_eq!(failure(&flow(&tries(2))).await, "status 503, in the last of 2 tries");
    assert_eq!(check(&flow(&tries(2))).await.unwrap().outcome, FlowOutcome::Passed);
    assert_eq!(server.received_requests().await.unwrap().len(), 3, "one that passes is not tried again");
}

#[tokio::test]
async fn a_head_asks_for_the_headers_alone() {
    let server = answering(ResponseTemplate::new(200).set_body_string("a page")).await;
    let head = HttpFlowConfig { method: FlowMethod::Head, ..config(&server.uri()) };
    assert_eq!(check(&flow(&head)).await.unwrap().outcome, FlowOutcome::Passed);
    assert_eq!(server.received_requests().await.unwrap()[0].method.as_str(), "HEAD");
}

#[tokio::test]
async fn a_secret_is_sent_and_never_shown() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, format!("Bearer {SECRET}\n").as_bytes()).unwrap();
    let mut body = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut body, b"password-of-the-probe").unwrap();
    // A server that repeats what it was sent, where the flow looks.
    let echo = format!(r#"{{"state":"{SECRET} is wrong, and so is password-of-the-probe"}}"#);
    let server = answering(ResponseTemplate::new(200).set_body_string(echo)).await;
    let config = HttpFlowConfig {
        method: FlowMethod::Post,
        secret_headers: [("authorization".to_owned(), SecretSource::file(file.path()))].into(),
        secret_body: Some(SecretSource::file(body.path())),
        json: [("/state".to_owned(), "open".into())].into(),
        ..config(&server.uri())
    };
    let flow = flow(&config);
    let report = flow.check(&super::service()).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}").as_str());
    assert_eq!(request.body, b"password-of-the-probe");
    let shown = format!("{report:?} {} {flow:?} {config:?}", report.evidence());
    assert!(!shown.contains("hunter2") && !shown.contains("password-of"), "{shown}");
    assert!(shown.contains("/state = \\\"[secret] is wrong"), "{shown}");
}

#[tokio::test]
async fn an_answer_is_not_quoted_beyond_what_was_asked_for() {
    let body = r#"{"state":"\u001b[2Jshut","card":"4111-1111","nested":{"card":"4111-1111"}}"#;
    let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
    let json = [("/state", "open"), ("/nested", "x"), ("/none", "x")];
    let json = json.map(|(pointer, value)| (pointer.to_owned(), value.into())).into();
    let found = failure(&flow(&HttpFlowConfig { json, ..config(&server.uri()) })).await;
    assert_eq!(found, r#"/nested = an object, nothing at /none, /state = "\u001b[2Jshut""#);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_field() {
    let secret = || Some(SecretSource::env("NO_SUCH_VARIABLE"));
    let good = || config("https://shop.example.org/login");
    for (config, part) in [
        (config("shop"), "the flow login: `url`: it is not a URL"),
        (config("http://shop.example.org"), "`url`: it is plain http"),
        (config("https://hunter2@shop.example.org"), "`url`: it carries a user name"),
        (HttpFlowConfig { tries: 0, ..good() }, "`tries`: 0 is out of range: 1 to 5"),
        (HttpFlowConfig { tries: 6, ..good() }, "`tries`: 6 is out of range"),
        (
            HttpFlowConfig { tries: 5, timeout: Span::from_secs(30), ..good() },
            "they take up to 2m 30s 5ms, and 1m 30s is most",
        ),
        (HttpFlowConfig { timeout: Span::from_secs(31), ..good() }, "`timeout`: 31s is out of range"),
        (HttpFlowConfig { timeout: Span::ZERO, ..good() }, "`timeout`: "),
        (HttpFlowConfig { within: Some(Span::from_secs(11)), ..good() }, "`within`: it is out of range"),
        (HttpFlowConfig { body: Some(String::new()), ..good() }, "`body`: only a POST has a body"),
        (HttpFlowConfig { secret_body: secret(), ..good() }, "`secret_body`: only a POST has a body"),
        (
            HttpFlowConfig {
                method: FlowMethod::Post,
                body: Some(String::new()),
                secret_body: secret(),
                ..good()
            },
            "`secret_body`: there is a `body` already",
        ),
        (
            HttpFlowConfig { method: FlowMethod::Post, secret_body: secret(), ..good() },
            "`secret_body`: failed to read a secret from the environment variable NO_SUCH_VARIABLE",
        ),
        (
            HttpFlowConfig { method: FlowMethod::Head, contains: Some("x".to_owned()), ..good() },
            "`method`: the answer to a HEAD has no body",
        ),
        (HttpFlowConfig { contains: Some(String::new()), ..good() }, "`contains`: it is empty"),
        (
            HttpFlowConfig { json: [("state".to_owned(), true.into())].into(), ..good() },
            "`json`: \"state\" is not a JSON pointer",
        ),
        (
            HttpFlowConfig { headers: [("a b".to_owned(), "x".to_owned())].into(), ..good() },
            "`a b`: this is no name of a header",
        ),
        (
            HttpFlowConfig { headers: [("a".to_owned(), "hunter2\n".to_owned())].into(), ..good() },
            "`a`: its value can't be sent",
        ),
        (
            HttpFlowConfig {
                secret_headers: [("authorization".to_owned(), SecretSource::env("NO_SUCH_VARIABLE"))].into(),
                ..good()
            },
            "`secret_headers.authorization`: failed to read a secret",
        ),
    ] {
        let error = HttpFlow::new("login".parse().unwrap(), &config).unwrap_err().to_string();
        assert!(error.contains(part) && error.starts_with("failed to set up the flow login: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
