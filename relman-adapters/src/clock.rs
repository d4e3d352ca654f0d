//! Clocks: the machine's, and one that stands still when tokio's does.

use std::time::{SystemTime, UNIX_EPOCH};

use relman_core::{
    port::Clock,
    unit::{Span, Timestamp},
};
use tokio::time::Instant;

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// The present moment, whole milliseconds, rounded down. A machine whose clock stands before 1970 reads as 1970.
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that starts at a chosen moment and goes on with tokio's time.
///
/// Under `tokio::time::pause` it stands still and jumps with `tokio::time::advance`, so that a test or a demo lives
/// through a day of validation in no time. It never runs backwards.
///
/// # Examples
///
/// ```
/// use relman_adapters::clock::TokioClock;
/// use relman_core::{port::Clock, unit::Timestamp};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// let epoch: Timestamp = "2026-11-22T18:00:00.000Z".parse()?;
/// let clock = TokioClock::starting_at(epoch);
/// tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
/// assert_eq!(clock.now().to_string(), "2026-11-22T19:00:00.000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    epoch: Timestamp,
    started: Instant,
}

impl TokioClock {
    /// A clock that shows `epoch` now.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, started: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis();
        self.epoch + Span::from_millis(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_system_clock_shows_what_the_standard_library_shows() {
        let millis = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let before = millis();
        let now = u128::try_from(SystemClock.now().as_millis()).unwrap();
        assert!((before..=millis()).contains(&now));
    }

    #[tokio::test(start_paused = true)]
    async fn the_tokio_clock_moves_with_paused_time_only() {
        let epoch = Timestamp::from_millis(1_000);
        let clock = TokioClock::starting_at(epoch);
        assert_eq!(clock.now(), epoch);
        tokio::time::advance(Duration::from_hours(24)).await;
        assert_eq!(clock.now(), epoch + Span::from_hours(24));
    }
}
