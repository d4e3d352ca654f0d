//! What a conductor asks of the ports, and what they answer.

use std::collections::BTreeMap;

use relman_core::{
    machine::{Call, EvaluationRequest, Outcome, Request},
    port::{Deployer, Deployment, Environment, MetricsSource, Notifier, Place, PortError, Retry, Target},
    unit::{ReleaseId, Span, Timestamp, TrafficShare},
};

use super::Flaw;
use crate::{
    ready,
    world::{
        Call as Asked, CallAnswer, RecordingNotifier, SimulatedPlatform, TargetStreams, What,
        fault::{Fault, PortName, Schedule},
    },
};

/// The ports of one release.
pub(super) struct Ports<'a> {
    pub(super) id: &'a ReleaseId,
    pub(super) platform: &'a SimulatedPlatform,
    pub(super) targets: &'a TargetStreams,
    pub(super) now: Timestamp,
    pub(super) notifier: &'a RecordingNotifier,
    pub(super) faults: &'a Schedule,
    pub(super) flaw: Option<Flaw>,
    /// How often each port was called.
    pub(super) called: &'a mut BTreeMap<PortName, u32>,
    /// How often each key was used.
    pub(super) keys: &'a mut BTreeMap<String, u32>,
}

/// An answer, and how long it takes.
pub(super) type Answer = (Span, Outcome);

impl Ports<'_> {
    /// Makes a call; none where no answer ever comes.
    pub(super) fn make(&mut self, call: Call) -> Option<Answer> {
        if self.panics(port_of(&call.request)) {
            return Some((Span::ZERO, Outcome::panicked("simulated")));
        }
        match call.request {
            Request::Deploy(mut request) => {
                request.key = self.key(&request.key);
                self.repetitions(&request.key)?;
                let result = ready(self.platform.deploy(&request));
                Some((self.platform.answer_delay(self.id)?, done(result)))
            }
            Request::SetTraffic(mut request) => {
                request.key = self.key(&request.key);
                let repetitions = self.repetitions(&request.key)?;
                if self.flaw == Some(Flaw::GivesEverythingOnRetry) && repetitions > 1 {
                    request.share = TrafficShare::FULL;
                }
                let result = ready(self.platform.set_traffic(&request));
                Some((self.platform.answer_delay(self.id)?, done(result)))
            }
            Request::Notify(mut notification) => {
                notification.key = self.key(&notification.key);
                let told = ready(self.notifier.notify(&notification));
                let (share, key) = (self.platform.share(self.id), notification.key);
                let what = What::Called {
                    call: Asked::Notify,
                    key,
                    answer: CallAnswer::of(&told),
                    before: share,
                    after: share,
                };
                self.platform.note(self.id, what);
                Some((Span::ZERO, done(told)))
            }
            Request::Measure(question) => {
                let answers_after = |query| self.platform.answers_after(self.id, query, question.window);
                let metrics = question.queries.iter().map(|query| &query.metric);
                let time = metrics.map(answers_after).max().unwrap_or(Span::ZERO);
                Some((time, self.measure(&question)))
            }
            Request::Promote(mut request) => {
                request.key = self.key(&request.key);
                self.repetitions(&request.key)?;
                if let Err(error) = ready(self.platform.promote(&request)) {
                    return Some((Span::ZERO, Outcome::of_error(&error)));
                }
                let stable = self.platform.capabilities().promotion.stable_after(request.target.stable);
                Some((Span::ZERO, self.observe(&request.target.with_stable(stable))))
            }
            Request::Preflight(asked) => {
                let at = (self.now, self.platform.capabilities().promotion);
                let observe = |target: &Target| match self.observe(target) {
                    Outcome::Observed { deployment, .. } => Ok(deployment),
                    other => Err(format!("{other:?}")),
                };
                Some((Span::ZERO, self.targets.preflight(&asked, at, observe)))
            }
            Request::LeaveTarget(left) => Some((Span::ZERO, self.targets.leave(&left, self.now))),
            Request::ObservePlatform(target) => Some((Span::ZERO, self.observe(&target))),
            Request::CheckFlows(_) | Request::ListIncidents { .. } => {
                let detail = "the simulation has none".to_owned();
                Some((Span::ZERO, Outcome::Failed { detail, retry: Retry::Never }))
            }
        }
    }

    /// Counts a call to a port; whether it panics.
    fn panics(&mut self, port: PortName) -> bool {
        let number = self.called.entry(port).or_default();
        *number = number.saturating_add(1);
        let number = *number;
        self.faults.faults.iter().any(|fault| match fault {
            Fault::Panic { port: panicking, nth, times } => {
                *panicking == port && Fault::hits(*nth, *times, number)
            }
            _ => false,
        })
    }

    fn key(&self, key: &str) -> String {
        match (self.flaw, key.rsplit_once('-')) {
            (Some(Flaw::OneKeyForEachRecord), Some((record, _))) => format!("{record}-0"),
            _ => key.to_owned(),
        }
    }

    /// How often a change was asked for; none where it is not asked for again, and so never answered.
    fn repetitions(&mut self, key: &str) -> Option<u32> {
        let times = self.keys.entry(key.to_owned()).or_default();
        *times = times.saturating_add(1);
        (*times == 1 || self.flaw != Some(Flaw::TriesOnce)).then_some(*times)
    }

    fn measure(&self, question: &EvaluationRequest) -> Outcome {
        let asked =
            question.queries.iter().flat_map(|query| question.arms.iter().map(move |arm| (query, *arm)));
        let observe =
            |(query, arm)| ready(MetricsSource::observe(self.platform, query, arm, question.window));
        let observations = asked.map(observe).collect();
        let mut deployment = ready(Deployer::observe(self.platform, &question.target));
        if let Ok(shown) = &mut deployment {
            match self.flaw {
                Some(Flaw::OverlooksTheWayBack) => shown.baseline = Place::new(),
                Some(Flaw::GoesByTheWeights) => {
                    *shown = Deployment::at(shown.set_share.unwrap_or(shown.canary_share));
                }
                _ => {}
            }
        }
        Outcome::Measured {
            observations,
            deployment: deployment.map_err(|error| error.to_string()),
            tolerance: self.platform.capabilities().share_tolerance,
            standing: Some(self.targets.standing(&question.target.name, self.now)),
        }
    }

    fn observe(&self, target: &Target) -> Outcome {
        match ready(Deployer::observe(self.platform, target)) {
            Ok(mut deployment) => {
                let enters = !self.platform.installed(self.id).contains(&Environment::Production);
                if self.flaw == Some(Flaw::BelievesInZero)
                    || (enters && self.flaw == Some(Flaw::BelievesItFree))
                {
                    deployment.canary_share = TrafficShare::ZERO;
                }
                if self.flaw == Some(Flaw::OverlooksPinnedUsers) {
                    (deployment.canary.served, deployment.canary.sessions) = (None, None);
                }
                Outcome::Observed { deployment, tolerance: self.platform.capabilities().share_tolerance }
            }
            Err(error) => Outcome::of_error(&error),
        }
    }
}

fn port_of(request: &Request) -> PortName {
    match request {
        Request::Deploy(_) | Request::SetTraffic(_) | Request::Promote(_) => PortName::Deployer,
        Request::ObservePlatform(_) | Request::Preflight(_) => PortName::Observation,
        Request::LeaveTarget(_) => PortName::Targets,
        Request::Measure(_) => PortName::Metrics,
        Request::Notify(_) => PortName::Notifier,
        Request::CheckFlows(_) => PortName::UserFlows,
        Request::ListIncidents { .. } => PortName::Incidents,
    }
}

fn done(result: Result<(), PortError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::of_error(&error),
    }
}
