//! One suite for each port, which checks an adapter against the port's contract, promise by promise.
//!
//! Each sentence that a [port](relman_core::port) promises is one [`Check`] with a name. A suite makes all of them and
//! gives a [`Report`]; a macro makes a test of each, so that the test runner names the one that fails.
//!
//! | port | suite | tests | fixture |
//! | --- | --- | --- | --- |
//! | [`Journal`](relman_core::port::Journal) | [`journal::suite`](journal::suite()) | [`journal!`] | [`JournalFixture`](journal::JournalFixture) |
//! | [`Leases`](relman_core::port::Leases) | [`leases::suite`](leases::suite()) | [`leases!`] | [`LeasesFixture`](leases::LeasesFixture) |
//! | [`Deployer`](relman_core::port::Deployer) | [`deployer::suite`](deployer::suite()) | [`deployer!`] | [`DeployerFixture`](deployer::DeployerFixture) |
//! | [`MetricsSource`](relman_core::port::MetricsSource) | [`metrics::suite`](metrics::suite()) | [`metrics!`] | [`MetricsFixture`](metrics::MetricsFixture) |
//! | [`Notifier`](relman_core::port::Notifier) | [`notifier::suite`](notifier::suite()) | [`notifier!`] | [`NotifierFixture`](notifier::NotifierFixture) |
//! | [`Tracker`](relman_core::port::Tracker) | [`tracker::suite`](tracker::suite()) | [`tracker!`] | [`TrackerFixture`](tracker::TrackerFixture) |
//! | [`UserFlows`](relman_core::port::UserFlows) | [`user_flows::suite`](user_flows::suite()) | [`user_flows!`] | [`UserFlowsFixture`](user_flows::UserFlowsFixture) |
//! | [`IncidentSource`](relman_core::port::IncidentSource) | [`incidents::suite`](incidents::suite()) | [`incidents!`] | [`IncidentFixture`](incidents::IncidentFixture) |
//! | [`Directory`](relman_core::port::Directory) | [`directory::suite`](directory::suite()) | [`directory!`] | [`DirectoryFixture`](directory::DirectoryFixture) |
//! | [`Clock`](relman_core::port::Clock) | [`clock::suite`](clock::suite()) | [`clock!`] | [`ClockFixture`](clock::ClockFixture) |
//!
//! # Writing an adapter
//!
//! 1. Depend on `relman-core` and `async-trait`, and implement the port's trait. The list on each method is what the
//!    conductor relies on. The ones that hurt most where they are missed: the same request may come twice; not
//!    knowing is an error and never a zero; a share is set to at most what was asked.
//! 2. Say what went wrong with a [`PortError`](relman_core::port::PortError): its kind decides whether the conductor
//!    tries again, and nobody's token is in it.
//! 3. Depend on `relman-testkit` for the tests and write a fixture: what makes a fresh adapter, and what can be done
//!    to the world past it. Only what makes it is required. Each further ability lets more checks be made.
//! 4. Let the macro make a test of each check, in whatever way your tests run:
//!
//! ```
//! # mod tests {
//! use async_trait::async_trait;
//! use relman_core::{port::{Directory, PortError}, unit::{Actor, Role}};
//! use relman_testkit::conformance::{self, Able, directory::DirectoryFixture};
//! # use std::collections::BTreeSet;
//! #
//! # struct Ldap;
//! # impl Ldap { fn connect(url: &str) -> Self { Ldap } }
//! # #[async_trait]
//! # impl Directory for Ldap {
//! #     fn name(&self) -> &str { "ldap" }
//! #     async fn roles(&self, _: &Actor) -> Result<Option<BTreeSet<Role>>, PortError> { Ok(None) }
//! # }
//!
//! struct Office {
//!     ldap: Ldap,
//! }
//!
//! #[async_trait]
//! impl DirectoryFixture for Office {
//!     fn directory(&self) -> &dyn Directory {
//!         &self.ldap
//!     }
//!
//!     fn known(&self) -> (Actor, BTreeSet<Role>) {
//!         ("user:ana".parse().unwrap(), ["approver".parse().unwrap()].into())
//!     }
//! }
//!
//! conformance::directory! {
//!     #[tokio::test]
//!     mod office { Office { ldap: Ldap::connect("ldap://127.0.0.1:3890") } }
//! }
//! # }
//! ```
//!
//! What is in braces makes a fixture for each test; it may `.await`, and `return` where a server is missing and the
//! test has to be skipped.
//!
//! # What is not checked
//!
//! A fixture that can't cut its adapter off, or look at the other side, says so by [`Unable`], and the checks that
//! need it are reported as not checked, with the reason. A test of such a check prints that and ends; a report counts
//! it separately. It is never counted as passed.
//!
//! What a platform can't do at all it says in its capabilities, such as
//! [`share_tolerance`](relman_core::port::DeployerCapabilities::share_tolerance), and the checks allow for that.
//!
//! # The report
//!
//! A suite runs without any runtime of its own. Its report is data, and can be printed as a table, as Markdown for a
//! README and as JSON:
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use async_trait::async_trait;
//! use relman_core::{port::Directory, unit::{Actor, Role}};
//! use relman_testkit::{Team, conformance::directory::{self, DirectoryFixture}, ready, world::FixedDirectory};
//!
//! struct Fixture(FixedDirectory);
//!
//! #[async_trait]
//! impl DirectoryFixture for Fixture {
//!     fn directory(&self) -> &dyn Directory {
//!         &self.0
//!     }
//!
//!     fn known(&self) -> (Actor, BTreeSet<Role>) {
//!         let actor = Team::actor("user:bo");
//!         let roles = self.0.roles_of(&actor).expect("bo is of the team");
//!         (actor, roles)
//!     }
//! }
//!
//! let report = ready(directory::suite(async || Fixture(Team::new().directory())));
//! report.kept()?;
//! let table = format!("\
//! fixed as a directory (relman {})
//!   has_a_name                                passed
//!   a_known_actor_has_their_roles             passed
//!   a_stranger_is_unknown                     passed
//!   a_namesake_of_another_kind_is_a_stranger  passed
//!   an_actor_without_roles_is_known           not checked, because the fixture does not say how to name someone without roles
//!   the_roles_are_those_of_now                not checked, because the fixture does not say how to give someone a role
//!   what_can_not_be_asked_is_an_error         not checked, because the fixture does not say how to cut the adapter off
//!   errors_hold_no_secret                     not checked, because the adapter was given no secret
//! 8 checks: 4 passed, 0 failed, 4 not checked", report.relman);
//! assert_eq!(report.to_string(), table);
//! assert!(report.to_markdown().contains("| `has_a_name` | The name of the adapter, for errors and logs. | passed |"));
//! # Ok::<(), relman_testkit::conformance::BrokenPromises>(())
//! ```
//!
//! # What a suite can't show
//!
//! It asks from the outside, for a moment. That records survive a power cut, that a token is never logged, that a
//! platform keeps its word under load: for that the adapter needs tests of its own.

mod check;
mod finding;
mod limit;
mod places;
mod report;
mod suites;

pub mod clock;
pub mod deployer;
pub mod directory;
pub mod incidents;
pub mod journal;
pub mod leases;
pub mod metrics;
pub mod notifier;
pub mod tracker;
pub mod user_flows;

pub use check::{Check, Port};
pub use finding::{Able, Finding, Unable};
pub use report::{BrokenPromises, Entry, Report};

#[doc(inline)]
pub use crate::{
    __clock_tests as clock, __deployer_tests as deployer, __directory_tests as directory,
    __incidents_tests as incidents, __journal_tests as journal, __leases_tests as leases,
    __metrics_tests as metrics, __notifier_tests as notifier, __tracker_tests as tracker,
    __user_flows_tests as user_flows,
};
