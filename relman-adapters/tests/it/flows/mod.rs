//! User flows by HTTP against servers in this process, by small shell scripts, and several together.

mod command;
mod conformance;
mod http;
mod several;

use relman_core::{
    port::{CheckedFlow, FlowOutcome, PortError, UserFlows},
    unit::ServiceName,
};

fn service() -> ServiceName {
    "checkout".parse().unwrap()
}

/// What was found about the only flow.
async fn check(flow: &dyn UserFlows) -> Result<CheckedFlow, PortError> {
    let mut report = flow.check(&service()).await?;
    assert_eq!(report.flows.len(), 1, "{report:?}");
    Ok(report.flows.remove(0))
}

/// What was found about a flow that has failed.
async fn failure(flow: &dyn UserFlows) -> String {
    let checked = check(flow).await.unwrap();
    assert_eq!(checked.outcome, FlowOutcome::Failed, "{checked}");
    checked.found
}
