//! What a release offers to save or to read as text and data.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use relman_core::{
    port::JournalExt,
    report::{Artifact, StoryArtifact},
    unit::ReleaseId,
};

use super::{
    format::Links,
    response::{Layout, Problem, download, html, no_such_release},
    state::{AppState, RequestContext},
    storyboard::storyboard_file,
};
use crate::{jsonl::jsonl, package};

#[derive(Template)]
#[template(path = "web/artifact.html")]
struct ArtifactPage<'a> {
    layout: Layout<'a>,
    links: &'a Links,
    release: &'a ReleaseId,
    name: StoryArtifact,
    title: String,
    text: &'a str,
}

/// `GET /releases/{release}/artifacts/{name}`, with `.txt`, `.json` and, for documents, `.md` too.
pub(super) async fn artifact(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path((release, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let cached = state.release(&context, &release).await?;
    let history = cached.history(state.clock.now());
    let (name, form) = name.split_once('.').unwrap_or((&name, "html"));
    let none = || Problem::not_found(&context, "the release has no such artifact, or does not have it yet");
    let artifact: StoryArtifact = name.parse().map_err(|_| none())?;
    match form {
        "txt" => {
            let text = artifact.text(&history).ok_or_else(none)?;
            Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
        }
        "json" => {
            let json = artifact.json(&history).map_err(|error| Problem::failed(&context, error))?;
            let text = json.ok_or_else(none)?.to_string();
            Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
        }
        "md" => {
            let StoryArtifact::Document(name) = artifact else { return Err(none()) };
            let document = Artifact::of(&history, name).ok_or_else(none)?;
            let text =
                state.templates.markdown(&document).map_err(|error| Problem::failed(&context, error))?;
            Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
        }
        "html" => {
            let text = artifact.text(&history).ok_or_else(none)?;
            Ok(html(&ArtifactPage {
                layout: Layout::of(&context),
                links: &context.links(cached.release.id()),
                release: cached.release.id(),
                name: artifact,
                title: artifact.title(),
                text: &text,
            }))
        }
        _ => Err(none()),
    }
}

/// `GET /releases/{release}/storyboard.html`.
pub(super) async fn storyboard(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let cached = state.release(&context, &release).await?;
    let file = storyboard_file(&cached.history(state.clock.now()));
    Ok(download("text/html; charset=utf-8", &format!("{}.html", cached.release.id().file_stem()), file))
}

/// `GET /releases/{release}/record.jsonl`: the stored lines, byte for byte.
pub(super) async fn record(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let (id, lines) = stored(&state, &context, &release).await?;
    Ok(download("application/jsonl", &format!("{}.jsonl", id.file_stem()), jsonl(&lines)))
}

/// `GET /releases/{release}/package.zip`.
pub(super) async fn package(
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Path(release): Path<String>,
) -> Result<Response, Problem> {
    let (id, lines) = stored(&state, &context, &release).await?;
    let name = format!("{}.zip", id.file_stem());
    let templates = state.templates.clone();
    // Packing a long release would keep other requests waiting.
    let packed = tokio::task::spawn_blocking(move || package::package(&id, &lines, &templates)).await;
    let bytes = packed.map_err(|error| Problem::failed(&context, error))?;
    Ok(download("application/zip", &name, bytes.map_err(|error| Problem::failed(&context, error))?))
}

async fn stored(
    state: &AppState,
    context: &RequestContext,
    release: &str,
) -> Result<(ReleaseId, Vec<Vec<u8>>), Problem> {
    let id = ReleaseId::recorded(release).map_err(|error| Problem::not_found(context, error))?;
    let lines = state.releases.journal().read_to_end(&(&id).into(), 0).await;
    let lines = lines.map_err(|error| Problem::failed(context, error))?;
    if lines.is_empty() {
        return Err(no_such_release(context, &id));
    }
    Ok((id, lines))
}
