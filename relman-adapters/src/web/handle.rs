use std::sync::Arc;

use axum::Router;
use relman_core::{port::Clock, report::Templates};
use tokio::sync::Semaphore;

use super::{SignedIn, front::Front, library::Library, router, shelf::Shelf, sign::FormKey};
use crate::{Releases, conductor::Conductor};

/// The web front of a journal: pages for everybody, and actions for those whom the host knows.
///
/// Made once for each process. The [module](super) has an example.
#[must_use]
pub struct Web {
    releases: Releases,
    conductor: Option<Conductor>,
    people: Option<Arc<dyn SignedIn>>,
    sign_in: Option<String>,
    templates: Templates,
}

impl Web {
    /// The releases of a journal, for reading alone.
    ///
    /// Another process may conduct them: the pages follow the journal.
    pub fn new(releases: Releases) -> Self {
        Self { releases, conductor: None, people: None, sign_in: None, templates: Templates::default() }
    }

    /// The releases of a conductor in this process, for reading alone. Its drivers hear at once of what people do.
    pub fn of(conductor: &Conductor) -> Self {
        let releases = conductor.releases().clone();
        Self {
            releases,
            conductor: Some(conductor.clone()),
            people: None,
            sign_in: None,
            templates: Templates::default(),
        }
    }

    /// The same front, on which people act whom the host has signed in.
    ///
    /// A closure from the parts of a request to an [`Actor`](relman_core::unit::Actor) will do.
    pub fn signed_in_by(mut self, people: impl SignedIn + 'static) -> Self {
        self.people = Some(Arc::new(people));
        self
    }

    /// The same front, which leads to that address for signing in and out; without it, to nowhere.
    pub fn sign_in_at(mut self, address: impl Into<String>) -> Self {
        self.sign_in = Some(address.into());
        self
    }

    /// The same front, with an organisation's own templates for the Markdown of artifacts.
    pub fn with_templates(mut self, templates: Templates) -> Self {
        self.templates = templates;
        self
    }

    /// The router. It serves `GET /`, pages of releases, a style sheet, a script and events, and `POST` for actions.
    ///
    /// Links are made from the path under which the host has nested it.
    ///
    /// # Panics
    ///
    /// Where the operating system has no random bytes for the key of the forms.
    pub fn router(self) -> Router {
        let clock: Arc<dyn Clock> = self.releases.clock().clone();
        router::router(Front {
            library: Library::new(self.releases.clone()),
            shelf: Shelf::new(self.releases.clone()),
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

/// How many pages may listen for changes at once: each costs a connection and a question to the journal four times a
/// second. More are served all the same, and have to be loaded again to see what is new.
const LISTENERS: usize = 256;
