use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use relman_core::{
    machine::{Effect, OutcomeOf, Outstanding},
    port::{DeployRequest, Notification, PortError, Retry, Target, TrafficRequest, with_causes},
    unit::{Span, TrafficShare},
};

use super::ports::Ports;

/// Whether an effect may have been performed before, by this process or an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Its record was made just now.
    First,
    /// It has failed, or it was found without an outcome.
    Again,
}

/// Performs one effect and says how it ended. Never panics, and never takes longer than the limit for a call.
pub(super) async fn perform(
    ports: Arc<Ports>,
    target: Target,
    drill: bool,
    outstanding: Outstanding,
    attempt: Attempt,
) -> OutcomeOf {
    let limit = ports.limits.call_time;
    let call = async {
        match &outstanding.effect {
            Effect::Deploy { environment } => {
                let request =
                    DeployRequest { target, environment: *environment, key: outstanding.key.clone() };
                ports.deployer.deploy(&request).await.map(|()| OutcomeOf::Done)
            }
            Effect::SetTraffic { share } => {
                if attempt == Attempt::Again && shows(&ports, &target, *share).await {
                    return Ok(OutcomeOf::FoundDone);
                }
                let request = TrafficRequest { target, share: *share, key: outstanding.key.clone() };
                ports.deployer.set_traffic(&request).await.map(|()| OutcomeOf::Done)
            }
            Effect::Notify { moment, audience, channel, urgency, title, body } => {
                let notification = Notification {
                    release: target.release,
                    drill,
                    moment: *moment,
                    audience: audience.to_string(),
                    channel: channel.clone(),
                    urgency: *urgency,
                    title: title.clone(),
                    body: body.clone(),
                    key: outstanding.key.clone(),
                };
                ports.notifier.notify(&notification).await.map(|()| OutcomeOf::Done)
            }
        }
    };
    match bounded(limit, call).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => failed(&error),
        Err(detail) => OutcomeOf::Failed { detail, retry_after: Some(Span::ZERO) },
    }
}

/// Whether the platform shows the share already. Not knowing is no.
async fn shows(ports: &Ports, target: &Target, share: TrafficShare) -> bool {
    let tolerance = ports.deployer.capabilities().share_tolerance.basis_points();
    match ports.deployer.observe(target).await {
        // Nothing and everything are never a matter of rounding.
        Ok(deployment) if share == TrafficShare::ZERO || share == TrafficShare::FULL => {
            deployment.canary_share == share
        }
        Ok(deployment) => deployment.canary_share.distance(share) <= tolerance,
        Err(_) => false,
    }
}

fn failed(error: &PortError) -> OutcomeOf {
    let retry_after = match error.retry() {
        Retry::Never => None,
        Retry::Yes => Some(Span::ZERO),
        Retry::After(span) => Some(span),
    };
    OutcomeOf::Failed { detail: with_causes(error), retry_after }
}

/// Runs a call to a port: not longer than the limit, and with a panic as an error.
pub(super) async fn bounded<T>(limit: Duration, call: impl Future<Output = T>) -> Result<T, String> {
    match tokio::time::timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err("the adapter panicked; this is a bug in it".to_owned()),
        Err(_) => Err(format!("the adapter did not answer within {} s", limit.as_secs_f64())),
    }
}
