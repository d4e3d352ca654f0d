use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use relman_adapters::deployer::{
    SplitDeployer,
    command::{CommandConfig, CommandDeployer, Operation},
    haproxy::{Endpoint, Haproxy, HaproxyConfig},
};
use relman_core::{
    port::{Deployer, Environment, Slot},
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

    async fn visit(&self, requests: u64) -> Able<()> {
        self.world.send(requests.try_into().unwrap()).await;
        Ok(())
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

/// What installs, as a script in a directory: the versions of the stable servers and of the candidate's are files.
const INSTALLER: &str = r#"
cd "$1" && [ ! -e cut-off ] || exit 1
read -r request
version=$(printf '%s' "$request" | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')
put() { [ "$(cat "$1" 2> /dev/null)" = "$version" ] || { printf %s "$version" > "$1"; echo "$1" >> changes; }; }
case $request in
*'"operation":"deploy"'*) put candidate ;;
*'"operation":"promote"'*)
    if rm break 2> /dev/null; then
        echo '{"error":{"kind":"unavailable","detail":"s2 does not take it"}}'
        exit
    fi
    put stable ;;
*'"operation":"observe"'*)
    place() { [ -e "$1" ] && printf '{"version":"%s"}' "$(cat "$1")" || printf '{}'; }
    printf '{"canary_share":0,"canary":%s,"baseline":%s}' "$(place candidate)" "$(place stable)"
    exit ;;
esac
echo '{"ok":true}'
"#;

/// Three stable servers and one candidate, behind a relay, and a script that installs.
struct Replacing {
    world: World,
    relay: Relay,
    directory: tempfile::TempDir,
    deployer: SplitDeployer,
}

impl Replacing {
    async fn start() -> Option<Self> {
        let servers = [("s1", 100, ""), ("s2", 100, ""), ("s3", 50, ""), ("c1", 0, "")];
        let world = World::start_servers(&servers, "").await?;
        let relay = Relay::before(&world);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("changes"), "").unwrap();
        let socket = Endpoint::Socket(relay.socket.clone());
        let config = HaproxyConfig::replacing(socket, "app", ["s*"], ["c1"]).unwrap();
        let routes = Haproxy::new(config.with_time_limit(Span::from_secs(2)));
        let script = ["-c", INSTALLER, "sh", directory.path().to_str().unwrap()];
        let installs =
            CommandConfig::new("sh", script).with_operations([Operation::Promote, Operation::Versions]);
        let installs = CommandDeployer::new(installs);
        let deployer = SplitDeployer::new(Arc::new(installs), Arc::new(routes));
        Some(Self { world, relay, directory, deployer })
    }
}

#[async_trait]
impl DeployerFixture for Replacing {
    fn deployer(&self) -> &dyn Deployer {
        &self.deployer
    }

    fn environments(&self) -> Vec<Environment> {
        vec![Environment::Production]
    }

    async fn installed(&self, _: Environment) -> Able<bool> {
        Ok(self.version_in(Slot::Second).await?.as_deref() == Some("2.41.0"))
    }

    async fn version_in(&self, slot: Slot) -> Able<Option<String>> {
        let file = if slot == Slot::First { "stable" } else { "candidate" };
        Ok(std::fs::read_to_string(self.directory.path().join(file)).ok())
    }

    async fn break_stable_install(&self) -> Able<()> {
        std::fs::write(self.directory.path().join("break"), "").unwrap();
        Ok(())
    }

    async fn routed(&self) -> Able<TrafficShare> {
        let weights = self.world.weights().await;
        let basis_points = weights["c1"] * 10_000 / weights.values().sum::<u32>();
        Ok(TrafficShare::try_from(u16::try_from(basis_points).unwrap()).unwrap())
    }

    async fn visit(&self, requests: u64) -> Able<()> {
        self.world.send(requests.try_into().unwrap()).await;
        Ok(())
    }

    async fn changes(&self) -> Able<u64> {
        let installed = std::fs::read_to_string(self.directory.path().join("changes")).unwrap();
        let heard = self.relay.heard.lock().unwrap();
        let set = heard.iter().filter(|line| line.starts_with("set ")).count();
        Ok((installed.lines().count() + set).try_into().unwrap())
    }

    async fn lose_next_answer(&self) -> Able<()> {
        self.relay.loses_next.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        std::fs::remove_file(&self.relay.socket).unwrap();
        std::fs::write(self.directory.path().join("cut-off"), "").unwrap();
        Ok(())
    }
}

conformance::deployer! {
    #[tokio::test]
    mod replacing {
        let Some(fixture) = Replacing::start().await else { return };
        fixture
    }
}
