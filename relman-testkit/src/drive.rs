use std::{collections::BTreeMap, sync::Arc};

use relman_core::{
    chain::SealedLine,
    event::{EffectId, Record, RecordError, SealError},
    machine::{
        Action, Command, Effect, Input, Look, LookQuestion, OutcomeOf, Outstanding, PhaseName, Principal,
        Question, Refusal, Release, ReplayError, decide,
    },
    plan::Plan,
    policy::Policy,
    port::{
        Clock, DeployRequest, Deployer, Deployment, MetricsSource, Notification, Notifier, PortError, Retry,
        Target, TrafficRequest,
    },
    unit::{Actor, Span, Text, Timestamp, Window},
};
use thiserror::Error;

use crate::{
    Cast, People, ready, sample,
    sim::{ManualClock, RecordingNotifier, SimulatedPlatform, World},
};

/// A release from its plan to its end under virtual time, without a runtime.
///
/// Drives the pure core as a conductor does: append before act, look when a look is due, feed outcomes back. Between
/// two moments at which something is due nothing happens, so a day takes a moment. The same plan, policy, world, seed
/// and people give the same bytes.
///
/// # Examples
///
/// ```
/// use relman_core::{machine::{EndedAs, Phase}, unit::Span};
/// use relman_testkit::{Cast, Simulation, sample, sim::World};
///
/// let drill = Simulation::new(sample::drill_plan(), sample::drill_policy()).world(World::calm());
/// let run = drill.run(Cast::new())?;
/// assert_eq!(run.release.phase(), &Phase::Closed(EndedAs::Completed));
/// assert!(run.took() >= Span::from_minutes(25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Simulation {
    plan: Arc<Plan>,
    policy: Arc<Policy>,
    world: World,
    seed: u64,
    start: Timestamp,
    longest: Span,
    lost_notifications: u32,
}

/// How a run ended, and everything that it left behind.
#[derive(Debug)]
pub struct Run {
    /// The release at the end.
    pub release: Release,
    /// Its records.
    pub records: Vec<Record>,
    /// The same as they would be stored: one line each, without line feeds.
    pub lines: Vec<Vec<u8>>,
    /// What people were told.
    pub told: Vec<Notification>,
    /// What people wanted and the core refused, each repetition once.
    pub refused: Vec<Refused>,
    /// Why it is over.
    pub ending: Ending,
    /// The platform, as the run left it.
    pub platform: Arc<SimulatedPlatform>,
}

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The release is closed.
    Closed,
    /// Nothing is due any more, and people do nothing.
    Stalled,
    /// The longest time has passed.
    OutOfTime,
}

/// A command that the core refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What they wanted.
    pub action: Action,
    /// Why not.
    pub refusal: Refusal,
}

/// Why a run could not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The plan does not fit the policy.
    #[error("failed to record the plan: {0}")]
    Plan(#[source] Refusal),
    /// Something else than a command was refused.
    #[error("failed to decide on what is no command: {0}")]
    Refused(#[source] Refusal),
    /// Facts could not become records.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A record could not be read back.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record could not be folded.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Something happens again and again without time passing.
    #[error("failed to leave {at}: {rounds} rounds of changes and no end")]
    Livelock {
        /// The moment.
        at: Timestamp,
        /// How often something changed at that moment.
        rounds: u32,
    },
}

/// More changes at one moment than any release has: a chain of gates and checks is a few dozen.
const MOST_ROUNDS: u32 = 1_000;

/// What users say who came to harm.
const COMPLAINT: &str = "It does not work any more.";

impl Simulation {
    /// A simulation in a healthy world.
    pub fn new(plan: Arc<Plan>, policy: Arc<Policy>) -> Self {
        Self {
            plan,
            policy,
            world: World::default(),
            seed: 1,
            start: sample::start(),
            longest: Span::from_hours(24 * 14),
            lost_notifications: 0,
        }
    }

    /// The world in which it takes place.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// The seed of everything that is random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// When it starts.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// After how much virtual time it is given up; two weeks otherwise.
    #[must_use]
    pub fn longest(mut self, longest: Span) -> Self {
        self.longest = longest;
        self
    }

    /// Lets the first notifications fail.
    #[must_use]
    pub fn losing_notifications(mut self, times: u32) -> Self {
        self.lost_notifications = times;
        self
    }

    /// Records the plan in ana's name and goes on until the release is closed, nothing is due any more, or the longest
    /// time has passed.
    ///
    /// # Errors
    ///
    /// [`SimulationError`] where the plan does not fit the policy, or the core contradicts itself.
    pub fn run(&self, mut people: impl People) -> Result<Run, SimulationError> {
        let clock = Arc::new(ManualClock::at(self.start));
        let mut stage = Stage {
            release: Release::new(self.plan.release().clone()),
            platform: SimulatedPlatform::new(self.world.clone(), self.seed, clock.clone()),
            notifier: RecordingNotifier::default().failing(self.lost_notifications),
            clock,
            records: Vec::new(),
            lines: Vec::new(),
            refused: Vec::new(),
            complaints: BTreeMap::new(),
        };
        let (plan, policy) = (self.plan.clone(), self.policy.clone());
        let by = Cast::new().principal("user:ana");
        let record = Input::Command(Command { by, action: Action::RecordPlan { plan, policy } });
        stage.tell(&record)?.map_err(SimulationError::Plan)?;
        let ending = stage.play(&mut people, self.start + self.longest)?;
        let Stage { release, platform, notifier, records, lines, refused, .. } = stage;
        let (told, platform) = (notifier.told(), Arc::new(platform));
        Ok(Run { release, records, lines, told, refused, ending, platform })
    }
}

impl Run {
    /// How much virtual time lies between the first record and the last.
    pub fn took(&self) -> Span {
        match (self.records.first(), self.records.last()) {
            (Some(first), Some(last)) => last.at.since(first.at),
            _ => Span::ZERO,
        }
    }

    /// The kinds of the records, in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.records.iter().map(|record| record.event.kind()).collect()
    }

    /// How many records of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.records.iter().filter(|record| record.event.kind() == kind).count()
    }
}

/// A release under way.
struct Stage {
    release: Release,
    platform: SimulatedPlatform,
    notifier: RecordingNotifier,
    clock: Arc<ManualClock>,
    records: Vec<Record>,
    lines: Vec<Vec<u8>>,
    refused: Vec<Refused>,
    /// How many complaints come when.
    complaints: BTreeMap<Timestamp, u32>,
}

/// Whether something was recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Some,
    None,
}

impl Stage {
    fn play(&mut self, people: &mut impl People, end: Timestamp) -> Result<Ending, SimulationError> {
        loop {
            self.settle(people)?;
            if self.release.phase().name() == PhaseName::Closed {
                return Ok(Ending::Closed);
            }
            match self.release.next_deadline(self.clock.now()) {
                None => return Ok(Ending::Stalled),
                Some(next) if next > end => return Ok(Ending::OutOfTime),
                Some(next) => self.pass_time(next),
            }
        }
    }

    /// Lets time pass up to a deadline, or up to the next complaint before it, and users come to harm meanwhile.
    fn pass_time(&mut self, deadline: Timestamp) {
        let from = self.clock.now();
        let complaint = self.complaints.keys().next().copied();
        let until = complaint.map_or(deadline, |complaint| complaint.min(deadline)).max(from);
        self.clock.set(until);
        for at in self.platform.complaints(self.release.id(), Window { from, until }) {
            *self.complaints.entry(at).or_default() += 1;
        }
    }

    /// Does everything that can be done without time passing.
    fn settle(&mut self, people: &mut impl People) -> Result<(), SimulationError> {
        for _ in 0..MOST_ROUNDS {
            let changes =
                [self.tick()?, self.perform()?, self.look()?, self.complain()?, self.listen(people)?];
            if changes.iter().all(|change| *change == Change::None) {
                return Ok(());
            }
        }
        Err(SimulationError::Livelock { at: self.clock.now(), rounds: MOST_ROUNDS })
    }

    /// Decides, records and folds: what was written is read back before it counts.
    fn tell(&mut self, input: &Input) -> Result<Result<Change, Refusal>, SimulationError> {
        let now = self.clock.now();
        let facts = match decide(&self.release, input, now) {
            Ok(facts) => facts,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let lines = self.release.seal(&facts, now)?;
        for line in lines.iter().map(SealedLine::bytes) {
            let record = Record::read(line)?;
            self.release.apply(&record)?;
            self.records.push(record);
            self.lines.push(line.to_vec());
        }
        Ok(Ok(if facts.is_empty() { Change::None } else { Change::Some }))
    }

    /// Tells what is no command, and is never refused.
    fn report(&mut self, input: &Input) -> Result<Change, SimulationError> {
        self.tell(input)?.map_err(SimulationError::Refused)
    }

    fn tick(&mut self) -> Result<Change, SimulationError> {
        self.report(&Input::Tick)
    }

    /// Performs what is due; traffic before messages.
    fn perform(&mut self) -> Result<Change, SimulationError> {
        let now = self.clock.now();
        let due = self.release.outstanding().iter().filter(|(_, one)| one.due.is_due(now));
        let mut due: Vec<(EffectId, Outstanding)> = due.map(|(id, one)| (*id, one.clone())).collect();
        due.sort_by_key(|(id, one)| (one.effect.is_notification(), *id));
        let Some((effect, outstanding)) = due.into_iter().next() else {
            return Ok(Change::None);
        };
        let Some(target) = self.release.target() else {
            return Ok(Change::None);
        };
        let outcome = self.outcome(&outstanding, target);
        self.report(&Input::Outcome { effect, outcome })
    }

    fn outcome(&self, outstanding: &Outstanding, target: Target) -> OutcomeOf {
        let key = outstanding.key.clone();
        let result = match &outstanding.effect {
            Effect::Deploy { environment } => {
                let request = DeployRequest { target, environment: *environment, key };
                ready(self.platform.deploy(&request))
            }
            Effect::SetTraffic { share } => {
                // An answer may have been lost: what is there already is not done again.
                let found = |shown: Deployment| shown.canary_share == *share;
                if outstanding.failures > 0 && self.deployment(&target).is_ok_and(found) {
                    return OutcomeOf::FoundDone;
                }
                ready(self.platform.set_traffic(&TrafficRequest { target, share: *share, key }))
            }
            Effect::Notify { moment, audience, channel, urgency, title, body } => {
                ready(self.notifier.notify(&Notification {
                    release: self.release.id().clone(),
                    drill: self.release.is_drill(),
                    moment: *moment,
                    audience: audience.to_string(),
                    channel: channel.clone(),
                    urgency: *urgency,
                    title: title.clone(),
                    body: body.clone(),
                    key,
                }))
            }
        };
        match result {
            Ok(()) => OutcomeOf::Done,
            Err(error) => failed(&error),
        }
    }

    fn deployment(&self, target: &Target) -> Result<Deployment, String> {
        ready(Deployer::observe(&self.platform, target)).map_err(|error| error.to_string())
    }

    /// Answers what the release wants to know.
    fn look(&mut self) -> Result<Change, SimulationError> {
        let input = match self.release.question(self.clock.now()) {
            None => return Ok(Change::None),
            Some(Question::Traffic(target)) => Input::Traffic { deployment: self.deployment(&target) },
            Some(Question::Look(question)) => Input::Look(self.measure(question)),
        };
        self.report(&input)
    }

    fn measure(&self, question: LookQuestion) -> Look {
        let LookQuestion { step, window, queries, arms, target } = question;
        let asked = queries.iter().flat_map(|query| arms.iter().map(move |arm| (query, *arm)));
        let observe = |(query, arm)| ready(MetricsSource::observe(&self.platform, query, arm, window));
        Look {
            step,
            window,
            deployment: self.deployment(&target),
            tolerance: self.platform.capabilities().share_tolerance,
            observations: asked.map(observe).collect(),
        }
    }

    /// Records the complaints that have come, in the name of whoever is on call.
    fn complain(&mut self) -> Result<Change, SimulationError> {
        let now = self.clock.now();
        let mut change = Change::None;
        while let Some(entry) = self.complaints.first_entry().filter(|entry| *entry.key() <= now) {
            for _ in 0..entry.remove() {
                let text: Text = COMPLAINT.parse().expect("a constant text");
                let by = Cast::new().principal("user:oli");
                // A complaint about a release that is closed by now is somebody else's.
                if let Ok(Change::Some) =
                    self.tell(&Input::Command(Command { by, action: Action::Complain { text } }))?
                {
                    change = Change::Some;
                }
            }
        }
        Ok(change)
    }

    /// Lets people act once.
    fn listen(&mut self, people: &mut impl People) -> Result<Change, SimulationError> {
        let now = self.clock.now();
        let mut change = Change::None;
        for (by, action) in people.act(&self.release, now) {
            let input = Input::Command(Command { by: by.clone(), action: action.clone() });
            match self.tell(&input)? {
                Ok(Change::Some) => change = Change::Some,
                Ok(Change::None) => {}
                Err(refusal) => self.refuse(by, action, refusal),
            }
        }
        Ok(change)
    }

    fn refuse(&mut self, by: Principal, action: Action, refusal: Refusal) {
        let same = |one: &Refused| one.by == by.actor && one.action == action;
        if !self.refused.iter().any(same) {
            self.refused.push(Refused { at: self.clock.now(), by: by.actor, action, refusal });
        }
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

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
