use std::fmt;

use async_trait::async_trait;
use relman_core::{
    port::{Notification, Notifier, PortError, PortErrorKind, Urgency},
    unit::{Channel, Span},
};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{NotifierError, RetryPolicy};
use crate::{
    http::{Endpoint, HttpClient, Limits, span_from_text},
    secret::{Secret, SecretSource},
};

const NAME: &str = "slack";
const OPERATION: &str = "notify";

/// Slack answers with a word.
const BODY_BYTES: usize = 64 * 1024;

/// Slack asks for texts of at most 4,000 characters and cuts them at 40,000; a message is meant to be read.
const TEXT_CHARS: usize = 4_000;

/// Posts notifications to the channel of an incoming webhook of Slack.
///
/// Title and body are text, whatever is in them: nothing in them links, mentions or notifies. A body beyond 4,000
/// characters is cut. Slack can't tell repetitions by their key, so a message whose answer was lost may be seen twice.
pub struct Slack {
    client: HttpClient,
    mention: Mention,
    retries: RetryPolicy,
}

/// Whom an urgent notification mentions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mention {
    /// Nobody.
    #[default]
    Nobody,
    /// Who is active in the channel now.
    Here,
    /// Everybody in the channel.
    Channel,
}

/// An incoming webhook of Slack as a file describes it.
///
/// ```toml
/// url = { env = "SLACK_WEBHOOK" }
/// mention = "here"
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The URL of the incoming webhook.
    pub url: SecretSource,
    /// Whom a page mentions.
    #[serde(default)]
    pub mention: Mention,
    /// How long one try may take: `10s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
    /// When to try again.
    #[serde(default)]
    pub retries: RetryPolicy,
}

/// Slack answers within a second; ten leave room for a bad day.
const fn default_timeout() -> Span {
    Span::from_secs(10)
}

/// Puts a [`Slack`] together.
#[derive(Debug, Clone)]
#[must_use]
pub struct SlackBuilder {
    url: Secret,
    mention: Mention,
    timeout: Span,
    retries: RetryPolicy,
}

impl SlackBuilder {
    /// Says whom an urgent notification mentions.
    pub fn mention(mut self, mention: Mention) -> Self {
        self.mention = mention;
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
    /// [`NotifierError`] where the URL must not be connected to.
    pub fn build(self) -> Result<Slack, NotifierError> {
        let failed = |problem| NotifierError::Url { adapter: NAME, problem };
        let endpoint = Endpoint::parse(self.url.expose()).map_err(failed)?;
        let limits = Limits { timeout: self.timeout, body_bytes: BODY_BYTES };
        let client = HttpClient::new(NAME, endpoint, limits, vec![self.url]).map_err(failed)?;
        Ok(Slack { client, mention: self.mention, retries: self.retries })
    }
}

impl Slack {
    /// Starts with the URL of an incoming webhook. It is kept as a secret.
    pub fn builder(url: Secret) -> SlackBuilder {
        SlackBuilder {
            url,
            mention: Mention::default(),
            timeout: default_timeout(),
            retries: RetryPolicy::default(),
        }
    }

    /// Sets up the webhook that a file describes, and reads its URL.
    ///
    /// # Errors
    ///
    /// [`NotifierError`] where the URL can't be read or must not be connected to.
    pub fn from_config(config: &SlackConfig) -> Result<Self, NotifierError> {
        let url = config.url.resolve().map_err(|problem| NotifierError::Secret {
            adapter: NAME,
            field: "url",
            problem,
        })?;
        SlackBuilder { url, mention: config.mention, timeout: config.timeout, retries: config.retries }
            .build()
    }

    fn text(&self, notification: &Notification) -> String {
        let mention = match (notification.urgency, self.mention) {
            (Urgency::Inform, _) | (Urgency::Page, Mention::Nobody) => "",
            (Urgency::Page, Mention::Here) => "<!here> ",
            (Urgency::Page, Mention::Channel) => "<!channel> ",
        };
        // Cut first: an escaped character must not be cut in two.
        let title = escape(&cut(&notification.title));
        let body = escape(&cut(&notification.body));
        format!("{mention}{title}\n{body}")
    }

    async fn post(&self, text: &str) -> Result<(), PortError> {
        // Without `mrkdwn`, a star or an underscore in a metric's name would format what is behind it.
        let message = json!({ "text": text, "mrkdwn": false });
        let reply = self.client.send(OPERATION, self.client.post().json(&message)).await?;
        let hint = hint(&String::from_utf8_lossy(&reply.body));
        // A server that is overloaded or broken is handled like any other, whatever it says.
        let refused = reply.status.is_client_error() && reply.status != StatusCode::TOO_MANY_REQUESTS;
        if let Some(hint) = hint.filter(|_| refused) {
            let kind = match reply.status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PortErrorKind::Unauthorized,
                _ => PortErrorKind::Rejected,
            };
            let detail = format!("HTTP {}: {}: {hint}", reply.status, self.client.excerpt(&reply.body));
            return Err(PortError::new(NAME, OPERATION, kind, detail));
        }
        let body = self.client.accept(OPERATION, reply)?;
        if body.trim_ascii() == b"ok" {
            return Ok(());
        }
        let detail =
            format!("Slack answers `ok` to what it takes, and this is {}", self.client.excerpt(&body));
        Err(PortError::new(NAME, OPERATION, PortErrorKind::InvalidAnswer, detail))
    }
}

/// What one of Slack's error words asks of the reader.
fn hint(body: &str) -> Option<&'static str> {
    Some(match body.trim() {
        "no_service" | "no_service_id" | "invalid_token" | "no_active_hooks" => {
            "the webhook is gone or disabled: create a new one and configure its URL"
        }
        "no_team" | "team_disabled" => "the workspace is gone or disabled",
        "channel_not_found" | "channel_is_archived" => {
            "the webhook's channel is gone or archived: create a webhook for another one"
        }
        "action_prohibited" | "posting_to_general_channel_denied" => {
            "an administrator of the workspace does not allow it"
        }
        "user_not_found" => "the person whom the webhook writes to is gone",
        "invalid_payload" | "no_text" | "too_many_attachments" => "Slack does not understand the message",
        _ => return None,
    })
}

/// The beginning of a text, with a sign where something is missing.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The three characters by which Slack knows links and mentions, written so that they are only characters.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[async_trait]
impl Notifier for Slack {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Every channel: all of them lead to the one webhook.
    fn serves(&self, _: &Channel) -> bool {
        true
    }

    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        let text = self.text(notification);
        self.retries.run(&notification.key, || self.post(&text)).await
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack")
            .field("url", &"[secret]")
            .field("mention", &self.mention)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{any, header, method, path},
    };

    use super::*;
    use crate::notifier::router::notification;

    const PATH: &str = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";

    fn slack(server: &MockServer) -> Slack {
        let retries = RetryPolicy {
            attempts: 2,
            first_delay: Span::from_millis(1),
            longest_delay: Span::from_millis(2),
            total: Span::from_secs(10),
        };
        let url = Secret::new(format!("{}{PATH}", server.uri()));
        Slack::builder(url).retries(retries).mention(Mention::Channel).build().unwrap()
    }

    async fn answered(response: ResponseTemplate) -> (Result<(), PortError>, Vec<wiremock::Request>) {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path(PATH))
            .and(header("content-type", "application/json"))
            .respond_with(response)
            .mount(&server)
            .await;
        let slack = slack(&server);
        let result = slack.notify(&notification()).await;
        let shown = format!("{result:?}{slack:?}");
        assert!(!shown.contains("XXXX") && !shown.contains("B00000000"), "{shown}");
        (result, server.received_requests().await.unwrap())
    }

    #[tokio::test]
    async fn a_notification_is_one_text_in_which_nothing_is_markup() {
        let (result, requests) = answered(ResponseTemplate::new(200).set_body_string("ok")).await;
        result.unwrap();
        assert_eq!(
            requests[0].body_json::<serde_json::Value>().unwrap(),
            json!({
                "mrkdwn": false,
                "text": "<!channel> [drill] checkout 2.41.0 is being rolled back\n\
                         error_rate &gt; 1% on the canary: 5% (50 of 1000) &amp; rising",
            })
        );
    }

    #[tokio::test]
    async fn only_a_page_mentions_somebody_and_a_text_mentions_nobody() {
        let server = MockServer::start().await;
        let slack = slack(&server);
        let inform = notification().with_urgency(Urgency::Inform).with_title("<!here> a");
        assert!(slack.text(&inform).starts_with("&lt;!here&gt; a\n"));
        let long = notification().with_body("<".repeat(5_000));
        assert!(slack.text(&long).ends_with("&lt;…"));
        assert_eq!(slack.text(&long).matches("&lt;").count(), 4_000);
    }

    #[tokio::test]
    async fn the_words_of_slack_are_explained() {
        for (status, word, kind, message) in [
            (404, "no_service", PortErrorKind::Rejected, "create a new one"),
            (400, "invalid_payload", PortErrorKind::Rejected, "does not understand"),
            (403, "action_prohibited", PortErrorKind::Unauthorized, "does not allow"),
            (403, "invalid_token", PortErrorKind::Unauthorized, "create a new one"),
            (410, "channel_is_archived", PortErrorKind::Rejected, "archived"),
            (418, "teapot", PortErrorKind::Rejected, "HTTP 418 I'm a teapot: teapot"),
            (200, "<html>", PortErrorKind::InvalidAnswer, "Slack answers `ok`"),
        ] {
            let (result, requests) = answered(ResponseTemplate::new(status).set_body_string(word)).await;
            let error = result.unwrap_err();
            assert_eq!((error.kind(), requests.len()), (kind, 1), "{error}");
            assert!(error.to_string().contains(message) && error.to_string().contains(word), "{error}");
        }
    }

    #[tokio::test]
    async fn a_bad_moment_of_slack_is_survived() {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(500).set_body_string("rollup_error"))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
            .mount(&server)
            .await;
        slack(&server).notify(&notification()).await.unwrap();
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }

    #[test]
    fn a_file_describes_all_of_it() {
        let config: SlackConfig =
            toml::from_str("url = { env = \"CARGO_MANIFEST_DIR\" }\nmention = \"here\"\n").unwrap();
        assert_eq!((config.mention, config.timeout), (Mention::Here, Span::from_secs(10)));
        let error = Slack::from_config(&config).unwrap_err().to_string();
        assert!(error.starts_with("failed to set up slack: `url`: it is not a URL"), "{error}");
        assert!(toml::from_str::<SlackConfig>("url = { env = \"X\" }\nmentions = \"here\"\n").is_err());
    }
}
