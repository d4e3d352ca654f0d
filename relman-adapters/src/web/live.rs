//! Server-sent events: a word whenever there is something new, and the page asks for it.

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

use super::{front::Front, visit::Visit};

/// How often the journal is asked for the head of a release that somebody looks at. A change is on the page within a
/// second, together with the time that the page takes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often the overview looks for changes.
const LIST_EVERY: Duration = Duration::from_millis(500);

/// A head, as pages carry it.
pub(super) fn head_text(head: Head) -> String {
    format!("{}:{}", head.seq, head.digest)
}

/// `GET /releases/{release}/events`.
pub(super) async fn of_release(
    State(front): State<Arc<Front>>,
    _visit: Visit,
    Path(release): Path<String>,
) -> Response {
    let Ok(id) = release.parse::<ReleaseId>() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(permit) = front.listeners.clone().try_acquire_owned() else {
        return too_many();
    };
    let state = Watch { front, id, last: None, first: true, _permit: permit };
    answer(stream::unfold(state, Watch::next))
}

/// `GET /events`.
pub(super) async fn of_overview(State(front): State<Arc<Front>>, _visit: Visit) -> Response {
    let Ok(permit) = front.listeners.clone().try_acquire_owned() else {
        return too_many();
    };
    let state = (front, None::<u64>, permit);
    answer(stream::unfold(state, async |(front, last, permit)| {
        let mut first = last.is_none();
        loop {
            if !first {
                tokio::time::sleep(LIST_EVERY).await;
            }
            first = false;
            front.library.refresh().await;
            let version = front.library.version();
            if last != Some(version) {
                let event = Event::default().data(version.to_string());
                return Some((Ok(event), (front, Some(version), permit)));
            }
        }
    }))
}

struct Watch {
    front: Arc<Front>,
    id: ReleaseId,
    last: Option<Head>,
    first: bool,
    /// Given back when the page goes away.
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// Waits until the head is another one than the last.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if !self.first {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            self.first = false;
            match self.front.releases.journal().head(&self.id).await {
                Ok(Some(head)) if Some(head) != self.last => {
                    self.last = Some(head);
                    return Some((Ok(Event::default().data(head_text(head))), self));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(release = %self.id, %error, "the journal can't be asked for news; it is asked again");
                }
            }
        }
    }
}

fn answer(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    // Proxies close what is silent for a minute.
    let alive = KeepAlive::new().interval(Duration::from_secs(20));
    Sse::new(events).keep_alive(alive).into_response()
}

fn too_many() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "too many pages listen for changes; load the page again to see what is new",
    )
        .into_response()
}
