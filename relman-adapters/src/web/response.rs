//! Answers: pages in their layout, error pages, downloads, static files, and what browsers may do with all of them.

use std::{error::Error, fmt::Display, sync::Arc};

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use relman_core::unit::{Actor, ReleaseId};

use super::{
    release_cache::CachedRelease,
    state::{Access, AppState, RequestContext},
};

/// The style sheet of every page, and of a storyboard file.
pub(super) const STYLE: &str = include_str!("../../templates/web/style.css");

/// Keeps a page current.
const SCRIPT: &str = include_str!("../../templates/web/live.js");

const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 14V10H5V7H9V4H15V14Z" fill="#0a66a8"/></svg>"##;

/// Pages use their own style sheet, script, events and forms; nothing else, from nowhere else, and nothing frames them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: then browsers would not say where a form comes from either.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What surrounds every page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    /// The path under which the pages are mounted.
    pub(super) base: &'a str,
    /// Who is signed in.
    pub(super) actor: Option<&'a Actor>,
    access: Access,
    /// The address for signing in and out.
    pub(super) sign_in: Option<&'a str>,
}

impl<'a> Layout<'a> {
    pub(super) fn of(context: &'a RequestContext) -> Self {
        Self {
            base: &context.base,
            actor: context.actor.as_ref(),
            access: context.access,
            sign_in: context.sign_in.as_deref(),
        }
    }

    /// The address of the overview.
    pub(super) fn home(&self) -> &str {
        // A router that is nested under a path is reached without a slash at its end.
        if self.base.is_empty() { "/" } else { self.base }
    }

    /// Who is signed in, in words.
    pub(super) fn who(&self) -> String {
        match (self.actor, self.access) {
            (Some(actor), _) => format!("Signed in as {actor}"),
            (None, Access::SignedIn) => "Not signed in".to_owned(),
            (None, Access::ReadOnly) => "Read-only".to_owned(),
        }
    }
}

/// Renders a page.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        // Every value on a page has a `Display` that can't fail.
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to render the page: {error}")).into_response()
        }
    }
}

/// A file that a browser saves. The characters of a release's file stem need no quoting in a header.
pub(super) fn download(media_type: &'static str, name: &str, bytes: impl IntoResponse) -> Response {
    let name = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response()
}

/// An error page: what can't be shown or done, and why.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
    context: RequestContext,
}

#[derive(Template)]
#[template(path = "web/problem.html")]
struct ProblemPage<'a> {
    layout: Layout<'a>,
    title: &'a str,
    message: &'a str,
}

impl Problem {
    pub(super) fn new(context: &RequestContext, status: StatusCode, message: impl Display) -> Self {
        Self { status, message: message.to_string(), context: context.clone() }
    }

    pub(super) fn not_found(context: &RequestContext, message: impl Display) -> Self {
        Self::new(context, StatusCode::NOT_FOUND, message)
    }

    /// The journal, the directory or something else that the pages rely on has failed.
    pub(super) fn failed(context: &RequestContext, error: impl Error) -> Self {
        Self::new(context, StatusCode::INTERNAL_SERVER_ERROR, with_causes(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "Refused",
            _ => "Something went wrong",
        };
        let page = ProblemPage { layout: Layout::of(&self.context), title, message: &self.message };
        (self.status, html(&page)).into_response()
    }
}

impl AppState {
    /// Finds the release that an address names.
    ///
    /// # Errors
    ///
    /// [`Problem`] where there is no such release, or its record can't be trusted.
    pub(super) async fn release(
        &self,
        context: &RequestContext,
        release: &str,
    ) -> Result<Arc<CachedRelease>, Problem> {
        let id = ReleaseId::recorded(release).map_err(|error| Problem::not_found(context, error))?;
        match self.cache.get(&id).await {
            Ok(Some(cached)) => Ok(cached),
            Ok(None) => Err(no_such_release(context, &id)),
            Err(error) => Err(Problem::failed(context, error)),
        }
    }
}

/// An error with those of its causes that its text does not have yet.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(super) fn no_such_release(context: &RequestContext, id: &ReleaseId) -> Problem {
    Problem::not_found(context, format_args!("there is no release {id}"))
}

fn static_file(media_type: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")], content).into_response()
}

/// `GET /style.css`.
pub(super) async fn style() -> Response {
    static_file("text/css; charset=utf-8", STYLE)
}

/// `GET /live.js`.
pub(super) async fn script() -> Response {
    static_file("text/javascript; charset=utf-8", SCRIPT)
}

/// `GET /icon.svg`.
pub(super) async fn icon() -> Response {
    static_file("image/svg+xml", ICON)
}

/// Adds the headers that tell browsers what they may do.
pub(super) async fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // A page shows the release as of now, and who is signed in.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
