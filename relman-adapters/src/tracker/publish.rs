use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use relman_core::{
    machine::{PhaseName, Release},
    port::{PortError, Publication, Published, Tracker},
    unit::{ReleaseId, Span},
};
use thiserror::Error;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tracing::{info, warn};

use crate::{conductor::Update, retry::RetryPolicy};

/// How a publication is retried by default: six attempts within a quarter of an hour.
///
/// Only the person who looks the release up waits for it, and most outages of a tracker are shorter.
pub const PATIENT: RetryPolicy = RetryPolicy {
    attempts: 6,
    first_delay: Span::from_secs(1),
    longest_delay: Span::from_minutes(2),
    total: Span::from_minutes(15),
};

/// Why a release is not on a tracker, or not all of it.
#[derive(Debug, Error)]
#[error("failed to publish {release}")]
#[non_exhaustive]
pub struct Unpublished {
    /// The release.
    pub release: ReleaseId,
    /// The error of the last attempt.
    #[source]
    pub problem: PortError,
}

/// Publishes on one tracker, and retries as the policy says.
///
/// Each attempt does what the one before has left undone. Where the tracker says how long to wait, that is obeyed.
///
/// # Errors
///
/// [`Unpublished`] with the error of the last attempt, which is logged too.
pub async fn publish(
    tracker: &dyn Tracker,
    publication: &Publication,
    retries: &RetryPolicy,
) -> Result<Published, Unpublished> {
    let release = &publication.subject().release;
    match retries.run(release.as_str(), || tracker.publish(publication)).await {
        Ok(published) => {
            info!(tracker = tracker.name(), %release, url = published.url, seq = published.head.seq, "published");
            Ok(published)
        }
        Err(problem) => {
            warn!(tracker = tracker.name(), %release, error = %problem, "failed to publish");
            Err(Unpublished { release: release.clone(), problem })
        }
    }
}

/// Publishes on every tracker at once, and returns what came of each, in the order given.
///
/// One that fails does not stop the others.
pub async fn publish_everywhere(
    trackers: &[Arc<dyn Tracker>],
    publication: &Publication,
    retries: &RetryPolicy,
) -> Vec<Result<Published, Unpublished>> {
    // Boxed, so that the whole can be a task of its own.
    let mut all: Vec<BoxFuture<'_, _>> = Vec::new();
    for tracker in trackers {
        all.push(Box::pin(publish(&**tracker, publication, retries)));
    }
    join_all(all).await
}

/// Keeps the copies of a release current while it is driven: publishes once at the beginning, whenever the release enters
/// another phase, and at its end. Returns what came of the last publication on each tracker.
///
/// It listens to [`updates`](crate::conductor::Conductor::updates) and is in nobody's way: a tracker that does not answer
/// delays the copies and nothing else, and when it answers again, the latest phase is published. It ends once the release
/// has ended and is published, or when the conductor stops. `publication` says what a copy should be now; where it
/// returns `None`, nothing is published.
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
