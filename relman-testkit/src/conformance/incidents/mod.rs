//! The suite of [`IncidentSource`](relman_core::port::IncidentSource).

mod checks;
mod fixture;
mod suite;

pub use fixture::IncidentFixture;
pub use suite::*;
