//! The core driven through a virtual platform, a virtual journal and a virtual clock, with everything that a
//! [`Schedule`](crate::world::fault::Schedule) lets go wrong.
//!
//! A run is a chain of small steps: decide, append, act. Between any two of them a process can end; the next one knows
//! what the journal's bytes say and nothing else. Who is next, where two conductors drive one stream, comes from the
//! seed. Seed in, [`Trace`] out: a text file that is replayed byte for byte.

mod crowd;
mod flaw;
mod fork;
mod journal;
mod outcome;
mod pace;
mod ports;
mod process;
mod simulation;
mod stage;
mod trace;

pub use crowd::Crowd;
pub use flaw::Flaw;
pub use outcome::{Ending, Refused, Run};
pub use simulation::{Failure, Problem, Simulation, SimulationError};
pub(crate) use stage::{Restart, Stage, Step};
pub use trace::{Trace, TraceError};

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
