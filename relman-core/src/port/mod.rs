//! The ports: what the core needs from the outside world, as traits that adapters implement.
//!
//! Every trait is object-safe and `Send + Sync`. What a method promises is listed on the method; an adapter
//! that keeps those promises can be driven by any conductor.

mod clock;
mod deployer;
mod deployment;
mod directory;
mod error;
mod flows;
mod incident;
mod journal;
mod leases;
mod metrics;
mod notifier;
mod request;
mod tracker;

pub use clock::Clock;
pub use deployer::Deployer;
pub use deployment::{Deployment, Place};
pub use directory::Directory;
pub use error::{PortError, PortErrorKind, Retry, with_causes};
pub use flows::{CheckedFlow, FlowOutcome, FlowReport, UserFlows};
pub use incident::{Incident, IncidentSource};
pub use journal::{
    AppendError, Change, Journal, JournalExt, Position, StoredStream, StreamIndex, StreamState, Streams,
    check_links,
};
pub use leases::{Claim, ConductorId, DrivenBy, Epoch, Holder, Leases, LeasesExt, Presence, TakesUp};
pub use metrics::{MetricQuery, MetricsSource};
// A notification's moment is one of the communication plan's.
pub use crate::plan::NotifyOn;
pub use notifier::{Notification, Notifier, Urgency};
pub use request::{
    DeployRequest, DeployerCapabilities, Environment, PromoteRequest, Promotion, Slot, Target, TrafficRequest,
};
pub use tracker::{
    Asset, AssetName, Note, PartKey, PhaseState, PhaseStatus, Placement, Publication, Published, ReleaseTag,
    Standing, Subject, Tracker, TrackerCapabilities,
};
