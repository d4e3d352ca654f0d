use std::fmt::{self, Write};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use relman_core::{
    port::{Notification, Notifier, PortError, PortErrorKind},
    unit::{Channel, Span},
};
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use sha2::Sha256;

use super::{NotifierError, RetryPolicy};
use crate::{
    http::{Endpoint, HttpClient, Limits, span_from_text},
    secret::{Secret, SecretSource},
};

const NAME: &str = "webhook";
const OPERATION: &str = "notify";

/// Nobody reads the answer but for its first sentence in an error.
const BODY_BYTES: usize = 64 * 1024;

/// RFC 2104 asks for a key as long as the hash; half of it is still beyond guessing.
const SHORTEST_KEY: usize = 16;

/// Posts notifications as JSON to a URL.
///
/// - The body is the [`Notification`] with all of its fields; `drill` is true in a drill.
/// - The header `Idempotency-Key` is the notification's key: the same for every repetition.
/// - With a signing key, the header `Relman-Signature` is `sha256=` and the HMAC-SHA256 of the body in lower-case
///   hex, so that the receiver can tell who sent it: it computes the same over the bytes that it got and compares in
///   constant time.
/// - Any 2xx with an answer of at most 64 KiB is a delivery. What may pass is tried again, as the [`RetryPolicy`] says.
pub struct Webhook {
    client: HttpClient,
    bearer: Option<Secret>,
    signing_key: Option<Secret>,
    retries: RetryPolicy,
}

/// A webhook as a file describes it.
///
/// ```toml
/// url = { env = "RELEASES_WEBHOOK" }
/// bearer = { file = "/run/secrets/webhook-token" }
/// timeout = "5s"
/// retries = { attempts = 3, total = "1m" }
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to post to: https, or http to a loopback host.
    pub url: SecretSource,
    /// A token to send along.
    #[serde(default)]
    pub bearer: Option<SecretSource>,
    /// A key to sign with.
    #[serde(default)]
    pub signing_key: Option<SecretSource>,
    /// How long one try may take: `10s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// When to try again.
    #[serde(default)]
    pub retries: RetryPolicy,
}

/// Long for a server that only takes a message, and short beside the time of a rollout step.
const fn default_timeout() -> Span {
    Span::from_secs(10)
}

/// Puts a [`Webhook`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct WebhookBuilder {
    url: Secret,
    bearer: Option<Secret>,
    signing_key: Option<Secret>,
    timeout: Span,
    retries: RetryPolicy,
}

impl WebhookBuilder {
    /// Sends this token along.
    pub fn bearer(mut self, token: Secret) -> Self {
        self.bearer = Some(token);
        self
    }

    /// Signs each body with this key of at least 16 bytes.
    pub fn signing_key(mut self, key: Secret) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Gives up on one try after this time, 10 seconds by default.
    pub fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tries again as this policy says.
    pub fn retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = retries;
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// [`NotifierError`] where the URL must not be connected to or the signing key is too short.
    pub fn build(self) -> Result<Webhook, NotifierError> {
        if let Some(bytes) = self.signing_key.as_ref().map(|key| key.expose().len())
            && bytes < SHORTEST_KEY
        {
            return Err(NotifierError::ShortKey { adapter: NAME, bytes, least: SHORTEST_KEY });
        }
        let failed = |problem| NotifierError::Url { adapter: NAME, problem };
        let endpoint = Endpoint::parse(self.url.expose()).map_err(failed)?;
        let limits = Limits { timeout: self.timeout, body_bytes: BODY_BYTES };
        let secrets =
            [Some(self.url), self.bearer.clone(), self.signing_key.clone()].into_iter().flatten().collect();
        let client = HttpClient::new(NAME, endpoint, limits, secrets).map_err(failed)?;
        Ok(Webhook { client, bearer: self.bearer, signing_key: self.signing_key, retries: self.retries })
    }
}

impl Webhook {
    /// Starts with a URL: https, or http to a loopback host. It is kept as a secret.
    pub fn builder(url: Secret) -> WebhookBuilder {
        WebhookBuilder {
            url,
            bearer: None,
            signing_key: None,
            timeout: default_timeout(),
            retries: RetryPolicy::default(),
        }
    }

    /// Sets up the webhook that a file describes, and reads its secrets.
    ///
    /// # Errors
    ///
    /// [`NotifierError`] where a secret can't be read, the URL must not be connected to, or the signing key is too
    /// short.
    pub fn from_config(config: &WebhookConfig) -> Result<Self, NotifierError> {
        let read = |field, source: &SecretSource| {
            source.resolve().map_err(|problem| NotifierError::Secret { adapter: NAME, field, problem })
        };
        WebhookBuilder {
            url: read("url", &config.url)?,
            bearer: config.bearer.as_ref().map(|source| read("bearer", source)).transpose()?,
            signing_key: config.signing_key.as_ref().map(|source| read("signing_key", source)).transpose()?,
            timeout: config.timeout,
            retries: config.retries,
        }
        .build()
    }

    async fn post(&self, body: &[u8], key: &str) -> Result<(), PortError> {
        let mut request = self
            .client
            .post()
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(body.to_owned());
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token.expose());
        }
        if let Some(signing_key) = &self.signing_key {
            request = request.header("relman-signature", signature(signing_key, body));
        }
        let reply = self.client.send(OPERATION, request).await?;
        self.client.accept(OPERATION, reply).map(drop)
    }
}

/// `sha256=` and the HMAC-SHA256 (RFC 2104) of the body in hex.
fn signature(key: &Secret, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
    }
    text
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Every channel: all of them lead to the one URL.
    fn serves(&self, _: &Channel) -> bool {
        true
    }

    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        // Once for all tries, so that every repetition is the same to the byte.
        let body = serde_json::to_vec(notification)
            .map_err(|error| PortError::new(NAME, OPERATION, PortErrorKind::Rejected, error.to_string()))?;
        self.retries.run(&notification.key, || self.post(&body, &notification.key)).await
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &"[secret]")
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use relman_core::port::Retry;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{any, header, method, path},
    };

    use super::*;
    use crate::notifier::router::notification;

    const QUICK: RetryPolicy = RetryPolicy {
        attempts: 3,
        first_delay: Span::from_millis(1),
        longest_delay: Span::from_millis(2),
        total: Span::from_secs(10),
    };

    fn webhook(server: &MockServer) -> WebhookBuilder {
        Webhook::builder(Secret::new(format!("{}/hook/hunter2-hunter2", server.uri()))).retries(QUICK)
    }

    #[tokio::test]
    async fn the_notification_is_posted_whole_with_its_key() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/hook/hunter2-hunter2"))
            .and(header("content-type", "application/json"))
            .and(header("idempotency-key", "9f86d081884c7d65-1"))
            .and(header("authorization", "Bearer token-token"))
            .respond_with(ResponseTemplate::new(202))
            .mount(&server)
            .await;
        let webhook = webhook(&server).bearer(Secret::new("token-token")).build().unwrap();
        webhook.notify(&notification()).await.unwrap();
        let body = &server.received_requests().await.unwrap()[0].body;
        assert_eq!(serde_json::from_slice::<Notification>(body).unwrap(), notification());
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(json["drill"], true);
        assert_eq!(json["title"], "[drill] checkout 2.41.0 is being rolled back");
        assert_eq!((&json["moment"], &json["urgency"]), (&"rollback-started".into(), &"page".into()));
    }

    #[tokio::test]
    async fn a_signing_key_signs_the_bytes_that_are_sent() {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        let key = Secret::new("0123456789abcdef");
        webhook(&server).signing_key(key.clone()).build().unwrap().notify(&notification()).await.unwrap();
        let request = &server.received_requests().await.unwrap()[0];
        assert_eq!(request.headers["relman-signature"], signature(&key, &request.body).as_str());
        // Test case 2 of RFC 4231, whose key is too short for us and right for this.
        assert_eq!(
            signature(&Secret::new("Jefe"), b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_with_the_same_bytes() {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(503).insert_header("retry-after", "0"))
            .up_to_n_times(2)
            .mount(&server)
            .await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        webhook(&server).build().unwrap().notify(&notification()).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|request| request.body == requests[0].body));
        assert!(requests.iter().all(|request| request.headers["idempotency-key"] == "9f86d081884c7d65-1"));
    }

    async fn refused(response: ResponseTemplate) -> (PortError, usize) {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(response).mount(&server).await;
        let webhook = webhook(&server).timeout(Span::from_millis(200)).build().unwrap();
        let error = webhook.notify(&notification()).await.unwrap_err();
        assert!(!format!("{error} {error:?} {webhook:?}").contains("hunter2"), "{error:?}");
        (error, server.received_requests().await.unwrap().len())
    }

    #[tokio::test]
    async fn each_failure_is_tried_as_often_as_it_deserves() {
        for (response, kind, tries) in [
            (ResponseTemplate::new(400).set_body_string("no hunter2-hunter2"), PortErrorKind::Rejected, 1),
            (ResponseTemplate::new(401), PortErrorKind::Unauthorized, 1),
            (ResponseTemplate::new(301).insert_header("location", "/b"), PortErrorKind::Rejected, 1),
            (ResponseTemplate::new(200).set_body_string("x".repeat(65_537)), PortErrorKind::InvalidAnswer, 1),
            (ResponseTemplate::new(500), PortErrorKind::Unavailable, 3),
            (ResponseTemplate::new(429), PortErrorKind::Throttled, 3),
            (
                ResponseTemplate::new(200).set_delay(std::time::Duration::from_mins(1)),
                PortErrorKind::TimedOut,
                3,
            ),
        ] {
            let (error, tried) = refused(response).await;
            assert_eq!((error.kind(), tried), (kind, tries), "{error}");
        }
    }

    #[tokio::test]
    async fn a_long_wait_is_handed_back_to_the_caller() {
        let (error, tried) = refused(ResponseTemplate::new(429).insert_header("retry-after", "3600")).await;
        assert_eq!((error.retry(), tried), (Retry::After(Span::from_hours(1)), 1));
    }

    #[test]
    fn what_can_not_work_is_refused_before_it_is_needed() {
        let error =
            Webhook::builder(Secret::new("http://example.org/hunter2")).build().unwrap_err().to_string();
        assert!(error.starts_with("failed to set up webhook: `url`: it is plain http"), "{error}");
        assert!(!error.contains("hunter2"));
        let short = Webhook::builder(Secret::new("https://example.org")).signing_key(Secret::new("hunter2"));
        let error = short.build().unwrap_err().to_string();
        assert_eq!(error, "failed to set up webhook: the signing key has 7 bytes, at least 16 are needed");
    }

    #[test]
    fn a_file_describes_all_of_it() {
        let mut url = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut url, b"https://example.org/hunter2-hunter2\n").unwrap();
        let text = format!(
            "url = {{ file = {:?} }}\nbearer = {{ env = \"CARGO_PKG_NAME\" }}\ntimeout = \"3s\"\n\
             retries = {{ attempts = 2, total = \"30s\" }}\n",
            url.path()
        );
        let config: WebhookConfig = toml::from_str(&text).unwrap();
        assert_eq!((config.timeout, config.retries.attempts), (Span::from_secs(3), 2));
        assert_eq!(config.retries.longest_delay, RetryPolicy::default().longest_delay);
        Webhook::from_config(&config).unwrap();
        let inline: WebhookConfig = toml::from_str("url = \"https://example.org/hunter2\"").unwrap();
        let error = Webhook::from_config(&inline).unwrap_err().to_string();
        assert!(error.contains("`url`: failed to read a secret: it is written into"), "{error}");
        assert!(!error.contains("hunter2"));
    }
}
