use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Form, Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use relman_core::unit::Actor;
use serde::Deserialize;

use super::{
    host::MOUNT,
    session::{COOKIE, LASTS, Sessions},
};

/// Where people sign in, and out.
pub(super) const PATH: &str = "/sign-in";

/// The style sheet of the pages, which this page shares.
pub(super) const STYLE: &str = "/relman/style.css";

/// After a wrong token the answer takes its time. Tokens are long: this is against noise, and not what they rest on.
const AFTER_A_WRONG_ONE: Duration = Duration::from_millis(500);

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    style: &'static str,
    to: &'static str,
    actor: Option<Actor>,
    wrong: bool,
}

/// What the form says.
#[derive(Deserialize)]
struct Answer {
    /// The token; absent in the form that signs out.
    #[serde(default)]
    token: Option<String>,
}

/// The page and its form.
pub(super) fn routes(sessions: Arc<Sessions>) -> Router {
    Router::new().route(PATH, get(ask).post(answer)).with_state(sessions)
}

async fn ask(State(sessions): State<Arc<Sessions>>, headers: HeaderMap) -> Response {
    page(sessions.who(&headers), false)
}

fn page(actor: Option<Actor>, wrong: bool) -> Response {
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                  img-src data:";
    let text = Page { style: STYLE, to: MOUNT, actor, wrong }.render().unwrap_or_default();
    let status = if wrong { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let mut response = (status, Html(text)).into_response();
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn answer(
    State(sessions): State<Arc<Sessions>>,
    headers: HeaderMap,
    Form(answer): Form<Answer>,
) -> Response {
    // Another site must not sign anybody in or out.
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if site.is_some_and(|site| site != "same-origin") {
        return (StatusCode::FORBIDDEN, "the form does not come from this page").into_response();
    }
    let Some(token) = answer.token else {
        sessions.close(&headers);
        return with_cookie(&format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"), PATH);
    };
    if let Some(session) = sessions.open(&token) {
        let age = LASTS.as_secs();
        let cookie = format!("{COOKIE}={session}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict");
        return with_cookie(&cookie, MOUNT);
    }
    tokio::time::sleep(AFTER_A_WRONG_ONE).await;
    page(None, true)
}

fn with_cookie(cookie: &str, to: &str) -> Response {
    ([(header::SET_COOKIE, cookie.to_owned())], Redirect::to(to)).into_response()
}
