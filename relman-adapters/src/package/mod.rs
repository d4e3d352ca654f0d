//! The release package: everything about one release in one archive, readable without relman.
//!
//! | file | what it is |
//! | --- | --- |
//! | `README.md` | what is in it, and how to check it |
//! | `storyboard.html` | the release in five frames |
//! | `artifacts/*.md`, `artifacts/*.json` | every [`Artifact`](relman_core::report::Artifact) |
//! | `record.jsonl`, `head.txt` | the stored lines byte for byte, and where they end |
//! | `forms/*.md`, `guide/retrospective.md` | every [`Form`](relman_core::report::Form), begun with what the record knows |
//! | `scripts/verify.sh`, `scripts/verify.py` | check the package with coreutils and jq, or with Python |
//! | `scripts/replay.py` | replays the timeline |
//! | `SHA256SUMS` | the hash of each of these files |
//!
//! All of it stands in a folder that is named after the release.

mod archive;
mod content;

pub use archive::{PackageError, package};
