//! As much of an HTTP client as the example needs: plain requests on loopback, with a time limit.

use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use thiserror::Error;

/// How long an answer may take: far more than anything on loopback needs.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The longest answer that is read: a page of metrics has some ten kilobytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// A client that keeps connections open for the next request.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Empty<&'static [u8]>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text, with replacement characters for what is none.
    pub body: String,
}

/// Why there was no answer.
#[derive(Debug, Error)]
#[error("{method} {url}: {problem}")]
pub struct HttpError {
    method: Method,
    url: String,
    problem: String,
}

impl Default for Client {
    fn default() -> Self {
        Self { pool: Pool::builder(TokioExecutor::new()).build_http() }
    }
}

impl Client {
    /// Gets what is there.
    ///
    /// # Errors
    ///
    /// [`HttpError`] where no complete answer comes within five seconds. A status such as 500 is an answer.
    pub async fn get(&self, url: &str) -> Result<Answer, HttpError> {
        self.send(Method::GET, url).await
    }

    /// Posts an empty body.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn post(&self, url: &str) -> Result<Answer, HttpError> {
        self.send(Method::POST, url).await
    }

    async fn send(&self, method: Method, url: &str) -> Result<Answer, HttpError> {
        let failed = |problem: String| HttpError { method: method.clone(), url: url.to_owned(), problem };
        let request = Request::builder()
            .method(method.clone())
            .uri(url)
            .body(Empty::new())
            .map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let response = self.pool.request(request).await.map_err(|error| failed(error.to_string()))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|error| failed(error.to_string()))?
                .to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(TIME_LIMIT, exchange)
            .await
            .unwrap_or_else(|_| Err(failed(format!("no answer within {TIME_LIMIT:?}"))))
    }
}

/// Percent-encodes what is to be the value of a query parameter.
pub(crate) fn query_value(text: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_value_has_no_characters_with_a_meaning() {
        assert_eq!(query_value("a{b=\"ü\"}[5s]"), "a%7Bb%3D%22%C3%BC%22%7D%5B5s%5D");
    }
}
