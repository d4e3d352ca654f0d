use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use relman_core::{
    chain::Head,
    machine::{ActionName, Principal},
};

use super::{
    form::{self, FormData},
    offer::stops,
    page::{Refused, resolve, show},
};
use crate::{
    SubmitError,
    web::{
        release_cache::CachedRelease,
        response::Problem,
        state::{AppState, RequestContext},
    },
};

/// `POST /releases/{release}/act/{action}`: does what the page showed.
pub(in crate::web) async fn submit(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path((release, action)): Path<(String, String)>,
    headers: HeaderMap,
    form: Result<Form<BTreeMap<String, String>>, FormRejection>,
) -> Result<Response, Problem> {
    let forbidden = |why: &str| Problem::new(&context, StatusCode::FORBIDDEN, why);
    if !is_from_here(&headers) {
        return Err(forbidden(
            "the form did not come from these pages; open the release here and decide again",
        ));
    }
    let Form(fields) = form.map_err(|error| Problem::new(&context, error.status(), error.body_text()))?;
    let data = FormData(fields);
    let (before, action, by) = resolve(&state, &context, &release, &action).await?;
    let shown = data
        .shown()
        .ok_or_else(|| forbidden("the form does not say which head it was made for; reload the page"))?;
    if !state.key.is_ours(data.get("token"), &by.actor, action.rules().name, before.release.id(), &shown) {
        return Err(forbidden(
            "this process did not make the form for you: it may be older than a restart, or from another session; reload \
             the page",
        ));
    }
    Submission { action, by, shown, data }.carry_out(&state, &context, &before).await
}

/// A form that this process has made: who decided what, on which head.
struct Submission {
    action: ActionName,
    by: Principal,
    shown: Head,
    data: FormData,
}

impl Submission {
    async fn carry_out(
        &self,
        state: &AppState,
        context: &RequestContext,
        before: &CachedRelease,
    ) -> Result<Response, Problem> {
        let (id, actor) = (before.release.id(), &self.by.actor);
        let action = match form::action(self.action, &self.data, state.clock.now()) {
            Ok(action) => action,
            Err(error) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let refused = Refused { status, why: error.to_string(), shown: None };
                return show(state, context, before, self.action, &self.by, &self.data, Some(refused));
            }
        };
        let submitted = if stops(self.action) {
            // Back beats forward, also from a page that is stale.
            state.command(id, actor, action).await
        } else {
            state.command_at(id, self.shown, actor, action).await
        };
        match submitted {
            Ok(_) => {
                let to = format!("{}/releases/{id}", context.base);
                Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
            }
            Err(error @ (SubmitError::Stale { .. } | SubmitError::Refused(_))) => {
                let now = state.release(context, id.as_str()).await?;
                let shown = matches!(error, SubmitError::Stale { .. }).then_some(self.shown.seq);
                let refused = Refused { status: StatusCode::CONFLICT, why: error.to_string(), shown };
                show(state, context, &now, self.action, &self.by, &self.data, Some(refused))
            }
            Err(error) => Err(Problem::failed(context, error)),
        }
    }
}

/// Whether a form comes from one of these pages, as far as the browser tells. The token decides; this stops other sites
/// from even trying.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host))
        }
        // No browser of this decade leaves the host out.
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
    fn forms_of_other_sites_are_recognised_by_what_browsers_send() {
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
