//! Where copies of releases are kept for people: implementations of [`Tracker`](relman_core::port::Tracker).
//!
//! | tracker | the copy | files | phases | notes | post-mortems |
//! | --- | --- | --- | --- | --- | --- |
//! | GitHub | a release for the tag | assets of the release | commit statuses | in the body | in the body |
//! | GitLab | a release for the tag | generic packages, linked from the release | commit statuses, and in the body | in the body | in the body |
//! | Jira Cloud | a version and an issue | attachments of the issue | in the body | comments | issues |
//!
//! # Found again
//!
//! Everything that an adapter writes carries a marker that names the release, the part and the head of the record it
//! was made from. Before an adapter creates anything, it looks for the marker. So a publication that was interrupted,
//! or whose answer was lost, continues where it stopped when it is published again. The text that other people wrote
//! around the markers is left alone.
//!
//! Which copy belongs to a release, what to create, change or leave, in which order, and what to do after a lost
//! answer: `reconcile` decides it once, for all trackers. A tracker of its own adds only its requests.
//!
//! # Never in the way
//!
//! A conductor knows nothing of trackers. [`keep_published`] and [`publish`] run beside it, retry as a [`RetryPolicy`]
//! says, and report at the end what could not be published and why.

mod api;
mod publish;
#[cfg_attr(
    not(all(feature = "github", feature = "gitlab", feature = "jira")),
    allow(dead_code, unused_imports, reason = "each tracker needs a part of it")
)]
mod reconcile;
#[cfg_attr(
    not(all(feature = "github", feature = "gitlab", feature = "jira")),
    allow(dead_code, unused_imports, reason = "each tracker needs a part of it")
)]
mod text;

#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "gitlab")]
pub mod gitlab;
#[cfg(feature = "jira")]
pub mod jira;

pub use crate::retry::RetryPolicy;
pub use api::TrackerError;
pub use publish::{PATIENT, Unpublished, keep_published, publish, publish_everywhere};
