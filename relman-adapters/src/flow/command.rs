use std::path::{Path, PathBuf};

use async_trait::async_trait;
use relman_core::{
    port::{CheckedFlow, FlowOutcome, FlowReport, PortError, PortErrorKind, UserFlows},
    unit::{FlowName, ServiceName, Span},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use tokio::time::Instant;

use crate::process::{Finished, Program, one_line, run};

const ADAPTER: &str = "command flow";
const OPERATION: &str = "check a user flow";

/// How long a program may take where nothing else is configured: a browser has started and clicked through a page or
/// two by then.
const DEFAULT_TIME_LIMIT: Span = Span::from_secs(30);

/// The longest time limit; with others beside it, a check is done within the two minutes that the port allows.
const LONGEST_TIME_LIMIT: Span = Span::from_secs(90);

/// How many lines of what a program wrote are evidence; the first ones, where a test says what went wrong.
const EVIDENCE_LINES: usize = 3;

/// A user flow that any executable tries.
///
/// The program finds one line of JSON on its standard input, `{"operation":"check_flow","flow":"login",
/// "service":"checkout"}`, and says by its exit status whether the flow works:
///
/// | exit status | meaning |
/// | --- | --- |
/// | 0 | it works |
/// | 1 | it does not |
/// | anything else, a signal, no end within the time limit | nothing is known, which is never a pass |
///
/// The first three lines of its standard output are the evidence, and become part of the record: a program must not
/// write secrets to them. At the time limit it is killed together with every process of its group; of the environment it
/// sees `PATH`, `HOME`, `USER`, `LANG`, `TZ` and `TMPDIR`, and what is handed on by name. More than 64 KiB of output is
/// no answer.
#[derive(Debug, Clone)]
pub struct CommandFlow {
    flow: FlowName,
    config: CommandFlowConfig,
}

/// Which program a [`CommandFlow`] runs, and how.
///
/// # Examples
///
/// ```
/// use relman_adapters::flow::CommandFlowConfig;
/// use relman_core::unit::Span;
///
/// let from_file: CommandFlowConfig = toml::from_str(
///     r#"
///     program = "/opt/flows/login"
///     args = ["--headless"]
///     environment = ["FLOW_PASSWORD"]
///     time_limit = "1m"
///     "#,
/// )?;
/// let in_code = CommandFlowConfig::new("/opt/flows/login", ["--headless"])
///     .with_environment(["FLOW_PASSWORD"])
///     .with_time_limit(Span::from_minutes(1));
/// assert_eq!(from_file, in_code);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandFlowConfig {
    program: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    environment: Vec<String>,
    #[serde(default = "default_time_limit", deserialize_with = "time_limit")]
    time_limit: Span,
}

impl CommandFlowConfig {
    /// A program with its arguments and 30 seconds.
    ///
    /// A program without a slash is looked for in `PATH`.
    pub fn new<A: Into<String>>(program: impl AsRef<Path>, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            time_limit: DEFAULT_TIME_LIMIT,
        }
    }

    /// The same with the names of environment variables that the program is to see, besides the few that every
    /// program does. Secrets go this way, and not into the arguments, which everybody on the machine can see.
    #[must_use]
    pub fn with_environment<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.environment = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same with another time limit; one above 90 seconds counts as 90 seconds.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Span) -> Self {
        self.time_limit = time_limit.min(LONGEST_TIME_LIMIT);
        self
    }

    fn program(&self) -> Program<'_> {
        Program {
            path: &self.program,
            args: &self.args,
            environment: &self.environment,
            time_limit: self.time_limit,
        }
    }
}

fn default_time_limit() -> Span {
    DEFAULT_TIME_LIMIT
}

/// Reads a time limit as people write it, `1m`.
fn time_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let limit: Span = String::deserialize(deserializer)?.parse().map_err(D::Error::custom)?;
    if limit > LONGEST_TIME_LIMIT {
        return Err(D::Error::custom(format!("{limit} is too long: at most {LONGEST_TIME_LIMIT}")));
    }
    Ok(limit)
}

#[derive(Serialize)]
struct FlowRequest<'a> {
    operation: &'static str,
    flow: &'a FlowName,
    service: &'a ServiceName,
}

impl CommandFlow {
    /// A flow of that name that this program tries. Whether the program exists is found when it is run.
    pub fn new(flow: FlowName, config: CommandFlowConfig) -> Self {
        Self { flow, config }
    }

    /// What the end of the program says about the flow.
    fn read(&self, finished: &Finished, latency: Span) -> Result<CheckedFlow, PortError> {
        let status = finished.status.code();
        let outcome = match status {
            Some(0) => FlowOutcome::Passed,
            Some(1) => FlowOutcome::Failed,
            _ => {
                let said = match finished.stderr.as_str() {
                    "" => String::new(),
                    stderr => format!("; its standard error ends: {stderr}"),
                };
                let program = self.config.program.display();
                let detail = format!(
                    "{program} ended with {}, which is neither 0 (it works) nor 1 (it does not){said}",
                    finished.status
                );
                return Err(PortError::new(ADAPTER, OPERATION, PortErrorKind::InvalidAnswer, detail));
            }
        };
        let ended = format!("exit status {}", status.unwrap_or_default());
        let found = match first_lines(&finished.stdout).as_str() {
            "" => ended,
            said => format!("{ended}: {said}"),
        };
        let mut flow =
            CheckedFlow::new(self.flow.clone(), outcome, "exit status 0", found).with_latency(latency);
        flow.status = status;
        Ok(flow)
    }
}

fn first_lines(output: &[u8]) -> String {
    let lines: Vec<&[u8]> = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(EVIDENCE_LINES)
        .collect();
    one_line(&lines.join(&b'\n'))
}

#[async_trait]
impl UserFlows for CommandFlow {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    fn flows(&self) -> Vec<FlowName> {
        vec![self.flow.clone()]
    }

    async fn check(&self, service: &ServiceName) -> Result<FlowReport, PortError> {
        let question = FlowRequest { operation: "check_flow", flow: &self.flow, service };
        let mut input = serde_json::to_vec(&question).expect("names are strings");
        input.push(b'\n');
        let program = self.config.program();
        let begin = Instant::now();
        let finished =
            run(&program, input).await.map_err(|failure| failure.into_error(ADAPTER, OPERATION, &program))?;
        let latency = Span::from_millis(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX));
        Ok(FlowReport::new([self.read(&finished, latency)?]))
    }
}
