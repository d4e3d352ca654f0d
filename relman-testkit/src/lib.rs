//! A world in which releases can be tried: simulated traffic with injected failures, people who carry a release from
//! plan to end, a driver under virtual time, and the guardrails as invariants over records.
//!
//! - [`world`] implements the ports of the core without a network, a disk or a sleep: traffic with its days, its noise and
//!   what is wrong with a version.
//! - [`fault`](world::fault) is what fails on the way, as data: a schedule that is printed, filed, shrunk and replayed.
//! - [`Team`] is who acts in a release: state in, commands out. It works with [`Simulation`] and with a real conductor.
//! - [`DemoScenario`] is a story that is told again and again: by the demo, and by tests of what people are shown.
//! - [`SessionRunner`] drives one release with a journal in memory, and leaves what is called to the test.
//! - [`Simulation`] drives the pure core against the simulated platform, from the plan to the end. A [`Trace`] replays
//!   it byte for byte.
//! - [`Invariants`] says of any run, and of any stream of records, whether the guardrails were kept.
//! - [`scenario`] tells one release's story as a test: given, when, then.
//! - [`conformance`] holds an adapter to the contract of its port, and has a report to publish.
//! - `strategy` (feature `proptest`) makes plans, policies, worlds, failures and moves for property tests.
//! - `search` (feature `proptest`) tries laws on new seeds, for as long as it is given.
//! - `mock` (feature `mocks`) has a mock of every port.
//! - [`lab`] tries policies in thousands of simulated releases, and says what they do to users.
//!
//! # Examples
//!
//! A regression that shows at 10 % of the traffic is rolled back by itself, and no guardrail was broken on the way:
//!
//! ```
//! use std::sync::Arc;
//!
//! use relman_core::{machine::{EndedAs, Phase}, policy::Policy, unit::TrafficShare};
//! use relman_testkit::{Team, Invariants, Simulation, sample, world::{Regression, World}};
//!
//! let world = World::default().with(Regression::errors_from_share(TrafficShare::percent(10), 0.08));
//! let run = Simulation::new(sample::plan(), Arc::new(Policy::shipped())).world(world).run(Team::new())?;
//! assert_eq!(run.release.phase(), &Phase::Closed(EndedAs::RolledBack));
//! Invariants::check(&run.records)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod conformance;
pub mod crash_points;
mod demo;
mod exposure;
pub mod invariants;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "mocks")]
pub mod mock;
pub mod prelude;
mod ready;
mod run;
mod runner;
pub mod sample;
pub mod scenario;
#[cfg(feature = "proptest")]
pub mod search;
#[cfg(feature = "proptest")]
pub mod strategy;
pub mod world;

pub use demo::DemoScenario;
pub use exposure::Exposure;
pub use invariants::{Invariants, Violation};
pub use ready::ready;
pub use run::{
    Crowd, Ending, Failure, Flaw, Problem, Refused, Run, Simulation, SimulationError, Trace, TraceError,
};
pub use runner::{Doubt, Happened, SessionRunner};
pub use world::team::{AfterFailure, Diligence, Duty, Lapse, People, Team};
