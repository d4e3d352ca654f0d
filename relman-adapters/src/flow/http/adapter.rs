use std::fmt;

use async_trait::async_trait;
use relman_core::{
    port::{CheckedFlow, FlowOutcome, FlowReport, PortError, PortErrorKind, UserFlows},
    unit::{FlowName, ServiceName, Span},
};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::Instant;

use super::{FlowMethod, FlowRedirects, HttpFlowConfig, HttpFlowError, expected::Expected};
use crate::{
    http::{Endpoint, HttpClient, Limits, Redirects},
    secret::Secret,
};

const ADAPTER: &str = "http flow";
const OPERATION: &str = "check a user flow";

/// How much of an answer is read: more than a page has that people wait for.
const BODY_BYTES: usize = 1024 * 1024;

/// A user flow that one HTTP request tries.
///
/// It passes where status, latency and body are what they should be, in one of the tries. A service that can't be
/// reached, breaks the connection off, does not come to an end within the time-out or answers with more than a mebibyte
/// has failed: users would find the same. Nothing is known only where the request itself can't be made.
///
/// [`HttpFlowConfig`] has an example.
pub struct HttpFlow {
    flow: FlowName,
    client: HttpClient,
    method: Method,
    headers: HeaderMap,
    body: Option<Secret>,
    expected: Expected,
    tries: u32,
    pause: Span,
}

/// What one try came to.
struct Tried {
    outcome: FlowOutcome,
    status: Option<i32>,
    latency: Option<Span>,
    found: String,
}

impl HttpFlow {
    /// A flow of that name that this request tries; reads the secrets that it needs.
    ///
    /// # Errors
    ///
    /// [`HttpFlowError`] with the field and what would be right.
    pub fn new(flow: FlowName, config: &HttpFlowConfig) -> Result<Self, HttpFlowError> {
        config.make_sense(&flow)?;
        let unusable = |problem| HttpFlowError::Url { flow: flow.clone(), problem };
        let endpoint = Endpoint::parse(&config.url).map_err(unusable)?;
        let (headers, mut secrets) = headers(&flow, config)?;
        let resolved = config.secret_body.as_ref().map(|source| {
            let field = "secret_body".to_owned();
            source.resolve().map_err(|problem| HttpFlowError::Secret { flow: flow.clone(), field, problem })
        });
        let secret_body = resolved.transpose()?;
        secrets.extend(secret_body.clone());
        let limits = Limits { timeout: config.timeout, body_bytes: BODY_BYTES };
        let redirects = match config.redirects {
            FlowRedirects::Stop => Redirects::Stop,
            FlowRedirects::SameOrigin => Redirects::WithinOrigin,
        };
        let client = HttpClient::with_redirects(ADAPTER, endpoint, limits, secrets, redirects)
            .map_err(|problem| HttpFlowError::Url { flow: flow.clone(), problem })?;
        Ok(Self {
            flow,
            client,
            method: match config.method {
                FlowMethod::Get => Method::GET,
                FlowMethod::Head => Method::HEAD,
                FlowMethod::Post => Method::POST,
            },
            headers,
            body: secret_body.or_else(|| config.body.clone().map(Secret::new)),
            expected: Expected::of(config),
            tries: config.tries,
            pause: config.pause,
        })
    }

    async fn try_once(&self) -> Result<Tried, PortError> {
        let mut request = self.client.at(self.method.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.expose().to_owned());
        }
        let begin = Instant::now();
        let answer = self.client.send(OPERATION, request).await;
        let latency = Span::from_millis(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX));
        match answer {
            Ok(reply) => {
                let status = reply.status.as_u16();
                let wrongs = self.expected.wrongs(status, latency, &reply.body);
                let outcome = if wrongs.is_empty() { FlowOutcome::Passed } else { FlowOutcome::Failed };
                let found = match outcome {
                    FlowOutcome::Passed => format!("status {status}"),
                    FlowOutcome::Failed | FlowOutcome::Unknown => self.client.redact(&wrongs.join(", ")),
                };
                Ok(Tried { outcome, status: Some(status.into()), latency: Some(latency), found })
            }
            // The request itself can't be made, which says nothing about the service.
            Err(error) if error.kind() == PortErrorKind::Rejected => Err(error),
            Err(error) => {
                let found = error.detail().to_owned();
                Ok(Tried { outcome: FlowOutcome::Failed, status: None, latency: None, found })
            }
        }
    }
}

/// The headers of the request, and those of their values that are secrets.
fn headers(flow: &FlowName, config: &HttpFlowConfig) -> Result<(HeaderMap, Vec<Secret>), HttpFlowError> {
    let field = |name: &str, problem: &str| HttpFlowError::Field {
        flow: flow.clone(),
        field: name.to_owned(),
        problem: problem.to_owned(),
    };
    let key = |name: &str| {
        let wrong = "this is no name of a header: letters, digits and hyphens";
        HeaderName::try_from(name).map_err(|_| field(name, wrong))
    };
    let value = |name: &str, value: &str| {
        let wrong = "its value can't be sent: only printable characters on one line can";
        HeaderValue::try_from(value).map_err(|_| field(name, wrong))
    };
    let mut headers = HeaderMap::new();
    let mut secrets = Vec::new();
    for (name, text) in &config.headers {
        headers.insert(key(name)?, value(name, text)?);
    }
    for (name, source) in &config.secret_headers {
        let secret = source.resolve().map_err(|problem| HttpFlowError::Secret {
            flow: flow.clone(),
            field: format!("secret_headers.{name}"),
            problem,
        })?;
        let mut sent = value(name, secret.expose())?;
        sent.set_sensitive(true);
        if headers.insert(key(name)?, sent).is_some() {
            return Err(field(name, "it is in `headers` too: leave one of them out"));
        }
        // The other side may repeat the token without the word in front of it.
        secrets.extend(secret.expose().split_whitespace().map(Secret::new));
        secrets.push(secret);
    }
    Ok((headers, secrets))
}

impl fmt::Debug for HttpFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFlow")
            .field("flow", &self.flow)
            .field("method", &self.method)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl UserFlows for HttpFlow {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    fn flows(&self) -> Vec<FlowName> {
        vec![self.flow.clone()]
    }

    async fn check(&self, _: &ServiceName) -> Result<FlowReport, PortError> {
        let mut tried = self.try_once().await?;
        for _ in 1..self.tries {
            if tried.outcome == FlowOutcome::Passed {
                break;
            }
            tokio::time::sleep(self.pause.to_std()).await;
            tried = self.try_once().await?;
        }
        let Tried { outcome, status, latency, mut found } = tried;
        if outcome == FlowOutcome::Failed && self.tries > 1 {
            found = format!("{found}, in the last of {} tries", self.tries);
        }
        let mut flow = CheckedFlow::new(self.flow.clone(), outcome, self.expected.to_string(), found);
        flow.status = status;
        flow.latency = latency;
        Ok(FlowReport::new([flow]))
    }
}
