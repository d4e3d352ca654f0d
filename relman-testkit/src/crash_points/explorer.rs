use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use relman_core::unit::Span;

use super::Scenario;
use crate::{
    Failure, Invariants, SimulationError, Team, Violation,
    run::{Restart, Stage, Step},
    world::fault::{Boundary, Fault},
};

/// Ends the process of each scenario at every point, so many times in one run.
///
/// # Examples
///
/// ```
/// use relman_testkit::{Simulation, crash_points::{Explorer, Scenario}, sample, world::World};
///
/// let drill = Simulation::new(sample::drill_plan(), sample::brief_policy()).world(World::calm());
/// let explored = Explorer::new(vec![Scenario::new("a drill", drill)]).run()?;
/// assert!(explored.crash_points > 100);
/// # Ok::<(), relman_testkit::Failure>(())
/// ```
#[derive(Debug, Clone)]
pub struct Explorer {
    scenarios: Vec<Scenario>,
    depth: u32,
    threads: NonZero<usize>,
}

/// What was explored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// How many scenarios.
    pub scenarios: u64,
    /// How many crash points: scenarios with a list of places at which the process really was ended.
    pub crash_points: u64,
    /// The same by the length of the list: ended once, twice, and so on.
    pub by_crashes: Vec<u64>,
    /// How many runs were driven to their own end; the others came to a state that was driven on from before.
    pub to_the_end: u64,
    /// How many records were appended on the way.
    pub records: u64,
}

impl Explorer {
    /// An explorer that ends the process once in a run, on every core.
    pub fn new(scenarios: Vec<Scenario>) -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { scenarios, depth: 1, threads }
    }

    /// How often the process ends in one run at most.
    #[must_use]
    pub fn depth(self, depth: u32) -> Self {
        Self { depth, ..self }
    }

    /// On how many threads.
    #[must_use]
    pub fn threads(self, threads: NonZero<usize>) -> Self {
        Self { threads, ..self }
    }

    /// Explores every scenario.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the first crash point found at which an invariant is broken, or nothing goes on: it has a trace
    /// with the crashes in its schedule.
    ///
    /// # Panics
    ///
    /// Where the trace can't be written, or a broken run is in order when it is repeated for its trace.
    pub fn run(&self) -> Result<Explored, Failure> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..self.threads.get() {
                scope.spawn(|| {
                    while let Some(scenario) = self.scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let mut search = Search::new(scenario, self.depth);
                        let result =
                            search.run().map(|()| search.explored).map_err(|crashes| (scenario, crashes));
                        stop.fetch_or(result.is_err(), Ordering::Relaxed);
                        results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                    }
                });
            }
        });
        let mut all = Explored::default();
        for result in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match result {
                Ok(explored) => all.add(&explored),
                Err((scenario, crashes)) => return Err(repeat(scenario, &crashes)),
            }
        }
        Ok(all)
    }
}

/// Repeats a broken run as a simulation with the crashes in its schedule, for a trace.
fn repeat(scenario: &Scenario, crashes: &Crashes) -> Failure {
    let mut simulation = scenario.simulation.clone();
    for nth in &crashes.places {
        let crash = Fault::Crash { after: Boundary::Any, nth: *nth, down_for: Span::ZERO };
        simulation = simulation.also(crash);
    }
    match simulation.check(&scenario.team) {
        Err(failure) => failure,
        Ok(_) => {
            panic!("{}: {} after {crashes:?}, and not when it is repeated", scenario.name, crashes.problem)
        }
    }
}

/// A list of places at which the process ended, and what came of it.
#[derive(Debug)]
struct Crashes {
    places: Vec<u32>,
    problem: String,
}

/// A world in which the process has just been ended for the last of these times.
struct Branch {
    stage: Stage<Team>,
    places: Vec<u32>,
}

/// The search of one scenario.
struct Search<'a> {
    scenario: &'a Scenario,
    depth: u32,
    /// From which states the run was driven to its end, with how many crashes ahead.
    known: BTreeMap<u128, u32>,
    explored: Explored,
}

impl<'a> Search<'a> {
    fn new(scenario: &'a Scenario, depth: u32) -> Self {
        let by_crashes = vec![0; depth as usize];
        let explored = Explored { scenarios: 1, by_crashes, ..Explored::default() };
        Self { scenario, depth, known: BTreeMap::new(), explored }
    }

    fn run(&mut self) -> Result<(), Crashes> {
        let team = self.scenario.team.clone();
        let stage = self.scenario.simulation.stage(team, Restart::FromRecords);
        // The undisturbed run first: most others come back to it.
        let mut branches = vec![Branch { stage, places: Vec::new() }];
        while let Some(branch) = branches.pop() {
            let ahead = self.follow(branch)?;
            branches.extend(ahead);
        }
        Ok(())
    }

    /// Follows one branch to its end, or to a state that is known; what branches off on the way is for later.
    fn follow(&mut self, branch: Branch) -> Result<Vec<Branch>, Crashes> {
        let Branch { mut stage, places } = branch;
        let left = self.depth - u32::try_from(places.len()).unwrap_or(u32::MAX).min(self.depth);
        let broken = |places: &[u32], problem: &dyn std::fmt::Display| Crashes {
            places: places.to_vec(),
            problem: problem.to_string(),
        };
        let stuck = |error: SimulationError| broken(&places, &error);
        let violated = |violation: Violation| broken(&places, &violation);
        let before = stage.records();
        let mut ahead = Vec::new();
        loop {
            match stage.step().map_err(stuck)? {
                Step::Quiet => {}
                Step::At(_, who) if left > 0 => {
                    let mut fork = stage.fork();
                    fork.crash(who, Span::ZERO);
                    let mut places = places.clone();
                    places.push(stage.place());
                    ahead.push(Branch { stage: fork, places });
                }
                Step::At(..) => {}
                Step::Settled => {
                    let Some(state) = stage.fingerprint() else { continue };
                    let known = self.known.entry(state).or_insert(u32::MAX);
                    if *known != u32::MAX && *known >= left {
                        stage.check_so_far().map_err(violated)?;
                        break;
                    }
                    *known = left;
                }
                Step::Over(ending) => {
                    self.explored.records += stage.records() - before;
                    let run = stage.finish(ending).map_err(stuck)?;
                    Invariants::check_run(&run).map_err(violated)?;
                    self.explored.to_the_end += 1;
                    self.count(&places);
                    return Ok(ahead);
                }
            }
        }
        self.explored.records += stage.records() - before;
        self.count(&places);
        Ok(ahead)
    }

    fn count(&mut self, places: &[u32]) {
        if let Some(last) = places.len().checked_sub(1) {
            self.explored.crash_points += 1;
            self.explored.by_crashes[last] += 1;
        }
    }
}

impl Explored {
    fn add(&mut self, other: &Self) {
        self.scenarios += other.scenarios;
        self.crash_points += other.crash_points;
        self.to_the_end += other.to_the_end;
        self.records += other.records;
        self.by_crashes.resize(self.by_crashes.len().max(other.by_crashes.len()), 0);
        for (sum, more) in self.by_crashes.iter_mut().zip(&other.by_crashes) {
            *sum += more;
        }
    }
}
