//! Where copies of a release's artifacts are kept for people: the port, and what is published through it.

mod contract;
mod part;
mod publication;

pub use contract::{Placement, Tracker, TrackerCapabilities};
pub use part::{Asset, AssetName, Note, PartKey, PhaseState, PhaseStatus};
pub use publication::{Publication, Published, ReleaseTag, Standing, Subject};
