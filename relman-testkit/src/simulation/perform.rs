//! What a conductor asks of the ports, and how the answers are told to the machine.

use relman_core::{
    machine::Input,
    machine::{Effect, Look, LookQuestion, OutcomeOf, Outstanding, Question, Release},
    port::{
        DeployRequest, Deployer, Deployment, MetricsSource, Notification, Notifier, PortError, Retry, Target,
        TrafficRequest,
    },
    unit::{Span, TrafficShare},
};

use super::Flaw;
use crate::{
    ready,
    sim::{Call, CallAnswer, RecordingNotifier, SimulatedPlatform, What},
};

/// Whether an effect may have been performed before, by this process or an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    Again,
}

/// The ports of one release.
pub(super) struct Ports<'a> {
    pub(super) platform: &'a SimulatedPlatform,
    pub(super) notifier: &'a RecordingNotifier,
    pub(super) flaw: Option<Flaw>,
}

/// Whether an effect would go forward: install something, or give it traffic.
pub(super) fn goes_forward(effect: &Effect) -> bool {
    match effect {
        Effect::Deploy { .. } => true,
        Effect::SetTraffic { share } => *share > TrafficShare::ZERO,
        Effect::Notify { .. } => false,
    }
}

impl Ports<'_> {
    pub(super) fn perform(
        &self,
        release: &Release,
        target: Target,
        wanted: &Outstanding,
        attempt: Attempt,
    ) -> OutcomeOf {
        let key = match (self.flaw, wanted.key.rsplit_once('-')) {
            (Some(Flaw::OneKeyForEachRecord), Some((record, _))) => format!("{record}-0"),
            _ => wanted.key.clone(),
        };
        let result = match &wanted.effect {
            Effect::Deploy { environment } => {
                let request = DeployRequest { target, environment: *environment, key };
                ready(self.platform.deploy(&request))
            }
            Effect::SetTraffic { share } => {
                // An answer may have been lost: what is there already is not done again.
                let found = |shown: Deployment| shown.canary_share == *share;
                if attempt == Attempt::Again && self.deployment(&target).is_ok_and(found) {
                    return OutcomeOf::FoundDone;
                }
                let share = match (self.flaw, attempt) {
                    (Some(Flaw::GivesEverythingOnRetry), Attempt::Again) => TrafficShare::FULL,
                    _ => *share,
                };
                ready(self.platform.set_traffic(&TrafficRequest { target, share, key }))
            }
            Effect::Notify { moment, audience, channel, urgency, title, body } => {
                let told = ready(self.notifier.notify(&Notification {
                    release: target.release,
                    drill: release.is_drill(),
                    moment: *moment,
                    audience: audience.to_string(),
                    channel: channel.clone(),
                    urgency: *urgency,
                    title: title.clone(),
                    body: body.clone(),
                    key: key.clone(),
                }));
                let share = self.platform.share(release.id());
                let (call, answer) = (Call::Notify, CallAnswer::of(&told));
                let what = What::Called { call, key, answer, before: share, after: share };
                self.platform.note(release.id(), what);
                told
            }
        };
        match result {
            Ok(()) => OutcomeOf::Done,
            Err(error) => failed(&error),
        }
    }

    /// The answer to a question, and how long it takes.
    pub(super) fn ask(&self, question: Question) -> (Input, Span) {
        match question {
            Question::Traffic(target) => {
                let mut deployment = self.deployment(&target);
                if let (Some(Flaw::BelievesInZero), Ok(deployment)) = (self.flaw, &mut deployment) {
                    deployment.canary_share = TrafficShare::ZERO;
                }
                (Input::Traffic { deployment }, Span::ZERO)
            }
            Question::Look(question) => {
                let (release, window) = (&question.target.release, question.window);
                let times = question
                    .queries
                    .iter()
                    .map(|query| self.platform.answers_after(release, &query.metric, window));
                let time = times.max().unwrap_or(Span::ZERO);
                (Input::Look(self.measure(question)), time)
            }
        }
    }

    fn measure(&self, question: LookQuestion) -> Look {
        let LookQuestion { step, window, queries, arms, target } = question;
        let asked = queries.iter().flat_map(|query| arms.iter().map(move |arm| (query, *arm)));
        let observe = |(query, arm)| ready(MetricsSource::observe(self.platform, query, arm, window));
        Look {
            step,
            window,
            deployment: self.deployment(&target),
            tolerance: self.platform.capabilities().share_tolerance,
            observations: asked.map(observe).collect(),
        }
    }

    fn deployment(&self, target: &Target) -> Result<Deployment, String> {
        ready(Deployer::observe(self.platform, target)).map_err(|error| error.to_string())
    }
}

/// A port's error as the machine is told of it.
fn failed(error: &PortError) -> OutcomeOf {
    let retry_after = match error.retry() {
        Retry::Never => None,
        Retry::Yes => Some(Span::ZERO),
        Retry::After(span) => Some(span),
    };
    OutcomeOf::Failed { detail: error.to_string(), retry_after }
}
