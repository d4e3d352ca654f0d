//! The suite of [`Journal`](relman_core::port::Journal).

mod append;
mod checks;
mod fixture;
mod lines;
mod read;
mod suite;

pub use fixture::{JournalFixture, Task};
pub use suite::*;
