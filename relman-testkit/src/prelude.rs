//! The everyday names: `use relman_testkit::prelude::*;`.

pub use crate::{
    Cast, Duty, Invariants, Run, Simulation, sample,
    sim::{DeployerFaults, ManualClock, Outage, RecordingNotifier, Regression, SimulatedPlatform, World},
};
