//! Long texts, as pages of the documentation, so that their code is compiled and run with the tests.
//!
//! - [`architecture`]: how the core is built, what flows where, and what is deliberately absent.
//! - [`record_format`]: what is on disk, how to check it without relman, and what a chain can't show.
//! - [`determinism`]: why the same records give the same release on every machine, and how that is kept.
//! - [`contributing`]: how to build, test and extend relman, and what is done before a release.

pub mod architecture;
pub mod contributing;
pub mod determinism;
pub mod record_format;
