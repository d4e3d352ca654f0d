//! Server-sent events: one whenever something is new, whereupon the page fetches itself again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, stream};
use relman_core::{chain::Head, unit::ReleaseId};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    format::head_text,
    state::{AppState, RequestContext},
};

/// How often the head of a release is read while its page is open. With the time that the page takes, a change shows
/// within a second.
const POLL_RELEASE_EVERY: Duration = Duration::from_millis(250);

/// How often the list of releases is read while the overview is open.
const POLL_OVERVIEW_EVERY: Duration = Duration::from_millis(500);

/// `GET /releases/{release}/events`.
pub(super) async fn release_events(
    State(state): State<Arc<AppState>>,
    _context: RequestContext,
    Path(release): Path<String>,
) -> Response {
    let Ok(id) = ReleaseId::recorded(&release) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(permit) = state.listeners.clone().try_acquire_owned() else {
        return too_many();
    };
    let watch = HeadWatch { state, id, last: None, first: true, _permit: permit };
    answer(stream::unfold(watch, HeadWatch::next))
}

/// `GET /events`.
pub(super) async fn overview_events(
    State(state): State<Arc<AppState>>,
    _context: RequestContext,
) -> Response {
    let Ok(permit) = state.listeners.clone().try_acquire_owned() else {
        return too_many();
    };
    let watch = (state, None::<u64>, permit);
    answer(stream::unfold(watch, async |(state, last, permit)| {
        let mut first = last.is_none();
        loop {
            if !first {
                tokio::time::sleep(POLL_OVERVIEW_EVERY).await;
            }
            first = false;
            state.index.refresh().await;
            let version = state.index.version();
            if last != Some(version) {
                let event = Event::default().data(version.to_string());
                return Some((Ok(event), (state, Some(version), permit)));
            }
        }
    }))
}

/// Follows the head of a release.
struct HeadWatch {
    state: Arc<AppState>,
    id: ReleaseId,
    last: Option<Head>,
    first: bool,
    /// Released when the page goes away.
    _permit: OwnedSemaphorePermit,
}

impl HeadWatch {
    /// Waits until the head has changed.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if !self.first {
                tokio::time::sleep(POLL_RELEASE_EVERY).await;
            }
            self.first = false;
            match self.state.releases.journal().head(&(&self.id).into()).await {
                Ok(Some(head)) if Some(head) != self.last => {
                    self.last = Some(head);
                    return Some((Ok(Event::default().data(head_text(head))), self));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(release = %self.id, %error, "failed to read the head; trying again");
                }
            }
        }
    }
}

fn answer(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    // Proxies close connections that are silent for a minute.
    let alive = KeepAlive::new().interval(Duration::from_secs(20));
    Sse::new(events).keep_alive(alive).into_response()
}

fn too_many() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "too many pages are listening for changes; reload the page to see what is new",
    )
        .into_response()
}
