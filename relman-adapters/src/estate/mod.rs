//! The estate: everything that a journal holds, handed over whole as a folder of files.
//!
//! | file | what it is |
//! | --- | --- |
//! | `estate.json` | the [`Manifest`]: every release with its head, every other file with its hash |
//! | `releases/ID.jsonl` | the stored lines of a release, byte for byte |
//! | `obligations.json` | what people owe releases: post-mortems and action items |
//! | `README.md`, `verify.py` | how to check it with Python alone |
//! | anything else | what the host adds: people and roles, its policy |
//!
//! [`export`] writes it and [`import`] takes it into another journal, after all of it has been verified. Afterwards the
//! heads are compared, so that both sides hold the same, record for record. What a chain alone can't show (an estate
//! that somebody has rewritten from the start) shows when the digest of the manifest, which both sides print, is told
//! by another way.

mod error;
mod export;
mod folder;
mod import;
mod manifest;

pub use error::EstateError;
pub use export::{HostFile, export};
pub use import::{Arrival, Imported, import};
pub use manifest::{Listed, Manifest};
