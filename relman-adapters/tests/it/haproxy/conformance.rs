use std::sync::atomic::Ordering;

use async_trait::async_trait;
use relman_adapters::deployer::haproxy::{Endpoint, Haproxy, HaproxyConfig};
use relman_core::{
    port::{Deployer, Environment},
    unit::{Span, TrafficShare},
};
use relman_testkit::conformance::{self, Able, Unable, deployer::DeployerFixture};

use super::world::{Relay, World};

/// A real HAProxy, with a relay in front of its runtime API.
struct Relayed {
    world: World,
    relay: Relay,
    deployer: Haproxy,
}

impl Relayed {
    async fn start() -> Option<Self> {
        let world = World::start().await?;
        let relay = Relay::before(&world);
        let config = HaproxyConfig::new(Endpoint::Socket(relay.socket.clone()), "app", "canary", "stable");
        // Long enough for a busy machine, short enough to wait for an answer that does not come.
        let deployer = Haproxy::new(config.unwrap().with_time_limit(Span::from_secs(2)));
        Some(Self { world, relay, deployer })
    }

    async fn weight(&self, server: &str) -> u64 {
        let answer = self.world.tell(&format!("get weight app/{server}")).await;
        answer.split(' ').next().unwrap().parse().unwrap()
    }
}

#[async_trait]
impl DeployerFixture for Relayed {
    fn deployer(&self) -> &dyn Deployer {
        &self.deployer
    }

    fn environments(&self) -> Vec<Environment> {
        vec![Environment::Production]
    }

    async fn installed(&self, _: Environment) -> Able<bool> {
        Err(Unable::because("HAProxy routes traffic and installs nothing"))
    }

    /// Rounded down: what HAProxy does with the rest of a division can't be seen in its weights.
    async fn routed(&self) -> Able<TrafficShare> {
        let (canary, stable) = (self.weight("canary").await, self.weight("stable").await);
        let basis_points = canary * 10_000 / (canary + stable);
        Ok(TrafficShare::try_from(u16::try_from(basis_points).unwrap()).unwrap())
    }

    async fn changes(&self) -> Able<u64> {
        let heard = self.relay.heard.lock().unwrap();
        Ok(heard.iter().filter(|line| line.starts_with("set ")).count().try_into().unwrap())
    }

    async fn meddle(&self, share: TrafficShare) -> Able<()> {
        let canary = share.basis_points() / 100;
        let stable = 100 - canary;
        self.world
            .tell(&format!("set server app/stable weight {stable}; set server app/canary weight {canary}"))
            .await;
        Ok(())
    }

    async fn lose_next_answer(&self) -> Able<()> {
        self.relay.loses_next.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        std::fs::remove_file(&self.relay.socket).unwrap();
        Ok(())
    }
}

conformance::deployer! {
    #[tokio::test]
    mod relayed {
        let Some(fixture) = Relayed::start().await else { return };
        fixture
    }
}
