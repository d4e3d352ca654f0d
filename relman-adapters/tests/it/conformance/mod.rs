//! The suites of the testkit, on every adapter that needs no server of its own: those that do have them beside their
//! other tests.

mod clock;
#[cfg(unix)]
mod deployer;
mod directory;
mod journal;
mod leases;
mod notifier;
