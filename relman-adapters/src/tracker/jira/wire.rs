//! What the adapter reads of Jira's API, and nothing else of it. What it writes is JSON in place, since the fields of an
//! issue are.

use serde::Deserialize;
use serde_json::Value;

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    /// A number, as text.
    pub(super) id: String,
}

/// A page of versions.
#[derive(Debug, Deserialize)]
pub(super) struct Versions {
    pub(super) values: Vec<Version>,
    #[serde(rename = "isLast", default)]
    pub(super) is_last: Option<bool>,
}

/// A version.
#[derive(Debug, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) released: bool,
}

/// What a search has found.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub(super) issues: Vec<FoundIssue>,
    #[serde(rename = "nextPageToken", default)]
    pub(super) next_page: Option<String>,
}

/// An issue, as a search names it.
#[derive(Debug, Deserialize)]
pub(super) struct FoundIssue {
    pub(super) id: String,
    pub(super) key: String,
}

/// An issue that was made.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    pub(super) key: String,
}

/// An issue with what the adapter asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) key: String,
    pub(super) fields: Fields,
}

/// The fields of an issue that the adapter asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    pub(super) summary: Option<String>,
    #[serde(default)]
    pub(super) description: Option<Value>,
    #[serde(default)]
    pub(super) attachment: Vec<Attachment>,
    pub(super) status: Status,
}

/// A file of an issue.
#[derive(Debug, Deserialize)]
pub(super) struct Attachment {
    pub(super) id: String,
    pub(super) filename: String,
    pub(super) size: u64,
}

/// A status of an issue.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) name: String,
    #[serde(rename = "statusCategory", default)]
    pub(super) category: Option<Category>,
}

impl Status {
    /// Whether Jira counts an issue in it as done.
    pub(super) fn is_done(&self) -> bool {
        self.category.as_ref().is_some_and(|category| category.key == "done")
    }
}

/// What Jira counts a status as.
#[derive(Debug, Deserialize)]
pub(super) struct Category {
    pub(super) key: String,
}

/// The ways out of a status.
#[derive(Debug, Deserialize)]
pub(super) struct Ways {
    #[serde(default)]
    pub(super) transitions: Vec<Way>,
}

/// A way out of a status.
#[derive(Debug, Deserialize)]
pub(super) struct Way {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) to: Status,
}

/// A page of comments.
#[derive(Debug, Deserialize)]
pub(super) struct Comments {
    #[serde(default)]
    pub(super) comments: Vec<Comment>,
    pub(super) total: usize,
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) id: String,
    #[serde(default)]
    pub(super) body: Value,
}
