//! Crashes at every point of a release, and at every point of what follows a crash.
//!
//! An [`Explorer`] runs each [`Scenario`] once undisturbed and then ends the process at every place at which it can
//! end: after something is decided and before it is appended, after it is appended and before it is acted upon, after a
//! port is called and before the outcome is recorded. Each time a new process takes up what is durable, the run goes on
//! to its end, and every invariant is checked. With a depth of two or more, the process is ended again at every
//! place of each of these runs, and so on.
//!
//! # What is counted
//!
//! A **crash point** is one scenario with one list of places at which the process ended. Each that is counted was really
//! executed: the process was ended there, a new one folded the stream again, and the run was driven on until its end,
//! or until the world was in a state (by a hash of 128 bits over everything that has an influence on what follows)
//! from which it had been driven to the end before, with as many crashes still ahead. What would follow such a state is
//! not counted a second time.

mod explorer;
mod scenario;

pub use explorer::{Explored, Explorer};
pub use scenario::Scenario;
