//! A handover: everything that a journal has, exported as a folder of files. People also call it the estate.
//!
//! | file | what it is |
//! | --- | --- |
//! | `estate.json` | the [`Manifest`]: every release with its head, every other file with its hash |
//! | `releases/ID.jsonl` | the stored lines of a release, byte for byte |
//! | `obligations.json` | open items: post-mortems to file, action items to settle |
//! | `README.md`, `verify.py` | how to check it with Python alone |
//! | anything else | what the host adds: people and roles, its policy |
//!
//! [`export`] writes it. [`import`] takes it into another journal once all of it has been verified, and compares the heads
//! afterwards, so that both sides have the same, record for record. A chain alone can't show that a handover was
//! rewritten from the start. For that, both sides print the digest of the manifest: compare them over another route than
//! the folder.

mod error;
mod export;
mod folder;
mod import;

pub use error::HandoverError;
pub use export::{HostFile, export};
pub use folder::{Listed, Manifest};
pub use import::{Arrival, Imported, import};
