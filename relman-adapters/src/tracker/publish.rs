use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use relman_core::{
    port::{PortError, Publication, Published, Tracker},
    unit::{ReleaseId, Span},
};
use thiserror::Error;
use tracing::{info, warn};

use crate::retry::RetryPolicy;

/// How patiently a publication is tried again where nothing else is said: six attempts within a quarter of an hour.
///
/// Nobody waits for it but the person who looks the release up, and most outages of a tracker are shorter.
pub const PATIENT: RetryPolicy = RetryPolicy {
    attempts: 6,
    first_delay: Span::from_secs(1),
    longest_delay: Span::from_minutes(2),
    total: Span::from_minutes(15),
};

/// Why a release is not on a tracker, or not all of it.
#[derive(Debug, Error)]
#[error("failed to publish {release}")]
pub struct Unpublished {
    /// The release.
    pub release: ReleaseId,
    /// The error of the last attempt.
    #[source]
    pub problem: PortError,
}

/// Publishes on one tracker, and tries again as the policy says.
///
/// Each attempt goes on with what the one before has left undone. Where the tracker says how long to wait, that is
/// obeyed.
///
/// # Errors
///
/// [`Unpublished`] with the error of the last attempt, which is in the log too.
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
            warn!(tracker = tracker.name(), %release, error = %problem, "it is not published");
            Err(Unpublished { release: release.clone(), problem })
        }
    }
}

/// Publishes on every tracker at once, and says of each what came of it, in the order given.
///
/// One that fails does not keep the others from succeeding.
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
