use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use relman_adapters::{
    flow::{CommandFlow, CommandFlowConfig, Flows, HttpFlow, HttpFlowConfig},
    secret::SecretSource,
};
use relman_core::{
    port::UserFlows,
    unit::{FlowName, Span},
};
use relman_testkit::conformance::{self, Able, Unable, user_flows::UserFlowsFixture};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const SECRET: &str = "hunter2-hunter2";

/// What the service does, and what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    Broken,
    Hangs,
}

/// A service in this process that is tried by HTTP, alone or beside another flow.
struct Service {
    flows: Box<dyn UserFlows>,
    mood: Arc<Mutex<Mood>>,
    server: JoinHandle<()>,
    _token: tempfile::NamedTempFile,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn page(State(mood): State<Arc<Mutex<Mood>>>, headers: HeaderMap) -> (StatusCode, String) {
    let token = headers.get("x-token").map(|token| token.to_str().unwrap().to_owned()).unwrap_or_default();
    let now = *mood.lock().unwrap();
    match now {
        Mood::Works => (StatusCode::OK, "{\"state\":\"open\"}".to_owned()),
        // It repeats what it was sent, where the flow looks.
        Mood::Broken => (StatusCode::OK, format!("{{\"state\":\"{token} is unknown\"}}")),
        Mood::Hangs => std::future::pending().await,
    }
}

impl Service {
    async fn start(wrap: impl FnOnce(HttpFlow) -> Box<dyn UserFlows>) -> Self {
        let mood = Arc::new(Mutex::new(Mood::Works));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/login", get(page)).with_state(mood.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let mut token = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut token, SECRET.as_bytes()).unwrap();
        let config = HttpFlowConfig {
            json: [("/state".to_owned(), "open".into())].into(),
            secret_headers: [("x-token".to_owned(), SecretSource::file(token.path()))].into(),
            timeout: Span::from_millis(500),
            pause: Span::from_millis(1),
            ..HttpFlowConfig::new(format!("http://{address}/login"))
        };
        let flows = wrap(HttpFlow::new("login".parse().unwrap(), &config).unwrap());
        Self { flows, mood, server, _token: token }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

#[async_trait]
impl UserFlowsFixture for Service {
    fn user_flows(&self) -> &dyn UserFlows {
        &*self.flows
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![SECRET.to_owned()])
    }

    async fn break_one(&self) -> Able<FlowName> {
        self.set(Mood::Broken);
        Ok("login".parse().unwrap())
    }

    async fn mend(&self) -> Able<()> {
        self.set(Mood::Works);
        Ok(())
    }

    async fn hang(&self) -> Able<()> {
        self.set(Mood::Hangs);
        Ok(())
    }

    async fn two_minutes(&self) -> Able<()> {
        tokio::time::sleep(Duration::from_mins(2)).await;
        Ok(())
    }

    async fn blind(&self) -> Able<()> {
        Err(Unable::because("of a service that is not there, the adapter knows that users can't reach it"))
    }
}

/// A script that reads what it is to say from a folder.
struct Scripted {
    flow: CommandFlow,
    dir: TempDir,
}

impl Scripted {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sends"), "exit 0").unwrap();
        let script: PathBuf = dir.path().join("sends");
        let config = CommandFlowConfig::new("sh", [script.to_str().unwrap()]);
        let config = config.with_time_limit(Span::from_millis(500));
        Self { flow: CommandFlow::new("pay".parse().unwrap(), config), dir }
    }

    fn sends(&self, script: &str) {
        std::fs::write(self.dir.path().join("sends"), script).unwrap();
    }
}

#[async_trait]
impl UserFlowsFixture for Scripted {
    fn user_flows(&self) -> &dyn UserFlows {
        &self.flow
    }

    async fn break_one(&self) -> Able<FlowName> {
        self.sends("echo declined; exit 1");
        Ok("pay".parse().unwrap())
    }

    async fn mend(&self) -> Able<()> {
        self.sends("exit 0");
        Ok(())
    }

    async fn hang(&self) -> Able<()> {
        self.sends("sleep 1000 & wait");
        Ok(())
    }

    async fn two_minutes(&self) -> Able<()> {
        tokio::time::sleep(Duration::from_mins(2)).await;
        Ok(())
    }

    async fn blind(&self) -> Able<()> {
        self.sends("exit 3");
        Ok(())
    }
}

conformance::user_flows! {
    #[tokio::test]
    mod by_http { Service::start(|flow| Box::new(flow)).await }
}

conformance::user_flows! {
    #[tokio::test]
    mod by_command { Scripted::new() }
}

conformance::user_flows! {
    #[tokio::test]
    mod several {
        Service::start(|flow| {
            let other = CommandFlow::new("pay".parse().unwrap(), CommandFlowConfig::new("true", [""; 0]));
            let members: [Arc<dyn UserFlows>; 2] = [Arc::new(flow), Arc::new(other)];
            Box::new(Flows::new(members).unwrap())
        })
        .await
    }
}
