//! What the adapter reads and writes of GitLab's API, and nothing else of it.

use serde::{Deserialize, Serialize};

/// A release, as GitLab answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Release {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    /// Left out where the caller may not see them.
    #[serde(default)]
    pub(super) evidences: Vec<serde::de::IgnoredAny>,
    #[serde(rename = "_links", default)]
    pub(super) links: Links,
}

/// Where people see a release.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Links {
    #[serde(rename = "self")]
    pub(super) page: Option<String>,
}

/// A release to make, or what to change about one.
#[derive(Debug, Serialize)]
pub(super) struct ReleaseText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) description: &'a str,
}

/// A tag with its commit.
#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) commit: Commit,
}

/// A commit.
#[derive(Debug, Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
}

/// A package.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) version: String,
}

/// A file in a package.
#[derive(Debug, Deserialize)]
pub(super) struct PackageFile {
    pub(super) id: u64,
    pub(super) file_name: String,
    pub(super) size: u64,
    #[serde(default)]
    pub(super) file_sha256: Option<String>,
}

/// A link of a release.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) url: String,
}

/// A link to make, or to change.
#[derive(Debug, Serialize)]
pub(super) struct LinkText<'a> {
    pub(super) name: &'a str,
    pub(super) url: &'a str,
    pub(super) link_type: &'a str,
}

/// The latest commit status of one name.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) status: String,
}

/// A commit status to add.
#[derive(Debug, Serialize)]
pub(super) struct NewStatus<'a> {
    pub(super) state: &'a str,
    #[serde(rename = "ref")]
    pub(super) git_ref: &'a str,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) target_url: &'a str,
}
