//! Journals: where the records of releases are kept.
//!
//! - [`MemoryJournal`] keeps them in memory: for tests, examples and dry runs.
//! - `SqliteJournal` (feature `sqlite`) keeps them durably in one file.

mod memory;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

pub use memory::MemoryJournal;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteJournal, UnlistedStream};
