//! The router that takes incidents: who may post, what is taken, and what a repetition does not undo.

use std::{fmt::Write, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use relman_adapters::{
    clock::SystemClock,
    incident::webhook::{AtStart, IncidentWebhook},
    secret::Secret,
};
use relman_core::{
    port::{Clock, Incident, IncidentSource, PortErrorKind},
    unit::{ServiceName, Span, Timestamp, Window},
};
use relman_testkit::{
    conformance::{self, Able, Unable, incidents::IncidentFixture},
    world::ManualClock,
};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

const KEY: &str = "hunter2-hunter2-hunter2";

fn start() -> Timestamp {
    "2026-11-23T09:00:00.000Z".parse().unwrap()
}

fn service() -> ServiceName {
    "checkout".parse().unwrap()
}

fn signature(key: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A webhook with its clock.
struct Hook {
    hook: IncidentWebhook,
    clock: Arc<ManualClock>,
}

impl Hook {
    fn new(at_start: AtStart) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let hook = IncidentWebhook::signed(Secret::new(KEY), clock.clone()).at_start(at_start).room(3);
        Self { hook: hook.build().unwrap(), clock }
    }

    async fn send(&self, method: &str, header: (&str, &str), body: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri("/")
            .header(header.0, header.1)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let reply = self.hook.router().oneshot(request).await.unwrap();
        let status = reply.status();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn signed(&self, method: &str, body: &str) -> (StatusCode, String) {
        self.send(method, ("relman-signature", &signature(KEY, body)), body).await
    }

    async fn post(&self, message: &Value) -> (StatusCode, String) {
        self.signed("POST", &message.to_string()).await
    }

    /// What was said of a message that is taken.
    async fn outcome(&self, message: &Value) -> String {
        let (status, body) = self.post(message).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["outcome"].as_str().unwrap().to_owned()
    }

    async fn list(&self, at: Timestamp, incidents: &[Value]) -> (StatusCode, String) {
        self.signed("PUT", &json!({"at": at.to_string(), "incidents": incidents}).to_string()).await
    }

    async fn told(&self) -> Vec<Incident> {
        let until = self.clock.now();
        let window = Window { from: until.minus(Span::from_minutes(10)), until };
        self.hook.incidents(&service(), window).await.unwrap()
    }

    async fn firing(&self) -> Vec<String> {
        let firing = self.told().await.into_iter().filter(|incident| incident.ended_at.is_none());
        firing.map(|incident| incident.id.to_string()).collect()
    }
}

fn firing(id: &str, started_at: Timestamp) -> Value {
    json!({
        "id": id,
        "title": "Payments are <b>declined</b>",
        "severity": "critical",
        "service": "checkout",
        "status": "firing",
        "started_at": started_at.to_string(),
        "url": "https://incidents.example.org/7",
    })
}

fn resolved(id: &str, started_at: Timestamp, ended_at: Timestamp) -> Value {
    let mut message = firing(id, started_at);
    message["status"] = "resolved".into();
    message["ended_at"] = ended_at.to_string().into();
    message
}

#[tokio::test]
async fn what_is_posted_is_an_incident_until_its_end_is_posted() {
    let hook = Hook::new(AtStart::NothingFires);
    assert_eq!(hook.outcome(&firing("INC-7", start())).await, "stored");
    let incident = Incident::new(
        "INC-7".parse().unwrap(),
        "Payments are <b>declined</b>".parse().unwrap(),
        service(),
        start(),
    )
    .with_severity("critical".parse().unwrap())
    .with_url("https://incidents.example.org/7".parse().unwrap());
    assert_eq!(hook.told().await, std::slice::from_ref(&incident));
    hook.clock.advance(Span::from_minutes(2));
    let ended_at = start() + Span::from_minutes(1);
    assert_eq!(hook.outcome(&resolved("INC-7", start(), ended_at)).await, "stored");
    assert_eq!(hook.told().await, [incident.with_end(ended_at)]);
}

#[tokio::test]
async fn only_who_has_the_key_may_post_and_a_signature_is_for_one_body() {
    let hook = Hook::new(AtStart::NothingFires);
    let body = firing("INC-7", start()).to_string();
    let right = signature(KEY, &body);
    for (name, value) in [
        ("x-nothing", "here".to_owned()),
        ("relman-signature", String::new()),
        ("relman-signature", "sha256=".to_owned()),
        ("relman-signature", right[..right.len() - 2].to_owned()),
        ("relman-signature", right.to_uppercase()),
        ("relman-signature", right.trim_start_matches("sha256=").to_owned()),
        ("relman-signature", signature("another key of enough bytes", &body)),
        ("relman-signature", signature(KEY, &format!("{body} "))),
        ("authorization", format!("Bearer {KEY}")),
    ] {
        for method in ["POST", "PUT"] {
            let (status, said) = hook.send(method, (name, &value), &body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}: {value}: {said}");
            assert!(!said.contains(KEY));
        }
    }
    assert!(hook.told().await.is_empty());
    assert_eq!(hook.send("POST", ("relman-signature", &right), &body).await.0, StatusCode::OK);
    assert!(!format!("{:?}", hook.hook).contains("hunter2"));
    let error = IncidentWebhook::signed(Secret::new("short"), hook.clock.clone()).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to set up incident-webhook: `key`: it has 5 bytes, at least 16 are needed"
    );
}

#[tokio::test]
async fn a_tool_that_can_not_sign_sends_a_token() {
    let clock = Arc::new(ManualClock::at(start()));
    let hook = IncidentWebhook::bearer(Secret::new(KEY), clock.clone()).at_start(AtStart::NothingFires);
    let hook = Hook { hook: hook.build().unwrap(), clock };
    let body = firing("INC-7", start()).to_string();
    for wrong in ["Bearer", "Bearer ", "Bearer hunter2-hunter2-hunter3", "Basic aHVudGVyMg==", KEY] {
        assert_eq!(hook.send("POST", ("authorization", wrong), &body).await.0, StatusCode::UNAUTHORIZED);
    }
    let signed = signature(KEY, &body);
    assert_eq!(hook.send("POST", ("relman-signature", &signed), &body).await.0, StatusCode::UNAUTHORIZED);
    let right = format!("Bearer {KEY}");
    assert_eq!(hook.send("POST", ("authorization", &right), &body).await.0, StatusCode::OK);
    assert_eq!(hook.firing().await, ["INC-7"]);
}

#[tokio::test]
async fn nonsense_is_refused_with_what_would_be_right_and_what_is_too_large_is_not_read() {
    let hook = Hook::new(AtStart::NothingFires);
    let changed = |change: fn(&mut Value)| {
        let mut message = firing("INC-7", start());
        change(&mut message);
        message.to_string()
    };
    for (body, problem) in [
        (String::new(), "invalid body: "),
        ("[]".to_owned(), "invalid body: "),
        ("{\"id\": ".to_owned(), "invalid body: "),
        (changed(|message| message["priority"] = 1.into()), "unknown field `priority`"),
        (changed(|message| message["status"] = "open".into()), "unknown variant `open`"),
        (changed(|message| message["started_at"] = "yesterday".into()), "invalid body: "),
        (changed(|message| message["id"] = " ".into()), "`id`: "),
        (changed(|message| message["id"] = "x".repeat(201).into()), "`id` is longer than 200 characters"),
        (changed(|message| message["title"] = "\n".into()), "`title` is empty"),
        (changed(|message| message["service"] = "Check Out".into()), "`service`: "),
        (changed(|message| message["status"] = "resolved".into()), "`ended_at` is missing"),
        (
            changed(|message| message["ended_at"] = "2026-11-23T09:00:00Z".into()),
            "`ended_at` is there, and `status` is firing",
        ),
        (
            resolved("INC-7", start(), start().minus(Span::from_secs(1))).to_string(),
            "`ended_at` is 2026-11-23T08:59:59.000Z, before `started_at`",
        ),
        (firing("INC-7", start().minus(Span::from_hours(25))).to_string(), "it began more than a day ago"),
    ] {
        let (status, said) = hook.signed("POST", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        assert!(said.contains(problem), "{said}");
    }
    let (status, _) = hook.signed("POST", &" ".repeat(256 * 1_024 + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = hook.signed("GET", "").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(hook.told().await.is_empty());
}

#[tokio::test]
async fn a_repetition_brings_nothing_back() {
    let hook = Hook::new(AtStart::NothingFires);
    let (first, second) = (start(), start() + Span::from_minutes(5));
    hook.clock.advance(Span::from_minutes(6));
    let end = resolved("INC-7", first, start() + Span::from_minutes(1));
    assert_eq!(hook.outcome(&firing("INC-7", first)).await, "stored");
    assert_eq!(hook.outcome(&firing("INC-7", first)).await, "unchanged");
    assert_eq!(hook.outcome(&end).await, "stored");
    assert_eq!(hook.outcome(&firing("INC-7", first)).await, "unchanged", "what has ended stays ended");
    assert!(hook.firing().await.is_empty());
    assert_eq!(hook.outcome(&firing("INC-7", second)).await, "stored", "it fires anew");
    assert_eq!(hook.outcome(&end).await, "unchanged", "the end of the one before");
    assert_eq!(hook.firing().await, ["INC-7"]);
    // Once it is forgotten, it is too old to be believed.
    hook.outcome(&resolved("INC-7", second, second)).await;
    hook.clock.advance(Span::from_hours(25));
    let (status, _) = hook.post(&firing("INC-7", second)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(hook.firing().await.is_empty());
}

#[tokio::test]
async fn what_fires_is_unknown_until_somebody_puts_a_list_of_all_of_it() {
    let hook = Hook::new(AtStart::Unknown);
    let window = Window { from: start(), until: start() };
    hook.post(&firing("INC-7", start())).await;
    let error = hook.hook.incidents(&service(), window).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
    assert!(error.to_string().contains("nobody has put a list of all that fires"), "{error}");

    assert_eq!(hook.list(start(), &[firing("INC-8", start())]).await.0, StatusCode::OK);
    assert_eq!(hook.firing().await, ["INC-8"], "what is not in the list has ended");
    hook.clock.advance(Span::from_minutes(1));
    let now = hook.clock.now();
    assert_eq!(hook.list(now, &[]).await.0, StatusCode::OK);
    assert!(hook.firing().await.is_empty());
    // The list of before, repeated, and one of long ago.
    let (status, said) = hook.list(start(), &[firing("INC-8", start())]).await;
    assert_eq!((status, said.as_str()), (StatusCode::OK, "{\"outcome\":\"unchanged\"}"));
    hook.clock.advance(Span::from_minutes(10));
    let (status, _) = hook.list(now + Span::from_secs(1), &[firing("INC-8", start())]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(hook.firing().await.is_empty());
    let (status, said) = hook.list(hook.clock.now(), &[resolved("INC-9", start(), start())]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said.contains("incidents[0]: it is resolved"), "{said}");
}

#[tokio::test]
async fn a_full_store_says_that_it_does_not_know_until_the_next_list() {
    let hook = Hook::new(AtStart::NothingFires);
    for number in 0..3 {
        hook.outcome(&firing(&format!("INC-{number}"), start())).await;
    }
    assert_eq!(hook.post(&firing("INC-3", start())).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let window = Window { from: start(), until: start() };
    let error = hook.hook.incidents(&service(), window).await.unwrap_err().to_string();
    assert!(error.contains("there was no room for an incident"), "{error}");
    let four: Vec<Value> = (0..4).map(|number| firing(&format!("INC-{number}"), start())).collect();
    assert_eq!(hook.list(start(), &four).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(hook.list(start(), &four[..2]).await.0, StatusCode::OK);
    assert_eq!(hook.firing().await, ["INC-0", "INC-1"]);
}

/// A tool that posts to the router.
struct Tool(IncidentWebhook);

impl Tool {
    async fn post(&self, message: Value) {
        let body = message.to_string();
        let request = Request::builder()
            .method("POST")
            .uri("/")
            .header("relman-signature", signature(KEY, &body))
            .body(Body::from(body))
            .unwrap();
        let reply = self.0.router().oneshot(request).await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
    }

    fn of(service: &ServiceName, name: &str, from: Timestamp) -> Value {
        let mut message = firing(&format!("{service}-{name}"), from);
        message["service"] = service.as_str().into();
        message
    }
}

#[async_trait]
impl IncidentFixture for Tool {
    fn source(&self) -> &dyn IncidentSource {
        &self.0
    }

    fn service(&self) -> ServiceName {
        service()
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![KEY.to_owned()])
    }

    async fn fire(&self, service: &ServiceName, name: &str, from: Timestamp) -> Able<()> {
        self.post(Self::of(service, name, from)).await;
        Ok(())
    }

    async fn end(&self, service: &ServiceName, name: &str) -> Able<()> {
        let until = self.now();
        let window = Window { from: until.minus(Span::from_minutes(10)), until };
        let told = self.0.incidents(service, window).await.unwrap();
        let id = format!("{service}-{name}");
        let open = told.iter().find(|incident| incident.id.as_str() == id).unwrap();
        let mut message = Self::of(service, name, open.started_at);
        message["status"] = "resolved".into();
        message["ended_at"] = until.to_string().into();
        self.post(message).await;
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because("nothing is asked: tools post to it"))
    }
}

conformance::incidents! {
    #[tokio::test]
    mod webhook {
        let key = Secret::new(KEY);
        let webhook = IncidentWebhook::signed(key, Arc::new(SystemClock)).at_start(AtStart::NothingFires);
        Tool(webhook.build().unwrap())
    }
}
