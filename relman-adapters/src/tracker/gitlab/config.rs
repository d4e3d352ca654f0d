use relman_core::unit::Span;
use serde::Deserialize;

use super::{
    adapter::{GitLab, NAME},
    evidence::Evidence,
};
use crate::{
    http::span_from_text,
    secret::{Secret, SecretSource},
    tracker::{
        TrackerError,
        api::{Api, Credentials},
    },
};

/// A project on GitLab as a file describes it. See the [module](super) for an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitLabConfig {
    /// The project: its path, `group/name`, or its number.
    pub project: String,
    /// A token that may use the API.
    pub token: SecretSource,
    /// Where the API is: `https://gitlab.com/api/v4` by default.
    #[serde(default = "default_api")]
    pub api: String,
    /// Whether GitLab takes a snapshot when the release is over: it does not by default.
    #[serde(default)]
    pub evidence: Evidence,
    /// How long GitLab may take until it shows a snapshot: `30s` by default.
    #[serde(default = "default_settle", deserialize_with = "span_from_text")]
    pub settle: Span,
    /// How long one request may take: `30s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// How long one file may take: `5m` by default.
    #[serde(default = "default_upload_timeout", deserialize_with = "span_from_text")]
    pub upload_timeout: Span,
}

fn default_api() -> String {
    "https://gitlab.com/api/v4".to_owned()
}

/// Snapshots are taken by a job in the background, which starts within seconds on a server that is not overloaded.
const fn default_settle() -> Span {
    Span::from_secs(30)
}

/// As for the other trackers: long for a server, and short for a person.
const fn default_timeout() -> Span {
    Span::from_secs(30)
}

/// Some megabytes over a slow line.
const fn default_upload_timeout() -> Span {
    Span::from_minutes(5)
}

/// Puts a [`GitLab`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct GitLabBuilder {
    project: String,
    token: Secret,
    api: String,
    evidence: Evidence,
    settle: Span,
    timeout: Span,
    upload_timeout: Span,
}

impl GitLabBuilder {
    /// Uses another server than gitlab.com: the address of its API.
    pub fn server(mut self, api: impl Into<String>) -> Self {
        self.api = api.into();
        self
    }

    /// Asks for release evidence.
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = evidence;
        self
    }

    /// Gives GitLab this time to show a snapshot, 30 seconds by default. Only an attempt after a lost answer
    /// waits for it, so that it does not ask for a second one.
    pub fn settle(mut self, settle: Span) -> Self {
        self.settle = settle;
        self
    }

    /// Gives up on one request after this time, 30 seconds by default.
    pub fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives up on one file after this time, 5 minutes by default.
    pub fn upload_timeout(mut self, timeout: Span) -> Self {
        self.upload_timeout = timeout;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`TrackerError`] where the address must not be connected to, or there is no project or token.
    pub fn build(self) -> Result<GitLab, TrackerError> {
        if matches!(self.project.trim(), "" | "." | "..") {
            return Err(TrackerError::Field {
                adapter: NAME,
                field: "project",
                problem: "it is empty and has to be group/name or a number".to_owned(),
            });
        }
        let credentials = Credentials::header(NAME, "private-token", self.token)?;
        let api = Api::new(NAME, "api", &self.api, self.timeout, credentials)?;
        Ok(GitLab::new(api, self.project.trim().to_owned(), self.evidence, self.settle, self.upload_timeout))
    }
}

impl GitLab {
    /// Starts with a project of gitlab.com, by path or number, and a token for it.
    pub fn builder(project: impl Into<String>, token: Secret) -> GitLabBuilder {
        GitLabBuilder {
            project: project.into(),
            token,
            api: default_api(),
            evidence: Evidence::default(),
            settle: default_settle(),
            timeout: default_timeout(),
            upload_timeout: default_upload_timeout(),
        }
    }

    /// Sets up the project that a file describes, and reads its token.
    ///
    /// # Errors
    ///
    /// [`TrackerError`] where the token can't be read, or as [`GitLabBuilder::build`] has it.
    pub fn from_config(config: &GitLabConfig) -> Result<Self, TrackerError> {
        let token =
            config.token.resolve().map_err(|problem| TrackerError::Token { adapter: NAME, problem })?;
        Self::builder(&config.project, token)
            .server(&config.api)
            .evidence(config.evidence)
            .settle(config.settle)
            .timeout(config.timeout)
            .upload_timeout(config.upload_timeout)
            .build()
    }
}
