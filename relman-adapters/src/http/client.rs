use std::{
    error::Error,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::SystemTime,
};

use relman_core::{
    port::{PortError, PortErrorKind, Retry},
    unit::Span,
};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};

use super::{Endpoint, EndpointError, endpoint::Transport};
use crate::secret::Secret;

/// A part of a URL or token shorter than this is a word and not a secret; taking it out would garble messages.
const SHORTEST_SECRET: usize = 9;

/// How much of a body is quoted in an error: enough for a sentence and its code.
const EXCERPT_CHARS: usize = 300;

/// A sign-in redirects once or twice; more than this is a loop.
#[cfg(feature = "probe")]
const MOST_REDIRECTS: usize = 5;

/// A host that takes no connection within this time will not take one a little later either; the rest of the time is
/// for the answer.
const CONNECT_TIMEOUT: Span = Span::from_secs(5);

/// What one client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long one request may take, from the first byte sent to the last byte read.
    pub(crate) timeout: Span,
    /// How many bytes of an answer are read.
    pub(crate) body_bytes: usize,
}

/// What an answer that points elsewhere means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// It is the answer.
    Stop,
    /// It is followed where it stays on the same scheme, host and port, a few times; it is the answer otherwise.
    #[cfg(feature = "probe")]
    WithinOrigin,
}

impl Redirects {
    fn policy(self) -> redirect::Policy {
        match self {
            Self::Stop => redirect::Policy::none(),
            #[cfg(feature = "probe")]
            Self::WithinOrigin => redirect::Policy::custom(|attempt| {
                let within = attempt.previous().iter().all(|url| url.origin() == attempt.url().origin());
                if within && attempt.previous().len() <= MOST_REDIRECTS {
                    attempt.follow()
                } else {
                    attempt.stop()
                }
            }),
        }
    }
}

/// A client for one endpoint: follows no redirect unless asked to, waits and reads within limits, and keeps secrets out
/// of errors.
pub(crate) struct HttpClient {
    client: Client,
    endpoint: Endpoint,
    adapter: &'static str,
    limits: Limits,
    redactions: Vec<Secret>,
}

/// An answer with any status.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    #[cfg_attr(
        not(any(feature = "github", feature = "gitlab", feature = "jira")),
        expect(dead_code, reason = "only trackers look at other headers")
    )]
    pub(crate) headers: HeaderMap,
    pub(crate) retry_after: Option<Span>,
}

impl HttpClient {
    /// A client whose errors speak for `adapter` and never hold one of the `secrets`, whole or in part.
    pub(crate) fn new(
        adapter: &'static str,
        endpoint: Endpoint,
        limits: Limits,
        secrets: Vec<Secret>,
    ) -> Result<Self, EndpointError> {
        Self::with_redirects(adapter, endpoint, limits, secrets, Redirects::Stop)
    }

    /// The same for a client that may follow redirects.
    pub(crate) fn with_redirects(
        adapter: &'static str,
        endpoint: Endpoint,
        limits: Limits,
        secrets: Vec<Secret>,
        redirects: Redirects,
    ) -> Result<Self, EndpointError> {
        let localhost = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
        let builder = Client::builder()
            .tls_backend_preconfigured(tls(endpoint.transport())?)
            .redirect(redirects.policy())
            .connect_timeout(limits.timeout.min(CONNECT_TIMEOUT).to_std())
            .timeout(limits.timeout.to_std())
            .resolve_to_addrs("localhost", &localhost)
            .user_agent(concat!("relman/", env!("CARGO_PKG_VERSION")));
        let builder = match endpoint.transport() {
            Transport::Tls => builder.https_only(true),
            // A proxy would carry the request off this machine in the clear.
            Transport::Loopback => builder.no_proxy(),
        };
        let client = builder
            .build()
            .map_err(|error| EndpointError::Tls { problem: root_cause(&error.without_url()) })?;
        Ok(Self { client, endpoint, adapter, limits, redactions: secrets })
    }

    /// A request to post to the endpoint.
    #[cfg(any(test, feature = "prometheus", feature = "slack", feature = "webhook"))]
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client.post(self.endpoint.url().clone())
    }

    /// A request to the endpoint as it stands.
    #[cfg(feature = "probe")]
    pub(crate) fn at(&self, method: reqwest::Method) -> RequestBuilder {
        self.client.request(method, self.endpoint.url().clone())
    }

    /// A request to the endpoint with further path segments behind its own; each is encoded as one segment.
    #[cfg(any(feature = "alertmanager", feature = "github", feature = "gitlab", feature = "jira"))]
    pub(crate) fn request(&self, method: reqwest::Method, segments: &[&str]) -> RequestBuilder {
        self.client.request(method, self.url(segments))
    }

    /// The endpoint's URL with further path segments behind its own.
    #[cfg(any(feature = "alertmanager", feature = "github", feature = "gitlab", feature = "jira"))]
    pub(crate) fn url(&self, segments: &[&str]) -> url::Url {
        self.endpoint.clone().with_segments(segments).url().clone()
    }

    /// Sends a request and reads the answer, whatever its status.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Reply, PortError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| self.failure(operation, error, self.limits.timeout))?;
        // A request may have been given another time than the others: an upload takes longer.
        let timeout = request.timeout().map_or(self.limits.timeout, |own| {
            Span::from_millis(u64::try_from(own.as_millis()).unwrap_or(u64::MAX))
        });
        let failed = |error| self.failure(operation, error, timeout);
        let mut response = client.execute(request).await.map_err(failed)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let retry_after = retry_after(&headers);
        let (body, extent) = self.read(&mut response).await.map_err(failed)?;
        match extent {
            // The status says more than an error page that is too long.
            Extent::TooLong if status.is_success() => {
                let detail = format!("the answer is longer than {} bytes", self.limits.body_bytes);
                Err(PortError::new(self.adapter, operation, PortErrorKind::InvalidAnswer, detail))
            }
            Extent::Whole | Extent::TooLong => Ok(Reply { status, body, headers, retry_after }),
        }
    }

    /// The body of a successful answer; what another answer means otherwise.
    pub(crate) fn accept(&self, operation: &'static str, reply: Reply) -> Result<Vec<u8>, PortError> {
        if reply.status.is_success() {
            return Ok(reply.body);
        }
        let (kind, note) = match reply.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (PortErrorKind::Unauthorized, ""),
            StatusCode::TOO_MANY_REQUESTS => (PortErrorKind::Throttled, ""),
            // Whether it was done is as unknown as after a time-out of our own.
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => (PortErrorKind::TimedOut, ""),
            status if status.is_server_error() => (PortErrorKind::Unavailable, ""),
            status if status.is_redirection() => {
                (PortErrorKind::Rejected, " (redirects are not followed: configure the final URL)")
            }
            _ => (PortErrorKind::Rejected, ""),
        };
        let detail = format!("HTTP {}{note}: {}", reply.status, self.excerpt(&reply.body));
        let error = PortError::new(self.adapter, operation, kind, detail);
        let told_to_wait =
            matches!(reply.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Err(match reply.retry_after.filter(|_| told_to_wait) {
            Some(wait) => error.with_retry(Retry::After(wait)),
            None => error,
        })
    }

    /// The beginning of a body, in one line and without secrets.
    pub(crate) fn excerpt(&self, body: &[u8]) -> String {
        let text = self.redact(&String::from_utf8_lossy(body));
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(EXCERPT_CHARS) {
            _ if line.is_empty() => "(an empty body)".to_owned(),
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// The text without the secrets, in case the other side repeats what it was sent.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.redactions {
            // A server may repeat a URL whole, or the path, or the last segment alone.
            let parts = [secret.expose()].into_iter().chain(secret.expose().split(['/', '?', '&', '=']));
            for part in parts.filter(|part| part.len() >= SHORTEST_SECRET) {
                text = text.replace(part, "[secret]");
            }
        }
        text
    }

    async fn read(&self, response: &mut Response) -> Result<(Vec<u8>, Extent), reqwest::Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = self.limits.body_bytes - body.len();
            if chunk.len() > room {
                body.extend_from_slice(&chunk[..room]);
                return Ok((body, Extent::TooLong));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, Extent::Whole))
    }

    fn failure(&self, operation: &'static str, error: reqwest::Error, timeout: Span) -> PortError {
        // The cause goes into the detail and not along as a source: that one could show the URL again.
        let error = error.without_url();
        let (kind, detail) = if error.is_connect() {
            (PortErrorKind::Unavailable, format!("it can't be reached: {}", root_cause(&error)))
        } else if error.is_timeout() {
            (PortErrorKind::TimedOut, format!("nothing within {timeout}"))
        } else if error.is_builder() {
            (PortErrorKind::Rejected, format!("the request can't be built: {}", root_cause(&error)))
        } else {
            (PortErrorKind::Unavailable, format!("the connection broke: {}", root_cause(&error)))
        };
        PortError::new(self.adapter, operation, kind, self.redact(&detail))
    }
}

/// How much of a body was read.
enum Extent {
    Whole,
    TooLong,
}

/// The innermost error, which is the one that says what happened ("connection refused").
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// TLS by ring and the platform's certificates, without touching the process-wide provider, which belongs to the
/// program that embeds this library.
fn tls(transport: Transport) -> Result<ClientConfig, EndpointError> {
    let failed = |error: rustls::Error| EndpointError::Tls { problem: error.to_string() };
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match transport {
        Transport::Tls => {
            let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(failed)?;
            // rustls calls every verifier of one's own dangerous; this one is the platform's.
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        // Nothing is trusted, because nothing is encrypted: such a client can't speak TLS to anybody.
        Transport::Loopback => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

/// How long the server wants to be left alone, from `Retry-After` as RFC 9110 §10.2.3 has it: seconds or a date.
///
/// A date is compared with the server's own `Date` where it sends one, so that the two clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Span> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Span::from_secs(u64::from(seconds)));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let until = date(text)?;
    let now =
        headers.get(DATE).and_then(|now| now.to_str().ok()).and_then(date).unwrap_or_else(SystemTime::now);
    // A moment in the past means now.
    let wait = until.duration_since(now).unwrap_or_default();
    Some(Span::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::*;

    const LIMITS: Limits = Limits { timeout: Span::from_secs(5), body_bytes: 64 };

    fn client(url: &str, limits: Limits) -> HttpClient {
        let endpoint = Endpoint::parse(url).unwrap();
        HttpClient::new("test", endpoint, limits, vec![Secret::new(url)]).unwrap()
    }

    async fn post(client: &HttpClient) -> Result<Vec<u8>, PortError> {
        let reply = client.send("ask", client.post()).await?;
        client.accept("ask", reply)
    }

    async fn answer(response: ResponseTemplate, limits: Limits) -> Result<Vec<u8>, PortError> {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(response).mount(&server).await;
        post(&client(&format!("{}/hooks/hunter2-hunter2", server.uri()), limits)).await
    }

    #[tokio::test]
    async fn each_status_has_its_meaning() {
        for (status, kind, retry) in [
            (400, PortErrorKind::Rejected, Retry::Never),
            (401, PortErrorKind::Unauthorized, Retry::Never),
            (403, PortErrorKind::Unauthorized, Retry::Never),
            (404, PortErrorKind::Rejected, Retry::Never),
            (408, PortErrorKind::TimedOut, Retry::Yes),
            (429, PortErrorKind::Throttled, Retry::Yes),
            (500, PortErrorKind::Unavailable, Retry::Yes),
            (503, PortErrorKind::Unavailable, Retry::Yes),
            (504, PortErrorKind::TimedOut, Retry::Yes),
        ] {
            let error = answer(ResponseTemplate::new(status), LIMITS).await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
            assert!(error.to_string().contains(&format!("HTTP {status}")), "{error}");
        }
        assert_eq!(answer(ResponseTemplate::new(200).set_body_string("ok"), LIMITS).await.unwrap(), b"ok");
    }

    #[tokio::test]
    async fn retry_after_counts_where_the_server_asks_to_wait() {
        for (status, retry) in [
            (429, Retry::After(Span::from_secs(7))),
            (503, Retry::After(Span::from_secs(7))),
            (500, Retry::Yes),
            (400, Retry::Never),
        ] {
            let response = ResponseTemplate::new(status).insert_header("retry-after", "7");
            assert_eq!(answer(response, LIMITS).await.unwrap_err().retry(), retry, "{status}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = MockServer::start().await;
        let response = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
        let error = answer(response, LIMITS).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Rejected);
        assert!(error.to_string().contains("redirects are not followed"), "{error}");
        assert!(elsewhere.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_refused() {
        let long = ResponseTemplate::new(200).set_body_string("x".repeat(65));
        let error = answer(long, LIMITS).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::InvalidAnswer);
        assert!(error.to_string().contains("longer than 64 bytes"), "{error}");
        let fitting = ResponseTemplate::new(200).set_body_string("x".repeat(64));
        assert_eq!(answer(fitting, LIMITS).await.unwrap().len(), 64);
        let failing = ResponseTemplate::new(500).set_body_string("x".repeat(65));
        assert_eq!(answer(failing, LIMITS).await.unwrap_err().kind(), PortErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn a_slow_answer_is_a_time_out() {
        let slow = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(30));
        let limits = Limits { timeout: Span::from_millis(50), ..LIMITS };
        let error = answer(slow, limits).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (PortErrorKind::TimedOut, Retry::Yes));
        assert!(error.to_string().contains("nothing within 50ms"), "{error}");
    }

    #[tokio::test]
    async fn a_time_out_names_the_time_that_the_request_was_given() {
        let server = MockServer::start().await;
        let slow = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(30));
        Mock::given(any()).respond_with(slow).mount(&server).await;
        let client = client(&server.uri(), LIMITS);
        let request = client.post().timeout(Span::from_millis(70).to_std());
        let error = client.send("upload", request).await.err().unwrap();
        assert!(error.to_string().contains("nothing within 70ms"), "{error}");
    }

    #[tokio::test]
    async fn a_closed_port_is_unavailable_and_the_url_stays_secret() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = post(&client(&format!("http://{free}/hunter2-hunter2"), LIMITS)).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Unavailable);
        assert!(error.to_string().contains("onnection refused"), "{error}");
        assert!(!format!("{error:?}{error}").contains("hunter2"), "{error:?}");
    }

    #[tokio::test]
    async fn https_is_spoken_by_ring_and_not_to_a_plain_server() {
        let server = MockServer::start().await;
        let url = server.uri().replace("http://", "https://");
        let error = post(&client(&url, LIMITS)).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
        assert!(CryptoProvider::get_default().is_none(), "the process-wide provider is left alone");
    }

    #[tokio::test]
    async fn what_the_server_repeats_of_a_secret_is_taken_out() {
        for body in
            ["no such hook: /hooks/hunter2-hunter2", "hunter2-hunter2?", "{\"id\":\"hunter2-hunter2\"}"]
        {
            let error = answer(ResponseTemplate::new(404).set_body_string(body), LIMITS).await.unwrap_err();
            assert!(error.to_string().contains("[secret]"), "{error}");
            assert!(!format!("{error:?}{error}").contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn only_the_beginning_of_a_body_is_quoted() {
        let client = client("http://127.0.0.1:1/", LIMITS);
        assert_eq!(client.excerpt("ä\n".repeat(400).as_bytes()).chars().count(), EXCERPT_CHARS + 1);
        assert_eq!(client.excerpt(b"\xff one\n two "), "\u{fffd} one two");
        assert_eq!(client.excerpt(b" "), "(an empty body)");
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let date = "Sun, 22 Nov 2026 18:00:00 GMT";
        for (value, expected) in [
            ("0", Some(Span::ZERO)),
            ("120", Some(Span::from_minutes(2))),
            ("Sun, 22 Nov 2026 18:00:30 GMT", Some(Span::from_secs(30))),
            ("Sun, 22 Nov 2026 17:00:00 GMT", Some(Span::ZERO)),
            ("-5", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers =
                [(RETRY_AFTER, HeaderValue::from_static(value)), (DATE, HeaderValue::from_static(date))];
            assert_eq!(retry_after(&headers.into_iter().collect()), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn without_a_date_of_the_server_the_clock_of_this_machine_counts() {
        let later = SystemTime::now() + std::time::Duration::from_hours(1);
        let value = HeaderValue::from_str(&httpdate::fmt_http_date(later)).unwrap();
        let wait = retry_after(&[(RETRY_AFTER, value)].into_iter().collect()).unwrap();
        assert!(wait > Span::from_minutes(59) && wait <= Span::from_hours(1), "{wait}");
    }
}
