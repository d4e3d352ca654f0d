use async_trait::async_trait;
use relman_adapters::{clock::SystemClock, incident::alertmanager::Alertmanager, secret::Secret};
use relman_core::{
    port::{Clock, IncidentSource},
    unit::{ServiceName, Timestamp},
};
use relman_testkit::conformance::{self, Able, incidents::IncidentFixture};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{Server, start};

const TOKEN: &str = "hunter2-hunter2";

/// A source that asks a real Alertmanager through a relay of its own.
struct Relayed {
    server: Server,
    source: Alertmanager,
    relay: JoinHandle<()>,
}

impl Relayed {
    async fn to(server: Server) -> Self {
        let address = server.address;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let relay = tokio::spawn(async move {
            // Connections end with the relay, kept alive or not.
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut server = TcpStream::connect(address).await.unwrap();
                    // Either side may end it at any time.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        let source = Alertmanager::builder(&url).bearer(Secret::new(TOKEN)).build().unwrap();
        Self { server, source, relay }
    }
}

fn labels(service: &ServiceName, name: &str) -> Value {
    json!({"alertname": name, "service": service.as_str(), "severity": "page"})
}

#[async_trait]
impl IncidentFixture for Relayed {
    fn source(&self) -> &dyn IncidentSource {
        &self.source
    }

    fn service(&self) -> ServiceName {
        "checkout".parse().unwrap()
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    async fn fire(&self, service: &ServiceName, name: &str, from: Timestamp) -> Able<()> {
        self.server.alert(&labels(service, name), from, None);
        Ok(())
    }

    async fn end(&self, service: &ServiceName, name: &str) -> Able<()> {
        let now = SystemClock.now();
        let from = now.minus(relman_core::unit::Span::from_secs(1));
        self.server.alert(&labels(service, name), from, Some(now));
        Ok(())
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

conformance::incidents! {
    #[tokio::test]
    mod alertmanager {
        let Some(server) = start().await else { return };
        Relayed::to(server).await
    }
}
