use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
};

use relman_core::{
    event::Record,
    machine::{
        Action, Alarm, Append, Batch, CallId, Command, Input, Outcome, Phase, PhaseName, Principal, Read,
        Refusal, Release, Session, SessionConfig,
    },
    plan::Plan,
    policy::Policy,
    port::{Clock, Notification, Urgency},
    unit::{ReleaseId, Span, Text, Timestamp, Window},
};

use super::{
    Ending, Flaw, Refused, Run, Simulation, SimulationError,
    crowd::Crowd,
    journal::VirtualJournal,
    pace::Pace,
    ports::Ports,
    process::{Conductor, Doing, Process, shifted},
};
use crate::{
    People, Team,
    world::{
        ManualClock, RecordingNotifier, SimulatedPlatform, TargetStreams, What,
        fault::{Boundary, Clocks, Fault, Jump, PortName, Schedule},
    },
};

/// More steps at one moment than any release has: a chain of gates and checks is a few hundred.
const MOST_STEPS: u32 = 20_000;

/// What users say who came to harm.
const COMPLAINT: &str = "It does not work any more.";

/// The result of a step, or why the simulation could not go on.
type Result<T, E = SimulationError> = std::result::Result<T, E>;

/// A whole world at one moment: it goes on step by step, and can be copied between any two.
pub(crate) struct Stage<P> {
    pub(super) id: ReleaseId,
    pub(super) plan: Arc<Plan>,
    pub(super) policy: Arc<Policy>,
    pub(super) faults: Arc<Schedule>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) platform: SimulatedPlatform,
    pub(super) targets: TargetStreams,
    pub(super) notifier: RecordingNotifier,
    pub(super) journal: VirtualJournal,
    /// What the journal amounts to.
    pub(super) truth: Release,
    pub(super) conductors: Vec<Conductor>,
    /// How many processes were started.
    pub(super) started: u32,
    /// The calls that were made and have not ended, by the process that made them.
    pub(super) open: BTreeMap<(u32, CallId), Timestamp>,
    /// Calls that did not end exactly once.
    pub(super) loose_ends: Vec<String>,
    /// How often each port was called.
    pub(super) called: BTreeMap<PortName, u32>,
    /// How often each idempotency key was used.
    pub(super) keys: BTreeMap<String, u32>,
    pub(super) crowd: Crowd<P>,
    pub(super) acts: VecDeque<Act>,
    /// What somebody has decided, and is about to append.
    pub(super) human: Option<(Batch, Act)>,
    /// At which record and which moment people were last asked what they want.
    pub(super) listened: Option<(Option<relman_core::chain::Head>, Timestamp)>,
    /// How many complaints come when.
    pub(super) complaints: BTreeMap<Timestamp, u32>,
    pub(super) refused: Vec<Refused>,
    pub(super) pace: Pace,
    /// How often each place was reached at which a process can end.
    pub(super) reached: BTreeMap<Boundary, u32>,
    pub(super) end: Timestamp,
    pub(super) steps: u32,
    pub(super) settled: bool,
    pub(super) restart: Restart,
    /// What is wrong with its conductors.
    pub(super) flaw: Option<Flaw>,
}

/// How a new process comes to know a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It reads the journal's bytes.
    FromBytes,
    /// It folds the records that were read from these bytes before: the same, without reading them again.
    FromRecords,
}

/// Something that somebody wants.
#[derive(Debug, Clone)]
pub(super) struct Act {
    by: Principal,
    action: Action,
    whose: Whose,
}

/// On whose behalf somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The author's, who records the plan: nothing goes on without it.
    Author,
    People,
    /// A user's, who came to harm.
    User,
}

/// What one step has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A place at which somebody's process can end.
    At(Boundary, Who),
    /// Something that leaves no trace.
    Quiet,
    /// Nothing is left to do at this moment.
    Settled,
    /// The run is over.
    Over(Ending),
}

/// Whose process it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Conductor(usize),
    People,
}

impl<P: People> Stage<P> {
    pub(super) fn new(simulation: &Simulation, people: P, restart: Restart) -> Self {
        let Simulation { plan, policy, world, seed, start, longest, flaw } = simulation.clone();
        let faults = Arc::new(world.faults.clone());
        let clock = Arc::new(ManualClock::at(start));
        let id = plan.release().clone();
        let second = faults.faults.contains(&Fault::SecondConductor {});
        Self {
            platform: SimulatedPlatform::new(world, seed, clock.clone()),
            targets: TargetStreams::new(),
            notifier: RecordingNotifier::default().with_faults((*faults).clone()),
            journal: VirtualJournal::used_by(flaw),
            truth: Release::new(id.clone()),
            conductors: vec![Conductor::Down { until: start }; if second { 2 } else { 1 }],
            started: 0,
            open: BTreeMap::new(),
            loose_ends: Vec::new(),
            called: BTreeMap::new(),
            keys: BTreeMap::new(),
            crowd: Crowd::new(people, faults.clone()),
            acts: VecDeque::new(),
            human: None,
            listened: None,
            complaints: BTreeMap::new(),
            refused: Vec::new(),
            pace: Pace::new(seed),
            reached: BTreeMap::new(),
            end: start + longest,
            steps: 0,
            settled: false,
            id,
            plan,
            policy,
            faults,
            clock,
            restart,
            flaw,
        }
    }

    /// Goes on to the end.
    pub(super) fn play(&mut self) -> Result<Ending> {
        loop {
            if let Step::Over(ending) = self.step()? {
                return Ok(ending);
            }
        }
    }

    /// The next step of whoever is next.
    pub(crate) fn step(&mut self) -> Result<Step> {
        if mem::take(&mut self.settled) {
            self.steps = 0;
            return Ok(self.pass_time().map_or(Step::Quiet, Step::Over));
        }
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(SimulationError::Livelock { at: self.clock.now(), steps: MOST_STEPS });
        }
        let second_first = self.conductors.len() > 1 && self.pace.take();
        let order = if second_first { [1, 0] } else { [0, 1] };
        let conductors = self.conductors.len();
        for index in order.into_iter().filter(|index| *index < conductors) {
            if let Some(step) = self.drive(index)? {
                return Ok(self.reach(step, Who::Conductor(index)));
            }
        }
        if let Some(step) = self.let_people_act()? {
            return Ok(self.reach(step, Who::People));
        }
        self.settled = true;
        Ok(Step::Settled)
    }

    /// How far somebody's clock is ahead of the platform's now, in milliseconds.
    fn ahead(&self, whose: Clocks) -> i64 {
        let now = self.clock.now();
        let jumps = self.jumps().filter(|(at, of, _)| *at <= now && of.are(whose));
        jumps.fold(0_i64, |ahead, (_, _, jump)| match jump {
            Jump::Forwards(by) => ahead.saturating_add_unsigned(by.as_millis()),
            Jump::Backwards(by) => ahead.saturating_sub_unsigned(by.as_millis()),
        })
    }

    /// What the clocks of the people show.
    fn seen(&self) -> Timestamp {
        shifted(self.clock.now(), self.ahead(Clocks::People))
    }

    fn jumps(&self) -> impl Iterator<Item = (Timestamp, Clocks, Jump)> {
        self.faults.faults.iter().filter_map(|fault| match fault {
            Fault::Clock { at, of, jump } => Some((self.platform.moment(&self.id, *at)?, *of, *jump)),
            _ => None,
        })
    }

    /// Counts a place at which a process can end, and lets it end there if the schedule says so.
    fn reach(&mut self, step: Progress, who: Who) -> Step {
        let Progress::At(boundary) = step else {
            return Step::Quiet;
        };
        let mut down_for = None;
        for place in [boundary, Boundary::Any] {
            let number = self.reached.entry(place).or_default();
            *number += 1;
            let ends = |fault: &Fault| match fault {
                Fault::Crash { after, nth, down_for } if *after == place && *nth == *number => {
                    Some(*down_for)
                }
                _ => None,
            };
            down_for = down_for.or(self.faults.faults.iter().find_map(ends));
        }
        if let Some(down_for) = down_for {
            self.crash(who, down_for);
        }
        Step::At(boundary, who)
    }

    /// Ends somebody's process: what is not durable is gone, and so are its calls.
    pub(crate) fn crash(&mut self, who: Who, down_for: Span) {
        self.platform.note(&self.id, What::Crashed);
        match who {
            Who::Conductor(index) => {
                if let Conductor::Up(process) = &self.conductors[index] {
                    let number = process.number;
                    self.open.retain(|(of, _), _| *of != number);
                }
                self.conductors[index] = Conductor::Down { until: self.clock.now() + down_for };
            }
            Who::People => self.forget_acts(),
        }
    }

    /// Whoever was about to act looks again.
    fn forget_acts(&mut self) {
        self.acts.clear();
        self.human = None;
        self.listened = None;
    }

    fn drive(&mut self, index: usize) -> Result<Option<Progress>> {
        let now = self.clock.now();
        match mem::replace(&mut self.conductors[index], Conductor::Down { until: now }) {
            Conductor::Down { until } if until > now => {
                self.conductors[index] = Conductor::Down { until };
                Ok(None)
            }
            Conductor::Down { .. } => {
                self.conductors[index] = Conductor::Up(Box::new(self.start()?));
                Ok(Some(Progress::Quiet))
            }
            Conductor::Done { head } => {
                let is_told =
                    self.journal.head() != head && self.flaw != Some(Flaw::DropsCommandsAfterTheEnd);
                self.conductors[index] =
                    if is_told { Conductor::Down { until: now } } else { Conductor::Done { head } };
                Ok(is_told.then_some(Progress::Quiet))
            }
            Conductor::Up(mut process) => {
                let progress = self.conduct(&mut process)?;
                self.conductors[index] = match progress {
                    Some(Progress::GivenUp) => Conductor::Done { head: self.journal.head() },
                    None if process.session.is_over() => Conductor::Done { head: process.session.stored() },
                    Some(Progress::Quiet | Progress::At(_)) | None => Conductor::Up(process),
                };
                Ok(progress)
            }
        }
    }

    /// A process that takes up the release, with its clock as it is now.
    fn start(&mut self) -> Result<Process> {
        let release = match self.restart {
            Restart::FromBytes => Release::replay(self.id.clone(), self.journal.lines())?,
            Restart::FromRecords => {
                let mut release = Release::new(self.id.clone());
                self.journal.refresh(&mut release)?;
                release
            }
        };
        self.started += 1;
        let ahead = self.ahead(Clocks::Conductors);
        let mut config = SessionConfig::default();
        match self.flaw {
            Some(Flaw::WaitsForEver) => config.call_time = Span::from_hours(24 * 365),
            Some(Flaw::WatchesZeroBriefly) => config.call_time = Span::from_secs(1),
            _ => {}
        }
        let session = Session::open(release, shifted(self.clock.now(), ahead), config);
        Ok(Process::new(self.started, session, ahead))
    }

    fn truth(&mut self) -> Result<&Release> {
        self.journal.refresh(&mut self.truth)?;
        Ok(&self.truth)
    }

    /// Tells a session something, by its own clock.
    fn tell(&self, process: &mut Process, input: Input) -> Result<()> {
        let now = shifted(self.clock.now(), process.ahead);
        process.session.handle(input, now).map(drop).map_err(SimulationError::Refused)
    }

    /// One step of a conductor.
    fn conduct(&mut self, process: &mut Process) -> Result<Option<Progress>> {
        if self.flaw == Some(Flaw::WaitsForTheRecord) {
            let now = shifted(self.clock.now(), process.ahead);
            if self.truth()?.last_at() > now {
                return Ok(None);
            }
        }
        match mem::replace(&mut process.doing, Doing::Nothing) {
            Doing::Nothing => self.choose(process),
            Doing::Decided(batch) => self.append(process, &batch).map(Some),
            Doing::Appended(id, outcome) => {
                self.tell(process, Input::Appended(id, outcome))?;
                Ok(Some(Progress::Quiet))
            }
        }
    }

    fn append(&mut self, process: &mut Process, batch: &Batch) -> Result<Progress> {
        if self.flaw == Some(Flaw::ActsBeforeAppending) {
            self.act_on(process, batch)?;
        }
        let outcome = self.journal.append(&self.faults, batch.expected, &batch.lines, batch.urgent)?;
        self.platform.recorded(&self.id, self.journal.len());
        let failed = matches!(outcome, Append::Unknown { .. });
        if failed {
            self.platform.note(&self.id, What::AppendFailed);
        }
        let outcome = match self.flaw {
            Some(Flaw::GivesUpOnTheJournal) if failed => return Ok(Progress::GivenUp),
            Some(Flaw::ActsOnAFailedAppend) if failed => Append::Stored,
            _ => outcome,
        };
        let stored = outcome == Append::Stored;
        process.doing = Doing::Appended(batch.id, outcome);
        Ok(if stored { Progress::At(Boundary::Appended) } else { Progress::Quiet })
    }

    /// Performs what is not appended yet.
    fn act_on(&mut self, process: &Process, batch: &Batch) -> Result<()> {
        let mut imagined = process.clone();
        self.tell(&mut imagined, Input::Appended(batch.id, Append::Stored))?;
        while let Some(call) = imagined.session.poll_call() {
            self.ports().make(call);
        }
        Ok(())
    }

    /// Chooses what a conductor that has nothing under way does next.
    fn choose(&mut self, process: &mut Process) -> Result<Option<Progress>> {
        while process.session.poll_recorded().is_some() {}
        while process.session.poll_lost().is_some() {}
        let now = self.clock.now();
        if let Some(batch) = process.session.poll_append() {
            process.doing = Doing::Decided(batch);
            return Ok(Some(Progress::At(Boundary::Decided)));
        }
        if let Some(read) = process.session.poll_read() {
            self.read(process, read)?;
            return Ok(Some(Progress::Quiet));
        }
        if let Some(call) = process.session.poll_abort() {
            if self.flaw != Some(Flaw::ForgetsAborts) {
                process.calls.remove(&call);
                self.ended(process.number, call);
            }
            return Ok(Some(Progress::Quiet));
        }
        if let Some(alarm) = process.session.poll_alarm() {
            self.page(alarm);
            return Ok(Some(Progress::Quiet));
        }
        if let Some(call) = process.next_answer(now) {
            self.answer(process, call)?;
            return Ok(Some(Progress::Quiet));
        }
        let stale = !self.journal.after(process.session.stored()).is_empty() && !self.is_deaf(process);
        // One that drives alone hears of every change at once; of two, each hears of the other's a little later.
        if stale && process.session.is_settled() && (self.conductors.len() == 1 || self.pace.take()) {
            self.read(process, Read::After(process.session.stored()))?;
            return Ok(Some(Progress::Quiet));
        }
        if let Some(call) = process.session.poll_call() {
            let id = call.id;
            self.open.insert((process.number, id), now);
            let answer = self.ports().make(call);
            process.calls.insert(id, answer.map(|(after, outcome)| (now + after, outcome)));
            return Ok(Some(Progress::At(Boundary::Called)));
        }
        let due = process.session.poll_timeout().is_some_and(|at| shifted(at, -process.ahead) <= now);
        if due {
            self.tell(process, Input::Tick)?;
            return Ok(Some(Progress::Quiet));
        }
        if stale && process.session.is_settled() {
            self.read(process, Read::After(process.session.stored()))?;
            return Ok(Some(Progress::Quiet));
        }
        Ok(None)
    }

    /// Whether it does not hear what others have recorded.
    fn is_deaf(&self, process: &Process) -> bool {
        self.flaw == Some(Flaw::GoesForwardUnheard)
            && process.session.release().outstanding().values().any(|one| one.effect.goes_forward())
    }

    fn read(&self, process: &mut Process, read: Read) -> Result<()> {
        let input = match read {
            Read::After(_) if self.is_deaf(process) => Input::Foreign(Vec::new()),
            Read::After(head) => Input::Foreign(self.journal.after(head).to_vec()),
            Read::Whole => Input::Reloaded(self.journal.records().to_vec()),
        };
        self.tell(process, input)
    }

    fn answer(&mut self, process: &mut Process, call: CallId) -> Result<()> {
        let Some((_, outcome)) = process.calls.remove(&call).flatten() else { return Ok(()) };
        self.ended(process.number, call);
        if self.flaw == Some(Flaw::AnswersTwice) {
            let others: Vec<CallId> = process.calls.keys().copied().collect();
            for other in others {
                self.ended(process.number, other);
                self.tell(process, Input::Answered(other, Outcome::Done))?;
            }
        }
        self.tell(process, Input::Answered(call, outcome))
    }

    /// Notes that a call has ended: each does once.
    fn ended(&mut self, process: u32, call: CallId) {
        if self.open.remove(&(process, call)).is_none() {
            self.loose_ends.push(format!("call {call} of process {process} has ended twice"));
        }
    }

    /// Tells on-call what can't be recorded.
    fn page(&self, alarm: Alarm) {
        if self.flaw == Some(Flaw::FailsInSilence) {
            return;
        }
        self.platform.note(&self.id, What::Alarmed);
        let channel = self.truth.policy().map(|policy| policy.on_call().channel.clone());
        let Some(channel) = channel else { return };
        let notification = Notification::new(self.id.clone(), alarm.moment, "on-call", channel, alarm.key)
            .with_urgency(Urgency::Page)
            .with_title(alarm.title)
            .with_body(alarm.body);
        // Whether it is delivered is the notifier's fate.
        let _ = crate::ready(relman_core::port::Notifier::notify(&self.notifier, &notification));
    }

    fn ports(&mut self) -> Ports<'_> {
        Ports {
            id: &self.id,
            platform: &self.platform,
            targets: &self.targets,
            now: self.clock.now(),
            notifier: &self.notifier,
            faults: &self.faults,
            flaw: self.flaw,
            called: &mut self.called,
            keys: &mut self.keys,
        }
    }

    /// One step of the people.
    fn let_people_act(&mut self) -> Result<Option<Progress>> {
        if let Some((batch, act)) = self.human.take() {
            let outcome = self.journal.append(&self.faults, batch.expected, &batch.lines, batch.urgent)?;
            self.platform.recorded(&self.id, self.journal.len());
            return Ok(Some(match outcome {
                Append::Stored => Progress::At(Boundary::Appended),
                Append::Conflict => {
                    self.acts.push_front(act);
                    Progress::Quiet
                }
                Append::Unknown { .. } => {
                    self.platform.note(&self.id, What::CommandFailed);
                    self.forget_acts();
                    Progress::Quiet
                }
            }));
        }
        let Some(act) = self.acts.pop_front() else { return self.listen() };
        let seen = self.seen();
        let command = Command { by: act.by.clone(), action: act.action.clone() };
        let release = self.truth()?.clone();
        match Session::record(release, &command, seen) {
            Ok((Some(batch), ..)) => {
                self.human = Some((batch, act));
                Ok(Some(Progress::At(Boundary::Decided)))
            }
            Ok((None, ..)) => Ok(Some(Progress::Quiet)),
            Err(refusal) => {
                self.refuse(act, refusal)?;
                Ok(Some(Progress::Quiet))
            }
        }
    }

    /// Asks people what they want, once for each state and moment.
    fn listen(&mut self) -> Result<Option<Progress>> {
        let (now, seen) = (self.clock.now(), self.seen());
        self.truth()?;
        let mark = (self.truth.head(), seen);
        if self.listened == Some(mark) {
            return Ok(None);
        }
        self.listened = Some(mark);
        if *self.truth.phase() == Phase::Unplanned {
            let action = Action::RecordPlan { plan: self.plan.clone(), policy: self.policy.clone() };
            let by = Team::new().principal("user:ana");
            self.acts.push_back(Act { by, action, whose: Whose::Author });
            return Ok(Some(Progress::Quiet));
        }
        while let Some(entry) = self.complaints.first_entry().filter(|entry| *entry.key() <= now) {
            let text: Text = COMPLAINT.parse().expect("a constant text");
            let by = Team::new().principal("user:oli");
            let act = Act { by, action: Action::Complain { key: None, text }, whose: Whose::User };
            self.acts.extend(std::iter::repeat_n(act, entry.remove() as usize));
        }
        let acts = self.crowd.act(&self.truth, seen, now).into_iter();
        self.acts.extend(acts.map(|(by, action)| Act { by, action, whose: Whose::People }));
        Ok((!self.acts.is_empty()).then_some(Progress::Quiet))
    }

    fn refuse(&mut self, act: Act, refusal: Refusal) -> Result<()> {
        let Act { by, action, whose } = act;
        match whose {
            Whose::Author => return Err(SimulationError::Plan(refusal)),
            // A complaint about a release that is closed by now belongs to another one.
            Whose::User => {}
            Whose::People => {
                let same = |one: &Refused| one.by == by.actor && one.action == action;
                if !self.refused.iter().any(same) {
                    self.refused.push(Refused { at: self.seen(), by: by.actor, action, refusal });
                }
            }
        }
        Ok(())
    }

    /// Lets time pass up to the next moment at which something is due; how it ended, where nothing is.
    fn pass_time(&mut self) -> Option<Ending> {
        if self.truth.phase().name() == PhaseName::Closed {
            return Some(Ending::Closed);
        }
        let now = self.clock.now();
        let next = match self.next() {
            None => return Some(Ending::Stalled),
            Some(next) if next > self.end => return Some(Ending::OutOfTime),
            Some(next) => next,
        };
        self.clock.set(next);
        for at in self.platform.complaints(&self.id, Window { from: now, until: next }) {
            *self.complaints.entry(at).or_default() += 1;
        }
        None
    }

    /// The next moment after now at which something is due, by the platform's clock.
    fn next(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut moments: Vec<Timestamp> = self.jumps().map(|(at, ..)| at).collect();
        for conductor in &self.conductors {
            match conductor {
                Conductor::Down { until } => moments.push(*until),
                Conductor::Done { .. } => {}
                Conductor::Up(process) => moments.extend(process.next()),
            }
        }
        moments.extend(self.platform.next_arrival(&self.id));
        moments.extend(self.crowd.next());
        moments.extend(self.complaints.keys().next());
        moments.into_iter().filter(|at| *at > now).min()
    }

    /// What the run has left behind.
    pub(crate) fn finish(mut self, ending: Ending) -> Result<Run> {
        self.truth()?;
        self.find_loose_ends();
        let records = self.journal.records().iter().map(|record| Record::clone(record)).collect();
        let lines = self.journal.lines().map(<[u8]>::to_vec).collect();
        Ok(Run {
            sent: self.notifier.sent(),
            happened: self.platform.happened(&self.id),
            ended_at: self.clock.now(),
            faults: (*self.faults).clone(),
            diligence: self.crowd.diligence(),
            release: self.truth,
            records,
            lines,
            refused: self.refused,
            loose_ends: self.loose_ends,
            ending,
            platform: Arc::new(self.platform),
        })
    }

    /// Calls that their session does not wait for any more, and that have not ended.
    fn find_loose_ends(&mut self) {
        for ((number, call), since) in &self.open {
            let waits = self.conductors.iter().any(|conductor| match conductor {
                Conductor::Up(process) => process.number == *number && process.session.waits_for(*call),
                Conductor::Done { .. } | Conductor::Down { .. } => false,
            });
            if !waits {
                let what = format!(
                    "call {call} of process {number}, made at {since}, was neither answered nor aborted"
                );
                self.loose_ends.push(what);
            }
        }
    }
}

/// How far somebody has come by a step.
#[derive(Debug, Clone, Copy)]
enum Progress {
    At(Boundary),
    Quiet,
    /// It drives the release no more.
    GivenUp,
}
