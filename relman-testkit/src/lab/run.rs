use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rayon::prelude::*;
use relman_core::{
    plan::{Criterion, Plan},
    policy::Policy,
    unit::{Span, Timestamp, TrackName},
};
use thiserror::Error;

use super::{
    Case, Report,
    outage::Outage,
    setup::Setup,
    trial::{Trial, draw_alone, trial},
    worlds,
};
use crate::{sample, world::draw::Draw};

/// How long a release is followed: what a [`Simulation`](crate::Simulation) follows, too, and many times what any
/// track of the shipped policy asks for.
pub(super) const LONGEST: Span = Span::from_hours(24 * 14);

/// The most trials of one policy in one world: their outcomes are kept in memory until the report is made.
const MOST_TRIALS: u32 = 1_000_000;

/// How many trials lie between two reports of progress: about a tenth of a second of one core.
const TRIALS_A_REPORT: u64 = 50;

/// Tries policies in simulated worlds, thousands of times, and says what they do to users.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
/// use relman_testkit::{lab::Lab, sample, world::{Regression, World}};
///
/// let worlds = [World::calm(), World::calm().with(Regression::errors_after(Span::ZERO, 0.3))];
/// let report = Lab::new(sample::drill_policy()).track("drill".parse()?).against(worlds).trials(50).run()?;
/// let (healthy, spike) = (&report.worlds[0].policies[0], &report.worlds[1].policies[0]);
/// assert_eq!((healthy.rolled_back.hits, healthy.completed.hits), (0, 50));
/// assert_eq!(spike.regression.as_ref().map(|found| found.detected.hits), Some(50));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Lab {
    policies: Vec<Arc<Policy>>,
    plan: Arc<Plan>,
    track: Option<TrackName>,
    worlds: Vec<Case>,
    trials: u32,
    seed: u64,
    start: Timestamp,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

/// How far a lab is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many trials are over, of all policies and worlds together.
    pub done: u64,
    /// How many there will be.
    pub total: u64,
}

/// Why a lab can't say anything.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LabError {
    /// There is nothing to count, or more than memory holds.
    #[error(
        "failed to measure a policy in {0} trials: at least 1 and at most {max} are possible, and 1000 are a good start",
        max = MOST_TRIALS
    )]
    Trials(u32),
    /// There is no world to try it in.
    #[error("failed to measure a policy in no world: worlds::standard() has a set")]
    NoWorlds,
    /// Two worlds have the same name.
    #[error(
        "failed to tell two worlds apart: both are called `{0}`, and their random numbers depend on the name; give \
         each one of its own"
    )]
    SameName(String),
    /// A world is impossible.
    #[error("failed to make the world `{world}`: {problem}")]
    World {
        /// Its name.
        world: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The plan does not fit the policy.
    #[error("failed to try the policy `{policy}`: {problem}")]
    Policy {
        /// The name of the policy.
        policy: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Nothing would ever roll a release back.
    #[error("failed to try the plan: it has no [contract], and without criteria nothing is ever rolled back")]
    NoContract,
    /// A criterion is about something that no world has.
    #[error(
        "failed to try the plan: `{0}` can't be simulated. The lab knows error_rate, log_errors, latency_p50 and \
         every other quantile, and complaints; leave the criterion out to measure the others"
    )]
    NotSimulated(Criterion),
}

/// The plan of a lab that is given none: standard risk, and the contract `error_rate > 1%`,
/// `latency_p99 > 2x baseline`, `complaints > 3`.
///
/// # Panics
///
/// Never: a test builds it.
///
/// # Examples
///
/// ```
/// let plan = relman_testkit::lab::default_plan();
/// let criteria: Vec<String> = plan.contract().into_iter().flat_map(|one| one.criteria()).map(ToString::to_string).collect();
/// assert_eq!(criteria, ["error_rate > 1%", "latency_p99 > 2x baseline", "complaints > 3"]);
/// ```
pub fn default_plan() -> Arc<Plan> {
    // It names nothing that it touches, so that it fits every policy, whatever tags that has.
    Arc::new(sample::builder("lab", &[]).build().expect("a test builds the lab's plan"))
}

impl Lab {
    /// A lab for one policy, with the plan of [`default_plan`], the [standard worlds](worlds::standard), 1,000 trials
    /// and seed 1.
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self {
            policies: vec![policy.into()],
            plan: default_plan(),
            track: None,
            worlds: worlds::standard(),
            trials: 1_000,
            seed: 1,
            start: sample::start(),
            progress: None,
        }
    }

    /// Adds a policy that is tried in the same worlds with the same random numbers.
    #[must_use]
    pub fn beside(mut self, other: impl Into<Arc<Policy>>) -> Self {
        self.policies.push(other.into());
        self
    }

    /// The plan whose rollback contract, risk and track the releases have.
    #[must_use]
    pub fn plan(mut self, plan: impl Into<Arc<Plan>>) -> Self {
        self.plan = plan.into();
        self
    }

    /// The track to try, in place of the one that the plan takes by its risk.
    #[must_use]
    pub fn track(mut self, track: TrackName) -> Self {
        self.track = Some(track);
        self
    }

    /// The worlds, in place of the standard ones: [`World`](crate::world::World)s, or [`Case`]s with a name.
    #[must_use]
    pub fn against(mut self, worlds: impl IntoIterator<Item = impl Into<Case>>) -> Self {
        self.worlds = worlds.into_iter().map(Into::into).collect();
        self
    }

    /// How often each policy is tried in each world, from 1 to a million.
    #[must_use]
    pub fn trials(mut self, trials: u32) -> Self {
        self.trials = trials;
        self
    }

    /// The seed of everything that is random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// When the releases get their first traffic, which matters where traffic follows the day: a Monday at 08:00 UTC
    /// otherwise.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// Reports now and then how far the lab is, from any of its threads.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Says what is wrong with the lab before it is run, if anything is.
    ///
    /// # Errors
    ///
    /// The [`LabError`] that [`Lab::run`] would end with.
    pub fn check(&self) -> Result<(), LabError> {
        self.setups().map(drop)
    }

    /// Runs every trial, on all cores. The same lab gives the same report, byte for byte, on any number of them.
    ///
    /// # Errors
    ///
    /// [`LabError`], which says what would be right.
    pub fn run(&self) -> Result<Report, LabError> {
        let setups = self.setups()?;
        let progress = Counter { done: AtomicU64::new(0), lab: self };
        let of_case = |case: &Case| -> Vec<Vec<Trial>> {
            setups.iter().map(|setup| self.try_out(setup, case, &progress)).collect()
        };
        let tried: Vec<Vec<Vec<Trial>>> = self.worlds.iter().map(of_case).collect();
        Ok(Report::of(&self.setting(), &setups, &tried))
    }

    /// Draws the random numbers of the trials of releases that nothing stops, and judges nothing: what the lab adds to
    /// it is the price of the rules. A number that depends on all of them.
    ///
    /// # Errors
    ///
    /// As [`Lab::run`].
    #[doc(hidden)]
    pub fn draw_alone(&self) -> Result<f64, LabError> {
        let setups = self.setups()?;
        let pairs = self.worlds.iter().flat_map(|case| setups.iter().map(move |setup| (case, setup)));
        let drawn = pairs.map(|(case, setup)| -> f64 {
            let numbers = (0..self.trials).into_par_iter();
            let drawn =
                numbers.map(|number| draw_alone(setup, &case.world, self.draw(case, number), self.start));
            drawn.collect::<Vec<f64>>().iter().sum()
        });
        Ok(drawn.sum())
    }

    fn setups(&self) -> Result<Vec<Setup>, LabError> {
        if self.trials == 0 || self.trials > MOST_TRIALS {
            return Err(LabError::Trials(self.trials));
        }
        if self.worlds.is_empty() {
            return Err(LabError::NoWorlds);
        }
        let mut names = BTreeSet::new();
        for case in &self.worlds {
            let possible = case.world.check().and_then(|()| Outage::all(&case.world));
            possible.map_err(|problem| LabError::World { world: case.name.clone(), problem })?;
            if !names.insert(&case.name) {
                return Err(LabError::SameName(case.name.clone()));
            }
        }
        self.policies.iter().map(|policy| Setup::of(policy, &self.plan, self.track.as_ref())).collect()
    }

    fn try_out(&self, setup: &Setup, case: &Case, progress: &Counter<'_>) -> Vec<Trial> {
        let one = |number| {
            let draw = self.draw(case, number);
            let trial = trial(setup, &case.world, draw, self.start, LONGEST, |_| {});
            progress.one_more();
            trial
        };
        (0..self.trials).into_par_iter().map(one).collect()
    }

    /// The randomness of a trial: the same for every policy.
    fn draw(&self, case: &Case, number: u32) -> Draw {
        Draw::about(&format!("lab\n{}\n{}\n{number}", self.seed, case.name))
    }

    fn setting(&self) -> Setting<'_> {
        let Self { policies, plan, worlds, trials, seed, start, .. } = self;
        Setting { policies, plan, worlds, trials: *trials, seed: *seed, start: *start }
    }
}

/// What a report is about.
pub(super) struct Setting<'a> {
    pub(super) policies: &'a [Arc<Policy>],
    pub(super) plan: &'a Plan,
    pub(super) worlds: &'a [Case],
    pub(super) trials: u32,
    pub(super) seed: u64,
    pub(super) start: Timestamp,
}

/// Counts trials over all threads.
struct Counter<'a> {
    done: AtomicU64,
    lab: &'a Lab,
}

impl Counter<'_> {
    fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let lab = self.lab;
        let total = lab.worlds.len() as u64 * lab.policies.len() as u64 * u64::from(lab.trials);
        if let Some(progress) = &lab.progress
            && (done.is_multiple_of(TRIALS_A_REPORT) || done == total)
        {
            progress(Progress { done, total });
        }
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("trials", &self.trials)
            .field("seed", &self.seed)
            .field("worlds", &self.worlds.iter().map(|case| &case.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
