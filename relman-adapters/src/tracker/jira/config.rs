use relman_core::{port::Standing, unit::Span};
use serde::Deserialize;

use crate::{http::span_from_text, secret::SecretSource};

/// A project of Jira Cloud as a file describes it. See the [module](super) for an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JiraConfig {
    /// Where Jira is: `https://acme.atlassian.net`.
    pub site: String,
    /// The key of the project: `SHOP`.
    pub project: String,
    /// The e-mail address of the account that the token belongs to; a bearer token has none.
    #[serde(default)]
    pub account: Option<String>,
    /// The token.
    pub token: SecretSource,
    /// What kind of issue a release is: `Task` by default.
    #[serde(default = "default_issue_type")]
    pub issue_type: String,
    /// What kind of issue a post-mortem is: `Task` by default.
    #[serde(default = "default_issue_type")]
    pub post_mortem_type: String,
    /// Where the issue moves when the release is over.
    #[serde(default)]
    pub transitions: Transitions,
    /// How long Jira's search may take to find a new issue: `1m` by default.
    #[serde(default = "default_settle", deserialize_with = "span_from_text")]
    pub settle: Span,
    /// How long one request may take: `30s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// How long one file may take: `5m` by default.
    #[serde(default = "default_upload_timeout", deserialize_with = "span_from_text")]
    pub upload_timeout: Span,
}

/// The status to which the issue of a release moves when the release is over, or the transition that it takes, for each
/// way to end.
///
/// Where none is named, it is the first transition that leads to a status of Jira's category "done".
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transitions {
    /// When its validation has passed.
    #[serde(default)]
    pub completed: Option<String>,
    /// When it was rolled back.
    #[serde(default)]
    pub rolled_back: Option<String>,
    /// When it was aborted before production.
    #[serde(default)]
    pub aborted: Option<String>,
}

impl Transitions {
    /// The name for this way to end, where there is one.
    pub(super) fn named(&self, standing: Standing) -> Option<&str> {
        match standing {
            Standing::UnderWay => None,
            Standing::Completed => self.completed.as_deref(),
            Standing::RolledBack => self.rolled_back.as_deref(),
            Standing::Aborted => self.aborted.as_deref(),
        }
    }
}

/// The one kind that every project of Jira starts with.
fn default_issue_type() -> String {
    "Task".to_owned()
}

/// Atlassian says that most changes are found within seconds; a minute is for a bad day.
const fn default_settle() -> Span {
    Span::from_minutes(1)
}

/// As for the other trackers: long for a server, and short for a person.
pub(super) const fn default_timeout() -> Span {
    Span::from_secs(30)
}

/// Some megabytes over a slow line.
const fn default_upload_timeout() -> Span {
    Span::from_minutes(5)
}

/// What an adapter keeps of its configuration.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) issue_type: String,
    pub(super) post_mortem_type: String,
    pub(super) transitions: Transitions,
    pub(super) settle: Span,
    pub(super) upload_timeout: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issue_type: default_issue_type(),
            post_mortem_type: default_issue_type(),
            transitions: Transitions::default(),
            settle: default_settle(),
            upload_timeout: default_upload_timeout(),
        }
    }
}
