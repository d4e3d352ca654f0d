//! The suite of [`Directory`](relman_core::port::Directory).

mod checks;
mod fixture;
mod suite;

pub use fixture::DirectoryFixture;
pub use suite::*;
