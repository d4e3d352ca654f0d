use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{session::Sessions, sign_in};

/// Looks at every request before the pages do.
///
/// - Only names that are meant reach the pages. Otherwise a page of another site could give its own name the address
///   of this machine and read what is shown here.
/// - Beyond loopback, reading takes a session too.
pub(super) struct Guard {
    names: Vec<String>,
    reading: Reading,
    sessions: Arc<Sessions>,
}

/// Who may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Whoever reaches the pages: only this machine does.
    Everybody,
    /// Whoever is signed in.
    SignedIn,
}

impl Guard {
    /// For pages on this address, reached by these names too.
    pub(super) fn new(address: SocketAddr, hosts: &[String], sessions: Arc<Sessions>) -> Self {
        let mut names = vec!["localhost".to_owned(), address.ip().to_string()];
        names.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        let reading = if address.ip().is_loopback() && hosts.is_empty() {
            Reading::Everybody
        } else {
            Reading::SignedIn
        };
        Self { names, reading, sessions }
    }

    /// Lets a request through, or answers in place of the pages.
    pub(super) async fn check(State(guard): State<Arc<Self>>, request: Request, next: Next) -> Response {
        let host =
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !guard.is_ours(host) {
            let why =
                "this name is not one of these pages; add it to [web] hosts in relman.toml if it should be";
            return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
        }
        let is_open = request.uri().path() == sign_in::PATH || request.uri().path() == sign_in::STYLE;
        if guard.reading == Reading::SignedIn && !is_open && guard.sessions.who(request.headers()).is_none() {
            return Redirect::to(sign_in::PATH).into_response();
        }
        next.run(request).await
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        loopback || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}
