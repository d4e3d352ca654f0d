//! The dashboard of the 24 hours.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use relman_core::{
    event::CheckOutcome,
    report::{FrameState, OverrideEnd, Storyboard},
};

use super::{
    front::Front,
    links::Links,
    page::{Shell, html},
    problem::Problem,
    storyboard::{Artifacts, View, head_of, live_links, news, told},
    visit::Visit,
};

#[derive(Template)]
#[template(path = "web/validation.html")]
struct Page<'a> {
    shell: Shell<'a>,
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    head: String,
    news: String,
}

/// `GET /releases/{release}/validation`.
pub(super) async fn dashboard(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let told = told(&front, &visit, &release).await?;
    let history = told.history(front.clock.now());
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    Ok(html(&Page {
        shell: Shell::of(&visit),
        board: &board,
        view: &view,
        links: &live_links(&visit, &told),
        head: head_of(&told),
        news: news(&told),
    }))
}
