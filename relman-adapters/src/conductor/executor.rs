use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::join_all};
use relman_core::{
    event::Unreachable,
    judge::{Answer, Arm, Observation},
    machine::{
        Call, CallUrgency, EvaluationRequest, LeaveTarget, Outcome, Preflight, PreflightAnswer, Request,
    },
    port::{
        Deployer, IncidentSource, MetricQuery, MetricsSource, Notifier, PortError, PromoteRequest, Target,
        UserFlows, with_causes,
    },
    target::{Admission, Standing, TargetError, Targets},
    unit::{Text, TrafficShare, Window},
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;

use super::{Limits, shared::JOURNAL_TIME};
use crate::Releases;

/// Makes the calls of every session: with limits on how many are under way at once, and with whatever an adapter does
/// wrong as an outcome. Decides nothing.
pub(super) struct Executor {
    releases: Releases,
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) metrics: Arc<dyn MetricsSource>,
    pub(super) notifier: Arc<dyn Notifier>,
    pub(super) user_flows: Option<Arc<dyn UserFlows>>,
    pub(super) incidents: Option<Arc<dyn IncidentSource>>,
    limits: Limits,
    /// Permits for calls to the deployer and the metrics source; what takes users back needs none.
    ordinary: Semaphore,
    /// Permits for messages, apart from the others so that neither waits for the other.
    messages: Semaphore,
    /// Permits for what stands beside a release, which may take long and keeps nothing else waiting.
    asides: Semaphore,
}

impl Executor {
    pub(super) fn new(
        releases: Releases,
        deployer: Arc<dyn Deployer>,
        metrics: Arc<dyn MetricsSource>,
        notifier: Arc<dyn Notifier>,
        user_flows: Option<Arc<dyn UserFlows>>,
        incidents: Option<Arc<dyn IncidentSource>>,
        limits: Limits,
    ) -> Self {
        Self {
            releases,
            deployer,
            metrics,
            notifier,
            user_flows,
            incidents,
            ordinary: Semaphore::new(limits.calls),
            messages: Semaphore::new(limits.messages),
            asides: Semaphore::new(limits.asides),
            limits,
        }
    }

    /// Makes a call, if it may be made once it is its turn, and says how it ended. Never panics. The session sees to it that
    /// it does not take for ever.
    pub(super) async fn make(&self, call: Call, may_act: impl Fn() -> bool) -> Outcome {
        let _permit = self.permit(call.urgency).await;
        if !may_act() {
            let detail = "not made: the lease of this conductor has run out".to_owned();
            return Outcome::Failed { detail, retry: relman_core::port::Retry::Yes };
        }
        match caught(self.ask(call.request)).await {
            Ok(outcome) => outcome,
            Err(message) => Outcome::panicked(&message),
        }
    }

    async fn permit(&self, urgency: CallUrgency) -> Option<SemaphorePermit<'_>> {
        let permits = match urgency {
            CallUrgency::Back => return None,
            CallUrgency::Ordinary => &self.ordinary,
            CallUrgency::Message => &self.messages,
            CallUrgency::Aside => &self.asides,
        };
        permits.acquire().await.ok()
    }

    async fn ask(&self, request: Request) -> Outcome {
        match request {
            Request::Deploy(request) => done(self.deployer.deploy(&request).await),
            Request::SetTraffic(request) => done(self.deployer.set_traffic(&request).await),
            Request::Promote(request) => self.promote(&request).await,
            Request::Preflight(asked) => self.preflight(asked).await,
            Request::LeaveTarget(left) => {
                let LeaveTarget { target, release, how, place, head, .. } = &left;
                match self.targets().leave(target, release, (*how, *place), *head).await {
                    Ok(_) => Outcome::Done,
                    Err(error) => target_failed(&error),
                }
            }
            Request::Notify(notification) => done(self.notifier.notify(&notification).await),
            Request::Measure(question) => self.measure(question).await,
            Request::ObservePlatform(target) => match self.deployer.observe(&target).await {
                Ok(deployment) => match guarded(|| self.deployer.capabilities().share_tolerance) {
                    Ok(tolerance) => Outcome::Observed { deployment, tolerance },
                    Err(message) => Outcome::panicked(&message),
                },
                Err(error) => Outcome::of_error(&error),
            },
            Request::CheckFlows(service) => match &self.user_flows {
                Some(flows) => match flows.check(&service).await {
                    Ok(report) => Outcome::FlowsChecked(report),
                    Err(error) => Outcome::of_error(&error),
                },
                None => not_configured("user flows"),
            },
            Request::ListIncidents { service, window } => match &self.incidents {
                Some(source) => match source.incidents(&service, window).await {
                    Ok(incidents) => Outcome::IncidentsListed(incidents),
                    Err(error) => Outcome::of_error(&error),
                },
                None => not_configured("source of incidents"),
            },
        }
    }

    /// Asks for everything at once. What could not be found out is part of the answer.
    async fn measure(&self, question: EvaluationRequest) -> Outcome {
        let pairs =
            question.queries.iter().flat_map(|query| question.arms.iter().map(move |arm| (query, *arm)));
        let observations = join_all(pairs.map(|(query, arm)| self.observe(query, arm, question.window)));
        let (deployment, observations, standing) = tokio::join!(
            self.observe_platform(&question.target),
            observations,
            self.standing(&question.target)
        );
        let (deployment, tolerance) = match deployment {
            Ok((deployment, tolerance)) => (Ok(deployment), tolerance),
            Err(detail) => (Err(detail), TrafficShare::ZERO),
        };
        Outcome::Measured { observations, deployment, tolerance, standing }
    }

    fn targets(&self) -> Targets<'_> {
        Targets::new(&**self.releases.journal(), self.releases.clock().now())
    }

    /// What keeps everything on the target from going forward. What can't be found out changes nothing: while the journal
    /// can't be read, nothing is recorded either, so that nothing goes forward.
    async fn standing(&self, target: &Target) -> Option<Standing> {
        match within(JOURNAL_TIME, "journal", self.targets().standing(&target.name)).await {
            Ok(Ok(standing)) => Some(standing),
            Ok(Err(error)) => {
                warn!(target = %target.name, error = with_causes(&error), "whether the target is frozen is not known");
                None
            }
            Err(detail) => {
                warn!(target = %target.name, error = detail, "whether the target is frozen is not known");
                None
            }
        }
    }

    /// Asks for the target, then looks at the platform with the place that is stable there.
    async fn preflight(&self, asked: Preflight) -> Outcome {
        let Preflight { target, ask, shares, .. } = asked;
        let targets = self.targets();
        let admission = match targets.admit(&target.name, &ask).await {
            Ok(admission) => admission,
            Err(error) => return target_failed(&error),
        };
        let standing = match targets.standing(&target.name).await {
            Ok(standing) => standing,
            Err(error) => return target_failed(&error),
        };
        let capabilities = match guarded(|| self.deployer.capabilities()) {
            Ok(capabilities) => capabilities,
            Err(message) => return Outcome::panicked(&message),
        };
        let Admission::Admitted(admitted) = &admission else {
            let nobody_looked = Err("the release waits for its target".to_owned());
            let answer =
                PreflightAnswer::new(admission, capabilities.promotion, nobody_looked).under(standing);
            return Outcome::Preflight(Box::new(answer));
        };
        let target = target.with_stable(admitted.stable);
        let deployment = self.observe_platform(&target).await.map(|(deployment, _)| deployment);
        let unreachable = match self.unreachable(&target, &shares, capabilities.share_tolerance).await {
            Ok(unreachable) => unreachable,
            Err(error) => return Outcome::of_error(&error),
        };
        let answer = PreflightAnswer::new(admission, capabilities.promotion, deployment);
        Outcome::Preflight(Box::new(answer.under(standing).without(unreachable)))
    }

    /// The shares of the track that the platform can't give, not even about.
    async fn unreachable(
        &self,
        target: &Target,
        shares: &[TrafficShare],
        tolerance: TrafficShare,
    ) -> Result<Vec<Unreachable>, PortError> {
        let mut unreachable = Vec::new();
        for share in shares.iter().copied() {
            let nearest = self.deployer.reachable(target, share).await?;
            // All of the traffic is never a matter of rounding.
            let tolerated = if share == TrafficShare::FULL { 0 } else { tolerance.basis_points() };
            if nearest.is_zero() || share.distance(nearest) > tolerated {
                unreachable.push(Unreachable::new(share, nearest));
            }
        }
        Ok(unreachable)
    }

    /// Makes the new version the stable one, and looks at the platform as the next release would find it.
    async fn promote(&self, request: &PromoteRequest) -> Outcome {
        let promotion = match guarded(|| self.deployer.capabilities().promotion) {
            Ok(promotion) => promotion,
            Err(message) => return Outcome::panicked(&message),
        };
        if let Err(error) = self.deployer.promote(request).await {
            return Outcome::of_error(&error);
        }
        let target = request.target.clone();
        let stable = promotion.stable_after(target.stable);
        match self.observe_platform(&target.with_stable(stable)).await {
            Ok((deployment, tolerance)) => Outcome::Observed { deployment, tolerance },
            Err(detail) => Outcome::Failed { detail, retry: relman_core::port::Retry::Yes },
        }
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let answer = self.bounded(self.metrics.observe(query, arm, window)).await;
        answer.unwrap_or_else(|detail| {
            Observation::new(
                query.metric.clone(),
                arm,
                window,
                guarded(|| self.metrics.name().to_owned()).unwrap_or_else(|_| "unnamed".to_owned()),
                Answer::ProviderError { detail },
            )
        })
    }

    async fn observe_platform(
        &self,
        target: &Target,
    ) -> Result<(relman_core::port::Deployment, TrafficShare), String> {
        let deployment = match self.bounded(self.deployer.observe(target)).await? {
            Ok(deployment) => deployment,
            Err(error) => return Err(with_causes(&error)),
        };
        let tolerance =
            guarded(|| self.deployer.capabilities().share_tolerance).map_err(|why| panicked(&why))?;
        Ok((deployment, tolerance))
    }

    /// One part of a call: a little less than the call may take, so that the other parts of it count.
    async fn bounded<T>(&self, part: impl Future<Output = T>) -> Result<T, String> {
        let limit = self.limits.call_time * 9 / 10;
        within(limit, "adapter", part).await
    }

    /// What a person types to take all traffic from the new version, where the deployer can say it.
    pub(super) fn by_hand(&self, target: &Target) -> Option<String> {
        guarded(|| self.deployer.by_hand(target)).ok().flatten()
    }

    /// The name of the source of incidents, as records have it.
    pub(super) fn incident_source(&self) -> Option<Result<Text, String>> {
        let source = self.incidents.as_ref()?;
        Some(
            guarded(|| source.name().to_owned())
                .and_then(|name| name.parse::<Text>().map_err(|error| with_causes(&error))),
        )
    }
}

fn done(result: Result<(), PortError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::of_error(&error),
    }
}

/// The record of a target could not be read or written: tried again, as it may be possible then.
fn target_failed(error: &TargetError) -> Outcome {
    Outcome::Failed { detail: with_causes(error), retry: relman_core::port::Retry::Yes }
}

fn not_configured(what: &str) -> Outcome {
    let detail = format!("no {what} is configured");
    Outcome::Failed { detail, retry: relman_core::port::Retry::Never }
}

fn panicked(message: &str) -> String {
    format!("the adapter panicked; this is a bug in it: {message}")
}

/// Runs what is not ours, with a panic as an error.
pub(super) async fn caught<T>(call: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(call).catch_unwind().await.map_err(|panic| message(&*panic))
}

/// Calls a method of what is not ours, with a panic as an error.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).map_err(|panic| message(&*panic))
}

/// What a panic says.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Runs what is not ours: not longer than the limit, and with a panic as an error that names who it was.
pub(super) async fn within<T>(
    limit: Duration,
    who: &str,
    call: impl Future<Output = T>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, caught(call)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(message)) => Err(format!("the {who} panicked; this is a bug in it: {message}")),
        Err(_) => Err(format!("the {who} did not answer within {} s", limit.as_secs_f64())),
    }
}
