//! relman-adapters.

pub mod conductor;
mod releases;

pub use releases::{LoadError, Releases, SubmitError};
