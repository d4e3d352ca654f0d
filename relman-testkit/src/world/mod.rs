//! A simulated platform with its clock, its people's directory and its messages: the ports of the core without a
//! network, a disk or a sleep.
//!
//! Everything is a function of a seed, a [`World`] and the time that a clock shows, so that a run can be repeated to
//! the last byte.

pub(crate) mod behaviour;
mod clock;
mod directory;
pub(crate) mod draw;
pub mod fault;
mod ground;
mod happening;
mod harm;
pub(crate) mod metrics;
mod notifier;
mod platform;
mod requests;
mod site;
mod targets;
pub(crate) mod team;
mod traffic;
#[expect(clippy::module_inception, reason = "the module's one main type is the world")]
mod world;

pub use clock::ManualClock;
pub use directory::FixedDirectory;
pub use happening::{Call, CallAnswer, Happening, What};
pub use harm::{Complaints, Harm, Incident, Onset, Regression};
pub use notifier::RecordingNotifier;
pub use platform::SimulatedPlatform;
pub use requests::{Arrivals, Requests};
pub use targets::TargetStreams;
pub use world::{NewVersion, Trouble, World};
