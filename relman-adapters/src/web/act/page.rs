use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use relman_core::{
    machine::{ActionName, Principal},
    report::{History, OverrideEnd, Storyboard, Timeline, TimelineRow},
};

use super::{
    form::{Field, FieldKind, FormData, button, promise},
    offer::{class, offered, principal, stops},
};
use crate::web::{
    format::{Links, head_text},
    release_cache::CachedRelease,
    response::{Layout, Problem, html, no_such_release},
    state::{Access, AppState, RequestContext},
    view::{Artifacts, View},
};

#[derive(Template)]
#[template(path = "web/act.html")]
struct ActionPage<'a> {
    layout: Layout<'a>,
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    name: &'static str,
    title: &'static str,
    class: &'static str,
    head: String,
    exact: bool,
    shows_plan: bool,
    refused: Option<String>,
    since: Vec<TimelineRow>,
    form: Option<ActionForm>,
}

struct ActionForm {
    token: String,
    fields: Vec<Field>,
    button: String,
    promise: &'static str,
}

/// Why a page is shown again.
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) why: String,
    /// The last record that the previous page showed, where that page was stale.
    pub(super) shown: Option<u64>,
}

/// `GET /releases/{release}/act/{action}`: shows what a person decides on, with a form where they may.
pub(in crate::web) async fn show_form(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path((release, action)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (cached, action, by) = resolve(&state, &context, &release, &action).await?;
    show(&state, &context, &cached, action, &by, &FormData::default(), None)
}

/// Resolves an address to the release, the action and the person.
///
/// # Errors
///
/// [`Problem`] where there is no such release or action, or nobody is signed in.
pub(super) async fn resolve(
    state: &AppState,
    context: &RequestContext,
    release: &str,
    action: &str,
) -> Result<(Arc<CachedRelease>, ActionName, Principal), Problem> {
    let action = offered(action).ok_or_else(|| Problem::not_found(context, "there is no such action"))?;
    let cached = state.release(context, release).await?;
    let by = principal(state, context).await?.ok_or_else(|| {
        let why = match context.access {
            Access::SignedIn => "you are not signed in; sign in to act on a release",
            Access::ReadOnly => "these pages are read-only: their host has no sign-in",
        };
        Problem::new(context, StatusCode::FORBIDDEN, why)
    })?;
    Ok((cached, action, by))
}

/// Shows what a person decides on. Where the action is refused, there is the reason in place of the form.
pub(super) fn show(
    state: &AppState,
    context: &RequestContext,
    cached: &CachedRelease,
    action: ActionName,
    by: &Principal,
    data: &FormData,
    refused: Option<Refused>,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    let history = cached.history(now);
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    let Some(head) = cached.release.head() else {
        return Err(no_such_release(context, cached.release.id()));
    };
    let rules = action.rules();
    let possible = cached.release.may(action, by, now);
    let form = possible.is_ok().then(|| ActionForm {
        token: state.key.sign(&by.actor, rules.name, cached.release.id(), &head),
        fields: Field::of(action, &cached.release, by, now, data),
        button: button(action, &cached.release, by),
        promise: promise(action),
    });
    let mut status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let shown = refused.as_ref().and_then(|refused| refused.shown);
    let mut why = refused.map(|refused| refused.why);
    if let (None, Err(refusal)) = (&why, possible) {
        why = Some(refusal.to_string());
        status = StatusCode::FORBIDDEN;
    }
    let page = ActionPage {
        layout: Layout::of(context),
        board: &board,
        view: &view,
        links: &context.links(cached.release.id()),
        name: rules.name,
        title: rules.title,
        class: class(action),
        head: head_text(head),
        exact: !stops(action),
        shows_plan: action == ActionName::ApprovePlan,
        refused: why,
        since: shown.map(|shown| since(&history, shown)).unwrap_or_default(),
        form,
    };
    Ok((status, html(&page)).into_response())
}

/// What has happened since the last record that a stale page showed.
fn since(history: &History<'_>, shown: u64) -> Vec<TimelineRow> {
    let mut timeline = Timeline::of(history);
    timeline.entries.retain(|entry| entry.record > shown);
    timeline.rows()
}
