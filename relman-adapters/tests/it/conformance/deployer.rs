//! A deployer that is a shell script, alone and as both parts of a split one.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use relman_adapters::deployer::{
    SplitDeployer,
    command::{CommandConfig, CommandDeployer},
};
use relman_core::{
    port::{Deployer, Environment},
    unit::TrafficShare,
};
use relman_testkit::conformance::{self, Able, deployer::DeployerFixture};
use tempfile::TempDir;

/// A platform in a directory: a file for the share, one for each environment and one with a line for each change.
const PLATFORM: &str = r#"
cd "$1" && [ ! -e cut-off ] || exit 1
read -r request
field() { printf '%s' "$request" | sed -n "s/.*\"$1\":\"*\([a-z_0-9]*\).*/\1/p"; }
case $(field operation) in
deploy)
    file=installed-$(field environment)
    [ -e "$file" ] || { : > "$file"; echo deploy >> changes; } ;;
set_traffic)
    share=$(field share)
    [ "$(cat share)" = "$share" ] || { printf %s "$share" > share; echo "share $share" >> changes; } ;;
observe)
    printf '{"canary_share":%s}' "$(cat share)"
    exit ;;
esac
if rm lose-next 2> /dev/null; then
    echo '{"error":{"kind":"timed_out","detail":"no answer from the platform"}}'
else
    echo '{"ok":true}'
fi
"#;

struct Scripted {
    directory: TempDir,
    deployer: Arc<dyn Deployer>,
}

impl Scripted {
    fn by(deployer: impl Fn(CommandDeployer) -> Arc<dyn Deployer>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("share"), "0").unwrap();
        std::fs::write(directory.path().join("changes"), "").unwrap();
        let script = command(directory.path());
        Self { directory, deployer: deployer(script) }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }
}

fn command(directory: &Path) -> CommandDeployer {
    CommandDeployer::new(CommandConfig::new("sh", ["-c", PLATFORM, "sh", directory.to_str().unwrap()]))
}

#[async_trait]
impl DeployerFixture for Scripted {
    fn deployer(&self) -> &dyn Deployer {
        &*self.deployer
    }

    async fn installed(&self, environment: Environment) -> Able<bool> {
        Ok(self.file(&format!("installed-{environment}")).exists())
    }

    async fn routed(&self) -> Able<TrafficShare> {
        let basis_points: u16 = self.read("share").parse().unwrap();
        Ok(TrafficShare::try_from(basis_points).unwrap())
    }

    async fn changes(&self) -> Able<u64> {
        Ok(self.read("changes").lines().count().try_into().unwrap())
    }

    async fn meddle(&self, share: TrafficShare) -> Able<()> {
        std::fs::write(self.file("share"), share.basis_points().to_string()).unwrap();
        Ok(())
    }

    async fn lose_next_answer(&self) -> Able<()> {
        std::fs::write(self.file("lose-next"), "").unwrap();
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        std::fs::write(self.file("cut-off"), "").unwrap();
        Ok(())
    }
}

conformance::deployer! {
    #[tokio::test]
    mod by_command { Scripted::by(|command| Arc::new(command)) }
}

conformance::deployer! {
    #[tokio::test]
    mod split {
        Scripted::by(|command| Arc::new(SplitDeployer::new(Arc::new(command.clone()), Arc::new(command))))
    }
}
