use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::join_all};
use relman_core::{
    judge::{Answer, Arm, Observation},
    machine::{Call, CallUrgency, EvaluationRequest, Outcome, Request},
    port::{
        Deployer, IncidentSource, MetricQuery, MetricsSource, Notifier, PortError, Target, UserFlows,
        with_causes,
    },
    unit::{Text, TrafficShare, Window},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Limits;

/// Makes the calls of every session: with limits on how many are under way at once, and with whatever an adapter does
/// wrong as an outcome. Decides nothing.
pub(super) struct Executor {
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
        deployer: Arc<dyn Deployer>,
        metrics: Arc<dyn MetricsSource>,
        notifier: Arc<dyn Notifier>,
        user_flows: Option<Arc<dyn UserFlows>>,
        incidents: Option<Arc<dyn IncidentSource>>,
        limits: Limits,
    ) -> Self {
        Self {
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
        let (deployment, observations) = tokio::join!(self.observe_platform(&question.target), observations);
        let (deployment, tolerance) = match deployment {
            Ok((deployment, tolerance)) => (Ok(deployment), tolerance),
            Err(detail) => (Err(detail), TrafficShare::ZERO),
        };
        Outcome::Measured { observations, deployment, tolerance }
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
