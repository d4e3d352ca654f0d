//! The everyday names: `use relman_testkit::prelude::*;`.

#[cfg(feature = "lab")]
pub use crate::lab::{Lab, worlds};
pub use crate::{
    Cast, Duty, Invariants, Run, Simulation, sample,
    sim::{
        Complaints, DeployerFaults, Incident, ManualClock, Outage, RecordingNotifier, Regression, Requests,
        SimulatedPlatform, World,
    },
};
