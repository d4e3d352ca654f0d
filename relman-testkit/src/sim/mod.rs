//! A simulated platform with its clock, its people's directory and its messages: the ports of the core without a
//! network, a disk or a sleep.
//!
//! Everything is a function of a seed, a [`World`] and the time that a clock shows, so that a run can be repeated to
//! the last byte.

mod clock;
mod directory;
mod draw;
mod faults;
mod metrics;
mod notifier;
mod platform;
mod regression;
mod traffic;
mod world;

pub use clock::ManualClock;
pub use directory::FixedDirectory;
pub use faults::{DeployerFaults, Drift, Fate, Outage, OutageScope};
pub use notifier::RecordingNotifier;
pub use platform::SimulatedPlatform;
pub use regression::{Harm, Onset, Regression};
pub use world::{Trouble, World};
