//! A handover: everything that a journal has, exported as a folder of files. People also call it the estate.
//!
//! | file | what it is |
//! | --- | --- |
//! | `estate.json` | the [`Manifest`]: every release with its head, every other file with its hash |
//! | `releases/ID.jsonl` | the stored lines of a release, byte for byte |
//! | `targets/NAME.jsonl`, `all-targets.jsonl` | those of a target, and of what holds for all of them |
//! | `obligations.json` | open items: post-mortems to file, action items to settle |
//! | `README.md`, `verify.py` | how to check it with Python alone |
//! | anything else | what the host adds: people and roles, its policy |
//!
//! [`export`] writes it. [`VerifiedHandover::read`] verifies all of it, in constant memory. A verified handover becomes a
//! journal of its own, which appears whole or not at all ([`VerifiedHandover::write_new`]), is held against a journal
//! ([`VerifiedHandover::compare`]), or is added to one of any kind ([`import`]). Afterwards the heads are compared, so that
//! both sides have the same, record for record. A chain alone can't show that a handover was rewritten from the start. For
//! that, both sides print the digest of the manifest: compare them over another route than the folder.
//!
//! A release that is under way must be driven in one place only: see [`VerifiedHandover::open`].

#[cfg(feature = "sqlite")]
mod draft;
mod error;
mod export;
mod folder;
mod import;
mod records;
mod targets;

pub use error::HandoverError;
pub use export::{HostFile, export};
pub use folder::{Listed, Manifest};
pub use import::{Arrival, Imported, VerifiedHandover, import};
