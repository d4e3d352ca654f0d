//! Copies of releases on GitLab Releases, of gitlab.com or a server of one's own.
//!
//! ```toml
//! project = "acme/checkout"
//! token = { env = "GITLAB_TOKEN" }
//! # For a server of one's own:
//! # api = "https://gitlab.example.org/api/v4"
//! # With GitLab Premium: a snapshot by GitLab when the release is over.
//! # evidence = "when_over"
//! ```
//!
//! The token needs the scope `api` and the role Developer in the project.
//!
//! - The copy is the release of the tag, which has to be in the project already: this adapter makes no tags. Where
//!   somebody else made a release for the tag, the copy is a section at the end of its text, and its name stays.
//!   Where several releases bring the same version, the one that came last names it.
//! - Files are in a generic package `relman` whose version is `release-RELEASE`, under names with the beginning of
//!   their SHA-256, and the release links to them under their own names. A new version of a file is uploaded and linked
//!   before the old one is taken away, which needs the role Maintainer; without it, old versions stay in the package.
//! - Each phase is a commit status of the tagged commit with the name `relman/RELEASE/PHASE`. GitLab takes no status
//!   twice, so the words of a status that is under way stay those that it began with; the text of the release lists the
//!   phases with their latest words.
//! - Notes and post-mortems are sections of the text, since a release of GitLab has no comments.
//! - GitLab takes a snapshot of every release when it is made ("release evidence"); on request, and where the
//!   licence has it, a second one is taken when the release is over. GitLab takes it in the background, so that it is
//!   noted in the text, in a comment, before it is asked for and afterwards: an attempt that finds the first note alone
//!   gives GitLab time (`settle`) to show the snapshot before it asks for another.

mod adapter;
mod config;
mod snapshot;
mod wire;

pub use adapter::GitLab;
pub use config::{Evidence, GitLabBuilder, GitLabConfig};
