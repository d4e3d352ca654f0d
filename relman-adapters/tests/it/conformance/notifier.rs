use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use relman_adapters::{
    notifier::{Channels, LogNotifier, RetryPolicy, Slack, Webhook},
    secret::Secret,
};
use relman_core::{
    port::{Notification, Notifier},
    unit::{Channel, Span},
};
use relman_testkit::{
    conformance::{
        self, Able, Unable,
        notifier::{NotifierFixture, Received},
    },
    world::RecordingNotifier,
};
use tracing::subscriber::DefaultGuard;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const SECRET: &str = "hunter2-hunter2";

const QUICK: RetryPolicy =
    RetryPolicy::tries(2).waiting(Span::from_millis(1), Span::from_millis(2)).within(Span::from_secs(10));

/// A notifier that posts to a server of the test.
struct Posting<N> {
    server: Mutex<Option<MockServer>>,
    notifier: N,
}

impl<N> Posting<N> {
    async fn to_server(notifier: impl Fn(Secret) -> N) -> Self {
        // Built and not taken from the pool: only such a server stops when it is dropped.
        let server = MockServer::builder().start().await;
        let answer = ResponseTemplate::new(200).set_body_string("ok");
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let notifier = notifier(Secret::new(format!("{}/hook/{SECRET}", server.uri())));
        Self { server: Mutex::new(Some(server)), notifier }
    }

    /// The bodies of the requests so far, with the header that holds the key.
    async fn requests(&self) -> Vec<(String, Option<String>)> {
        let server = self.server.lock().unwrap().take().unwrap();
        let requests = server.received_requests().await.unwrap();
        *self.server.lock().unwrap() = Some(server);
        let key = |request: &wiremock::Request| {
            request.headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned())
        };
        requests
            .iter()
            .map(|request| (String::from_utf8(request.body.clone()).unwrap(), key(request)))
            .collect()
    }

    fn stop(&self) {
        self.server.lock().unwrap().take();
    }
}

#[async_trait]
impl NotifierFixture for Posting<Webhook> {
    fn notifier(&self) -> &dyn Notifier {
        &self.notifier
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![SECRET.to_owned()])
    }

    async fn received(&self) -> Able<Vec<Received>> {
        let received = |(body, key): (String, Option<String>)| {
            let told: Notification = serde_json::from_str(&body).unwrap();
            assert_eq!(key.as_ref(), Some(&told.key));
            Received { text: format!("{}\n{}", told.title, told.body), key: Ok(told.key) }
        };
        Ok(self.requests().await.into_iter().map(received).collect())
    }

    async fn cut_off(&self) -> Able<()> {
        self.stop();
        Ok(())
    }
}

#[async_trait]
impl NotifierFixture for Posting<Slack> {
    fn notifier(&self) -> &dyn Notifier {
        &self.notifier
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![SECRET.to_owned()])
    }

    async fn received(&self) -> Able<Vec<Received>> {
        let received = |(body, _): (String, Option<String>)| {
            let posted: serde_json::Value = serde_json::from_str(&body).unwrap();
            let key = Err(Unable::because("an incoming webhook of Slack takes no key"));
            Received { text: posted["text"].as_str().unwrap().to_owned(), key }
        };
        Ok(self.requests().await.into_iter().map(received).collect())
    }

    async fn cut_off(&self) -> Able<()> {
        self.stop();
        Ok(())
    }
}

/// The program's log, on this thread and as long as this lives.
struct Logged {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logged {
    fn new() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }
}

#[async_trait]
impl NotifierFixture for Logged {
    fn notifier(&self) -> &dyn Notifier {
        &LogNotifier
    }

    async fn received(&self) -> Able<Vec<Received>> {
        let text = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        let key = |line: &str| {
            let (_, rest) = line.split_once("key=\"").unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        Ok(text.lines().map(|line| Received { text: line.to_owned(), key: Ok(key(line)) }).collect())
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because("a log has nobody to refuse it"))
    }
}

/// The router before a notifier that keeps what it was told.
struct Routed {
    channels: Channels,
    inbox: Arc<RecordingNotifier>,
}

impl Routed {
    fn new() -> Self {
        let inbox = Arc::new(RecordingNotifier::default());
        let channels = Channels::default()
            .with("on-call".parse().unwrap(), Arc::new(LogNotifier))
            .with("releases".parse().unwrap(), inbox.clone());
        Self { channels, inbox }
    }
}

#[async_trait]
impl NotifierFixture for Routed {
    fn notifier(&self) -> &dyn Notifier {
        &self.channels
    }

    fn unserved(&self) -> Able<Channel> {
        Ok("customers".parse().unwrap())
    }

    async fn received(&self) -> Able<Vec<Received>> {
        let received = |told: Notification| Received {
            text: format!("{}\n{}", told.title, told.body),
            key: Ok(told.key),
        };
        Ok(self.inbox.sent().into_iter().map(received).collect())
    }

    async fn cut_off(&self) -> Able<()> {
        self.inbox.fail(u32::MAX);
        Ok(())
    }
}

conformance::notifier! {
    #[tokio::test]
    mod webhook {
        Posting::to_server(|url| Webhook::builder(url).retries(QUICK).build().unwrap()).await
    }
}

conformance::notifier! {
    #[tokio::test]
    mod slack {
        Posting::to_server(|url| Slack::builder(url).retries(QUICK).build().unwrap()).await
    }
}

conformance::notifier! {
    #[tokio::test]
    mod log { Logged::new() }
}

conformance::notifier! {
    #[tokio::test]
    mod channels { Routed::new() }
}
