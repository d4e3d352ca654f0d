//! relman-adapters.

mod releases;

pub use releases::{LoadError, Releases, SubmitError};
