//! One suite for each port, which checks an adapter against the port's contract, promise by promise.
mod ability;
mod check;
mod expand;
mod finding;
mod report;

pub mod clock;
pub mod deployer;
pub mod directory;
pub mod journal;
pub mod metrics;
pub mod notifier;

pub use ability::{Able, Unable};
pub use check::{Check, Port};
pub use finding::Finding;
pub use report::{BrokenPromises, Entry, Report};

#[doc(inline)]
pub use crate::{
    __clock_tests as clock, __deployer_tests as deployer, __directory_tests as directory,
    __journal_tests as journal, __metrics_tests as metrics, __notifier_tests as notifier,
};
