//! The everyday names: `use relman_testkit::prelude::*;`.

pub use crate::{
    Cast, Duty, Invariants, Run, Simulation,
    fault::{Fault, Schedule},
    sample,
    sim::{ManualClock, RecordingNotifier, Regression, SimulatedPlatform, World},
};
