use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use relman_core::{
    port::{CheckedFlow, FlowOutcome, FlowReport, PortError, PortErrorKind, UserFlows},
    unit::{FlowName, ServiceName, Span},
};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

const ADAPTER: &str = "flows";
const OPERATION: &str = "check the user flows";

/// How many are tried at the same time: a probe is not to be a load test.
const AT_ONCE: usize = 8;

/// Less than the two minutes that the port allows, so that what is known by then is still reported.
const TIME_LIMIT: Span = Span::from_secs(100);

/// Several user flows as one port: tries them at the same time, eight at most, and reports on all of them.
///
/// One whose outcome could not be found out, or which was not done within 100 seconds, is reported as unknown, beside
/// what the others found.
///
/// # Examples
///
/// ```
/// # #[cfg(all(unix, feature = "command"))] {
/// use std::sync::Arc;
/// use relman_adapters::flow::{CommandFlow, CommandFlowConfig, Flows};
/// use relman_core::port::{FlowOutcome, UserFlows};
///
/// let flow = |name: &str, script: &str| -> Arc<dyn UserFlows> {
///     let config = CommandFlowConfig::new("sh", ["-c", script]);
///     Arc::new(CommandFlow::new(name.parse().unwrap(), config))
/// };
/// let flows = Flows::new([flow("login", "echo signed in"), flow("pay", "echo declined; exit 1")])?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # let service = "checkout".parse().unwrap();
/// # let report = runtime.block_on(flows.check(&service)).unwrap();
/// # #[cfg(any())]
/// let report = flows.check(&"checkout".parse()?).await?;
/// assert_eq!(report.outcome(), FlowOutcome::Failed);
/// assert_eq!(report.flows[1].found, "exit status 1: declined");
/// # }
/// # Ok::<(), relman_adapters::flow::FlowsError>(())
/// ```
#[derive(Clone)]
pub struct Flows {
    members: Vec<Arc<dyn UserFlows>>,
}

/// Why several user flows can't be one port.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlowsError {
    /// Two have the same name, and a report could not tell them apart.
    #[error("failed to join user flows: two are named {0}: rename one of them")]
    Duplicate(FlowName),
    /// There are none, and a report on nothing never passes.
    #[error("failed to join user flows: there are none: leave the port out where there is nothing to check")]
    Empty,
}

impl Flows {
    /// These flows as one port, reported in this order.
    ///
    /// # Errors
    ///
    /// [`FlowsError`] where two have the same name, or there are none.
    pub fn new(members: impl IntoIterator<Item = Arc<dyn UserFlows>>) -> Result<Self, FlowsError> {
        let members: Vec<Arc<dyn UserFlows>> = members.into_iter().collect();
        let mut names = BTreeSet::new();
        for name in members.iter().flat_map(|member| member.flows()) {
            if !names.insert(name.clone()) {
                return Err(FlowsError::Duplicate(name));
            }
        }
        if names.is_empty() {
            return Err(FlowsError::Empty);
        }
        Ok(Self { members })
    }
}

/// What a member reports, with an unknown outcome for every flow that it is silent about.
fn complete(flows: Vec<FlowName>, answer: &Result<FlowReport, PortError>) -> Vec<CheckedFlow> {
    let unknown =
        |name: FlowName, found: String| CheckedFlow::new(name, FlowOutcome::Unknown, "an answer", found);
    let found = |name: FlowName| match answer {
        Ok(report) => match report.flows.iter().find(|flow| flow.name == name) {
            Some(flow) => flow.clone(),
            None => unknown(name, "nothing in what the adapter reported".to_owned()),
        },
        Err(error) => unknown(name, format!("{}: {}", error.kind(), error.detail())),
    };
    flows.into_iter().map(found).collect()
}

#[async_trait]
impl UserFlows for Flows {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    fn flows(&self) -> Vec<FlowName> {
        self.members.iter().flat_map(|member| member.flows()).collect()
    }

    async fn check(&self, service: &ServiceName) -> Result<FlowReport, PortError> {
        let deadline = Instant::now() + TIME_LIMIT.to_std();
        let checks = self.members.iter().map(|member| async move {
            timeout_at(deadline, member.check(service)).await.unwrap_or_else(|_| {
                let detail = format!("it was not done within {TIME_LIMIT}");
                Err(PortError::new(ADAPTER, OPERATION, PortErrorKind::TimedOut, detail))
            })
        });
        // Collected first: a stream that borrows in a closure is not `Send` for every lifetime.
        let checks: Vec<_> = checks.collect();
        let mut answers: Vec<Result<FlowReport, PortError>> =
            stream::iter(checks).buffered(AT_ONCE).collect().await;
        if answers.iter().all(Result::is_err) && !answers.is_empty() {
            return answers.swap_remove(0);
        }
        let members = self.members.iter().map(|member| member.flows());
        Ok(FlowReport::new(members.zip(&answers).flat_map(|(flows, answer)| complete(flows, answer))))
    }
}
