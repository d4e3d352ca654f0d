//! What the adapter reads and writes of GitHub's API, and nothing else of it.

use serde::{Deserialize, Serialize};

use crate::tracker::reconcile::Draft;

/// A release, as GitHub answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Release {
    pub(super) id: u64,
    pub(super) tag_name: String,
    pub(super) html_url: String,
    pub(super) name: Option<String>,
    pub(super) body: Option<String>,
    pub(super) prerelease: bool,
}

/// A release to make, or what to change about one.
#[derive(Debug, Serialize)]
pub(super) struct ReleaseText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prerelease: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) make_latest: Option<&'static str>,
}

impl<'a> ReleaseText<'a> {
    /// A draft whose whole text is `body`; `tag_name` is for a release to make.
    pub(super) fn new(tag_name: Option<&'a str>, draft: &'a Draft, body: &'a str) -> Self {
        let is_prerelease = draft.is_prerelease();
        Self {
            tag_name,
            name: draft.title.as_deref(),
            body,
            prerelease: is_prerelease,
            // The latest one by its date, unless it is not final.
            make_latest: is_prerelease.map(|prerelease| if prerelease { "false" } else { "legacy" }),
        }
    }
}

/// A file of a release.
#[derive(Debug, Deserialize)]
pub(super) struct Asset {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) state: String,
    pub(super) size: u64,
    /// Absent on servers of 2024 and before.
    #[serde(default)]
    pub(super) digest: Option<String>,
}

/// The latest statuses of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct CombinedStatus {
    pub(super) sha: String,
    pub(super) statuses: Vec<Status>,
}

/// The latest status of one context.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) context: String,
    pub(super) state: String,
    pub(super) description: Option<String>,
}

/// A status to add.
#[derive(Debug, Serialize)]
pub(super) struct NewStatus<'a> {
    pub(super) state: &'a str,
    pub(super) context: &'a str,
    pub(super) description: &'a str,
    pub(super) target_url: &'a str,
}
