use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware, routing::get};
use relman_core::{port::Clock, report::Templates};
use tokio::sync::Semaphore;

use super::{
    SignedIn, act, download,
    form_key::FormKey,
    live, overview,
    release_cache::ReleaseCache,
    release_index::ReleaseIndex,
    response::{self, Problem},
    state::{AppState, RequestContext},
    storyboard,
};
use crate::{Releases, conductor::Conductor};

/// The largest form: four texts of 4,000 characters, each of which may take twelve bytes on the way.
const LARGEST_FORM: usize = 256 * 1_024;

/// How many pages may listen for changes at once: each costs a connection and four reads of the journal a second.
/// Pages beyond that still work, but have to be reloaded to see what is new.
const LISTENERS: usize = 256;

/// The pages of a journal: readable by everyone, with actions for people whom the host has signed in.
///
/// Create one for each process. The [module](super) has an example.
#[must_use]
pub struct Web {
    releases: Releases,
    conductor: Option<Conductor>,
    people: Option<Arc<dyn SignedIn>>,
    sign_in: Option<String>,
    templates: Templates,
}

impl Web {
    /// Creates read-only pages for the releases of a journal.
    ///
    /// Another process may conduct them: the pages follow the journal.
    pub fn new(releases: Releases) -> Self {
        Self { releases, conductor: None, people: None, sign_in: None, templates: Templates::default() }
    }

    /// Creates read-only pages for the releases of a conductor in this process. Its drivers react at once to what people
    /// do on the pages.
    pub fn of(conductor: &Conductor) -> Self {
        Self { conductor: Some(conductor.clone()), ..Self::new(conductor.releases().clone()) }
    }

    /// Lets people act whom the host has signed in.
    ///
    /// A closure from the parts of a request to an [`Actor`](relman_core::unit::Actor) will do.
    pub fn signed_in_by(mut self, people: impl SignedIn + 'static) -> Self {
        self.people = Some(Arc::new(people));
        self
    }

    /// Links to the address where people sign in and out. Without it, there is no such link.
    pub fn sign_in_at(mut self, address: impl Into<String>) -> Self {
        self.sign_in = Some(address.into());
        self
    }

    /// Uses an organisation's own templates for the Markdown of artifacts.
    pub fn with_templates(mut self, templates: Templates) -> Self {
        self.templates = templates;
        self
    }

    /// Returns the router. It serves `GET /`, pages of releases, a style sheet, a script and events, and `POST` for
    /// actions.
    ///
    /// Links start with the path under which the host has nested it.
    ///
    /// # Panics
    ///
    /// Where the operating system has no random bytes for the key that signs forms.
    pub fn router(self) -> Router {
        let clock: Arc<dyn Clock> = self.releases.clock().clone();
        routes(AppState {
            index: ReleaseIndex::new(self.releases.clone()),
            cache: ReleaseCache::new(self.releases.clone()),
            releases: self.releases,
            conductor: self.conductor,
            people: self.people,
            sign_in: self.sign_in,
            templates: self.templates,
            clock,
            key: FormKey::random(),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
        })
    }
}

fn routes(state: AppState) -> Router {
    Router::new()
        .route("/", get(overview::overview))
        .route("/events", get(live::overview_events))
        .route("/style.css", get(response::style))
        .route("/live.js", get(response::script))
        .route("/icon.svg", get(response::icon))
        .route("/releases/{release}", get(storyboard::storyboard))
        .route("/releases/{release}/validation", get(storyboard::validation))
        .route("/releases/{release}/looks/{step}", get(storyboard::evaluations))
        .route("/releases/{release}/records/{seq}", get(storyboard::record))
        .route("/releases/{release}/artifacts/{name}", get(download::artifact))
        .route("/releases/{release}/storyboard.html", get(download::storyboard))
        .route("/releases/{release}/record.jsonl", get(download::record))
        .route("/releases/{release}/package.zip", get(download::package))
        .route("/releases/{release}/events", get(live::release_events))
        .route("/releases/{release}/act/{action}", get(act::show_form).post(act::submit))
        .fallback(not_found)
        .layer(middleware::map_response(response::with_security_headers))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(Arc::new(state))
}

async fn not_found(context: RequestContext) -> Problem {
    Problem::new(&context, StatusCode::NOT_FOUND, "there is no such page")
}
