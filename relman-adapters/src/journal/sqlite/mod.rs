//! The journal in one SQLite file.
//!
//! `open` decides whether a file is a journal and prepares connections; `table` holds the statements; `writer`
//! groups appends into transactions; `fault` turns what SQLite reports into port errors.

mod fault;
mod journal;
mod open;
mod reserve;
mod table;
mod writer;

pub use journal::SqliteJournal;
