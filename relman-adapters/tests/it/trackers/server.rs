//! An HTTP server in this process, before a site that keeps state.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Request, Response, StatusCode, header},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::description::Description;

/// One request as the server got it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// The path, with its segments still encoded.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The segments of the path, decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.trim_matches('/').split('/').map(decoded).collect()
    }

    /// The value in the query, where there is one.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The number in the query, or this one.
    pub(crate) fn number(&self, name: &str, otherwise: usize) -> usize {
        self.query(name).map_or(otherwise, |value| value.parse().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn decoded(text: &str) -> String {
    // A query is the one place where the library for URLs decodes; a plus is a blank there and not here.
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}

/// An answer of a site.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: serde_json::to_vec(body).unwrap() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The other side of a tracker.
pub(crate) trait Site: Send + 'static {
    /// Does what is asked.
    fn answer(&mut self, asked: &Asked) -> Answer;

    /// What half of an upload leaves behind.
    fn half(&mut self, asked: &Asked);

    /// An error in the form of this site.
    fn refusal(&self, status: u16) -> Value {
        json!({ "message": format!("status {status}") })
    }
}

/// What goes wrong at one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the connection breaks in the answer.
    LostAfter,
    /// It is done, and a gateway says that it did not hear of it in time.
    GatewayTimeoutAfter,
    /// It is done, and an error of the server is the answer.
    ErrorAfter,
    /// It is done, and nothing is answered.
    SilentAfter,
    /// It is not done, and the connection breaks.
    LostBefore,
    /// Half of an upload arrives, and the connection breaks; what is no upload is not done.
    Half,
    /// It is not done, and the client is told to come back.
    Throttled,
    /// It is not done, and the client is told to come back in half a minute, in the way of GitHub.
    RateLimited,
    /// It is not done, and the client is told by words alone that it asks too often, in the way of GitHub.
    SecondaryLimit,
    /// It is not done, and the answer repeats the credentials.
    Echo,
    /// It is not done, and the answer is this status.
    Status(u16),
}

struct Inner {
    site: Box<dyn Site>,
    description: Option<Arc<Description>>,
    fault: Option<(usize, Fault)>,
    down: bool,
    asked: Vec<Asked>,
    violations: Vec<String>,
}

/// A running server.
pub(crate) struct Server {
    inner: Arc<Mutex<Inner>>,
    address: String,
    running: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(site: impl Site, description: Option<Arc<Description>>) -> Self {
        let inner = Inner {
            site: Box::new(site),
            description,
            fault: None,
            down: false,
            asked: Vec::new(),
            violations: Vec::new(),
        };
        let inner = Arc::new(Mutex::new(inner));
        let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let running = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, address, running }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Lets the request after the next `after` ones go wrong.
    pub(crate) fn fail(&self, after: usize, fault: Fault) {
        let mut inner = self.lock();
        inner.fault = Some((inner.asked.len() + after, fault));
    }

    /// Whether the fault has come to pass; there is none any more.
    pub(crate) fn has_failed(&self) -> bool {
        let mut inner = self.lock();
        inner.fault.take().is_some_and(|(at, _)| inner.asked.len() > at)
    }

    /// From now on, every connection breaks.
    pub(crate) fn cut_off(&self) {
        self.lock().down = true;
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.lock().asked.len()
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// The errors that are described for a request.
    pub(crate) fn errors(&self, asked: &Asked) -> Vec<u16> {
        self.lock().description.as_ref().map(|description| description.errors(asked)).unwrap_or_default()
    }

    /// Asserts that every request was one of the official description.
    pub(crate) fn assert_as_described(&self) {
        let violations = &self.lock().violations;
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn handle(State(inner): State<Arc<Mutex<Inner>>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let asked = Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
    };
    let (answer, fault) = {
        let mut inner = inner.lock().unwrap();
        let number = inner.asked.len();
        let described = inner.description.as_ref().map(|description| description.request(&asked));
        if let Some(Err(violation)) = described {
            inner.violations.push(violation);
        }
        inner.asked.push(asked.clone());
        let fault = inner.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        let fault = if inner.down { Some(Fault::LostBefore) } else { fault };
        let answer = match fault {
            None
            | Some(Fault::LostAfter | Fault::GatewayTimeoutAfter | Fault::ErrorAfter | Fault::SilentAfter) => {
                let answer = inner.site.answer(&asked);
                let described =
                    inner.description.as_ref().map(|description| description.answer(&asked, &answer));
                if let Some(Err(violation)) = described {
                    inner.violations.push(violation);
                }
                answer
            }
            Some(
                Fault::LostBefore
                | Fault::Throttled
                | Fault::RateLimited
                | Fault::SecondaryLimit
                | Fault::Echo,
            ) => Answer::empty(429),
            Some(Fault::Half) => {
                inner.site.half(&asked);
                Answer::empty(502)
            }
            Some(Fault::Status(status)) => Answer::json(status, &inner.site.refusal(status)),
        };
        (answer, fault)
    };
    match fault {
        None | Some(Fault::Status(_)) => respond(&answer),
        Some(Fault::LostAfter | Fault::LostBefore | Fault::Half) => broken(),
        Some(Fault::GatewayTimeoutAfter) => respond(&Answer::empty(504)),
        Some(Fault::ErrorAfter) => respond(&Answer::empty(500)),
        Some(Fault::SilentAfter) => std::future::pending().await,
        Some(Fault::RateLimited) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let answer = Answer::empty(403).with("x-ratelimit-remaining", "0");
            respond(&answer.with("x-ratelimit-reset", (now + 30).to_string()))
        }
        Some(Fault::SecondaryLimit) => {
            let message =
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            respond(&Answer::json(403, &json!({ "message": message })))
        }
        Some(Fault::Echo) => {
            let sent = |name: &str| asked.header(name).unwrap_or_default().to_owned();
            let message = format!("refused: {} {}", sent("authorization"), sent("private-token"));
            respond(&Answer::json(400, &json!({ "message": message })))
        }
        Some(Fault::Throttled) => respond(&Answer::empty(429).with("retry-after", "0")),
    }
}

fn respond(answer: &Answer) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(answer.body.clone())).unwrap()
}

/// An answer that begins and breaks off.
fn broken() -> Response<Body> {
    let begun = stream::iter([Ok(Bytes::from_static(b"{"))]);
    let pieces = begun.chain(stream::iter([Err(std::io::Error::other("the connection breaks"))]));
    Response::builder().header(header::CONTENT_LENGTH, "1000").body(Body::from_stream(pieces)).unwrap()
}

/// A page of a list, with whether there is another one.
pub(crate) fn page<T: Clone>(all: &[T], number: usize, size: usize) -> (Vec<T>, bool) {
    let from = (number - 1) * size;
    let entries: Vec<T> = all.iter().skip(from).take(size).cloned().collect();
    (entries, from + size < all.len())
}

/// The fields of a form, as `multipart/form-data` has them: name, file name and content.
pub(crate) fn form(asked: &Asked) -> Vec<BTreeMap<&'static str, Vec<u8>>> {
    let kind = asked.header("content-type").unwrap();
    let boundary = format!("--{}", kind.split_once("boundary=").unwrap().1);
    let text = &asked.body[..];
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = find(rest, boundary.as_bytes()) {
        let part = &rest[..at];
        if let Some(head_ends) = find(part, b"\r\n\r\n") {
            let head = String::from_utf8(part[..head_ends].to_vec()).unwrap();
            let value = |name: &str| {
                let (_, rest) = head.split_once(&format!("{name}=\"")).unwrap();
                rest.split_once('"').unwrap().0.as_bytes().to_vec()
            };
            let content = part[head_ends + 4..].strip_suffix(b"\r\n").unwrap().to_vec();
            parts.push(BTreeMap::from([
                ("name", value(" name")),
                ("filename", value("filename")),
                ("content", content),
            ]));
        }
        rest = &rest[at + boundary.len()..];
    }
    parts
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
