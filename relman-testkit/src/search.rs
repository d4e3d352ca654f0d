//! Laws that are tried on whatever a seed leads to, and the fixed cases of the tests. Behind the feature `proptest`.
//!
//! `cargo test` tries the same cases on every machine and every day ([`repeatable`]). New ones are drawn by a command of
//! its own, for as many seconds as it is given:
//!
//! ```text
//! cargo run --release -p relman-testkit --example search -- 3600
//! ```

use std::{fmt, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestCaseError, TestCaseResult, TestError, TestRunner},
};
use relman_core::{
    chain::SealedLine,
    event::Record,
    machine::Release,
    plan::Plan,
    policy::Policy,
    port::with_causes,
    unit::{ReleaseId, Span},
};
use thiserror::Error;

use crate::{
    Invariants, Simulation, Team, Trace,
    strategy::{self, Shown},
    world::{World, fault::Schedule},
};

/// Any number does; with this one, every end that the tests ask for is among the cases.
const SEED: u64 = 241;

/// How often a counterexample is made smaller at most, and for how many milliseconds: a case takes up to a second.
const SHRINKS: u32 = 2_000;
const SHRINK_TIME_MS: u32 = 60_000;

/// How long a drill is followed. It looks every few seconds, and one that has not ended by then stands still.
const LONGEST_DRILL: Span = Span::from_hours(24);

/// So many cases, the same in every run, and no file for those that fail.
///
/// # Examples
///
/// ```
/// use proptest::prelude::*;
/// use relman_core::unit::{Span, TrafficShare};
/// use relman_testkit::{search::repeatable, strategy};
///
/// proptest!(repeatable(20), |(share in strategy::shares(TrafficShare::ZERO..=TrafficShare::FULL))| {
///     prop_assert_eq!(share.to_string().parse::<TrafficShare>()?, share);
/// });
/// ```
pub fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..ProptestConfig::default()
    }
}

/// What holds of every release, whatever happens to it.
///
/// # Examples
///
/// ```
/// use relman_testkit::search::Law;
///
/// Law::Journals.check(7)?;
/// # Ok::<(), relman_testkit::search::Refuted>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Law {
    /// A drill under any policy, in a world in which anything fails, keeps every guardrail, and every decision in its record
    /// comes out the same when it is taken again.
    Drills,
    /// The same for a production release.
    Releases,
    /// A run replays byte for byte from its trace.
    Traces,
    /// A stored journal replays to the release that wrote it and keeps every guardrail; every decision in it comes
    /// out the same when it is taken again.
    Journals,
    /// A trial of the lab ends as a session does on the same numbers.
    #[cfg(feature = "lab")]
    Trials,
}

/// A law that does not hold for a seed.
#[derive(Debug, Clone, Error)]
#[error("{law} (seed {seed}): {why}\nsmallest case: {case}")]
#[non_exhaustive]
pub struct Refuted {
    /// The law.
    pub law: Law,
    /// The seed of the case.
    pub seed: u64,
    /// What was found.
    pub why: String,
    /// The smallest case that shows it.
    pub case: String,
}

impl Law {
    /// Every law.
    pub const ALL: &'static [Self] = &[
        Self::Drills,
        Self::Releases,
        Self::Traces,
        Self::Journals,
        #[cfg(feature = "lab")]
        Self::Trials,
    ];

    /// Tries the law on the [`cases`](Self::cases) that a seed leads to. One that refutes it is made as small as it goes.
    ///
    /// # Errors
    ///
    /// [`Refuted`] with the smallest case.
    pub fn check(self, seed: u64) -> Result<(), Refuted> {
        match self {
            Self::Drills => {
                let policies = (strategy::drill_plan(), strategy::drill_policy());
                self.holds(seed, (policies, world(Span::from_minutes(20)), any::<u64>()), |case| {
                    guarded(&simulation(case).longest(LONGEST_DRILL))
                })
            }
            Self::Releases => {
                let policies = (strategy::plan(), strategy::policy());
                self.holds(seed, (policies, world(Span::from_hours(24)), any::<u64>()), |case| {
                    guarded(&simulation(case))
                })
            }
            Self::Traces => {
                let policies = (strategy::drill_plan(), strategy::drill_policy());
                self.holds(seed, (policies, world(Span::from_minutes(20)), any::<u64>()), |case| {
                    replays(&simulation(case).longest(LONGEST_DRILL))
                })
            }
            Self::Journals => self.holds(seed, strategy::journal(60), |journal| {
                journal_holds(journal.release(), journal.lines())
            }),
            #[cfg(feature = "lab")]
            Self::Trials => self.holds(seed, crate::lab::replay::cases(), |case| {
                let (trial, machine) = case.both();
                prop_assert_eq!(trial, machine);
                Ok(())
            }),
        }
    }

    /// How many cases one seed leads to: the lab's are many and small.
    pub const fn cases(self) -> u32 {
        match self {
            Self::Drills | Self::Releases | Self::Traces | Self::Journals => 1,
            #[cfg(feature = "lab")]
            Self::Trials => 64,
        }
    }

    fn holds<S: Strategy>(
        self,
        seed: u64,
        cases: S,
        holds: impl Fn(S::Value) -> TestCaseResult,
    ) -> Result<(), Refuted> {
        let config = ProptestConfig {
            rng_seed: RngSeed::Fixed(seed),
            max_shrink_iters: SHRINKS,
            max_shrink_time: SHRINK_TIME_MS,
            ..repeatable(self.cases())
        };
        let refuted = |why: String, case: String| Refuted { law: self, seed, why, case };
        TestRunner::new(config).run(&cases, holds).map_err(|error| match error {
            TestError::Fail(why, case) => refuted(why.to_string(), format!("{case:?}")),
            TestError::Abort(why) => refuted(why.to_string(), "none was drawn".to_owned()),
        })
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drills => "drills keep every guardrail",
            Self::Releases => "releases keep every guardrail",
            Self::Traces => "traces replay byte for byte",
            Self::Journals => "journals replay",
            #[cfg(feature = "lab")]
            Self::Trials => "trials of the lab end as sessions do",
        })
    }
}

/// Holds a stored journal against the release that wrote it.
///
/// # Errors
///
/// What is different, or which guardrail was broken.
pub(crate) fn journal_holds(release: &Release, lines: &[SealedLine]) -> TestCaseResult {
    let id: ReleaseId = release.id().clone();
    let replayed = Release::replay_records(id, lines.iter().map(SealedLine::bytes));
    let (replayed, records) = replayed.map_err(failed)?;
    prop_assert_eq!(&replayed, release);
    prop_assert_eq!(Invariants::violations(&records), []);
    derived(&records)
}

/// A simulation and the seed of what is random in it, as people read it.
type Case = ((Shown<Arc<Plan>>, Shown<Arc<Policy>>), Shown<World>, u64);

/// Worlds in which anything goes wrong; in half of them much goes wrong early, within this time.
fn world(early: Span) -> impl Strategy<Value = Shown<World>> + Clone {
    let drawn = (strategy::world(), any::<u64>(), 0..=6_u32, any::<bool>());
    drawn.prop_map(move |(Shown(world), seed, faults, many)| {
        let faults = if many { Schedule::random(seed, faults, early) } else { world.faults };
        Shown(World { faults, ..world })
    })
}

fn simulation(case: Case) -> Simulation {
    let ((Shown(plan), Shown(policy)), Shown(world), seed) = case;
    Simulation::new(plan, policy).world(world).seed(seed)
}

fn guarded(simulation: &Simulation) -> TestCaseResult {
    let run = simulation.run(Team::new()).map_err(failed)?;
    prop_assert_eq!(Invariants::violations_of_run(&run), []);
    derived(&run.records)
}

fn derived(records: &[Record]) -> TestCaseResult {
    Invariants::derive(records)
        .map_err(|error| TestCaseError::fail(format!("{:?}: {}", error.seq(), with_causes(&error))))
}

fn replays(simulation: &Simulation) -> TestCaseResult {
    let trace = Trace::of(simulation, &Team::new());
    let read: Trace = trace.to_string().parse().map_err(failed)?;
    prop_assert_eq!(read.digest(), trace.digest());
    read.replay().map_err(failed)?;
    Ok(())
}

fn failed(error: impl fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_holds_for_a_seed() {
        for law in Law::ALL {
            law.check(1).unwrap_or_else(|refuted| panic!("{refuted}"));
        }
    }

    #[test]
    fn what_refutes_a_law_is_small_and_the_same_every_time() {
        let refuted = || {
            Law::Journals.holds(7, strategy::journal(60), |journal| {
                prop_assert!(journal.records().len() < 2);
                Ok(())
            })
        };
        let (first, second) = (refuted().unwrap_err(), refuted().unwrap_err());
        assert_eq!(first.to_string(), second.to_string());
        assert!(first.to_string().starts_with("journals replay (seed 7): "), "{first}");
        assert!(first.case.lines().count() <= 4, "{first}");
    }

    #[test]
    fn tests_draw_the_same_cases_in_every_run() {
        let drawn = || {
            let cases = std::cell::RefCell::new(Vec::new());
            let run = TestRunner::new(repeatable(8)).run(&any::<u64>(), |case| {
                cases.borrow_mut().push(case);
                Ok(())
            });
            run.map(|()| cases.into_inner())
        };
        assert_eq!(drawn(), drawn());
    }
}
