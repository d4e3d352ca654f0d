//! The suite of [`Clock`](relman_core::port::Clock).

mod checks;
mod fixture;
mod suite;

pub use fixture::ClockFixture;
pub use suite::*;
