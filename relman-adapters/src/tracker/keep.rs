use std::sync::Arc;

use futures::future::BoxFuture;
use relman_core::{
    machine::{PhaseName, Release},
    port::{Publication, Published, Tracker},
    unit::ReleaseId,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Unpublished, publish_everywhere};
use crate::{conductor::Update, retry::RetryPolicy};

/// Keeps the copies of a release current while it is conducted: publishes once at the beginning, whenever the release
/// has entered another phase, and at its end; says of each tracker what came of the last time.
///
/// It listens to [`updates`](crate::conductor::Conductor::updates) and stands in nobody's way: a tracker that does not
/// answer delays the copies and nothing else, and of the phases that passed meanwhile the last one is published. It ends
/// when the release has ended and is published, or when nobody conducts any longer. `publication` says what a copy should
/// be now; where it has nothing to publish, nothing is.
pub async fn keep_published(
    mut updates: Receiver<Update>,
    release: ReleaseId,
    trackers: Vec<Arc<dyn Tracker>>,
    retries: RetryPolicy,
    publication: impl Fn() -> BoxFuture<'static, Option<Publication>> + Send,
) -> Vec<Result<Published, Unpublished>> {
    let mut shown: Option<PhaseName> = None;
    let mut results = Vec::new();
    let mut is_due = true;
    let mut is_over = false;
    loop {
        if is_due && let Some(publication) = publication().await {
            results = publish_everywhere(&trackers, &publication, &retries).await;
        }
        if is_over {
            return results;
        }
        is_due = false;
        // What happened during a publication is waiting here, and becomes one publication.
        loop {
            match updates.recv().await {
                Ok(update) if *update.release.id() == release => {
                    let phase = update.release.phase().name();
                    is_due |= shown != Some(phase);
                    shown = Some(phase);
                    is_over = has_ended(&update.release);
                    is_due |= is_over;
                }
                Ok(_) => {}
                // Whatever was missed may have been another phase.
                Err(RecvError::Lagged(_)) => is_due = true,
                Err(RecvError::Closed) => (is_due, is_over) = (true, true),
            }
            if is_over || (is_due && updates.is_empty()) {
                break;
            }
        }
    }
}

/// Whether nothing happens to a release any more but what people write down.
fn has_ended(release: &Release) -> bool {
    release.phase().name().is_end() && release.outstanding().is_empty()
}
