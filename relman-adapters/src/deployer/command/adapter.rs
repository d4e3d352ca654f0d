use std::iter;

use async_trait::async_trait;
use relman_core::{
    port::{
        DeployRequest, Deployer, DeployerCapabilities, Deployment, PortError, PortErrorKind, PromoteRequest,
        Promotion, Retry, Target, TrafficRequest,
    },
    unit::{Span, TrafficShare},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{CommandConfig, config::Operation};
use crate::process::{Finished, one_line, run};

const ADAPTER: &str = "command";

const PROMOTE: &str = "promote";

/// How many characters of an answer that makes no sense an error quotes.
const QUOTED_CHARS: usize = 200;

/// Asks an executable to deploy, to route traffic and to observe. The [module](super) says how it is asked and what
/// it answers.
///
/// # Examples
///
/// ```
/// use relman_adapters::deployer::command::{CommandConfig, CommandDeployer};
/// use relman_core::port::Deployer;
/// # use relman_core::{plan::Artifact, port::Target};
/// # let artifact = Artifact { name: "checkout".parse()?, version: "2.41.0".parse()?, digest: None };
/// # let target = Target::new("checkout-241".parse()?, "checkout".parse()?, artifact, "2.40.3");
///
/// let script = r#"echo '{"canary_share":100,"detail":"1 of 100 instances"}'"#;
/// let deployer = CommandDeployer::new(CommandConfig::new("sh", ["-c", script]));
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # let seen = runtime.block_on(deployer.observe(&target))?;
/// # #[cfg(any())]
/// let seen = deployer.observe(&target).await?;
/// assert_eq!(seen.canary_share.to_string(), "1%");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CommandDeployer {
    config: CommandConfig,
}

impl CommandDeployer {
    /// A deployer that runs this program. Whether it exists is found when it is run.
    pub fn new(config: CommandConfig) -> Self {
        Self { config }
    }

    /// Runs the program once and reads its answer.
    async fn ask<A: CommandAnswer>(
        &self,
        operation: &'static str,
        question: &Request<'_>,
    ) -> Result<A, PortError> {
        let program = self.config.program();
        let mut input = serde_json::to_vec(question).expect("requests have string keys only");
        input.push(b'\n');
        match run(&program, input).await {
            Ok(finished) => self.read(operation, &finished),
            Err(failure) => Err(failure.into_error(ADAPTER, operation, &program)),
        }
    }

    fn read<A: CommandAnswer>(&self, operation: &'static str, finished: &Finished) -> Result<A, PortError> {
        let program = self.config.program.display();
        let said = match finished.stderr.as_str() {
            "" => String::new(),
            stderr => format!("; its standard error ends: {stderr}"),
        };
        if let Ok(Failed { error }) = serde_json::from_slice(&finished.stdout) {
            let detail = format!("{}{said}", one_line(error.detail.as_bytes()));
            let failed = PortError::new(ADAPTER, operation, error.kind, detail);
            return Err(match error.retry_after_ms {
                Some(millis) => failed.with_retry(Retry::After(Span::from_millis(millis))),
                None => failed,
            });
        }
        if !finished.status.success() {
            // Requests are idempotent, so that trying again is safe; a program that knows better says so in JSON.
            let detail = format!("{program} ended with {}{said}", finished.status);
            return Err(PortError::new(ADAPTER, operation, PortErrorKind::Unavailable, detail));
        }
        serde_json::from_slice(&finished.stdout).map_err(|error| {
            let what = A::WHAT;
            if let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(&finished.stdout)
                && !fields.contains_key(A::NEEDS)
            {
                let detail = format!(
                    "the answer of {program} has no `{}`: {program} has to write {what}{said}",
                    A::NEEDS
                );
                return PortError::new(ADAPTER, operation, PortErrorKind::InvalidAnswer, detail)
                    .with_source(error);
            }
            let output: String = one_line(&finished.stdout).chars().take(QUOTED_CHARS).collect();
            let detail =
                format!("{program} wrote {output:?} to its standard output, not {what}: {error}{said}");
            PortError::new(ADAPTER, operation, PortErrorKind::InvalidAnswer, detail).with_source(error)
        })
    }
}

#[async_trait]
impl Deployer for CommandDeployer {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    fn capabilities(&self) -> DeployerCapabilities {
        let capabilities = DeployerCapabilities::new()
            .with_share_tolerance(self.config.share_tolerance)
            .with_promotion(self.config.promotion);
        if self.config.knows(Operation::Versions) { capabilities.telling_versions() } else { capabilities }
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        self.ask("deploy", &Request::Deploy(request)).await.map(|Done { ok: True }| ())
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        if request.cut && !self.config.knows(Operation::Cut) {
            let mut plain = request.clone();
            plain.cut = false;
            return self.set_traffic(&plain).await;
        }
        self.ask("set traffic", &Request::SetTraffic(request)).await.map(|Done { ok: True }| ())
    }

    async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError> {
        if self.config.knows(Operation::Promote) {
            return self.ask(PROMOTE, &Request::Promote(request)).await.map(|Done { ok: True }| ());
        }
        match self.config.promotion {
            Promotion::Swap => Ok(()),
            Promotion::Replace => {
                let program = self.config.program.display();
                let detail = format!(
                    "nothing puts {} into the stable place: teach {program} the operation `promote`, and say so with \
                     operations = [\"promote\"]",
                    request.target.artifact.version
                );
                Err(PortError::new(ADAPTER, PROMOTE, PortErrorKind::Rejected, detail))
            }
        }
    }

    async fn reachable(&self, target: &Target, share: TrafficShare) -> Result<TrafficShare, PortError> {
        if !self.config.knows(Operation::Reachable) {
            return Ok(share);
        }
        let question = Request::Reachable { target, share };
        self.ask("look up a share", &question).await.map(|Reachable { share }| share)
    }

    /// The program with its arguments, and the request for no traffic on its standard input. The key has the second in
    /// which the line is typed, so that typing it once more is not taken for a repetition.
    fn by_hand(&self, target: &Target) -> Option<String> {
        let question = Request::ByHand { target, share: TrafficShare::ZERO };
        let mut question = serde_json::to_string(&question).ok()?;
        // The key is left to the shell.
        question.pop();
        let opening = format!("{question},\"key\":\"by-hand-");
        let opening = shlex::try_quote(&opening).ok()?;
        let program = self.config.program.display().to_string();
        let words = iter::once(program.as_str()).chain(self.config.args.iter().map(String::as_str));
        let command = shlex::try_join(words).ok()?;
        let mut line = format!("printf '%s\\n' {opening}$(date +%s)'\"}}' | {command}");
        if !self.config.environment.is_empty() {
            line.push_str(" (it needs ");
            line.push_str(&self.config.environment.join(", "));
            line.push_str(" in the environment, as relman has it)");
        }
        Some(line)
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        self.ask("observe the traffic", &Request::Observe { target }).await
    }
}

#[derive(Serialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
enum Request<'a> {
    Deploy(&'a DeployRequest),
    SetTraffic(&'a TrafficRequest),
    /// A person's request for this share: without the place in a release's record that relman's own have.
    #[serde(rename = "set_traffic")]
    ByHand {
        target: &'a Target,
        share: TrafficShare,
    },
    Promote(&'a PromoteRequest),
    Reachable {
        target: &'a Target,
        share: TrafficShare,
    },
    Observe {
        target: &'a Target,
    },
}

/// What a program answers.
trait CommandAnswer: DeserializeOwned {
    /// What is never left out.
    const NEEDS: &'static str;
    /// How it has to look.
    const WHAT: &'static str;
}

impl CommandAnswer for Done {
    const NEEDS: &'static str = "ok";
    const WHAT: &'static str =
        r#"{"ok":true}, which says that it is done, or {"error":{"kind":…,"detail":…}}"#;
}

impl CommandAnswer for Deployment {
    const NEEDS: &'static str = "canary_share";
    const WHAT: &'static str = r#"{"canary_share":BASIS_POINTS} (100 for 1 %), which says where the traffic is, or {"error":{"kind":…,"detail":…}}"#;
}

impl CommandAnswer for Reachable {
    const NEEDS: &'static str = "share";
    const WHAT: &'static str =
        r#"{"share":BASIS_POINTS}, which says what would be set, or {"error":{"kind":…,"detail":…}}"#;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reachable {
    share: TrafficShare,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    ok: True,
}

/// The `true` of an answer: `{"ok":false}` without an error is not one.
struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom("`ok` is false, and no `error` says why"))
        }
    }
}

#[derive(Deserialize)]
struct Failed {
    error: FailedBecause,
}

#[derive(Deserialize)]
struct FailedBecause {
    kind: PortErrorKind,
    #[serde(default)]
    detail: String,
    retry_after_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use relman_core::plan::Artifact;

    use super::*;

    fn target() -> Target {
        Target::new(
            "checkout-241".parse().unwrap(),
            "checkout".parse().unwrap(),
            Artifact { name: "checkout".parse().unwrap(), version: "2.41.0".parse().unwrap(), digest: None },
            "2.40.3 (ben's)",
        )
    }

    #[test]
    fn a_person_can_take_the_traffic_off_with_the_same_program() {
        let config = CommandConfig::new("/opt/deploy/app", ["--quiet", "--zone=eu west"]);
        let by_hand = CommandDeployer::new(config.clone()).by_hand(&target()).unwrap();
        assert_eq!(
            by_hand,
            concat!(
                r#"printf '%s\n' "{\"operation\":\"set_traffic\",\"target\":{\"release\":\"checkout-241\","#,
                r#"\"service\":\"checkout\",\"name\":\"checkout\",\"artifact\":{\"name\":\"checkout\",\"version\":\"2.41.0\"},"#,
                r#"\"baseline_version\":\"2.40.3 (ben's)\",\"stable\":\"first\"},\"share\":0,\"key\":\"by-hand-"$(date +%s)'"}' "#,
                r#"| /opt/deploy/app --quiet '--zone=eu west'"#,
            )
        );
        let with_environment = CommandDeployer::new(config.with_environment(["KUBECONFIG"]));
        let by_hand = with_environment.by_hand(&target()).unwrap();
        assert!(
            by_hand.ends_with(" (it needs KUBECONFIG in the environment, as relman has it)"),
            "{by_hand}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_understands_it_and_the_program_reads_a_request() {
        let dir = tempfile::TempDir::new().unwrap();
        let asked = dir.path().join("what was asked");
        let config = CommandConfig::new("tee", [asked.to_str().unwrap()]);
        let line = CommandDeployer::new(config).by_hand(&target()).unwrap();
        let done = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let asked: serde_json::Value = serde_json::from_slice(&std::fs::read(asked).unwrap()).unwrap();
        assert_eq!(asked["operation"], "set_traffic");
        assert_eq!(asked["share"], 0);
        assert_eq!(asked["target"]["baseline_version"], "2.40.3 (ben's)");
        assert!(asked["key"].as_str().unwrap().starts_with("by-hand-1"), "{asked}");
    }
}
