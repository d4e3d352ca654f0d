//! A journal with the people of the testkit, and pages on it that trust a header.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, request::Parts},
};
use http_body_util::BodyExt;
use relman_adapters::{Releases, clock::TokioClock, journal::MemoryJournal, web::Web};
use relman_core::{
    machine::{Action, Release},
    plan::Plan,
    policy::Policy,
    port::{Clock, Journal},
    unit::{Actor, ReleaseId, Text},
};
use relman_testkit::{Team, sample};
use tower::ServiceExt;

/// Where the tests mount the pages.
pub(crate) const MOUNT: &str = "/board";

pub(crate) struct Site {
    pub(crate) releases: Releases,
    pub(crate) app: Router,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

pub(crate) fn text(text: &str) -> Text {
    text.parse().unwrap()
}

/// Whoever a header names: what a proxy would say.
fn by_header(request: &Parts) -> Option<Actor> {
    request.headers.get("x-user")?.to_str().ok()?.parse().ok()
}

impl Site {
    /// Pages on which people act.
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryJournal::default()))
    }

    pub(crate) fn on(journal: Arc<dyn Journal>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(sample::start()));
        let releases = Releases::new(journal, Arc::new(Team::new().directory()), clock);
        let web = Web::new(releases.clone()).signed_in_by(by_header);
        Self { app: Router::new().nest(MOUNT, web.router()), releases }
    }

    /// Pages that nobody can sign in to.
    pub(crate) fn read_only() -> Self {
        let site = Self::new();
        let app = Router::new().nest(MOUNT, Web::new(site.releases.clone()).router());
        Self { app, ..site }
    }

    pub(crate) async fn does(&self, by: &str, release: &str, action: Action) -> Release {
        let id: ReleaseId = release.parse().unwrap();
        self.releases.command(&id, &Team::actor(by), action).await.unwrap().0
    }

    /// Records the sample plan of that release.
    pub(crate) async fn plans(&self, release: &str) {
        self.plans_so(Arc::new(sample::builder(release, &["api"]).build().unwrap())).await;
    }

    pub(crate) async fn plans_so(&self, plan: Arc<Plan>) {
        let release = plan.release().clone();
        let action = Action::RecordPlan { plan, policy: Arc::new(Policy::shipped()) };
        self.does("user:ana", release.as_str(), action).await;
    }

    pub(crate) async fn revises(&self, release: &str) {
        let plan = sample::builder(release, &["api"]).title(text("A revised title")).build().unwrap();
        let action = Action::RevisePlan { plan: Arc::new(plan), policy: Arc::new(Policy::shipped()) };
        self.does("user:ana", release, action).await;
    }

    /// How many records a release has.
    pub(crate) async fn records(&self, release: &str) -> u64 {
        let head =
            self.releases.journal().head(&format!("release:{release}").parse().unwrap()).await.unwrap();
        head.map_or(0, |head| head.seq + 1)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, who: Option<&str>) -> Page {
        let mut request = Request::get(format!("{MOUNT}{path}"));
        if let Some(who) = who {
            request = request.header("x-user", who);
        }
        Page::of(self.send(request.body(Body::empty()).unwrap()).await).await
    }

    /// Sends a form as the browser would.
    pub(crate) async fn post(&self, path: &str, who: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(path, who, fields, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        who: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mut request = Request::post(format!("{MOUNT}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-user", who);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Page::of(self.send(request.body(Body::from(body.join("&"))).unwrap()).await).await
    }
}

impl Page {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let location = parts.headers.get("location").map(|value| value.to_str().unwrap().to_owned());
        // An archive is no text, and nothing of it is looked at here.
        let text = match parts.headers.get("content-type").map(axum::http::HeaderValue::as_bytes) {
            Some(b"application/zip") => String::new(),
            Some(_) | None => String::from_utf8(bytes.to_vec()).unwrap(),
        };
        Self { status: parts.status, location, headers: parts.headers, text }
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&start).unwrap_or_else(|| panic!("no {name} in {}", self.text)).1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}
