use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use relman_core::{
    machine::Principal,
    report::{OverrideEnd, Storyboard, Timeline, TimelineRow},
};

use super::{
    form::{Field, FieldKind, Filled},
    offer::{Deed, principal},
};
use crate::web::{
    front::Front,
    links::Links,
    live::head_text,
    page::{Shell, html},
    problem::Problem,
    shelf::Told,
    storyboard::{Artifacts, View, live_links, told},
    visit::{Acts, Visit},
};

#[derive(Template)]
#[template(path = "web/act.html")]
struct Page<'a> {
    shell: Shell<'a>,
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
    form: Option<Form>,
}

struct Form {
    token: String,
    fields: Vec<Field>,
    button: String,
    promise: &'static str,
}

/// Why a page is shown once more.
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) why: String,
    /// The number of records that the page before showed, where it was stale.
    pub(super) seen: Option<u64>,
}

/// `GET /releases/{release}/act/{action}`: shows what is decided on, with a form where it is possible.
pub(in crate::web) async fn ask(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path((release, deed)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (told, deed, by) = decided_on(&front, &visit, &release, &deed).await?;
    show(&front, &visit, &told, deed, &by, &Filled::default(), None)
}

/// What a page or a form is about.
///
/// # Errors
///
/// [`Problem`] where there is no such release or action, and where nobody is signed in.
pub(super) async fn decided_on(
    front: &Front,
    visit: &Visit,
    release: &str,
    deed: &str,
) -> Result<(Arc<Told>, Deed, Principal), Problem> {
    let deed = Deed::of_name(deed).ok_or_else(|| Problem::not_found(visit, "there is no such action"))?;
    let told = told(front, visit, release).await?;
    let by = principal(front, visit).await?.ok_or_else(|| {
        let why = match visit.acts {
            Acts::SignedIn => "only people who are signed in can act, and you are not",
            Acts::Nobody => "these pages are read-only: their host signs nobody in",
        };
        Problem::new(visit, StatusCode::FORBIDDEN, why)
    })?;
    Ok((told, deed, by))
}

/// Shows what is decided on. Without a form where the action is not possible: the page says why.
pub(super) fn show(
    front: &Front,
    visit: &Visit,
    told: &Told,
    deed: Deed,
    by: &Principal,
    filled: &Filled,
    refused: Option<Refused>,
) -> Result<Response, Problem> {
    let now = front.clock.now();
    let history = told.history(now);
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    let Some(head) = told.release.head() else {
        return Err(Problem::not_found(visit, "there is no such release"));
    };
    let possible = deed.is_possible(&told.release, by, now);
    let form = possible.is_ok().then(|| Form {
        token: front.key.sign(&by.actor, deed.name(), told.release.id(), &head),
        fields: Field::of(deed, &told.release, by, now, filled),
        button: deed.button(&told.release, by),
        promise: deed.promise(),
    });
    let mut status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let seen = refused.as_ref().and_then(|refused| refused.seen);
    let mut why = refused.map(|refused| refused.why);
    if let (None, Err(refusal)) = (&why, possible) {
        why = Some(refusal.to_string());
        status = StatusCode::FORBIDDEN;
    }
    let page = Page {
        shell: Shell::of(visit),
        board: &board,
        view: &view,
        links: &live_links(visit, told),
        name: deed.name(),
        title: deed.title(),
        class: deed.class(),
        head: head_text(head),
        exact: deed.is_exact(),
        shows_plan: deed == Deed::Approve,
        refused: why,
        since: seen.map(|seen| since(told, &history, seen)).unwrap_or_default(),
        form,
    };
    Ok((status, html(&page)).into_response())
}

/// What has happened after the record that a stale page showed last.
fn since(told: &Told, history: &relman_core::report::History<'_>, seen: u64) -> Vec<TimelineRow> {
    let mut timeline = Timeline::of(history);
    timeline.entries.retain(|entry| entry.record > seen);
    debug_assert!(timeline.entries.len() <= told.records.len());
    timeline.rows()
}
