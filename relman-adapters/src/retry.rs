use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use relman_core::{
    port::{PortError, Retry},
    unit::Span,
};
use serde::Deserialize;
use tokio::time::Instant;
use tracing::warn;

use crate::http::span_from_text;

/// How often and for how long something is tried again.
///
/// Delays double from the first to the longest, with some chance in them so that many notifiers don't knock at once.
/// An error that nothing but a change can mend is not tried again. Where the other side says how long to wait, that
/// is obeyed: it is never asked earlier, and where the wait would go beyond `total`, the error is handed back at
/// once, with the wait in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often it is tried in all; one means no second try.
    pub attempts: u32,
    /// How long the first wait is.
    #[serde(deserialize_with = "span_from_text")]
    pub first_delay: Span,
    /// How long a wait may become by doubling.
    #[serde(deserialize_with = "span_from_text")]
    pub longest_delay: Span,
    /// After how long no further try is begun.
    #[serde(deserialize_with = "span_from_text")]
    pub total: Span,
}

impl Default for RetryPolicy {
    /// Five attempts within two minutes: enough for a restart on the other side, and short enough that a message
    /// about a rollout step still speaks of the present.
    fn default() -> Self {
        Self::tries(5)
    }
}

impl RetryPolicy {
    /// So many tries in all, and otherwise the default.
    pub const fn tries(attempts: u32) -> Self {
        Self {
            attempts,
            first_delay: Span::from_millis(500),
            longest_delay: Span::from_secs(30),
            total: Span::from_minutes(2),
        }
    }

    /// Waits so long before the second try, twice as long before the next, and no longer than this before any.
    #[must_use]
    pub const fn waiting(self, first: Span, longest: Span) -> Self {
        Self { first_delay: first, longest_delay: longest, ..self }
    }

    /// Begins no try later than this after the first.
    #[must_use]
    pub const fn within(self, total: Span) -> Self {
        Self { total, ..self }
    }

    /// Tries until it works or the policy says to stop; the error is that of the last try.
    pub(crate) async fn run<T, F>(&self, key: &str, attempt: impl FnMut() -> F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.first_delay.to_std())
            .with_max_delay(self.longest_delay.to_std())
            .with_max_times(usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX))
            .with_jitter();
        let deadline = Instant::now() + self.total.to_std();
        attempt
            .retry(backoff)
            .when(|error: &PortError| error.retry() != Retry::Never)
            .adjust(|error: &PortError, delay: Option<Duration>| {
                let delay = match error.retry() {
                    Retry::Never | Retry::Yes => delay?,
                    Retry::After(wait) => delay?.max(wait.to_std()),
                };
                (Instant::now() + delay <= deadline).then_some(delay)
            })
            .notify(|error: &PortError, delay: Duration| {
                warn!(adapter = error.adapter(), key, ?delay, %error, "it is tried again");
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use relman_core::port::PortErrorKind;

    use super::*;

    /// Fails with this until the given attempt; says how often it was tried and how long it took.
    async fn tried(retry: Retry, works_at: u32) -> (Result<(), PortError>, u32, Duration) {
        let count = Cell::new(0);
        let started = Instant::now();
        let result = RetryPolicy::default()
            .run("key", async || {
                count.set(count.get() + 1);
                if count.get() == works_at {
                    return Ok(());
                }
                Err(PortError::new("test", "notify", PortErrorKind::Unavailable, "no").with_retry(retry))
            })
            .await;
        (result, count.get(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_until_it_works() {
        let (result, count, elapsed) = tried(Retry::Yes, 3).await;
        assert!(result.is_ok() && count == 3);
        // Half a second and one second, each with up to as much again by chance.
        assert!(
            elapsed >= Duration::from_millis(1_500) && elapsed <= Duration::from_millis(3_100),
            "{elapsed:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded() {
        let (result, count, _) = tried(Retry::Yes, 100).await;
        assert!(result.is_err() && count == 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_a_change_can_mend_is_tried_once() {
        let (result, count, elapsed) = tried(Retry::Never, 2).await;
        assert!(result.is_err() && count == 1 && elapsed.is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_side_is_never_asked_earlier_than_it_wants() {
        let (result, count, elapsed) = tried(Retry::After(Span::from_secs(50)), 3).await;
        assert!(result.is_ok() && count == 3);
        assert!(elapsed >= Duration::from_secs(100) && elapsed < Duration::from_secs(102), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_total_is_handed_back_at_once() {
        let (result, count, elapsed) = tried(Retry::After(Span::from_secs(121)), 2).await;
        assert_eq!(result.unwrap_err().retry(), Retry::After(Span::from_secs(121)));
        assert!(count == 1 && elapsed.is_zero());
        // Two waits of 50 seconds fit into two minutes and the third does not.
        let (_, count, elapsed) = tried(Retry::After(Span::from_secs(50)), 100).await;
        assert!(count == 3 && elapsed < Duration::from_secs(102), "{count} {elapsed:?}");
    }
}
