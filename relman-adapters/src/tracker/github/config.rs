use relman_core::unit::Span;
use serde::Deserialize;

use super::{GitHub, adapter::NAME};
use crate::{
    http::span_from_text,
    secret::{Secret, SecretSource},
    tracker::{
        TrackerError,
        api::{Api, Credentials},
    },
};

/// A repository on GitHub as a file describes it. See the [module](super) for an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitHubConfig {
    /// The repository: `owner/name`.
    pub repository: String,
    /// A token that may write contents and statuses.
    pub token: SecretSource,
    /// Where the API is: `https://api.github.com` by default.
    #[serde(default = "default_api")]
    pub api: String,
    /// Where files are sent: `https://uploads.github.com` by default. Configured and not
    /// taken from an answer, because the token is sent there.
    #[serde(default = "default_uploads")]
    pub uploads: String,
    /// How long one request may take: `30s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// How long one file may take: `5m` by default.
    #[serde(default = "default_upload_timeout", deserialize_with = "span_from_text")]
    pub upload_timeout: Span,
}

fn default_api() -> String {
    "https://api.github.com".to_owned()
}

fn default_uploads() -> String {
    "https://uploads.github.com".to_owned()
}

/// GitHub itself gives up after ten seconds; the rest is for a slow network.
const fn default_timeout() -> Span {
    Span::from_secs(30)
}

/// Some megabytes over a slow line.
const fn default_upload_timeout() -> Span {
    Span::from_minutes(5)
}

/// Puts a [`GitHub`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct GitHubBuilder {
    repository: String,
    token: Secret,
    api: String,
    uploads: String,
    timeout: Span,
    upload_timeout: Span,
}

impl GitHubBuilder {
    /// Uses another server than github.com: the addresses of its API and of its uploads.
    pub fn server(mut self, api: impl Into<String>, uploads: impl Into<String>) -> Self {
        self.api = api.into();
        self.uploads = uploads.into();
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
    /// [`TrackerError`] where an address must not be connected to, or the repository is not `owner/name`.
    pub fn build(self) -> Result<GitHub, TrackerError> {
        let named = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        let (owner, name) =
            self.repository.split_once('/').filter(|(owner, name)| named(owner) && named(name)).ok_or_else(
                || TrackerError::Field {
                    adapter: NAME,
                    field: "repository",
                    problem: format!("it is {:?} and has to be owner/name", self.repository),
                },
            )?;
        let credentials = || Credentials::Bearer(self.token.clone());
        let api = Api::new(NAME, "api", &self.api, self.timeout, credentials())?;
        let uploads = Api::new(NAME, "uploads", &self.uploads, self.upload_timeout, credentials())?;
        Ok(GitHub::new(api, uploads, owner.to_owned(), name.to_owned()))
    }
}

impl GitHub {
    /// Starts with a repository of github.com, `owner/name`, and a token for it.
    pub fn builder(repository: impl Into<String>, token: Secret) -> GitHubBuilder {
        GitHubBuilder {
            repository: repository.into(),
            token,
            api: default_api(),
            uploads: default_uploads(),
            timeout: default_timeout(),
            upload_timeout: default_upload_timeout(),
        }
    }

    /// Sets up the repository that a file describes, and reads its token.
    ///
    /// # Errors
    ///
    /// [`TrackerError`] where the token can't be read, or as [`GitHubBuilder::build`] has it.
    pub fn from_config(config: &GitHubConfig) -> Result<Self, TrackerError> {
        let token =
            config.token.resolve().map_err(|problem| TrackerError::Token { adapter: NAME, problem })?;
        Self::builder(&config.repository, token)
            .server(&config.api, &config.uploads)
            .timeout(config.timeout)
            .upload_timeout(config.upload_timeout)
            .build()
    }
}
