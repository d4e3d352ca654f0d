use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use relman_core::{
    chain::Head,
    machine::{Action, Principal},
    port::with_causes,
};

use super::{
    form::Filled,
    offer::Deed,
    page::{Refused, decided_on, show},
};
use crate::{
    SubmitError,
    web::{front::Front, problem::Problem, shelf::Told, storyboard::told, visit::Visit},
};

/// `POST /releases/{release}/act/{action}`: does it, on what the page showed.
pub(in crate::web) async fn act(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path((release, deed)): Path<(String, String)>,
    headers: HeaderMap,
    form: Result<Form<BTreeMap<String, String>>, FormRejection>,
) -> Result<Response, Problem> {
    let forbidden = |why: &str| Problem::new(&visit, StatusCode::FORBIDDEN, why);
    if !is_from_here(&headers) {
        return Err(forbidden(
            "the form does not come from these pages; open the release here and decide there",
        ));
    }
    let Form(fields) = form.map_err(|error| Problem::new(&visit, error.status(), error.body_text()))?;
    let filled = Filled(fields);
    let (before, deed, by) = decided_on(&front, &visit, &release, &deed).await?;
    let seen = filled.seen().ok_or_else(|| forbidden("the form does not say which head it was made for"))?;
    if !front.key.is_ours(filled.get("token"), &by.actor, deed.name(), before.release.id(), &seen) {
        return Err(forbidden(
            "the form was not made for you by this process: it may be from before a restart, or from somebody else's \
             session; open the page again",
        ));
    }
    let decision = Decision { deed, by, seen, filled };
    decision.carry_out(&front, &visit, &before).await
}

/// Somebody's decision on what they saw.
struct Decision {
    deed: Deed,
    by: Principal,
    seen: Head,
    filled: Filled,
}

impl Decision {
    async fn carry_out(&self, front: &Front, visit: &Visit, before: &Told) -> Result<Response, Problem> {
        let id = before.release.id();
        let action = match self.deed.action(&self.filled, front.clock.now()) {
            Ok(action) => action,
            Err(error) => {
                let refused =
                    Refused { status: StatusCode::UNPROCESSABLE_ENTITY, why: error.to_string(), seen: None };
                return show(front, visit, before, self.deed, &self.by, &self.filled, Some(refused));
            }
        };
        match self.submit(front, before, action).await {
            Ok(()) => {
                let to = format!("{}/releases/{id}", visit.base);
                Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
            }
            Err(error @ (SubmitError::Stale { .. } | SubmitError::Refused(_))) => {
                let now = told(front, visit, id.as_str()).await?;
                let seen = matches!(error, SubmitError::Stale { .. }).then_some(self.seen.seq);
                let refused = Refused { status: StatusCode::CONFLICT, why: error.to_string(), seen };
                show(front, visit, &now, self.deed, &self.by, &self.filled, Some(refused))
            }
            Err(error) => Err(Problem::failed(visit, with_causes(&error))),
        }
    }

    async fn submit(&self, front: &Front, before: &Told, action: Action) -> Result<(), SubmitError> {
        let (id, actor) = (before.release.id(), &self.by.actor);
        if self.deed.is_exact() {
            front.command_at(id, Some(self.seen), actor, action).await.map(|_| ())
        } else {
            front.command(id, actor, action).await.map(|_| ())
        }
    }
}

/// Whether a form comes from a page of this front, as far as the browser says so. The token of the form decides; this
/// keeps other sites from even trying.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host))
        }
        // Not a browser of this decade.
        (Some(_), None) => false,
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn forms_of_other_sites_are_told_by_what_browsers_say() {
        for (pairs, here) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://127.0.0.1:7878"), ("host", "127.0.0.1:7878")], true),
            (&[("origin", "https://evil.example"), ("host", "127.0.0.1:7878")], false),
            (&[("origin", "null"), ("host", "127.0.0.1:7878")], false),
            (&[("host", "127.0.0.1:7878")], true),
        ] {
            assert_eq!(is_from_here(&headers(pairs)), here, "{pairs:?}");
        }
    }
}
