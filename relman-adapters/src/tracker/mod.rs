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
//! Everything that an adapter makes carries a marker that names the release, the part and the head of the record it
//! was made from. Before it makes anything, an adapter looks for the marker. So a publication that was broken off, or
//! whose answer was lost, is published again and goes on where it stopped. The text of other people around the markers
//! is left alone.
//!
//! # Never in the way
//!
//! A conductor knows nothing of trackers. [`keep_published`] and [`publish`] run beside it, tries again as a
//! [`RetryPolicy`] says, and says at the end what could not be published and why.

mod api;
mod keep;
mod publish;
mod setup;
#[cfg(any(feature = "gitlab", feature = "jira"))]
mod stored;
mod text;

#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "gitlab")]
pub mod gitlab;
#[cfg(feature = "jira")]
pub mod jira;

pub use crate::retry::RetryPolicy;
pub use keep::keep_published;
pub use publish::{PATIENT, Unpublished, publish, publish_everywhere};
pub use setup::TrackerError;
