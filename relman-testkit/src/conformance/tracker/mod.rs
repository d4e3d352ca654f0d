//! The suite of [`Tracker`](relman_core::port::Tracker).

mod checks;
mod fixture;
mod sample;
mod suite;

pub use fixture::{Shown, TrackerFixture};
pub use suite::*;
