//! The everyday names: `use relman_testkit::prelude::*;`.

#[cfg(feature = "lab")]
pub use crate::lab::{Lab, worlds};
pub use crate::{
    Cast, Duty, Invariants, Run, Simulation,
    fault::{Fault, Schedule},
    sample,
    sim::{
        Complaints, Incident, ManualClock, RecordingNotifier, Regression, Requests, SimulatedPlatform, World,
    },
};
