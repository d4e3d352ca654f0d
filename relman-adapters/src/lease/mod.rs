//! Leases: which conductors are there, and which of them drives which release.
//!
//! - [`MemoryLeases`] keeps them in memory: for tests, examples and a process that is alone.
//! - `SqliteLeases` (feature `sqlite`) keeps them beside the records, in the file of the journal.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryLeases;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLeases;

use relman_core::unit::Span;

/// For how long one that is not present any more is still told of.
const REMEMBERED: Span = Span::from_hours(24);
