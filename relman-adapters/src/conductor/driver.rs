use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use relman_core::{
    event::{EffectId, Record},
    machine::{Effect, Input, OutcomeOf, PhaseName, Question, Release},
    port::{Target, with_causes},
    unit::{ReleaseId, ServiceName, Text, Timestamp, TrafficShare, Window},
};
use thiserror::Error;
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
    time::Instant,
};
use tracing::{debug, error, info, warn};

use super::{
    Update,
    ask::ask,
    flows::{Checked, check_flows},
    incidents::{News, Told, listen, news},
    perform::{Attempt, perform},
    ports::Ports,
};
use crate::{LoadError, SubmitError};

/// How long to wait before a question is asked again whose answer came too late to matter.
const PAUSE_AFTER_NOTHING: Duration = Duration::from_secs(1);

/// Why a release is not conducted any longer. What is recorded stays; a new start goes on from there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Stopped {
    /// The release can't be loaded.
    #[error("failed to conduct {0}")]
    Load(ReleaseId, #[source] Box<LoadError>),
    /// A change can't be recorded, so nothing is done any more.
    #[error("failed to conduct {0}")]
    Submit(ReleaseId, #[source] Box<SubmitError>),
}

/// Drives one release: one change at a time, from its present state to its end.
pub(super) struct Driver {
    ports: Arc<Ports>,
    release: Release,
    /// Effects that may have been performed: found without an outcome at the start, or tried without success.
    unsure: BTreeSet<EffectId>,
    tasks: JoinSet<Done>,
    /// Calls to the deployer and the metrics source that are under way.
    calls: BTreeMap<Call, AbortHandle>,
    /// Not before this is a question asked again whose answer came too late to matter.
    ask_after: Instant,
    /// Not before this are the user flows checked again.
    check_flows_after: Instant,
    told: BTreeSet<EffectId>,
    /// Up to when the source of incidents has answered, and all of it is recorded.
    heard_until: Option<Timestamp>,
    nudge: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

/// A call to a port that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Effect(EffectId),
    Look,
    Traffic,
    Flows,
    Incidents,
}

/// What came back from a call.
enum Done {
    Effect(EffectId, OutcomeOf),
    Answer(Call, Box<Input>),
    Flows(Option<Checked>),
    Incidents(Told),
}

impl Driver {
    pub(super) async fn load(
        ports: Arc<Ports>,
        id: &ReleaseId,
        nudge: Arc<Notify>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, Stopped> {
        let release =
            ports.releases.load(id).await.map_err(|error| Stopped::Load(id.clone(), error.into()))?;
        Ok(Self {
            ports,
            unsure: release.outstanding().keys().copied().collect(),
            release,
            ask_after: Instant::now(),
            check_flows_after: Instant::now(),
            tasks: JoinSet::new(),
            calls: BTreeMap::new(),
            told: BTreeSet::new(),
            heard_until: None,
            nudge,
            stop,
        })
    }

    pub(super) fn release(&self) -> &Release {
        &self.release
    }

    /// Drives the release until it has reached an end and everybody was told, or until it is asked to stop.
    pub(super) async fn drive(mut self) -> Result<Release, Stopped> {
        let id = self.release.id().clone();
        let driven = self.drive_to_end().await;
        if let Err(error) = &driven {
            error!(release = %id, error = %with_causes(error), "the release is not conducted any longer");
        }
        driven.map(|()| self.release)
    }

    async fn drive_to_end(&mut self) -> Result<(), Stopped> {
        self.announce(Vec::new());
        loop {
            self.submit(Input::Tick).await?;
            if self.has_ended() {
                return Ok(());
            }
            if *self.stop.borrow() {
                return self.drain().await;
            }
            self.hear_before_going_forward().await?;
            self.start_effects();
            self.start_question();
            self.start_flows();
            let wait = self.wait();
            tokio::select! {
                biased;
                _ = self.stop.changed() => {}
                Some(done) = self.tasks.join_next() => self.take(done).await?,
                () = self.nudge.notified() => self.refresh().await?,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// How long nothing has to be done, if nothing comes back before.
    fn wait(&self) -> Duration {
        let wait = self.ports.until(self.release.next_deadline(self.ports.now()));
        let pause = self.ask_after.saturating_duration_since(Instant::now());
        let wait = if pause.is_zero() { wait } else { wait.min(pause) };
        let flows = self.check_flows_after.saturating_duration_since(Instant::now());
        if self.wants_flows() && !flows.is_zero() { wait.min(flows) } else { wait }
    }

    /// Nothing happens by itself any more, and everybody was told.
    fn has_ended(&self) -> bool {
        self.release.phase().name().is_end() && self.release.outstanding().is_empty()
    }

    async fn submit(&mut self, input: Input) -> Result<bool, Stopped> {
        let submitted = self.ports.releases.submit(&mut self.release, &input).await;
        let records = submitted.map_err(|error| Stopped::Submit(self.release.id().clone(), error.into()))?;
        let changed = !records.is_empty();
        self.announce(records);
        Ok(changed)
    }

    /// Folds what others have recorded: people's commands, another conductor.
    async fn refresh(&mut self) -> Result<(), Stopped> {
        let records = self.hear().await?;
        self.announce(records);
        Ok(())
    }

    async fn hear(&mut self) -> Result<Vec<Record>, Stopped> {
        let refreshed = self.ports.releases.refresh(&mut self.release).await;
        refreshed.map_err(|error| Stopped::Load(self.release.id().clone(), error.into()))
    }

    /// Back beats forward: before anything goes forward, the journal is asked whether another process has taken the
    /// release back. Watching the journal is slower than a retry, and may be off.
    async fn hear_before_going_forward(&mut self) -> Result<(), Stopped> {
        if self.is_changing() || !self.due().into_iter().any(|effect| self.goes_forward(effect)) {
            return Ok(());
        }
        let records = self.hear().await?;
        if !records.is_empty() {
            self.announce(records);
        }
        Ok(())
    }

    /// Whether an effect would give the new version traffic or install it.
    fn goes_forward(&self, effect: EffectId) -> bool {
        self.release.outstanding().get(&effect).is_some_and(|outstanding| match &outstanding.effect {
            Effect::Deploy { .. } => true,
            Effect::SetTraffic { share } => *share > TrafficShare::ZERO,
            Effect::Notify { .. } => false,
        })
    }

    /// Whether a change of the platform is under way.
    fn is_changing(&self) -> bool {
        self.calls.keys().any(|call| matches!(call, Call::Effect(_)))
    }

    /// The effects that are due.
    fn due(&self) -> Vec<EffectId> {
        let now = self.ports.now().max(self.release.last_at());
        let due = self.release.outstanding().iter().filter(|(_, outstanding)| outstanding.due.is_due(now));
        due.map(|(effect, _)| *effect).collect()
    }

    fn announce(&mut self, records: Vec<Record>) {
        for record in &records {
            info!(release = %record.release, seq = record.seq, kind = record.event.kind(), by = %record.by, "recorded");
        }
        self.overtake();
        // Nobody listening is fine.
        let _ = self
            .ports
            .updates
            .send(Update { release: Arc::new(self.release.clone()), records: records.into() });
    }

    /// Back beats forward: what a rollback has made pointless is not waited for.
    fn overtake(&mut self) {
        let release = &self.release;
        self.calls.retain(|call, handle| {
            let wanted = match call {
                Call::Effect(effect) => release.outstanding().contains_key(effect),
                Call::Look | Call::Incidents => release.phase().step().is_some(),
                Call::Traffic => release.phase().name() == PhaseName::RollingBack,
                Call::Flows => release.flows_to_check().is_some(),
            };
            if !wanted {
                handle.abort();
            }
            wanted
        });
    }

    fn start_effects(&mut self) {
        let Some(target) = self.release.target() else {
            return;
        };
        for effect in self.due() {
            let outstanding = &self.release.outstanding()[&effect];
            if outstanding.effect.is_notification() {
                if self.told.insert(effect) {
                    self.start_notification(effect, target.clone());
                }
            } else if !self.is_changing() {
                self.start_change(effect, target.clone());
            }
        }
    }

    fn start_notification(&mut self, effect: EffectId, target: Target) {
        let (ports, drill) = (self.ports.clone(), self.release.is_drill());
        let outstanding = self.release.outstanding()[&effect].clone();
        self.tasks.spawn(async move {
            let _permit = ports.notifications.acquire().await;
            Done::Effect(effect, perform(ports.clone(), target, drill, outstanding, Attempt::First).await)
        });
    }

    fn start_change(&mut self, effect: EffectId, target: Target) {
        let (ports, drill) = (self.ports.clone(), self.release.is_drill());
        let outstanding = self.release.outstanding()[&effect].clone();
        let attempt = if self.unsure.insert(effect) { Attempt::First } else { Attempt::Again };
        let urgent = self.release.phase().name() == PhaseName::RollingBack;
        debug!(release = %target.release, effect = %outstanding.effect, ?attempt, "performing");
        let handle = self.tasks.spawn(async move {
            let _permit = if urgent { None } else { ports.calls.acquire().await.ok() };
            Done::Effect(effect, perform(ports.clone(), target, drill, outstanding, attempt).await)
        });
        self.calls.insert(Call::Effect(effect), handle);
    }

    fn start_question(&mut self) {
        let Some(question) = self.release.question(self.ports.now()) else {
            return;
        };
        let call = match question {
            Question::Look(_) => Call::Look,
            Question::Traffic(_) => Call::Traffic,
        };
        if self.calls.contains_key(&call) || Instant::now() < self.ask_after {
            return;
        }
        if let Question::Look(look) = &question {
            self.start_listening(look.target.service.clone(), look.window);
        }
        let ports = self.ports.clone();
        let urgent = self.release.phase().name() == PhaseName::RollingBack;
        let handle = self.tasks.spawn(async move {
            let _permit = if urgent { None } else { ports.calls.acquire().await.ok() };
            Done::Answer(call, Box::new(ask(ports.clone(), question).await))
        });
        self.calls.insert(call, handle);
    }

    /// Whether the user flows are to be checked now and then, and are not being checked.
    fn wants_flows(&self) -> bool {
        self.ports.user_flows.is_some()
            && self.release.flows_to_check().is_some()
            && !self.calls.contains_key(&Call::Flows)
    }

    fn start_flows(&mut self) {
        if !self.wants_flows() || Instant::now() < self.check_flows_after {
            return;
        }
        let Some(service) = self.release.flows_to_check().cloned() else {
            return;
        };
        let (ports, release) = (self.ports.clone(), self.release.id().clone());
        let handle = self.tasks.spawn(async move { Done::Flows(check_flows(ports, release, service).await) });
        self.calls.insert(Call::Flows, handle);
    }

    /// Asks the source of incidents, where there is one, about the time since it last answered.
    fn start_listening(&mut self, service: ServiceName, look: Window) {
        let Some(source) = self.ports.incidents.clone() else {
            return;
        };
        if self.calls.contains_key(&Call::Incidents) {
            return;
        }
        let window = Window { from: self.heard_until.unwrap_or(look.from), until: look.until };
        let ports = self.ports.clone();
        let handle = self.tasks.spawn(async move {
            let _permit = ports.asides.acquire().await.ok();
            Done::Incidents(listen(ports.clone(), source, service, window).await)
        });
        self.calls.insert(Call::Incidents, handle);
    }

    /// Records what a source of incidents has told. Nothing of it stops a release: what is refused is not recorded.
    async fn take_incidents(&mut self, told: Told) -> Result<(), Stopped> {
        let release = self.release.id().clone();
        let Some(source) = self.ports.incidents.as_ref().map(|source| source.name().to_owned()) else {
            return Ok(());
        };
        let (name, incidents) = match (source.parse::<Text>(), told.incidents) {
            (Ok(name), Ok(incidents)) => (name, incidents),
            (_, Err(detail)) => {
                warn!(%release, source, detail, "the source of incidents did not answer; it is asked again");
                return Ok(());
            }
            (Err(error), Ok(_)) => {
                warn!(%release, %error, "the source of incidents has no name that can be recorded");
                return Ok(());
            }
        };
        let inputs = match news(&self.release, &name, &incidents) {
            News::Whole(inputs) => {
                self.heard_until = Some(told.window.until);
                inputs
            }
            News::Part(inputs) => inputs,
        };
        for input in inputs {
            match self.ports.releases.submit(&mut self.release, &input).await {
                Ok(records) => self.announce(records),
                Err(SubmitError::Refused(refusal)) => {
                    debug!(%release, source, %refusal, "what the source of incidents tells is not recorded");
                }
                Err(error) => return Err(Stopped::Submit(release, error.into())),
            }
        }
        Ok(())
    }

    /// Takes what came back from a call.
    async fn take(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<(), Stopped> {
        match done {
            Ok(Done::Effect(effect, outcome)) => {
                self.calls.remove(&Call::Effect(effect));
                self.told.remove(&effect);
                self.submit(Input::Outcome { effect, outcome }).await?;
            }
            Ok(Done::Answer(call, input)) => {
                self.calls.remove(&call);
                if !self.submit(*input).await? {
                    self.ask_after = Instant::now() + PAUSE_AFTER_NOTHING;
                }
            }
            Ok(Done::Flows(checked)) => {
                self.calls.remove(&Call::Flows);
                if let Some(Checked { report, again_after }) = checked {
                    self.check_flows_after = Instant::now() + again_after;
                    if let Some(report) = report {
                        self.submit(Input::Flows(report)).await?;
                    }
                }
            }
            Ok(Done::Incidents(told)) => {
                self.calls.remove(&Call::Incidents);
                self.take_incidents(told).await?;
            }
            // A call that was overtaken; calls do not panic, they are caught.
            Err(_) => {}
        }
        Ok(())
    }

    /// Waits for calls under way, so that their outcomes are recorded; not longer than the grace.
    async fn drain(&mut self) -> Result<(), Stopped> {
        // A check of the user flows has no outcome that somebody waits for.
        if let Some(check) = self.calls.remove(&Call::Flows) {
            check.abort();
        }
        let give_up = tokio::time::sleep(self.ports.limits.grace);
        tokio::pin!(give_up);
        loop {
            tokio::select! {
                done = self.tasks.join_next() => match done {
                    Some(done) => self.take(done).await?,
                    None => return Ok(()),
                },
                () = &mut give_up => return Ok(()),
            }
        }
    }
}
