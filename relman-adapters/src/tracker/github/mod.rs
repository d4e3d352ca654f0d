//! Copies of releases on GitHub Releases, of github.com or a GitHub Enterprise Server.
//!
//! ```toml
//! repository = "acme/checkout"
//! token = { env = "GITHUB_TOKEN" }
//! # For a server of one's own:
//! # api = "https://github.example.org/api/v3"
//! # uploads = "https://github.example.org/api/uploads"
//! ```
//!
//! The token needs `contents: write` and `statuses: write` for the repository.
//!
//! - The copy is the release of the tag, which has to be in the repository already: this adapter makes no tags. Where
//!   somebody else made a release for the tag, the copy is a section at the end of its text, and its name and
//!   marks stay as they are. Where several releases bring the same version, the one that came last names and marks it. Somebody else's draft is not found by its tag: publish it first, or it stands beside the
//!   copy. A copy that somebody has turned into a draft is found, and stays a draft.
//! - Until the release is completed, it is marked as a pre-release, and so it is never shown as the latest one.
//! - Files are assets, named `RELEASE.NAME`; the label says the beginning of the file's SHA-256, by which the adapter
//!   sees whether it is up to date. What half an upload left behind is taken away first. A whole file of that name
//!   without such a label is somebody else's: it stays, and publishing fails until it is renamed.
//! - Each phase is a commit status of the tagged commit with the context `relman/RELEASE/PHASE`.
//! - Notes and post-mortems are sections of the text, since a release of GitHub has no comments.
//!
//! A rate limit is obeyed, whichever of its ways GitHub takes to say it: 429 or 403, with `Retry-After` or with
//! `x-ratelimit-reset`.

mod adapter;
mod config;
mod wire;

pub use adapter::GitHub;
pub use config::{GitHubBuilder, GitHubConfig};
