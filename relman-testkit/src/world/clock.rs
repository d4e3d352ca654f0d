use std::sync::{Mutex, PoisonError};

use relman_core::{
    port::Clock,
    unit::{Span, Timestamp},
};

/// A clock that moves only when it is told to.
///
/// # Examples
///
/// ```
/// use relman_core::{port::Clock, unit::{Span, Timestamp}};
/// use relman_testkit::world::ManualClock;
///
/// let clock = ManualClock::at("2026-11-22T18:00:00.000Z".parse()?);
/// clock.advance(Span::from_minutes(30));
/// assert_eq!(clock.now().to_string(), "2026-11-22T18:30:00.000Z");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows this moment.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Sets the clock forward.
    pub fn advance(&self, by: Span) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = *now + by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
