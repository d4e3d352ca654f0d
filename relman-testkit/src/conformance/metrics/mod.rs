//! The suite of [`MetricsSource`](relman_core::port::MetricsSource).

mod checks;
mod fixture;
mod suite;

pub use fixture::{MetricsFixture, Question};
pub use suite::*;
