//! The example of the command protocol, `examples/deploy-tool/example/platform.py`, alone and as both parts of a split deployer.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use relman_adapters::deployer::{
    SplitDeployer,
    command::{CommandConfig, CommandDeployer, Operation},
};
use relman_core::{
    port::{Deployer, Environment, Promotion, Slot},
    unit::TrafficShare,
};
use relman_testkit::conformance::{self, Able, deployer::DeployerFixture};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The interpreter itself, and not what stands in `PATH` to choose one.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let ask = ["-c", "import sys; print(sys.executable)"];
        let said = std::process::Command::new("python3").args(ask).output().ok()?;
        let path = String::from_utf8(said.stdout).ok()?;
        said.status.success().then(|| PathBuf::from(path.trim()))
    });
    found.as_deref()
}

struct Scripted {
    directory: TempDir,
    deployer: Arc<dyn Deployer>,
}

impl Scripted {
    /// Passes over, or panics where services are required, if there is no Python.
    fn by(promotion: Promotion, deployer: impl Fn(CommandDeployer) -> Arc<dyn Deployer>) -> Option<Self> {
        let Some(python) = python() else {
            let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
            assert!(!required, "python3 is not installed, and RELMAN_REQUIRE_SERVICES=1 asks for it");
            eprintln!("python3 is not installed: this test is passed over");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/deploy-tool/example/platform.py");
        let folder = directory.path().to_str().unwrap().to_owned();
        // Without what is installed beside it, it starts in a tenth of the time.
        let mut arguments = vec!["-I".to_owned(), "-S".to_owned(), script.to_owned(), folder];
        if promotion == Promotion::Replace {
            arguments.push("replace".to_owned());
        }
        let config = CommandConfig::new(python, arguments)
            .with_promotion(promotion)
            .with_share_tolerance("0.1%".parse().unwrap())
            .with_operations([Operation::Promote, Operation::Reachable, Operation::Cut, Operation::Versions]);
        Some(Self { directory, deployer: deployer(CommandDeployer::new(config)) })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the platform has, as its script writes it.
    fn state(&self) -> Value {
        match std::fs::read(self.file("state.json")) {
            Ok(state) => serde_json::from_slice(&state).unwrap(),
            Err(_) => json!({"versions": {}, "staging": null, "second": 0, "changes": 0}),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        change(&mut state);
        std::fs::write(self.file("state.json"), state.to_string()).unwrap();
    }
}

#[async_trait]
impl DeployerFixture for Scripted {
    fn deployer(&self) -> &dyn Deployer {
        &*self.deployer
    }

    async fn installed(&self, environment: Environment) -> Able<bool> {
        let state = self.state();
        Ok(match environment {
            Environment::Staging => state["staging"] == "2.41.0",
            Environment::Production => state["versions"]["second"] == "2.41.0",
        })
    }

    async fn version_in(&self, slot: Slot) -> Able<Option<String>> {
        Ok(self.state()["versions"][slot.to_string()].as_str().map(str::to_owned))
    }

    async fn break_stable_install(&self) -> Able<()> {
        std::fs::write(self.file("break-next-install"), "").unwrap();
        Ok(())
    }

    async fn visit(&self, requests: u64) -> Able<()> {
        self.change(|state| {
            let place = if state["second"] == 10_000 { "second" } else { "first" };
            let served = state["served"][place].as_u64().unwrap();
            state["served"][place] = json!(served + requests);
        });
        Ok(())
    }

    async fn routed(&self) -> Able<TrafficShare> {
        let basis_points = u16::try_from(self.state()["second"].as_u64().unwrap()).unwrap();
        Ok(TrafficShare::try_from(basis_points).unwrap())
    }

    async fn changes(&self) -> Able<u64> {
        Ok(self.state()["changes"].as_u64().unwrap())
    }

    async fn meddle(&self, share: TrafficShare) -> Able<()> {
        self.change(|state| state["second"] = json!(share.basis_points()));
        Ok(())
    }

    async fn lose_next_answer(&self) -> Able<()> {
        std::fs::write(self.file("lose-next-answer"), "").unwrap();
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        std::fs::remove_dir_all(self.directory.path()).unwrap();
        Ok(())
    }
}

fn split(command: CommandDeployer) -> Arc<dyn Deployer> {
    Arc::new(SplitDeployer::new(Arc::new(command.clone()), Arc::new(command)))
}

conformance::deployer! {
    #[tokio::test]
    mod by_command {
        let Some(fixture) = Scripted::by(Promotion::Swap, |command| Arc::new(command)) else { return };
        fixture
    }
}

conformance::deployer! {
    #[tokio::test]
    mod by_command_that_replaces {
        let Some(fixture) = Scripted::by(Promotion::Replace, |command| Arc::new(command)) else { return };
        fixture
    }
}

conformance::deployer! {
    #[tokio::test]
    mod split_that_replaces {
        let Some(fixture) = Scripted::by(Promotion::Replace, split) else { return };
        fixture
    }
}
