//! The everyday names: `use relman_testkit::prelude::*;`.

#[cfg(feature = "lab")]
pub use crate::lab::{Lab, worlds};
pub use crate::{
    Duty, Invariants, Run, Simulation, Team, sample,
    world::{
        Complaints, Incident, ManualClock, RecordingNotifier, Regression, Requests, SimulatedPlatform, World,
        fault::{Fault, Schedule},
    },
};
