//! The storyboard as one file.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use base64::Engine;
use relman_core::{
    event::{CheckOutcome, RollbackTrigger},
    report::{FrameName, FrameState, History, OverrideEnd, Storyboard, TimelineRow, VerdictKind},
};
use sha2::{Digest, Sha256};

use super::{
    act::Offer,
    asset::STYLE,
    front::Front,
    links::Links,
    problem::Problem,
    storyboard::{Artifacts, View, as_file, told},
    visit::Visit,
};

#[derive(Template)]
#[template(path = "web/storyboard_file.html")]
struct File<'a> {
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    offers: &'a [Offer],
    style: &'a str,
    style_hash: String,
}

/// The storyboard of a release as one HTML file that stands alone: every frame, every verdict and every artifact,
/// without a script and without anything from a network.
///
/// The same release at the same moment gives the same bytes.
///
/// # Panics
///
/// Never: writing to a string does not fail.
///
/// # Examples
///
/// ```
/// use relman_adapters::web::storyboard_file;
/// use relman_core::{machine::Release, report::History};
///
/// let release = Release::new("checkout-241".parse()?);
/// let page = storyboard_file(&History::new(&release, &[], "2026-11-22T18:04:05.000Z".parse()?));
/// assert!(page.starts_with("<!doctype html>") && !page.contains("<script"));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
pub fn storyboard_file(history: &History<'_>) -> String {
    let board = Storyboard::of(history);
    let view = View::of(history, &board, Artifacts::Inside);
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let file =
        File { board: &board, view: &view, links: &Links::File, offers: &[], style: STYLE, style_hash: hash };
    file.render().expect("writing to a string does not fail")
}

/// `GET /releases/{release}/storyboard.html`.
pub(super) async fn download(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let told = told(&front, &visit, &release).await?;
    let file = storyboard_file(&told.history(front.clock.now()));
    let name = format!("{}.html", told.release.id());
    Ok(as_file("text/html; charset=utf-8", &name, file))
}
