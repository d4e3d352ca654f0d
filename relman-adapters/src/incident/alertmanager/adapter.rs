use std::fmt;

use async_trait::async_trait;
use relman_core::{
    port::{Incident, IncidentSource, PortError, PortErrorKind},
    unit::{ServiceName, Span, Window},
};
use reqwest::Method;

use super::{
    answer::{Labels, incidents_in},
    config::{AlertmanagerConfig, Muted, default_service_label, default_severity_label, default_timeout},
};
use crate::{
    http::{Endpoint, HttpClient, Limits},
    incident::IncidentSetupError,
    secret::{Secret, SecretSource},
};

const NAME: &str = "alertmanager";
const OPERATION: &str = "read the alerts";

/// An alert is a kilobyte or two: thousands of one service that fire at once.
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// An [`IncidentSource`] that asks Alertmanager. See the [module](super) for what its alerts become.
///
/// Nothing is asked twice: the next question is the retry.
pub struct Alertmanager {
    client: HttpClient,
    credentials: Credentials,
    labels: Labels,
    matchers: Vec<String>,
    muted: Muted,
}

/// What is sent along.
#[derive(Debug, Clone)]
enum Credentials {
    None,
    Bearer(Secret),
    Basic { user: String, password: Secret },
}

/// Puts an [`Alertmanager`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct AlertmanagerBuilder {
    url: String,
    credentials: Credentials,
    labels: Labels,
    matchers: Vec<String>,
    muted: Muted,
    timeout: Span,
}

impl AlertmanagerBuilder {
    /// Sends this token along.
    pub fn bearer(mut self, token: Secret) -> Self {
        self.credentials = Credentials::Bearer(token);
        self
    }

    /// Sends this name and password along, in place of a token.
    pub fn basic(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.credentials = Credentials::Basic { user: user.into(), password };
        self
    }

    /// Finds the name of the service in this label, `service` by default.
    pub fn service_label(mut self, label: impl Into<String>) -> Self {
        self.labels.service = label.into();
        self
    }

    /// Finds how bad it is in this label, `severity` by default.
    pub fn severity_label(mut self, label: impl Into<String>) -> Self {
        self.labels.severity = label.into();
        self
    }

    /// Leaves out alerts that do not match, as Alertmanager writes it: `severity=~"page|critical"`.
    pub fn matcher(mut self, matcher: impl Into<String>) -> Self {
        self.matchers.push(matcher.into());
        self
    }

    /// Says what becomes of alerts that are silenced or inhibited; they are left out by default.
    pub fn muted(mut self, muted: Muted) -> Self {
        self.muted = muted;
        self
    }

    /// Gives up on a question after this time, 10 seconds by default.
    pub fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// [`IncidentSetupError`] where the URL must not be connected to, a label can't be one, or a matcher is empty.
    pub fn build(self) -> Result<Alertmanager, IncidentSetupError> {
        is_label("service_label", &self.labels.service)?;
        is_label("severity_label", &self.labels.severity)?;
        if self.matchers.iter().any(|matcher| matcher.trim().is_empty()) {
            let problem = "a matcher is empty: write one as in severity=~\"page|critical\"".to_owned();
            return Err(IncidentSetupError::Field { adapter: NAME, field: "matchers", problem });
        }
        let failed = |problem| IncidentSetupError::Url { adapter: NAME, problem };
        let endpoint = Endpoint::parse(&self.url).map_err(failed)?;
        let limits = Limits { timeout: self.timeout, body_bytes: BODY_BYTES };
        let secrets = match &self.credentials {
            Credentials::None => Vec::new(),
            Credentials::Bearer(secret) | Credentials::Basic { password: secret, .. } => vec![secret.clone()],
        };
        let client = HttpClient::new(NAME, endpoint, limits, secrets).map_err(failed)?;
        let Self { credentials, labels, matchers, muted, .. } = self;
        Ok(Alertmanager { client, credentials, labels, matchers, muted })
    }
}

/// A label's name is put into a matcher as it is.
fn is_label(field: &'static str, label: &str) -> Result<(), IncidentSetupError> {
    let first = label.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let problem =
        format!("{label:?} is not the name of a label: it has a-z, A-Z, 0-9 and _, and no digit first");
    Err(IncidentSetupError::Field { adapter: NAME, field, problem })
}

impl Alertmanager {
    /// Starts with a URL: https, or http to a loopback host; a path in front of `/api/v2` belongs to it.
    pub fn builder(url: impl Into<String>) -> AlertmanagerBuilder {
        AlertmanagerBuilder {
            url: url.into(),
            credentials: Credentials::None,
            labels: Labels { service: default_service_label(), severity: default_severity_label() },
            matchers: Vec::new(),
            muted: Muted::default(),
            timeout: default_timeout(),
        }
    }

    /// Sets up the Alertmanager that a file describes, and reads its secrets.
    ///
    /// # Errors
    ///
    /// [`IncidentSetupError`] where a secret can't be read, both kinds of credentials are there, or what
    /// [`build`](AlertmanagerBuilder::build) refuses.
    pub fn from_config(config: &AlertmanagerConfig) -> Result<Self, IncidentSetupError> {
        let read = |field, source: &SecretSource| {
            source.resolve().map_err(|problem| IncidentSetupError::Secret { adapter: NAME, field, problem })
        };
        let credentials = match (&config.bearer, &config.basic) {
            (None, None) => Credentials::None,
            (Some(bearer), None) => Credentials::Bearer(read("bearer", bearer)?),
            (None, Some(basic)) => Credentials::Basic {
                user: basic.user.clone(),
                password: read("basic.password", &basic.password)?,
            },
            (Some(_), Some(_)) => {
                let problem = "there is a `bearer` as well, and only one of them can be sent".to_owned();
                return Err(IncidentSetupError::Field { adapter: NAME, field: "basic", problem });
            }
        };
        AlertmanagerBuilder {
            url: config.url.clone(),
            credentials,
            labels: Labels { service: config.service_label.clone(), severity: config.severity_label.clone() },
            matchers: config.matchers.clone(),
            muted: config.muted,
            timeout: config.timeout,
        }
        .build()
    }

    async fn ask(&self, service: &ServiceName) -> Result<Vec<u8>, PortError> {
        let muted = match self.muted {
            Muted::LeftOut => "false",
            Muted::Counted => "true",
        };
        // A name of a service has no character that would end the string.
        let of_service = format!("{}=\"{service}\"", self.labels.service);
        let filters =
            [&of_service].into_iter().chain(&self.matchers).map(|matcher| ("filter", matcher.as_str()));
        let shown = [("active", "true"), ("unprocessed", "true"), ("silenced", muted), ("inhibited", muted)];
        let query: Vec<(&str, &str)> = shown.into_iter().chain(filters).collect();
        let mut request = self.client.request(Method::GET, &["api", "v2", "alerts"]).query(&query);
        request = match &self.credentials {
            Credentials::None => request,
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
            Credentials::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
        };
        let reply = self.client.send(OPERATION, request).await?;
        self.client.accept(OPERATION, reply)
    }
}

#[async_trait]
impl IncidentSource for Alertmanager {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Asks for the alerts that fire now, in one request; a window that has ended long ago is answered with what of it
    /// fires still.
    async fn incidents(&self, service: &ServiceName, window: Window) -> Result<Vec<Incident>, PortError> {
        let body = self.ask(service).await?;
        incidents_in(&body, &self.labels, service, window).map_err(|problem| {
            PortError::new(NAME, OPERATION, PortErrorKind::InvalidAnswer, self.client.redact(&problem))
        })
    }
}

impl fmt::Debug for Alertmanager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alertmanager")
            .field("labels", &self.labels)
            .field("matchers", &self.matchers)
            .field("muted", &self.muted)
            .finish_non_exhaustive()
    }
}
