//! The conductor: performs what releases ask for and feeds the outcomes back, for any number of releases.
//!
//! - **Append before act**: an effect is performed only after the record that asks for it is durable.
//! - **Once**: effects carry idempotency keys; after a restart, effects without an outcome are issued again, and a
//!   traffic change is only made again where the platform does not show it already.
//! - **In order**: each release has one driver, which makes one change at a time. Releases do not wait for each
//!   other, except for a bounded number of calls to the ports at once.
//! - **Back beats forward**: a rollback ends whatever forward call is under way and waits for no other release.
//! - **People are told beside, not before**: notifications never stand in the way of traffic.
//! - **User flows are tried beside the looks**: soon after the validation of a release began, and then again and again,
//!   where a port for them is given. What is recorded of it is the first outcome, every change, and a pass once more after
//!   an hour; when they were tried last is not in the record, so that a new conductor tries them at once. A port that
//!   fails is logged, and never a pass.
//! - **Incidents are heard of beside, not in, a look**: a source of them that fails or is slow is logged, and nothing
//!   waits for it.
//! - **Deadlines, not polling**: each driver sleeps in the runtime's timer queue until its release's next deadline.
//!
//! # Examples
//!
//! [`Conductor`] has one.

mod ask;
mod builder;
mod driver;
mod flows;
mod handle;
mod incidents;
mod perform;
mod ports;
mod watch;

pub use builder::{ConductorBuilder, Limits, MissingPort};
pub use driver::Stopped;
pub use handle::{ConductError, Conductor, Ending, Update};
