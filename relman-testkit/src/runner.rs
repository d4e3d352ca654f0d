//! A session with a journal in memory, for tests and benches in which the journal never fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use relman_core::{
    chain::SealedLine,
    event::{EffectId, Record},
    machine::{
        Append, Call, CallId, CallUrgency, Effect, Input, Outcome, Read, Refusal, Release, ReplayError,
        Request, Session, SessionConfig,
    },
    port::{Deployment, Promotion, Retry},
    unit::{ReleaseId, Timestamp, TrafficShare},
};

use crate::world::TargetStreams;

/// One release that is driven by a [`Session`] with a journal in memory and a clock that moves when it is told to.
///
/// After each input everything is drained: appends are stored at once, nobody else appends, and calls stay open until
/// they are answered. So nothing happens here that a real release can't do, and what is live is what a replay of
/// [`lines`](Self::lines) gives.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use relman_core::{
///     machine::{Action, Command, Input, Outcome, Request, SessionConfig},
///     policy::Policy,
/// };
/// use relman_testkit::{Team, SessionRunner, sample};
///
/// let (plan, policy) = (sample::plan(), Arc::new(Policy::shipped()));
/// let mut runner = SessionRunner::new(plan.release().clone(), sample::start(), SessionConfig::default());
/// let wants = |who: &str, action| Input::Action(Command { by: Team::new().principal(who), action });
/// runner.tell(wants("user:ana", Action::RecordPlan { plan, policy }))?;
/// assert!(runner.tell(wants("user:ana", Action::ApprovePlan)).is_err(), "ana is the author");
/// let approved = runner.tell(wants("user:bo", Action::ApprovePlan))?;
/// assert_eq!(approved.kinds(), ["plan_approved", "gate_passed", "staging_started"]);
///
/// let call = runner.calls().next().ok_or("the version is to be installed in staging")?;
/// assert!(matches!(&call.request, Request::Deploy(_)));
/// let installed = runner.answer(call.id, Outcome::Done);
/// assert_eq!(installed.kinds(), ["deployed"]);
/// assert_eq!(runner.lines().len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SessionRunner {
    session: Session,
    now: Timestamp,
    records: Vec<Record>,
    lines: Vec<SealedLine>,
    calls: BTreeMap<CallId, Call>,
    doubt: Doubt,
    /// The target streams of its world.
    targets: TargetStreams,
}

/// What becomes of a session's question whether a change of the traffic was made whose outcome it does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Doubt {
    /// The platform shows the share that was last recorded: the change was not made.
    #[default]
    NotMade,
    /// It shows the share that was asked for: the change was made.
    Made,
    /// It does not answer.
    Unanswered,
    /// The call stays open, and is answered like every other.
    Open,
}

/// What one input led to.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Happened {
    /// The new records, in order.
    pub records: Vec<Record>,
    /// The effects that they ask for and that still stand.
    pub effects: Vec<Effect>,
}

impl Happened {
    /// The kinds of the records, in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.records.iter().map(|record| record.event.kind()).collect()
    }
}

/// A place in what happens, to tell what came after it.
#[derive(Debug)]
pub(crate) struct Mark {
    records: usize,
    outstanding: BTreeSet<EffectId>,
}

impl SessionRunner {
    /// A release without records.
    pub fn new(release: ReleaseId, start: Timestamp, config: SessionConfig) -> Self {
        Self::opened(Release::new(release), Vec::new(), Vec::new(), start, config)
    }

    /// A release with these records, taken up again as after a restart.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] where the lines are not the records of one release.
    pub fn resumed(
        release: ReleaseId,
        lines: Vec<SealedLine>,
        now: Timestamp,
        config: SessionConfig,
    ) -> Result<Self, ReplayError> {
        let (release, records) = Release::replay_records(release, lines.iter().map(SealedLine::bytes))?;
        Ok(Self::opened(release, records, lines, now, config))
    }

    fn opened(
        release: Release,
        records: Vec<Record>,
        lines: Vec<SealedLine>,
        now: Timestamp,
        config: SessionConfig,
    ) -> Self {
        let session = Session::open(release, now, config);
        let mut runner = Self {
            session,
            now,
            records,
            lines,
            calls: BTreeMap::new(),
            doubt: Doubt::default(),
            targets: TargetStreams::new(),
        };
        runner.settle();
        runner
    }

    /// What becomes of doubts from now on, the one that is open included.
    pub fn on_doubt(&mut self, doubt: Doubt) {
        self.doubt = doubt;
        self.settle();
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The release.
    pub fn release(&self) -> &Release {
        self.session.release()
    }

    /// The session, for what else it says.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Its records.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The same as they are stored.
    pub fn lines(&self) -> &[SealedLine] {
        &self.lines
    }

    /// The calls that have no answer yet, in the order in which they were made.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values()
    }

    /// The open call that carries out an effect; none while the effect waits for something.
    pub fn call_of(&self, effect: EffectId) -> Option<CallId> {
        let key = &self.release().outstanding().get(&effect)?.key;
        self.calls().find(|call| call.key() == Some(key)).map(|call| call.id)
    }

    /// When something is due next that nothing else brings about, the time limit of an open call included.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.session.poll_timeout()
    }

    /// Tells the session something, now, and drains it.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of a command. What time had brought about before is recorded all the same.
    pub fn tell(&mut self, input: Input) -> Result<Happened, Refusal> {
        let before = self.mark();
        self.handle(input)?;
        Ok(self.since(&before))
    }

    /// Answers a call. One that is not open is an answer that comes too late, and means nothing.
    pub fn answer(&mut self, call: CallId, outcome: Outcome) -> Happened {
        self.unrefused(Input::Answered(call, outcome))
    }

    /// Lets time pass, in one go, and tells the session. A moment that is over changes nothing.
    pub fn advance_to(&mut self, at: Timestamp) -> Happened {
        self.now = self.now.max(at);
        self.unrefused(Input::Tick)
    }

    /// Lets time pass until something is due; nothing, if nothing ever is.
    pub fn advance_to_deadline(&mut self) -> Option<Happened> {
        let next = self.next_deadline()?;
        Some(self.advance_to(next))
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            records: self.records.len(),
            outstanding: self.release().outstanding().keys().copied().collect(),
        }
    }

    pub(crate) fn since(&self, mark: &Mark) -> Happened {
        let outstanding = self.release().outstanding().iter();
        let new = outstanding.filter(|(id, _)| !mark.outstanding.contains(id));
        let effects = new.map(|(_, one)| one.effect.clone()).collect();
        Happened { records: self.records[mark.records..].to_vec(), effects }
    }

    fn unrefused(&mut self, input: Input) -> Happened {
        // Commands alone are refused.
        self.tell(input).unwrap_or_default()
    }

    fn handle(&mut self, input: Input) -> Result<(), Refusal> {
        if let Input::Answered(call, _) = &input {
            self.calls.remove(call);
        }
        let handled = self.session.handle(input, self.now);
        self.settle();
        handled.map(drop)
    }

    /// Does what the session asks for, but for the calls that somebody has to answer.
    fn settle(&mut self) {
        while let Some(input) = self.next_input() {
            // Neither an append, nor a read, nor an answer is refused.
            let _ = self.session.handle(input, self.now);
        }
    }

    /// Drains the session up to the first thing that it has to be told before anything else.
    fn next_input(&mut self) -> Option<Input> {
        if let Some(batch) = self.session.poll_append() {
            self.lines.extend(batch.lines);
            return Some(Input::Appended(batch.id, Append::Stored));
        }
        while let Some(record) = self.session.poll_recorded() {
            self.records.push(Arc::unwrap_or_clone(record));
        }
        while let Some(aborted) = self.session.poll_abort() {
            self.calls.remove(&aborted);
        }
        while let Some(call) = self.session.poll_call() {
            self.calls.insert(call.id, call);
        }
        match self.session.poll_read() {
            Some(Read::After(_)) => return Some(Input::Foreign(Vec::new())),
            Some(Read::Whole) => {
                return Some(Input::Reloaded(self.records.iter().cloned().map(Arc::new).collect()));
            }
            None => {}
        }
        self.answer_to_a_doubt()
    }

    fn answer_to_a_doubt(&mut self) -> Option<Input> {
        let shown = match self.doubt {
            Doubt::NotMade => Some(self.release().exposure()),
            Doubt::Made => Some(self.asked_for().unwrap_or(self.release().exposure())),
            Doubt::Unanswered => None,
            Doubt::Open => return None,
        };
        let is_doubt = |call: &&Call| {
            let observes = matches!(call.request, Request::ObservePlatform(_));
            (observes && call.urgency == CallUrgency::Ordinary)
                || matches!(call.request, Request::Preflight(_))
        };
        let Call { id: call, request, .. } = self.calls().find(is_doubt)?.clone();
        self.calls.remove(&call);
        let deployment = |canary_share: TrafficShare| {
            Deployment::at(canary_share).with_detail(format!("the new version has {canary_share}"))
        };
        let outcome = match (shown, request) {
            (Some(canary_share), Request::Preflight(asked)) => {
                let at = (self.now, Promotion::Swap);
                self.targets.preflight(&asked, at, |_| Ok(deployment(canary_share)))
            }
            (Some(canary_share), _) => {
                let (deployment, tolerance) = (deployment(canary_share), TrafficShare::ZERO);
                Outcome::Observed { deployment, tolerance }
            }
            (None, _) => Outcome::Failed { detail: "no answer".to_owned(), retry: Retry::Yes },
        };
        Some(Input::Answered(call, outcome))
    }

    /// The share that the platform is asked to set, as far as the outcome of that is not known.
    fn asked_for(&self) -> Option<TrafficShare> {
        self.release().outstanding().values().find_map(|one| match one.effect {
            Effect::SetTraffic { share, .. } => Some(share),
            Effect::Deploy { .. } | Effect::Promote | Effect::LeaveTarget { .. } | Effect::Notify { .. } => {
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use relman_core::{machine::PhaseName, unit::Span};

    use super::*;
    use crate::scenario::{Story, approved, in_step};

    #[test]
    fn a_release_is_taken_up_again_where_its_lines_end() {
        let before = Story::from(approved()).runner().clone();
        let id = before.release().id().clone();
        let now = before.now() + Span::from_hours(1);
        let after =
            SessionRunner::resumed(id.clone(), before.lines().to_vec(), now, SessionConfig::default())
                .unwrap();
        assert_eq!(after.records(), before.records());
        assert_eq!(after.release(), before.release());
        let keys = |runner: &SessionRunner| -> Vec<String> {
            runner.calls().filter_map(Call::key).map(str::to_owned).collect()
        };
        // What may have been done is asked for again, under the same key.
        assert_eq!((keys(&after).len(), keys(&after)), (1, keys(&before)));
        let cut = before.lines()[1..].to_vec();
        assert!(SessionRunner::resumed(id, cut, now, SessionConfig::default()).is_err());
    }

    #[test]
    fn a_call_that_is_answered_or_not_wanted_is_open_no_more() {
        let mut runner = Story::from(in_step(1)).runner().clone();
        while runner.calls().next().is_none() {
            runner.advance_to_deadline().unwrap();
        }
        let look = runner.calls().next().unwrap().id;
        let by = crate::Team::new().principal("user:oli");
        let reason = "users can't pay".parse().unwrap();
        let action = relman_core::machine::Action::RollBack { reason };
        runner.tell(Input::Action(relman_core::machine::Command { by, action })).unwrap();
        assert_eq!(runner.release().phase().name(), PhaseName::RollingBack);
        assert!(runner.calls().all(|call| call.id != look), "a rollback waits for no look");
        assert_eq!(runner.answer(look, Outcome::Done), Happened::default());
        let zero = runner.calls().find(|call| call.urgency == CallUrgency::Back).unwrap().id;
        assert_eq!(runner.answer(zero, Outcome::Done).kinds(), ["traffic_set"]);
        assert!(runner.calls().all(|call| call.id != zero));
    }
}
