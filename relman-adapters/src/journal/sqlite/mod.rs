//! The journal in one SQLite file.
//!
//! `open` decides whether a file is a journal and prepares connections; `place` knows whether the path still leads to it;
//! `table` holds the statements; `writer` groups appends into transactions; `reserve` keeps room for a rollback; `fault`
//! turns what SQLite reports into port errors.

mod fault;
mod journal;
mod open;
mod place;
mod reserve;
mod table;
mod writer;

// What keeps something else in the same file opens it in the same way, and fails in the same words.
pub(crate) use fault::{fault, refusal};
pub(crate) use open::{read_only, read_write};
pub(crate) use place::Place;

pub use journal::{SqliteJournal, UnlistedStream};
