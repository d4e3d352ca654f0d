use std::{path::PathBuf, sync::Arc};

use relman_core::{
    event::{RecordError, SealError},
    machine::{Refusal, ReplayError},
    plan::Plan,
    policy::Policy,
    unit::{Span, Timestamp},
};
use thiserror::Error;

use super::{Flaw, Restart, Run, Stage, Trace};
use crate::{
    Invariants, People, Team, Violation, sample,
    world::{
        World,
        fault::{Fault, Schedule},
    },
};

/// A release from its plan to its end under virtual time, without a runtime.
///
/// Drives the pure core as a conductor does: append before act, look when a look is due, feed outcomes back. Between
/// two moments at which something is due nothing happens, so a day takes a moment. Whatever the world's
/// [`faults`](World::faults) say goes wrong. The same plan, policy, world, seed and people give the same bytes.
///
/// # Examples
///
/// ```
/// use relman_core::{machine::{EndedAs, Phase}, unit::Span};
/// use relman_testkit::{Team, Simulation, sample, world::World};
///
/// let drill = Simulation::new(sample::drill_plan(), sample::drill_policy()).world(World::calm());
/// let run = drill.run(Team::new())?;
/// assert_eq!(run.release.phase(), &Phase::Closed(EndedAs::Completed));
/// assert!(run.took() >= Span::from_minutes(25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Simulation {
    pub(super) plan: Arc<Plan>,
    pub(super) policy: Arc<Policy>,
    pub(super) world: World,
    pub(super) seed: u64,
    pub(super) start: Timestamp,
    pub(super) longest: Span,
    pub(super) flaw: Option<Flaw>,
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
    #[error("failed to leave {at}: {steps} steps and no end")]
    Livelock {
        /// The moment.
        at: Timestamp,
        /// How many steps were made at that moment.
        steps: u32,
    },
}

/// A run that broke a guardrail, or could not go on. Says how to see it again.
#[derive(Debug, Error)]
#[error("{problem} (seed {seed}; see it again: cargo run -p relman-testkit --example replay -- {})", trace.display())]
#[non_exhaustive]
pub struct Failure {
    /// What went wrong.
    #[source]
    pub problem: Problem,
    /// The seed of the run.
    pub seed: u64,
    /// The trace that was written.
    pub trace: PathBuf,
}

/// What went wrong with a run.
#[derive(Debug, Error)]
pub enum Problem {
    /// A guardrail was broken.
    #[error(transparent)]
    Broken(#[from] Violation),
    /// The run could not go on.
    #[error(transparent)]
    Stuck(#[from] Box<SimulationError>),
}

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
            flaw: None,
        }
    }

    /// The world in which it takes place, with what goes wrong in it.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// The same simulation, and one more thing goes wrong in its world.
    #[must_use]
    pub fn also(mut self, fault: Fault) -> Self {
        self.world.faults.faults.push(fault);
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

    /// The same simulation by a conductor that has a flaw.
    #[must_use]
    pub fn flawed(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    /// What goes wrong in it.
    pub fn faults(&self) -> &Schedule {
        &self.world.faults
    }

    /// Records the plan in ana's name and goes on until the release is closed, nothing is due any more, or the longest
    /// time has passed.
    ///
    /// # Errors
    ///
    /// [`SimulationError`] where the plan does not fit the policy, or the core contradicts itself.
    pub fn run(&self, people: impl People) -> Result<Run, SimulationError> {
        let mut stage = self.stage(people, Restart::FromBytes);
        let ending = stage.play()?;
        stage.finish(ending)
    }

    /// Runs, and holds the run against every invariant. Where one is broken, a trace of the run is written.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the seed, the trace's file and the command that replays it.
    ///
    /// # Panics
    ///
    /// Where the trace can't be written: in `RELMAN_TRACES`, or in the system's directory for temporary files.
    pub fn check(&self, team: &Team) -> Result<Run, Failure> {
        let problem = match self.run(team.clone()) {
            Ok(run) => match Invariants::check_run(&run) {
                Ok(()) => return Ok(run),
                Err(violation) => Problem::from(violation),
            },
            Err(error) => Problem::Stuck(error.into()),
        };
        let trace = Trace::of(self, team).keep();
        let trace = trace.unwrap_or_else(|error| panic!("{problem}, and its trace is lost: {error}"));
        Err(Failure { problem, seed: self.seed, trace })
    }

    pub(crate) fn stage<P: People>(&self, people: P, restart: Restart) -> Stage<P> {
        Stage::new(self, people, restart)
    }
}
