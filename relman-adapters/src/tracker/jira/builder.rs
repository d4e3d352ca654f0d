use relman_core::unit::Span;

use super::{
    config::{JiraConfig, Settings, Transitions, default_timeout},
    site::{Jira, NAME},
};
use crate::{
    secret::Secret,
    tracker::{
        TrackerError,
        api::{Api, Credentials},
    },
};

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

    /// Says where the issue moves when the release is over.
    pub fn transitions(mut self, transitions: Transitions) -> Self {
        self.settings.transitions = transitions;
        self
    }

    /// Gives Jira's search this time to find a new issue, a minute by default.
    pub fn settle(mut self, settle: Span) -> Self {
        self.settings.settle = settle;
        self
    }

    /// Gives up on one request after this time, 30 seconds by default.
    pub fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives up on one file after this time, 5 minutes by default.
    pub fn upload_timeout(mut self, timeout: Span) -> Self {
        self.settings.upload_timeout = timeout;
        self
    }

    /// Checks the configuration.
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
            settings: Settings::default(),
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
