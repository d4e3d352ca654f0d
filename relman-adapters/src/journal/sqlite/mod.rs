//! The journal in one SQLite file.
//!
//! `open` knows files, `store` knows SQL, `writer` knows who commits when, and `journal` is the port.

mod journal;
mod open;
mod store;
mod writer;

pub use journal::SqliteJournal;
pub use open::OpenError;
