//! Long texts, as pages of the documentation, so that their code is compiled and run with the tests.
//!
//! - [`architecture`]: how the core is built, what flows where, and what is deliberately absent.
//! - [`record_format`]: what is on disk, how to check it without relman, and what a chain can't show.
//! - [`determinism`]: why the same records give the same release on every machine, and how that is kept.
//! - [`contributing`]: how to build, test and extend relman, and what is done before a release.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("determinism.md")]
pub mod determinism {}

#[doc = include_str!("record_format.md")]
pub mod record_format {}

#[doc = include_str!("contributing.md")]
pub mod contributing {}
