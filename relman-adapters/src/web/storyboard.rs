//! The pages of one release: its storyboard, also as a file, the validation, evaluations and records.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use base64::Engine;
use relman_core::{
    chain,
    event::{CheckOutcome, Record, RollbackTrigger},
    report::{
        FrameName, FrameState, History, IncidentState, OverrideEnd, Storyboard, TimelineRow, VerdictKind,
        sentence,
    },
    unit::{Actor, ReleaseId},
};
use sha2::{Digest, Sha256};

use super::{
    act::Offer,
    format::{Links, TimeTag},
    response::{Layout, Problem, STYLE, html},
    state::{AppState, RequestContext},
    view::{Artifacts, StepEvaluations, View},
};

#[derive(Template)]
#[template(path = "web/storyboard.html")]
struct StoryboardPage<'a> {
    layout: Layout<'a>,
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    offers: &'a [Offer],
    head: String,
    announcement: String,
}

#[derive(Template)]
#[template(path = "web/storyboard_file.html")]
struct StoryboardFile<'a> {
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    offers: &'a [Offer],
    style: &'a str,
    style_hash: String,
}

#[derive(Template)]
#[template(path = "web/validation.html")]
struct ValidationPage<'a> {
    layout: Layout<'a>,
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    head: String,
    announcement: String,
}

#[derive(Template)]
#[template(path = "web/evaluations.html")]
struct EvaluationsPage<'a> {
    layout: Layout<'a>,
    board: &'a Storyboard,
    links: &'a Links,
    step: &'a StepEvaluations<'a>,
    page: &'a usize,
}

#[derive(Template)]
#[template(path = "web/record.html")]
struct RecordPage<'a> {
    layout: Layout<'a>,
    links: &'a Links,
    release: &'a ReleaseId,
    seq: u64,
    at: TimeTag,
    by: &'a Actor,
    kind: &'a str,
    digest: chain::Digest,
    sentence: String,
    line: String,
    has_next: bool,
}

/// Renders the storyboard of a release as one HTML file that stands alone: every frame, every verdict and every artifact,
/// without a script and without anything from a network.
///
/// The same history gives the same bytes.
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
    let view = View::of(history, &board, Artifacts::Embedded);
    let style_hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let file = StoryboardFile {
        board: &board,
        view: &view,
        links: &Links::File,
        offers: &[],
        style: STYLE,
        style_hash,
    };
    file.render().expect("writing to a string does not fail")
}

/// `GET /releases/{release}`.
pub(super) async fn storyboard(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let cached = state.release(&context, &release).await?;
    let history = cached.history(state.clock.now());
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    let offers = Offer::all(&state, &context, &cached).await?;
    Ok(html(&StoryboardPage {
        layout: Layout::of(&context),
        board: &board,
        view: &view,
        links: &context.links(cached.release.id()),
        offers: &offers,
        head: cached.head_text(),
        announcement: cached.announcement(),
    }))
}

/// `GET /releases/{release}/validation`.
pub(super) async fn validation(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let cached = state.release(&context, &release).await?;
    let history = cached.history(state.clock.now());
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    Ok(html(&ValidationPage {
        layout: Layout::of(&context),
        board: &board,
        view: &view,
        links: &context.links(cached.release.id()),
        head: cached.head_text(),
        announcement: cached.announcement(),
    }))
}

/// Which page of a list is asked for.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Turned {
    page: Option<usize>,
}

/// `GET /releases/{release}/looks/{step}?page=1`.
pub(super) async fn evaluations(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path((release, step)): Path<(String, u32)>,
    Query(turned): Query<Turned>,
) -> Result<Response, Problem> {
    let cached = state.release(&context, &release).await?;
    let history = cached.history(state.clock.now());
    let board = Storyboard::of(&history);
    let mut view = View::of(&history, &board, Artifacts::Linked);
    let page = turned.page.unwrap_or(1);
    let found = view.evaluations.iter_mut().find(|one| one.number == step);
    let Some(step) = found.and_then(|step| step.turn_to(page).then_some(&*step)) else {
        return Err(Problem::not_found(
            &context,
            "there are no evaluations at that step, or not so many pages",
        ));
    };
    let links = context.links(cached.release.id());
    Ok(html(&EvaluationsPage {
        layout: Layout::of(&context),
        board: &board,
        links: &links,
        step,
        page: &page,
    }))
}

/// `GET /releases/{release}/records/{seq}`.
pub(super) async fn record(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path((release, seq)): Path<(String, u64)>,
) -> Result<Response, Problem> {
    let cached = state.release(&context, &release).await?;
    let id = cached.release.id();
    let lines = state.releases.journal().read(&id.into(), seq, 1).await;
    let lines = lines.map_err(|error| Problem::failed(&context, error))?;
    let none = || Problem::not_found(&context, format_args!("{id} has no record {seq}"));
    let line = lines.first().ok_or_else(none)?;
    let read = Record::read(line).map_err(|error| Problem::failed(&context, error))?;
    // Those that were folded have their verdicts.
    let folded = cached.records.iter().find(|record| record.digest == read.digest);
    let record = folded.unwrap_or(&read);
    Ok(html(&RecordPage {
        layout: Layout::of(&context),
        links: &context.links(id),
        release: id,
        seq,
        at: TimeTag(record.at),
        by: &record.by,
        kind: record.event.kind(),
        digest: record.digest,
        sentence: sentence(&record.event),
        line: String::from_utf8_lossy(line).into_owned(),
        has_next: cached.release.head().is_some_and(|head| seq < head.seq),
    }))
}
