//! The conductor: drives any number of releases, by making real what their [sessions](relman_core::machine::Session)
//! ask for.
//!
//! What happens next is decided in the core. Here it is carried out:
//!
//! - The **supervisor** ([`Conductor`]) sees to it that each release that needs a driver has one: it takes up what is
//!   open and what has changed, a rollback of a completed release too; starts again, from the record and after a pause,
//!   what has failed; forgets what has ended; and tells on-call, through a channel that needs no journal, when a release
//!   stays without a driver.
//! - The **driver** of a release appends its batches, makes its calls, reads its stream and waits until its session's
//!   next deadline. One change at a time; releases do not wait for each other, except for a bounded number of calls.
//! - The **executor** makes the calls: so many at once, a rollback without waiting for any other release, and with
//!   whatever an adapter does wrong, a panic included, as the outcome of that call.
//!
//! Where it has [leases](relman_core::port::Leases), a conductor says that it is there, and drives what it could claim. What
//! another has claimed it stands by for: once that one is not heard of any more, it goes on from the record, and on-call is
//! told where users have the new version.
//!
//! # Examples
//!
//! [`Conductor`] has one.

mod builder;
mod driver;
mod executor;
mod presence;
mod shared;
mod stand_by;
mod supervisor;

pub use builder::{BuildError, ConductorBuilder, Limits};
pub use shared::{ConductError, Stopped, Update};
pub use supervisor::{Conductor, Ending};
