//! What the handlers share, and what a request says about who sends it.

use std::{convert::Infallible, sync::Arc};

use async_trait::async_trait;
use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::request::Parts,
};
use relman_core::{
    chain::Head,
    event::Record,
    machine::{Action, Release},
    port::Clock,
    report::Templates,
    unit::{Actor, ReleaseId},
};
use tokio::sync::Semaphore;

use super::{form_key::FormKey, format::Links, release_cache::ReleaseCache, release_index::ReleaseIndex};
use crate::{Releases, SubmitError, conductor::Conductor};

/// Says who sends a request, as far as the host knows.
///
/// It is called for every page and every action. It only identifies people: what they may do is up to the directory of
/// the [`Releases`].
///
/// # Examples
///
/// ```
/// use axum::http::request::Parts;
/// use relman_adapters::web::SignedIn;
/// use relman_core::unit::Actor;
///
/// // Behind a proxy that signs people in and sets this header, and that nobody can bypass.
/// fn by_proxy(request: &Parts) -> Option<Actor> {
///     let name = request.headers.get("x-forwarded-user")?.to_str().ok()?;
///     format!("user:{name}").parse().ok()
/// }
///
/// fn is_one(_: impl SignedIn) {}
/// is_one(by_proxy);
/// ```
#[async_trait]
pub trait SignedIn: Send + Sync {
    /// Returns who sends a request, or `None` where nobody is signed in.
    async fn actor(&self, request: &Parts) -> Option<Actor>;
}

#[async_trait]
impl<F: Fn(&Parts) -> Option<Actor> + Send + Sync> SignedIn for F {
    async fn actor(&self, request: &Parts) -> Option<Actor> {
        self(request)
    }
}

/// What the handlers share.
pub(super) struct AppState {
    pub(super) releases: Releases,
    /// Drives the releases in this process; absent where another process does.
    pub(super) conductor: Option<Conductor>,
    pub(super) people: Option<Arc<dyn SignedIn>>,
    /// The address for signing in and out.
    pub(super) sign_in: Option<String>,
    pub(super) templates: Templates,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) index: ReleaseIndex,
    pub(super) cache: ReleaseCache,
    pub(super) key: FormKey,
    /// One permit for each page that listens for changes.
    pub(super) listeners: Arc<Semaphore>,
}

impl AppState {
    /// Runs a command on the release in whatever state it is.
    pub(super) async fn command(
        &self,
        id: &ReleaseId,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        match &self.conductor {
            Some(conductor) => conductor.command(id, actor, action).await,
            None => self.releases.command(id, actor, action).await,
        }
    }

    /// Runs a command only if the head of the release is still the one that the page showed.
    pub(super) async fn command_at(
        &self,
        id: &ReleaseId,
        shown: Head,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        match &self.conductor {
            Some(conductor) => conductor.command_at(id, Some(shown), actor, action).await,
            None => self.releases.command_at(id, Some(shown), actor, action).await,
        }
    }
}

/// Where the pages are mounted for a request, and who sent it.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    /// The path under which the host has mounted the pages, without a slash at the end.
    pub(super) base: String,
    /// Who sent it; absent where nobody is signed in.
    pub(super) actor: Option<Actor>,
    pub(super) access: Access,
    /// The address for signing in and out, where the host has named one.
    pub(super) sign_in: Option<String>,
}

/// Whether people can act on these pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever is signed in can.
    SignedIn,
    /// Nobody can: the host does not tell who is signed in.
    ReadOnly,
}

impl RequestContext {
    /// The links of a page about this release.
    pub(super) fn links(&self, release: &ReleaseId) -> Links {
        Links::Live { base: self.base.clone(), release: release.clone() }
    }
}

impl FromRequestParts<Arc<AppState>> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Self, Infallible> {
        let whole = parts.extensions.get::<OriginalUri>().map(|uri| uri.0.path().to_owned());
        let base = base(whole.as_deref().unwrap_or_default(), parts.uri.path());
        let sign_in = state.sign_in.clone();
        Ok(match &state.people {
            Some(people) => {
                Self { base, actor: people.actor(parts).await, access: Access::SignedIn, sign_in }
            }
            None => Self { base, actor: None, access: Access::ReadOnly, sign_in },
        })
    }
}

/// What the host has put before the path.
fn base(whole: &str, path: &str) -> String {
    let base = whole.strip_suffix(path).unwrap_or(whole).trim_end_matches('/');
    // Pages contain it unescaped.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~' | '%');
    if base.starts_with("//") || !base.chars().all(plain) { String::new() } else { base.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_stands_before_the_path() {
        for (whole, path, expected) in [
            ("/relman/releases/x", "/releases/x", "/relman"),
            ("/relman", "/", "/relman"),
            ("/relman/", "/", "/relman"),
            ("/", "/", ""),
            ("/releases/x", "/releases/x", ""),
            ("//evil.example/releases/x", "/releases/x", ""),
            ("/a'b/releases/x", "/releases/x", ""),
        ] {
            assert_eq!(base(whole, path), expected, "{whole}");
        }
    }
}
