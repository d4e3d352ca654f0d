//! A simulated platform with its clock, its people's directory and its messages: the ports of the core without a
//! network, a disk or a sleep.
//!
//! Everything is a function of a seed, a [`World`] and the time that a clock shows, so that a run can be repeated to
//! the last byte.

mod clock;
mod directory;
mod draw;
mod metrics;
mod notifier;
mod platform;
mod traffic;
mod world;

pub use clock::ManualClock;
pub use directory::FixedDirectory;
pub use notifier::RecordingNotifier;
pub use platform::SimulatedPlatform;
pub use world::{DeployerFaults, Drift, Fate, Harm, Onset, Outage, OutageScope, Regression, Trouble, World};
