//! Strategies for [`proptest`]: plans, policies, worlds, moves in any order and journals, for properties of your own
//! policy and of the machine. Behind the feature `proptest`, which is off by default: `proptest` then stands in the
//! public interface, and whoever drives releases without properties does not compile it.
//!
//! - **Valid by construction.** A track keeps to the floors, a contract has no criterion twice, a plan fits every policy
//!   that is generated. Nothing is rejected, so no case is lost.
//! - **Simplest first.** What fails shrinks to what a person would have written: fewer steps, `30m` before `37m 12s`,
//!   1 %, 10 %, 50 % and 100 % before other shares, the shipped rules before others.
//! - **Readable.** Values come as [`Shown`], whose `Debug` is a few lines in the words of the project, so that a
//!   counterexample fits a screen.
//!
//! | strategy | what it makes |
//! | --- | --- |
//! | [`spans`], [`shares`] | durations and shares that people write |
//! | [`criterion`], [`any_criterion`], [`contract`] | criteria; of the simulated metrics, or of any |
//! | [`plan`], [`drill_plan`] | plans |
//! | [`track_steps`], [`policy`], [`drill_policy`] | tracks and policies, for production and for drills |
//! | [`requests`], [`regression`], [`incident`], [`healthy_world`], [`world()`] | simulated worlds |
//! | [`outage`], [`fault()`], [`schedule`] | what fails, as a schedule |
//! | [`actor`], [`command`], [`a_move`], [`moves`] | what can happen to a release, in any order, by anybody |
//! | [`past`], [`journey`], [`journal`] | releases somewhere on their way, and their records |
//!
//! # What a failing property says
//!
//! The example `policy_properties.rs` gives a policy that holds for good while its metrics are stale, and asks that a
//! version which fails a fifth of its requests is gone after two and a half hours, whatever the metrics do:
//!
//! ```text
//! Test failed: it had up to 1% of the users, for 3h 15m.
//! minimal failing input: 50 requests a second; from 0s after the first exposure, for 3h: every metric is stale
//! ```
//!
//! # Examples
//!
//! Whatever goes wrong in the world, no guardrail is broken:
//!
//! ```
//! use proptest::prelude::*;
//! use relman_testkit::{Team, Invariants, Simulation, sample, search::repeatable, strategy};
//!
//! proptest!(repeatable(4), |(
//!     world in strategy::world(), seed in 0_u64..100
//! )| {
//!     let drill = Simulation::new(sample::drill_plan(), sample::drill_policy());
//!     let run = drill.world(world.into_inner()).seed(seed).run(Team::new())?;
//!     prop_assert!(Invariants::violations(&run.records).is_empty());
//! });
//! ```

mod fault;
mod fewer;
mod journal;
mod moves;
mod plan;
mod policy;
mod readable;
mod simplest;
mod unit;
mod world;

pub use fault::{fault, outage, schedule};
pub use journal::{Journey, journal, journey, past};
pub use moves::{a_move, actor, command, moves};
pub use plan::{any_criterion, contract, criterion, drill_plan, plan};
pub use policy::{TrackSteps, drill_policy, policy, track_steps};
pub use readable::{Readable, Shown};
pub use unit::{shares, spans};
pub use world::{healthy_world, incident, regression, requests, world};

#[cfg(test)]
mod tests;
