//! Clocks: the machine's, and one that stands still when tokio's does.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use relman_core::{
    port::Clock,
    unit::{Span, Timestamp},
};
use tokio::time::Instant;

/// The machine's clock, steadily: the calendar as it was when this process first asked, and the time that has passed
/// since. Whoever sets the machine's clock meanwhile, rightly or wrongly, moves nothing here; on Linux the time for which
/// the machine was suspended counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// The present moment, whole milliseconds, rounded down. A machine whose clock stands before 1970 reads as 1970.
    fn now(&self) -> Timestamp {
        static FIRST: OnceLock<(Duration, Duration)> = OnceLock::new();
        let (calendar, first) = FIRST.get_or_init(|| (since_epoch(), uptime()));
        timestamp(*calendar + uptime().saturating_sub(*first))
    }

    fn calendar(&self) -> Timestamp {
        timestamp(since_epoch())
    }
}

fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// What the machine's calendar shows.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time since the machine was started, without regard to its calendar.
#[cfg(target_os = "linux")]
pub(crate) fn uptime() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The time since this was first asked, without regard to the machine's calendar.
#[cfg(not(target_os = "linux"))]
fn uptime() -> Duration {
    static FIRST: OnceLock<std::time::Instant> = OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
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
    use super::*;

    #[test]
    fn the_system_clock_starts_at_the_calendar_and_never_goes_back() {
        let before = SystemClock.calendar();
        let now = SystemClock.now();
        // Another test may have asked first; the two clocks of a machine drift apart by less than this.
        assert!(now.since(before) < Span::from_secs(60) && before.since(now) < Span::from_secs(60));
        assert!(SystemClock.now() >= now);
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
