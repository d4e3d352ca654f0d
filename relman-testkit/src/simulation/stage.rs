use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
};

use relman_core::{
    chain::SealedLine,
    event::{EffectId, Record},
    machine::{Action, Command, Input, Outstanding, Phase, PhaseName, Principal, Refusal, Release, decide},
    plan::Plan,
    policy::Policy,
    port::Clock,
    unit::{ReleaseId, Span, Text, Timestamp, Window},
};

use super::{
    Ending, Flaw, Refused, Run, Simulation, SimulationError,
    crowd::Crowd,
    driver::{Doing, Driver, Process},
    journal::{Appended, VirtualJournal},
    pace::Pace,
    perform::{Attempt, Ports, goes_forward},
};
use crate::{
    Cast, People,
    fault::{Boundary, Fault, Jump, Schedule},
    sim::{ManualClock, RecordingNotifier, SimulatedPlatform, What},
};

/// More steps at one moment than any release has: a chain of gates and checks is a few hundred.
const MOST_STEPS: u32 = 20_000;

/// How long to wait before a question is asked again whose answer came too late to matter.
const PAUSE_AFTER_NOTHING: Span = Span::from_secs(1);

/// What users say who came to harm.
const COMPLAINT: &str = "It does not work any more.";

/// A whole world at one moment: it goes on step by step, and can be copied between any two.
pub(crate) struct Stage<P> {
    pub(super) id: ReleaseId,
    pub(super) plan: Arc<Plan>,
    pub(super) policy: Arc<Policy>,
    pub(super) faults: Arc<Schedule>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) platform: SimulatedPlatform,
    pub(super) notifier: RecordingNotifier,
    pub(super) journal: VirtualJournal,
    /// What the journal amounts to.
    pub(super) truth: Release,
    pub(super) drivers: Vec<Driver>,
    pub(super) crowd: Crowd<P>,
    pub(super) acts: VecDeque<Act>,
    pub(super) human: (Doing, Whose),
    pub(super) listened: Option<super::driver::Mark>,
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
            notifier: RecordingNotifier::default().with_faults((*faults).clone()),
            journal: VirtualJournal::used_by(flaw),
            truth: Release::new(id.clone()),
            drivers: vec![Driver::Down { until: start }; if second { 2 } else { 1 }],
            crowd: Crowd::new(people, faults.clone()),
            acts: VecDeque::new(),
            human: (Doing::Nothing, Whose::People),
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
    pub(super) fn play(&mut self) -> Result<Ending, SimulationError> {
        loop {
            if let Step::Over(ending) = self.step()? {
                return Ok(ending);
            }
        }
    }

    /// The next step of whoever is next.
    pub(crate) fn step(&mut self) -> Result<Step, SimulationError> {
        if mem::take(&mut self.settled) {
            self.steps = 0;
            return Ok(self.pass_time().map_or(Step::Quiet, Step::Over));
        }
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(SimulationError::Livelock { at: self.clock.now(), steps: MOST_STEPS });
        }
        let second_first = self.drivers.len() > 1 && self.pace.take();
        let order = if second_first { [1, 0] } else { [0, 1] };
        let conductors = self.drivers.len();
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

    /// What the clocks of those who drive the release show.
    fn seen(&self) -> Timestamp {
        let now = self.clock.now();
        self.jumps().filter(|(at, _)| *at <= now).fold(now, |seen, (_, jump)| match jump {
            Jump::Forwards(by) => seen + by,
            Jump::Backwards(by) => seen.minus(by),
        })
    }

    fn jumps(&self) -> impl Iterator<Item = (Timestamp, Jump)> {
        self.faults.faults.iter().filter_map(|fault| match fault {
            Fault::Clock { at, jump } => Some((self.platform.moment(&self.id, *at)?, *jump)),
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

    /// Ends somebody's process: what is not durable is gone.
    pub(crate) fn crash(&mut self, who: Who, down_for: Span) {
        self.platform.note(&self.id, What::Crashed);
        match who {
            Who::Conductor(index) => {
                self.drivers[index] = Driver::Down { until: self.clock.now() + down_for };
            }
            Who::People => self.forget_acts(),
        }
    }

    /// Whoever was about to act looks again.
    fn forget_acts(&mut self) {
        self.acts.clear();
        self.human.0 = Doing::Nothing;
        self.listened = None;
    }

    fn drive(&mut self, index: usize) -> Result<Option<Progress>, SimulationError> {
        let now = self.clock.now();
        match mem::replace(&mut self.drivers[index], Driver::Down { until: now }) {
            Driver::Down { until } if until > now => {
                self.drivers[index] = Driver::Down { until };
                Ok(None)
            }
            Driver::Down { .. } => {
                let release = match self.restart {
                    Restart::FromBytes => Release::replay(self.id.clone(), self.journal.lines())?,
                    Restart::FromRecords => {
                        let mut release = Release::new(self.id.clone());
                        self.journal.refresh(&mut release)?;
                        release
                    }
                };
                self.drivers[index] = Driver::Up(Box::new(Process::new(release)));
                Ok(Some(Progress::Quiet))
            }
            Driver::Up(mut process) => {
                let progress = self.conduct(&mut process)?;
                self.drivers[index] = match progress {
                    Some(Progress::Stopped(until)) => Driver::Down { until },
                    Some(Progress::Quiet | Progress::At(_)) | None => Driver::Up(process),
                };
                Ok(progress)
            }
        }
    }

    fn truth(&mut self) -> Result<&Release, SimulationError> {
        self.journal.refresh(&mut self.truth)?;
        Ok(&self.truth)
    }

    /// One step of a conductor.
    fn conduct(&mut self, process: &mut Process) -> Result<Option<Progress>, SimulationError> {
        match mem::replace(&mut process.doing, Doing::Nothing) {
            Doing::Nothing => self.choose(process),
            Doing::Told(input) => {
                let decided = self.decide(&process.release, input)?.map_err(SimulationError::Refused)?;
                process.doing = decided;
                Ok(Some(match process.doing {
                    Doing::Decided { .. } => Progress::At(Boundary::Decided),
                    Doing::Nothing | Doing::Told(_) | Doing::Appended => Progress::Quiet,
                }))
            }
            Doing::Decided { input, expected, lines } => {
                if self.flaw == Some(Flaw::ActsBeforeAppending) {
                    self.act_on(&process.release, &lines)?;
                }
                let appended = self.journal.append(&self.faults, expected, &lines)?;
                self.platform.recorded(&self.id, self.journal.len());
                Ok(Some(match appended {
                    Appended::Stored => {
                        process.doing = Doing::Appended;
                        Progress::At(Boundary::Appended)
                    }
                    Appended::Conflict => {
                        self.journal.refresh(&mut process.release)?;
                        process.doing = Doing::Told(input);
                        Progress::Quiet
                    }
                    Appended::Failed => Progress::Stopped(self.restart_after_failure()),
                }))
            }
            Doing::Appended => {
                self.journal.refresh(&mut process.release)?;
                Ok(Some(Progress::Quiet))
            }
        }
    }

    /// Performs what is not appended yet.
    fn act_on(&self, release: &Release, lines: &[SealedLine]) -> Result<(), SimulationError> {
        let mut imagined = release.clone();
        for line in lines {
            imagined.apply(&Record::read(line.bytes())?)?;
        }
        if let (Some((_, wanted)), Some(target)) = (due(&imagined, self.seen()), imagined.target()) {
            self.ports().perform(&imagined, target, &wanted, Attempt::First);
        }
        Ok(())
    }

    /// What follows from an input, ready to be appended; nothing where nothing does.
    fn decide(&self, release: &Release, input: Input) -> Result<Result<Doing, Refusal>, SimulationError> {
        let seen = self.seen();
        let facts = match decide(release, &input, seen) {
            Ok(facts) if facts.is_empty() => return Ok(Ok(Doing::Nothing)),
            Ok(facts) => facts,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let lines = release.seal(&facts, seen)?;
        Ok(Ok(Doing::Decided { input, expected: release.head(), lines }))
    }

    /// Chooses what a conductor that has nothing under way does next.
    fn choose(&mut self, process: &mut Process) -> Result<Option<Progress>, SimulationError> {
        let (now, seen) = (self.clock.now(), self.seen());
        let stale = process.release.head() != self.journal.head();
        let stale = stale && !self.is_deaf(process);
        // One that drives alone hears of every change at once; of two, each hears of the other's a little later.
        if stale && (self.drivers.len() == 1 || self.pace.take()) {
            self.journal.refresh(&mut process.release)?;
            return Ok(Some(Progress::Quiet));
        }
        let mark = (process.release.head(), seen);
        if process.ticked != Some(mark) {
            process.ticked = Some(mark);
            process.doing = self.decide(&process.release, Input::Tick)?.map_err(SimulationError::Refused)?;
            if !matches!(process.doing, Doing::Nothing) {
                return Ok(Some(Progress::At(Boundary::Decided)));
            }
        }
        let next = due(&process.release, seen);
        if let Some((effect, wanted)) = next.filter(|(_, wanted)| self.tries(wanted)) {
            // Back beats forward: what somebody else has recorded is heard of before anything goes forward.
            if stale && goes_forward(&wanted.effect) {
                self.journal.refresh(&mut process.release)?;
                return Ok(Some(Progress::Quiet));
            }
            if let Some(target) = process.release.target() {
                let first = wanted.effect.is_notification() || process.unsure.insert(effect);
                let attempt = if first { Attempt::First } else { Attempt::Again };
                let outcome = self.ports().perform(&process.release, target, &wanted, attempt);
                process.doing = Doing::Told(Input::Outcome { effect, outcome });
                return Ok(Some(Progress::At(Boundary::Called)));
            }
        }
        if let Some(progress) = self.look(process, now, seen) {
            return Ok(Some(progress));
        }
        if stale {
            self.journal.refresh(&mut process.release)?;
            return Ok(Some(Progress::Quiet));
        }
        Ok(None)
    }

    /// Whether it does not hear what others have recorded.
    fn is_deaf(&self, process: &Process) -> bool {
        self.flaw == Some(Flaw::GoesForwardUnheard)
            && process.release.outstanding().values().any(|one| goes_forward(&one.effect))
    }

    fn tries(&self, wanted: &Outstanding) -> bool {
        self.flaw != Some(Flaw::TriesOnce) || wanted.failures == 0
    }

    /// Asks what the release wants to know, and takes the answer once it is there.
    fn look(&mut self, process: &mut Process, now: Timestamp, seen: Timestamp) -> Option<Progress> {
        if let Some((at, input)) = process.pending.take() {
            let wanted = match &input {
                Input::Look(_) => process.release.phase().step().is_some(),
                _ => process.release.phase().name() == PhaseName::RollingBack,
            };
            if wanted && at > now {
                process.pending = Some((at, input));
                return None;
            }
            if wanted {
                process.doing = Doing::Told(input);
                return Some(Progress::Quiet);
            }
        }
        let mark = (process.release.head(), seen);
        if process.asked == Some(mark) {
            return None;
        }
        process.asked = Some(mark);
        let question = process.release.question(seen)?;
        let (input, time) = self.ports().ask(question);
        if time == Span::ZERO {
            process.doing = Doing::Told(input);
        } else {
            process.pending = Some((now + time, input));
        }
        Some(Progress::At(Boundary::Called))
    }

    fn ports(&self) -> Ports<'_> {
        Ports { platform: &self.platform, notifier: &self.notifier, flaw: self.flaw }
    }

    /// When whoever could not append is started again.
    fn restart_after_failure(&self) -> Timestamp {
        self.platform.note(&self.id, What::AppendFailed);
        let down_for = self.faults.faults.iter().find_map(|fault| match fault {
            Fault::Append { nth, down_for, .. } if *nth == self.journal.attempts() => Some(*down_for),
            _ => None,
        });
        self.clock.now() + down_for.unwrap_or(Span::ZERO)
    }

    /// One step of the people.
    fn let_people_act(&mut self) -> Result<Option<Progress>, SimulationError> {
        let (doing, whose) = (mem::replace(&mut self.human.0, Doing::Nothing), self.human.1);
        match doing {
            Doing::Nothing => match self.acts.pop_front() {
                Some(Act { by, action, whose }) => {
                    self.human = (Doing::Told(Input::Command(Command { by, action })), whose);
                    Ok(Some(Progress::Quiet))
                }
                None => self.listen(),
            },
            Doing::Told(input) => {
                self.truth()?;
                match self.decide(&self.truth, input.clone())? {
                    Ok(decided) => self.human.0 = decided,
                    Err(refusal) => self.refuse(input, refusal, whose)?,
                }
                Ok(Some(match self.human.0 {
                    Doing::Decided { .. } => Progress::At(Boundary::Decided),
                    Doing::Nothing | Doing::Told(_) | Doing::Appended => Progress::Quiet,
                }))
            }
            Doing::Decided { input, expected, lines } => {
                let appended = self.journal.append(&self.faults, expected, &lines)?;
                self.platform.recorded(&self.id, self.journal.len());
                match appended {
                    Appended::Stored => {
                        self.human.0 = Doing::Appended;
                        return Ok(Some(Progress::At(Boundary::Appended)));
                    }
                    Appended::Conflict => self.human.0 = Doing::Told(input),
                    Appended::Failed => {
                        self.restart_after_failure();
                        self.forget_acts();
                    }
                }
                Ok(Some(Progress::Quiet))
            }
            Doing::Appended => Ok(Some(Progress::Quiet)),
        }
    }

    /// Asks people what they want, once for each state and moment.
    fn listen(&mut self) -> Result<Option<Progress>, SimulationError> {
        let (now, seen) = (self.clock.now(), self.seen());
        self.truth()?;
        let mark = (self.truth.head(), seen);
        if self.listened == Some(mark) {
            return Ok(None);
        }
        self.listened = Some(mark);
        if *self.truth.phase() == Phase::Unplanned {
            let action = Action::RecordPlan { plan: self.plan.clone(), policy: self.policy.clone() };
            let by = Cast::new().principal("user:ana");
            self.acts.push_back(Act { by, action, whose: Whose::Author });
            return Ok(Some(Progress::Quiet));
        }
        while let Some(entry) = self.complaints.first_entry().filter(|entry| *entry.key() <= now) {
            let text: Text = COMPLAINT.parse().expect("a constant text");
            let by = Cast::new().principal("user:oli");
            let act = Act { by, action: Action::Complain { text }, whose: Whose::User };
            self.acts.extend(std::iter::repeat_n(act, entry.remove() as usize));
        }
        let acts = self.crowd.act(&self.truth, seen, now).into_iter();
        self.acts.extend(acts.map(|(by, action)| Act { by, action, whose: Whose::People }));
        Ok((!self.acts.is_empty()).then_some(Progress::Quiet))
    }

    fn refuse(&mut self, input: Input, refusal: Refusal, whose: Whose) -> Result<(), SimulationError> {
        match (whose, input) {
            (Whose::Author, _) => return Err(SimulationError::Plan(refusal)),
            // A complaint about a release that is closed by now is somebody else's.
            (Whose::User, _) => {}
            (Whose::People, Input::Command(Command { by, action })) => {
                let same = |one: &Refused| one.by == by.actor && one.action == action;
                if !self.refused.iter().any(same) {
                    self.refused.push(Refused { at: self.seen(), by: by.actor, action, refusal });
                }
            }
            (Whose::People, _) => return Err(SimulationError::Refused(refusal)),
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
        let (now, seen) = (self.clock.now(), self.seen());
        let mut moments: Vec<Timestamp> = self.jumps().map(|(at, _)| at).collect();
        for driver in &self.drivers {
            match driver {
                Driver::Down { until } => moments.push(*until),
                Driver::Up(process) => {
                    let deadline = process.release.next_deadline(seen);
                    moments.extend(deadline.map(|deadline| now + deadline.since(seen)));
                    match &process.pending {
                        Some((at, _)) => moments.push(*at),
                        None if process.release.question(seen).is_some() => {
                            moments.push(now + PAUSE_AFTER_NOTHING);
                        }
                        None => {}
                    }
                }
            }
        }
        moments.extend(self.crowd.next());
        moments.extend(self.complaints.keys().next());
        moments.into_iter().filter(|at| *at > now).min()
    }

    /// What the run has left behind.
    pub(crate) fn finish(mut self, ending: Ending) -> Result<Run, SimulationError> {
        self.truth()?;
        let records = self.journal.records().iter().map(|record| Record::clone(record)).collect();
        let lines = self.journal.lines().map(<[u8]>::to_vec).collect();
        Ok(Run {
            told: self.notifier.told(),
            happened: self.platform.happened(&self.id),
            ended_at: self.clock.now(),
            faults: (*self.faults).clone(),
            diligence: self.crowd.diligence(),
            release: self.truth,
            records,
            lines,
            refused: self.refused,
            ending,
            platform: Arc::new(self.platform),
        })
    }
}

/// How far somebody has come by a step.
#[derive(Debug, Clone, Copy)]
enum Progress {
    At(Boundary),
    Quiet,
    /// It has stopped, and is started again at this moment.
    Stopped(Timestamp),
}

/// The effect to perform next: traffic before messages.
fn due(release: &Release, seen: Timestamp) -> Option<(EffectId, Outstanding)> {
    let now = seen.max(release.last_at());
    let due = release.outstanding().iter().filter(|(_, one)| one.due.is_due(now));
    let next = due.min_by_key(|(id, one)| (one.effect.is_notification(), **id));
    next.map(|(id, one)| (*id, one.clone()))
}
