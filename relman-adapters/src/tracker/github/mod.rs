//! Copies of releases on GitHub Releases, of github.com or a GitHub Enterprise Server.
//!
//! ```toml
//! repository = "acme/checkout"
//! token = { env = "GITHUB_TOKEN" }
//! # For a GitHub Enterprise Server:
//! # api = "https://github.example.org/api/v3"
//! # uploads = "https://github.example.org/api/uploads"
//! ```
//!
//! The token needs `contents: write` and `statuses: write` for the repository.
//!
//! - The copy is the release of the tag. Push the tag first: this adapter creates none. Where people have made a
//!   release for the tag, the copy is a section at the end of its text, and its name and marks stay as they are. Where
//!   several releases bring the same version, the latest of them names and marks it. A draft that people made has no
//!   tag yet and is not found: publish it first, or it stands beside the copy. A copy that was turned into a draft is
//!   found, and stays a draft.
//! - Until the release is completed, it is marked as a pre-release, so that it is never shown as the latest one.
//! - Files are assets, named `RELEASE.NAME`; the label has the beginning of the file's SHA-256, which says whether the
//!   file is up to date. What an interrupted upload left behind is deleted first. A whole file of that name without
//!   such a label belongs to other people: it stays, and publishing fails until it is renamed.
//! - Each phase is a commit status of the tagged commit with the context `relman/RELEASE/PHASE`.
//! - Notes and post-mortems are sections of the text, since a release of GitHub has no comments.
//!
//! A rate limit is obeyed, whichever way GitHub announces it: 429 or 403, with `Retry-After` or `x-ratelimit-reset`.

mod adapter;
mod config;
mod wire;

pub use adapter::GitHub;
pub use config::{GitHubBuilder, GitHubConfig};
