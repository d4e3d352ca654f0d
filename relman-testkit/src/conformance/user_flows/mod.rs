//! The suite of [`UserFlows`](relman_core::port::UserFlows).

mod checks;
mod fixture;
mod suite;

pub use fixture::UserFlowsFixture;
pub use suite::*;
