//! Journals: where the records of releases are kept.
//!
//! - [`MemoryJournal`] forgets everything with the process: for tests and drills.
//! - `SqliteJournal` (feature `sqlite`) keeps all streams in one file, durably.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryJournal;
#[cfg(feature = "sqlite")]
pub use sqlite::{OpenError, SqliteJournal};
