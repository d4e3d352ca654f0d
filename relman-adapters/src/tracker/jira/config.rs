use relman_core::{port::Standing, unit::Span};
use serde::Deserialize;

use super::{Jira, adapter::NAME};
use crate::{
    http::span_from_text,
    secret::{Secret, SecretSource},
    tracker::{
        TrackerError,
        api::{Api, Credentials},
    },
};

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
    /// What kind of issue a release is: `Task` where nothing is said.
    #[serde(default = "default_issue_type")]
    pub issue_type: String,
    /// What kind of issue a post-mortem is: `Task` where nothing is said.
    #[serde(default = "default_issue_type")]
    pub post_mortem_type: String,
    /// Where the issue goes when the release is over.
    #[serde(default)]
    pub transitions: Transitions,
    /// How long Jira's search may not know a new issue: `1m` where nothing is said.
    #[serde(default = "default_settle", deserialize_with = "span_from_text")]
    pub settle: Span,
    /// How long one request may take: `30s` where nothing is said.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// How long one file may take: `5m` where nothing is said.
    #[serde(default = "default_upload_timeout", deserialize_with = "span_from_text")]
    pub upload_timeout: Span,
}

/// The status, or the transition, by which the issue of a release that is over is put away, for each way to end.
///
/// Where one is not named, the first transition counts that leads to a status of Jira's category "done".
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transitions {
    /// When its validation has passed.
    #[serde(default)]
    pub completed: Option<String>,
    /// When it was taken back.
    #[serde(default)]
    pub rolled_back: Option<String>,
    /// When it was given up before production.
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
const fn default_timeout() -> Span {
    Span::from_secs(30)
}

/// Some megabytes over a slow line.
const fn default_upload_timeout() -> Span {
    Span::from_minutes(5)
}

/// Puts a [`Jira`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct JiraBuilder {
    site: String,
    project: String,
    account: Option<String>,
    token: Secret,
    settings: Settings,
    timeout: Span,
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

impl JiraBuilder {
    /// Names the account that the token belongs to, by its e-mail address. Without one, the token is a bearer token.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Uses other kinds of issues than `Task`, for releases and for post-mortems.
    pub fn issue_types(mut self, release: impl Into<String>, post_mortem: impl Into<String>) -> Self {
        self.settings.issue_type = release.into();
        self.settings.post_mortem_type = post_mortem.into();
        self
    }

    /// Says where the issue goes when the release is over.
    pub fn transitions(mut self, transitions: Transitions) -> Self {
        self.settings.transitions = transitions;
        self
    }

    /// Gives Jira's search this time to know a new issue, a minute where nothing is said.
    pub fn settle(mut self, settle: Span) -> Self {
        self.settings.settle = settle;
        self
    }

    /// Gives up on one request after this time, 30 seconds where nothing is said.
    pub fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives up on one file after this time, 5 minutes where nothing is said.
    pub fn upload_timeout(mut self, timeout: Span) -> Self {
        self.settings.upload_timeout = timeout;
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// [`TrackerError`] where the address must not be connected to, or the project has no key.
    pub fn build(self) -> Result<Jira, TrackerError> {
        let key = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.project.is_empty() || !self.project.chars().all(key) {
            return Err(TrackerError::Field {
                adapter: NAME,
                field: "project",
                problem: format!("it is {:?} and has to be a project's key, such as SHOP", self.project),
            });
        }
        let credentials = match self.account {
            Some(account) => Credentials::Basic(account, self.token),
            None => Credentials::Bearer(self.token),
        };
        let api = Api::new(NAME, "site", &self.site, self.timeout, credentials)?;
        Ok(Jira::new(api, self.project, self.settings))
    }
}

impl Jira {
    /// Starts with the address of a site, the key of a project, and a token.
    pub fn builder(site: impl Into<String>, project: impl Into<String>, token: Secret) -> JiraBuilder {
        JiraBuilder {
            site: site.into(),
            project: project.into(),
            account: None,
            token,
            settings: Settings {
                issue_type: default_issue_type(),
                post_mortem_type: default_issue_type(),
                transitions: Transitions::default(),
                settle: default_settle(),
                upload_timeout: default_upload_timeout(),
            },
            timeout: default_timeout(),
        }
    }

    /// Sets up the project that a file describes, and reads its token.
    ///
    /// # Errors
    ///
    /// [`TrackerError`] where the token can't be read, or as [`JiraBuilder::build`] has it.
    pub fn from_config(config: &JiraConfig) -> Result<Self, TrackerError> {
        let token =
            config.token.resolve().map_err(|problem| TrackerError::Token { adapter: NAME, problem })?;
        let builder = Self::builder(&config.site, &config.project, token)
            .issue_types(&config.issue_type, &config.post_mortem_type)
            .transitions(config.transitions.clone())
            .settle(config.settle)
            .timeout(config.timeout)
            .upload_timeout(config.upload_timeout);
        match &config.account {
            Some(account) => builder.account(account).build(),
            None => builder.build(),
        }
    }
}
