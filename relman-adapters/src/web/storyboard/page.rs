use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use relman_core::{
    chain::Digest,
    event::RollbackTrigger,
    event::{CheckOutcome, Record},
    port::{JournalExt, with_causes},
    report::{
        Artifact, FrameName, FrameState, OverrideEnd, StoryArtifact, Storyboard, TimelineRow, VerdictKind,
        sentence,
    },
    unit::{Actor, ReleaseId},
};

use super::{
    View,
    view::{Artifacts, StepLooks},
};
use crate::jsonl::jsonl;
use crate::package::package;
use crate::web::{
    act::Offer,
    front::Front,
    links::{Links, Moment},
    live::head_text,
    page::{Shell, html},
    problem::Problem,
    shelf::Told,
    visit::Visit,
    words::time,
};

#[derive(Template)]
#[template(path = "web/storyboard.html")]
struct Page<'a> {
    shell: Shell<'a>,
    board: &'a Storyboard,
    view: &'a View<'a>,
    links: &'a Links,
    offers: &'a [Offer],
    head: String,
    news: String,
}

#[derive(Template)]
#[template(path = "web/looks.html")]
struct LooksPage<'a> {
    shell: Shell<'a>,
    board: &'a Storyboard,
    links: &'a Links,
    step: &'a StepLooks<'a>,
}

#[derive(Template)]
#[template(path = "web/artifact.html")]
struct ArtifactPage<'a> {
    shell: Shell<'a>,
    links: &'a Links,
    release: &'a ReleaseId,
    name: StoryArtifact,
    title: String,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "web/record.html")]
struct RecordPage<'a> {
    shell: Shell<'a>,
    links: &'a Links,
    release: &'a ReleaseId,
    seq: u64,
    at: Moment,
    by: &'a Actor,
    kind: &'a str,
    digest: Digest,
    sentence: String,
    line: String,
}

/// The release of an address.
///
/// # Errors
///
/// [`Problem`] where there is none of that name, or its record can't be trusted.
pub(in crate::web) async fn told(front: &Front, visit: &Visit, release: &str) -> Result<Arc<Told>, Problem> {
    let id: ReleaseId = release.parse().map_err(|error| Problem::not_found(visit, error))?;
    match front.shelf.tell(&id).await {
        Ok(Some(told)) => Ok(told),
        Ok(None) => Err(Problem::not_found(visit, format_args!("there is no release {id}"))),
        Err(error) => Err(Problem::failed(
            visit,
            format_args!("the record of {id} can't be shown: {}", with_causes(&error)),
        )),
    }
}

/// The links of a live page.
pub(in crate::web) fn live_links(visit: &Visit, told: &Told) -> Links {
    Links::Live { base: visit.base.clone(), release: told.release.id().clone() }
}

/// What a screen reader says when a page was renewed.
pub(in crate::web) fn news(told: &Told) -> String {
    match told.records.last() {
        Some(record) => format!("Record {}, {}: {}", record.seq, time(&record.at), sentence(&record.event)),
        None => String::new(),
    }
}

pub(in crate::web) fn head_of(told: &Told) -> String {
    told.release.head().map(head_text).unwrap_or_default()
}

/// `GET /releases/{release}`.
pub(in crate::web) async fn storyboard(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let told = told(&front, &visit, &release).await?;
    let history = told.history(front.clock.now());
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    let offers = Offer::all(&front, &visit, &told).await?;
    let page = Page {
        shell: Shell::of(&visit),
        board: &board,
        view: &view,
        links: &live_links(&visit, &told),
        offers: &offers,
        head: head_of(&told),
        news: news(&told),
    };
    Ok(html(&page))
}

/// `GET /releases/{release}/looks/{step}`.
pub(in crate::web) async fn looks(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path((release, step)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let told = told(&front, &visit, &release).await?;
    let history = told.history(front.clock.now());
    let board = Storyboard::of(&history);
    let view = View::of(&history, &board, Artifacts::Linked);
    let step = view.looks.iter().find(|one| one.number == step);
    let step = step.ok_or_else(|| Problem::not_found(&visit, "there was no look at that step"))?;
    let links = live_links(&visit, &told);
    Ok(html(&LooksPage { shell: Shell::of(&visit), board: &board, links: &links, step }))
}

/// `GET /releases/{release}/artifacts/{name}`, with `.txt`, `.json` and, for documents, `.md` too.
pub(in crate::web) async fn artifact(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path((release, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let told = told(&front, &visit, &release).await?;
    let history = told.history(front.clock.now());
    let (name, form) = name.split_once('.').unwrap_or((&name, "html"));
    let none = || Problem::not_found(&visit, "the release has no such artifact, or has not come so far");
    let artifact: StoryArtifact = name.parse().map_err(|_| none())?;
    match form {
        "txt" => {
            let text = artifact.text(&history).ok_or_else(none)?;
            Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
        }
        "json" => {
            let json = artifact.json(&history).map_err(|error| Problem::failed(&visit, error))?;
            let text = json.ok_or_else(none)?.to_string();
            Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
        }
        "md" => {
            let StoryArtifact::Document(name) = artifact else { return Err(none()) };
            let document = Artifact::of(&history, name).ok_or_else(none)?;
            let text = front.templates.markdown(&document).map_err(|error| Problem::failed(&visit, error))?;
            Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
        }
        "html" => {
            let text = artifact.text(&history).ok_or_else(none)?;
            Ok(html(&ArtifactPage {
                shell: Shell::of(&visit),
                links: &live_links(&visit, &told),
                release: told.release.id(),
                name: artifact,
                title: artifact.title(),
                text: &text,
            }))
        }
        _ => Err(none()),
    }
}

/// `GET /releases/{release}/records/{seq}`.
pub(in crate::web) async fn record(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path((release, seq)): Path<(String, u64)>,
) -> Result<Response, Problem> {
    let told = told(&front, &visit, &release).await?;
    let id = told.release.id();
    let lines =
        front.releases.journal().read(id, seq, 1).await.map_err(|error| Problem::failed(&visit, error))?;
    let none = || Problem::not_found(&visit, format_args!("{id} has no record {seq}"));
    let line = lines.first().ok_or_else(none)?;
    let record = Record::read(line).map_err(|error| Problem::failed(&visit, with_causes(&error)))?;
    Ok(html(&RecordPage {
        shell: Shell::of(&visit),
        links: &live_links(&visit, &told),
        release: id,
        seq,
        at: Moment(record.at),
        by: &record.by,
        kind: record.event.kind(),
        digest: record.digest,
        sentence: sentence(&record.event),
        line: String::from_utf8_lossy(line).into_owned(),
    }))
}

/// `GET /releases/{release}/record.jsonl`: the stored lines, byte for byte.
pub(in crate::web) async fn record_file(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let (id, lines) = stored(&front, &visit, &release).await?;
    Ok(as_file("application/jsonl", &format!("{id}.jsonl"), jsonl(&lines)))
}

/// `GET /releases/{release}/package.zip`: the release package.
pub(in crate::web) async fn package_file(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let (id, lines) = stored(&front, &visit, &release).await?;
    let name = format!("{id}.zip");
    let templates = front.templates.clone();
    // A long release takes longer than a worker should be away from others.
    let packed = tokio::task::spawn_blocking(move || package(&id, &lines, &templates)).await;
    let bytes = packed.map_err(|error| Problem::failed(&visit, error))?;
    Ok(as_file("application/zip", &name, bytes.map_err(|error| Problem::failed(&visit, error))?))
}

async fn stored(front: &Front, visit: &Visit, release: &str) -> Result<(ReleaseId, Vec<Vec<u8>>), Problem> {
    let id: ReleaseId = release.parse().map_err(|error| Problem::not_found(visit, error))?;
    let lines = front.releases.journal().read_to_end(&id, 0).await;
    let lines = lines.map_err(|error| Problem::failed(visit, error))?;
    if lines.is_empty() {
        return Err(Problem::not_found(visit, format_args!("there is no release {id}")));
    }
    Ok((id, lines))
}

/// A file that a browser saves. Ids of releases hold nothing that means something in a header.
pub(in crate::web) fn as_file(media_type: &'static str, name: &str, bytes: impl IntoResponse) -> Response {
    let name = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response()
}
