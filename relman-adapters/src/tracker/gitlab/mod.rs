//! Copies of releases on GitLab Releases, of gitlab.com or a self-managed server.
//!
//! ```toml
//! project = "acme/checkout"
//! token = { env = "GITLAB_TOKEN" }
//! # For a self-managed server:
//! # api = "https://gitlab.example.org/api/v4"
//! # With GitLab Premium: a snapshot by GitLab when the release is over.
//! # evidence = "when_over"
//! ```
//!
//! The token needs the scope `api` and the role Developer in the project.
//!
//! - The copy is the release of the tag. Push the tag first: this adapter creates none. Where people have made a
//!   release for the tag, the copy is a section at the end of its text, and its name stays. Where several releases
//!   bring the same version, the latest of them names it.
//! - Files are in a generic package `relman` whose version is `release-RELEASE`, under names with the beginning of
//!   their SHA-256, and the release links to them under their own names. A new version of a file is uploaded and linked
//!   before the old one is deleted, which needs the role Maintainer; without it, old versions stay in the package.
//! - Each phase is a commit status of the tagged commit with the name `relman/RELEASE/PHASE`. GitLab accepts no state
//!   twice in a row, so a status that is under way keeps its first words; the text of the release lists the phases with
//!   their latest words.
//! - Notes and post-mortems are sections of the text, since a release of GitLab has no comments.
//! - GitLab takes a snapshot of every release when it is made ("release evidence"); on request, and where the
//!   licence has it, a second one is taken when the release is over. GitLab takes it in the background. So a comment in
//!   the text notes it before it is asked for, and again afterwards: an attempt that finds only the first note gives
//!   GitLab time (`settle`) to show the snapshot before it asks for another.

mod adapter;
mod config;
mod evidence;
mod wire;

pub use adapter::GitLab;
pub use config::{GitLabBuilder, GitLabConfig};
pub use evidence::Evidence;
