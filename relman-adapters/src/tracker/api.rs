use std::fmt::Write;

#[cfg(feature = "jira")]
use base64::prelude::{BASE64_STANDARD, Engine as _};
use relman_core::{
    port::{PortError, PortErrorKind, Retry},
    unit::Span,
};
#[cfg(feature = "gitlab")]
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{
    http::{Endpoint, EndpointError, HttpClient, Limits, Reply},
    secret::{Secret, SecretError},
};

/// A page of a hundred releases with all their texts stays below this.
const BODY_BYTES: usize = 32 * 1024 * 1024;

/// More pages than this are a server that goes round in circles.
pub(super) const MOST_PAGES: u32 = 200;

/// No rate limit lasts longer than a day; a number beyond is a mistake.
const LONGEST_WAIT_SECS: u64 = 24 * 60 * 60;

/// GitHub asks for at least a minute where it does not say how long.
const UNNAMED_WAIT: Span = Span::from_minutes(1);

/// Why a tracker can't be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// An address can't be connected to.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Url {
        /// Which kind of tracker it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with the address.
        problem: EndpointError,
    },
    /// The token can't be read.
    #[error("failed to set up {adapter}: `token`: {problem}")]
    Token {
        /// Which kind of tracker it is.
        adapter: &'static str,
        /// Why there is no token.
        problem: SecretError,
    },
    /// A field holds something else than it should.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Field {
        /// Which kind of tracker it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

/// A tracker's HTTP API: the credentials with every request, and its answers in the words of a port.
pub(super) struct Api {
    client: HttpClient,
    credentials: Credentials,
    adapter: &'static str,
}

/// Who asks.
pub(super) enum Credentials {
    /// `Authorization: Bearer`.
    #[cfg(any(feature = "github", feature = "jira"))]
    Bearer(Secret),
    /// The header of this name.
    #[cfg(feature = "gitlab")]
    Header(&'static str, Secret, HeaderValue),
    /// `Authorization: Basic`, as Jira Cloud has it: an account and its token.
    #[cfg(feature = "jira")]
    Basic(String, Secret),
}

impl Credentials {
    /// A token in the header of this name.
    #[cfg(feature = "gitlab")]
    pub(super) fn header(
        adapter: &'static str,
        name: &'static str,
        token: Secret,
    ) -> Result<Self, TrackerError> {
        let mut value = HeaderValue::try_from(token.expose()).map_err(|_| TrackerError::Field {
            adapter,
            field: "token",
            problem: "it holds characters that no token has, such as a line feed".to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(Self::Header(name, token, value))
    }

    /// What must not be repeated: the token, and the form in which it is sent where that is another one.
    fn secrets(&self) -> Vec<Secret> {
        match self {
            #[cfg(any(feature = "github", feature = "jira"))]
            Self::Bearer(secret) => vec![secret.clone()],
            #[cfg(feature = "gitlab")]
            Self::Header(_, secret, _) => vec![secret.clone()],
            #[cfg(feature = "jira")]
            Self::Basic(account, secret) => {
                let sent = BASE64_STANDARD.encode(format!("{account}:{}", secret.expose()));
                vec![secret.clone(), Secret::new(sent)]
            }
        }
    }
}

impl Api {
    /// An API at this address; `field` is where the address is configured.
    pub(super) fn new(
        adapter: &'static str,
        field: &'static str,
        address: &str,
        timeout: Span,
        credentials: Credentials,
    ) -> Result<Self, TrackerError> {
        let failed = |problem| TrackerError::Url { adapter, field, problem };
        let endpoint = Endpoint::parse(address).map_err(failed)?;
        let limits = Limits { timeout, body_bytes: BODY_BYTES };
        let client = HttpClient::new(adapter, endpoint, limits, credentials.secrets()).map_err(failed)?;
        Ok(Self { client, credentials, adapter })
    }

    /// A request with the credentials in it.
    pub(super) fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let request = self.client.request(method, segments);
        match &self.credentials {
            #[cfg(any(feature = "github", feature = "jira"))]
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
            #[cfg(feature = "gitlab")]
            Credentials::Header(name, _, value) => request.header(*name, value.clone()),
            #[cfg(feature = "jira")]
            Credentials::Basic(account, token) => request.basic_auth(account, Some(token.expose())),
        }
    }

    /// The address of something, to link to.
    #[cfg(any(feature = "gitlab", feature = "jira"))]
    pub(super) fn address(&self, segments: &[&str]) -> String {
        self.client.url(segments).to_string()
    }

    /// Sends, and returns the answer whatever its status.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Reply, PortError> {
        self.client.send(operation, request).await
    }

    /// Sends, and returns a successful answer; any other is an error.
    pub(super) async fn done(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Reply, PortError> {
        let reply = self.send(operation, request).await?;
        self.accept(operation, reply)
    }

    /// Sends, and reads the JSON of a successful answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<(T, HeaderMap), PortError> {
        let reply = self.done(operation, request).await?;
        Ok((self.read(operation, &reply)?, reply.headers))
    }

    /// Sends, and reads the JSON of a successful answer; `None` where the answer is 404.
    pub(super) async fn look_up<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Option<T>, PortError> {
        let reply = self.send(operation, request).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let reply = self.accept(operation, reply)?;
        self.read(operation, &reply).map(Some)
    }

    /// Sends a request to delete something; that it is gone already is fine.
    pub(super) async fn remove(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Removal, PortError> {
        let reply = self.send(operation, request).await?;
        match reply.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Removal::Gone),
            StatusCode::FORBIDDEN if rate_limited(&reply).is_none() => match self.accept(operation, reply) {
                Ok(_) => Ok(Removal::Gone),
                Err(problem) => Ok(Removal::Forbidden(problem)),
            },
            _ => self.accept(operation, reply).map(|_| Removal::Gone),
        }
    }

    /// The error where something that was not found is there after all: an earlier request made it, whose answer was
    /// lost, and not every server of the tracker shows it yet. The next attempt finds it.
    pub(super) fn conflict(&self, operation: &'static str, what: &str, reply: &Reply) -> PortError {
        let detail = format!("{what} exists that was not found before: {}", self.client.excerpt(&reply.body));
        self.error(operation, PortErrorKind::Rejected, detail).with_retry(Retry::Yes)
    }

    /// The beginning of an answer's body, for an error.
    #[cfg(feature = "gitlab")]
    pub(super) fn excerpt(&self, reply: &Reply) -> String {
        self.client.excerpt(&reply.body)
    }

    /// The error for a list that does not end.
    pub(super) fn endless(&self, operation: &'static str) -> PortError {
        self.error(operation, PortErrorKind::InvalidAnswer, format!("more than {MOST_PAGES} pages"))
    }

    /// What an answer without success means.
    pub(super) fn accept(&self, operation: &'static str, reply: Reply) -> Result<Reply, PortError> {
        if reply.status.is_success() {
            return Ok(reply);
        }
        if let Some(wait) = rate_limited(&reply) {
            let detail = format!("HTTP {}: {}", reply.status, self.client.excerpt(&reply.body));
            let error = PortError::new(self.adapter, operation, PortErrorKind::Throttled, detail);
            return Err(error.with_retry(Retry::After(wait)));
        }
        let headers = reply.headers.clone();
        let status = reply.status;
        let body = self.client.accept(operation, reply)?;
        // Not reached: only a successful answer has a body to accept.
        Ok(Reply { status, body, headers, retry_after: None })
    }

    /// The JSON of an answer.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        reply: &Reply,
    ) -> Result<T, PortError> {
        serde_json::from_slice(&reply.body).map_err(|error| {
            let detail = format!("{error}, in {}", self.client.excerpt(&reply.body));
            PortError::new(self.adapter, operation, PortErrorKind::InvalidAnswer, self.client.redact(&detail))
        })
    }

    /// An error of this adapter.
    pub(super) fn error(
        &self,
        operation: &'static str,
        kind: PortErrorKind,
        detail: impl Into<String>,
    ) -> PortError {
        PortError::new(self.adapter, operation, kind, self.client.redact(&detail.into()))
    }
}

/// What came of deleting something.
#[derive(Debug)]
pub(super) enum Removal {
    /// It is not there any more.
    Gone,
    /// The token may not delete it.
    Forbidden(PortError),
}

/// How long to wait where a refusal is about the rate and not about the request.
///
/// GitHub refuses with 403 as well as 429, and says it by `Retry-After`, or by a count that has reached zero and the
/// second at which it starts again. GitLab has the same without the `x-`. GitHub's secondary limits may say it in words
/// alone.
fn rate_limited(reply: &Reply) -> Option<Span> {
    if !matches!(reply.status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    if let Some(wait) = reply.retry_after {
        return Some(wait);
    }
    let number = |name: &str| reply.headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limit = |prefix: &str| {
        let remaining = number(&format!("{prefix}ratelimit-remaining"))?;
        if remaining > 0 { None } else { number(&format!("{prefix}ratelimit-reset")) }
    };
    let Some(reset) = limit("x-").or_else(|| limit("")) else {
        let words = String::from_utf8_lossy(&reply.body).to_lowercase();
        let said = reply.status == StatusCode::FORBIDDEN && words.contains("rate limit");
        return said.then_some(UNNAMED_WAIT);
    };
    let date = reply.headers.get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
    let now = date
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(std::time::SystemTime::now)
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    // A second more than the difference: both numbers are cut to whole seconds.
    Some(Span::from_secs((reset.saturating_sub(now.as_secs()) + 1).min(LONGEST_WAIT_SECS)))
}

/// The SHA-256 of a file, as 64 hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
    }
    text
}
