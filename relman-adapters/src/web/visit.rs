use std::{convert::Infallible, sync::Arc};

use async_trait::async_trait;
use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::request::Parts,
};
use relman_core::unit::Actor;

use super::front::Front;

/// Who sends a request: what a host knows about its visitors.
///
/// relman asks for every page and every action. What an actor may do is not asked here: the directory of the
/// [`Releases`](crate::Releases) says that.
///
/// # Examples
///
/// ```
/// use axum::http::request::Parts;
/// use relman_adapters::web::SignedIn;
/// use relman_core::unit::Actor;
///
/// // Behind a proxy that signs people in and sets this header, and that nobody can go around.
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
    /// The actor who sends a request; `None` for somebody who is not signed in.
    async fn actor(&self, request: &Parts) -> Option<Actor>;
}

#[async_trait]
impl<F: Fn(&Parts) -> Option<Actor> + Send + Sync> SignedIn for F {
    async fn actor(&self, request: &Parts) -> Option<Actor> {
        self(request)
    }
}

/// One request: where the front is mounted, and who asks.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// The path under which the host has mounted the front, without a slash at the end.
    pub(super) base: String,
    /// Who asks; nobody whom the host knows, if absent.
    pub(super) actor: Option<Actor>,
    /// Whether the host can sign people in at all.
    pub(super) acts: Acts,
    /// Where they sign in and out; nowhere that relman knows, if absent.
    pub(super) sign_in: Option<String>,
}

/// Whether anybody can act here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acts {
    /// Whoever is signed in.
    SignedIn,
    /// Nobody: the host says of nobody who they are.
    Nobody,
}

impl FromRequestParts<Arc<Front>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, front: &Arc<Front>) -> Result<Self, Infallible> {
        let whole = parts.extensions.get::<OriginalUri>().map(|uri| uri.0.path().to_owned());
        let base = base(whole.as_deref().unwrap_or_default(), parts.uri.path());
        let sign_in = front.sign_in.clone();
        Ok(match &front.people {
            Some(people) => Self { base, actor: people.actor(parts).await, acts: Acts::SignedIn, sign_in },
            None => Self { base, actor: None, acts: Acts::Nobody, sign_in },
        })
    }
}

/// What a host has put in front of a path.
fn base(whole: &str, path: &str) -> String {
    let base = whole.strip_suffix(path).unwrap_or(whole).trim_end_matches('/');
    // It stands in pages as it is.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~' | '%');
    if base.starts_with("//") || !base.chars().all(plain) { String::new() } else { base.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_what_stands_before_the_path() {
        for (whole, path, mount) in [
            ("/relman/releases/x", "/releases/x", "/relman"),
            ("/relman", "/", "/relman"),
            ("/relman/", "/", "/relman"),
            ("/", "/", ""),
            ("/releases/x", "/releases/x", ""),
            ("//evil.example/releases/x", "/releases/x", ""),
            ("/a'b/releases/x", "/releases/x", ""),
        ] {
            assert_eq!(base(whole, path), mount, "{whole}");
        }
    }
}
