use std::{sync::Arc, time::Duration};

use relman_core::{
    port::{FlowOutcome, FlowReport, Retry, with_causes},
    unit::{ReleaseId, ServiceName},
};
use tracing::{debug, info, warn};

use super::{Limits, perform::bounded, ports::Ports};

/// The longest time between two checks: with it, a pass that is renewed after an hour is never two hours old.
const LONGEST_INTERVAL: Duration = Duration::from_mins(30);

/// What came of a check of the user flows.
pub(super) struct Checked {
    /// What was found; nothing where the port failed.
    pub(super) report: Option<FlowReport>,
    /// How long to wait before they are checked again.
    pub(super) again_after: Duration,
}

/// Has the user flows of a service checked. Never fails: what could not be found out is logged, and checked again.
pub(super) async fn check_flows(
    ports: Arc<Ports>,
    release: ReleaseId,
    service: ServiceName,
) -> Option<Checked> {
    let user_flows = ports.user_flows.clone()?;
    let _permit = ports.flow_checks.acquire().await;
    let answer = bounded(ports.limits.call_time, user_flows.check(&service)).await;
    let again = again(&ports.limits);
    Some(match answer {
        Ok(Ok(report)) => {
            let outcome = report.outcome();
            let again_after = match outcome {
                FlowOutcome::Passed => {
                    debug!(%release, %service, "the user flows work");
                    every(&ports.limits)
                }
                FlowOutcome::Failed => {
                    info!(%release, %service, evidence = %report.evidence(), "user flows fail");
                    again
                }
                FlowOutcome::Unknown => {
                    warn!(%release, %service, evidence = %report.evidence(), "of user flows, nothing is known");
                    again
                }
            };
            Checked { report: Some(report), again_after }
        }
        Ok(Err(error)) => {
            let adapter = user_flows.name();
            warn!(%release, %service, adapter, error = %with_causes(&error), "nothing is known about the user flows");
            let asked = match error.retry() {
                Retry::Never | Retry::Yes => Duration::ZERO,
                Retry::After(wait) => wait.to_std().min(every(&ports.limits)),
            };
            Checked { report: None, again_after: again.max(asked) }
        }
        Err(detail) => {
            let adapter = user_flows.name();
            warn!(%release, %service, adapter, error = %detail, "nothing is known about the user flows");
            Checked { report: None, again_after: again }
        }
    })
}

fn every(limits: &Limits) -> Duration {
    limits.check_flows_every.min(LONGEST_INTERVAL)
}

fn again(limits: &Limits) -> Duration {
    limits.check_flows_again_after.min(every(limits))
}
