//! What goes wrong in a simulated world, as data: a list that is printed, filed, shrunk and replayed.
//!
//! A [`Schedule`] is a plain list of independent [`Fault`]s. Each can be left out without changing what the others
//! mean, so that a failing schedule is shrunk by removing entries. A schedule is a TOML or JSON file, a text for
//! people ([`Display`](std::fmt::Display)), or comes from a seed ([`Schedule::random`]).

mod kind;
mod platform;
mod schedule;

pub use kind::{
    AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate,
    NotifierFate, PersonFate, PortName, When,
};
pub use platform::PlatformFate;
pub use schedule::{Schedule, ScheduleError};
