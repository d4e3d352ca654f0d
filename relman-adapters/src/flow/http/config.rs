use std::collections::BTreeMap;

use relman_core::unit::{FlowName, Span};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::Statuses;
use crate::{
    http::{EndpointError, span_from_text},
    secret::{SecretError, SecretSource},
};

/// A user flow that one HTTP request tries, as a file describes it.
///
/// # Examples
///
/// ```
/// use relman_adapters::flow::{HttpFlow, HttpFlowConfig};
///
/// let config: HttpFlowConfig = toml::from_str(
///     r#"
///     url = "https://shop.example.org/api/login"
///     method = "POST"
///     headers = { content-type = "application/json" }
///     body = '{"user":"probe"}'
///     ## secret_headers = { authorization = { env = "PROBE_TOKEN" } }
///     status = [200, 204]
///     within = "2s"
///     json = { "/session/state" = "open" }
///     tries = 2
///     "#,
/// )?;
/// let flow = HttpFlow::new("login".parse()?, &config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpFlowConfig {
    /// Where the request goes: https, or http to a loopback host.
    pub url: String,
    /// How: `GET` by default.
    #[serde(default)]
    pub method: FlowMethod,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers of the request whose values are secrets.
    #[serde(default)]
    pub secret_headers: BTreeMap<String, SecretSource>,
    /// The body of a `POST`.
    #[serde(default)]
    pub body: Option<String>,
    /// The body of a `POST`, where it is a secret, such as a password.
    #[serde(default)]
    pub secret_body: Option<SecretSource>,
    /// Which statuses are right: 200 by default.
    #[serde(default)]
    pub status: Statuses,
    /// Within which time the whole answer has to be there for the flow to pass: as long as `timeout` where nothing is
    /// said.
    #[serde(default, deserialize_with = "some_span_from_text")]
    pub within: Option<Span>,
    /// After which time an answer is not waited for any longer: `10s` by default, `30s` at most.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// A text that the body has to hold.
    #[serde(default)]
    pub contains: Option<String>,
    /// Values that a body in JSON has to hold, by JSON pointers (RFC 6901).
    #[serde(default)]
    pub json: BTreeMap<String, Value>,
    /// What a redirect means: `stop` by default.
    #[serde(default)]
    pub redirects: FlowRedirects,
    /// How often the request is tried before the flow has failed: 2 by default, 5 at most.
    #[serde(default = "default_tries")]
    pub tries: u32,
    /// How long to wait before another try: `1s` by default.
    #[serde(default = "default_pause", deserialize_with = "span_from_text")]
    pub pause: Span,
}

/// How a request asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FlowMethod {
    /// For what users see.
    #[default]
    Get,
    /// For the headers of the same.
    Head,
    /// For something that users do; the other side has to bear it again and again.
    Post,
}

/// What an answer that points elsewhere means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowRedirects {
    /// It is the answer, and its status is right or wrong like any other.
    #[default]
    Stop,
    /// It is followed, five times at most, while it stays on the same scheme, host and port; it is the answer
    /// otherwise, so that no header is sent elsewhere.
    SameOrigin,
}

/// Why a flow can't be tried as it is configured. Neither its URL nor a secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpFlowError {
    /// Its URL can't be connected to.
    #[error("failed to set up the flow {flow}: `url`: {problem}")]
    Url {
        /// Which flow.
        flow: FlowName,
        /// What is wrong with the URL.
        problem: EndpointError,
    },
    /// A secret can't be read.
    #[error("failed to set up the flow {flow}: `{field}`: {problem}")]
    Secret {
        /// Which flow.
        flow: FlowName,
        /// The field of the configuration.
        field: String,
        /// Why there is no secret.
        problem: SecretError,
    },
    /// A field has a value that makes no sense there.
    #[error("failed to set up the flow {flow}: `{field}`: {problem}")]
    Field {
        /// Which flow.
        flow: FlowName,
        /// The field of the configuration.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// A user who waits that long has gone.
const fn default_timeout() -> Span {
    Span::from_secs(10)
}

/// A single lost packet is not yet a broken service.
const fn default_tries() -> u32 {
    2
}

const fn default_pause() -> Span {
    Span::from_secs(1)
}

/// The longest time-out: a user flow is what a user waits for.
const LONGEST_TIMEOUT: Span = Span::from_secs(30);

const MOST_TRIES: u32 = 5;

/// With others beside it, a check is then done within the two minutes that the port allows.
const LONGEST_IN_ALL: Span = Span::from_secs(90);

impl HttpFlowConfig {
    /// A `GET` of that URL that has to be answered with status 200; the rest is what a file leaves out.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: FlowMethod::Get,
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            body: None,
            secret_body: None,
            status: Statuses::default(),
            within: None,
            timeout: default_timeout(),
            contains: None,
            json: BTreeMap::new(),
            redirects: FlowRedirects::Stop,
            tries: default_tries(),
            pause: default_pause(),
        }
    }

    /// Checks what a file can say and nobody can try.
    pub(super) fn make_sense(&self, flow: &FlowName) -> Result<(), HttpFlowError> {
        let wrong = |field: &str, problem: String| {
            Err(HttpFlowError::Field { flow: flow.clone(), field: field.to_owned(), problem })
        };
        let looks_at_the_body = self.contains.is_some() || !self.json.is_empty();
        if self.timeout == Span::ZERO || self.timeout > LONGEST_TIMEOUT {
            return wrong("timeout", format!("{} is out of range: up to {LONGEST_TIMEOUT}", self.timeout));
        }
        if self.within.is_some_and(|within| within > self.timeout || within == Span::ZERO) {
            return wrong("within", format!("it is out of range: up to `timeout`, {}", self.timeout));
        }
        if self.tries == 0 || self.tries > MOST_TRIES {
            return wrong("tries", format!("{} is out of range: 1 to {MOST_TRIES}", self.tries));
        }
        let in_all = (self.timeout + self.pause).times(u64::from(self.tries));
        if in_all > LONGEST_IN_ALL {
            let problem =
                format!("with `timeout` and `pause` they take up to {in_all}, and {LONGEST_IN_ALL} is most");
            return wrong("tries", problem);
        }
        match (self.method, &self.body, &self.secret_body) {
            (FlowMethod::Get | FlowMethod::Head, Some(_), _) => {
                return wrong("body", "only a POST has a body: add method = \"POST\"".to_owned());
            }
            (FlowMethod::Get | FlowMethod::Head, None, Some(_)) => {
                return wrong("secret_body", "only a POST has a body: add method = \"POST\"".to_owned());
            }
            (FlowMethod::Post, Some(_), Some(_)) => {
                return wrong("secret_body", "there is a `body` already: leave one of them out".to_owned());
            }
            (FlowMethod::Post, _, _) | (FlowMethod::Get | FlowMethod::Head, None, None) => {}
        }
        if self.method == FlowMethod::Head && looks_at_the_body {
            return wrong("method", "the answer to a HEAD has no body to look at: use GET".to_owned());
        }
        if self.contains.as_deref() == Some("") {
            return wrong("contains", "it is empty, and every body holds that: leave it out".to_owned());
        }
        if let Some(pointer) =
            self.json.keys().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            return wrong("json", format!("{pointer:?} is not a JSON pointer: begin it with a slash"));
        }
        Ok(())
    }
}

/// Reads a span as people write it, where there is one.
fn some_span_from_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span_from_text(deserializer).map(Some)
}
