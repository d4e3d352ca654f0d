//! The suite of [`Notifier`](relman_core::port::Notifier).

mod checks;
mod fixture;
mod suite;

pub use fixture::{NotifierFixture, Received};
pub use suite::*;
