use relman_core::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How requests come: their number over the day, and how it varies from one minute to the next.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
/// use relman_testkit::world::{Requests, World};
///
/// // Half as many again at 20:00 UTC as on average, half as many at 08:00, and 20 % up and down between minutes.
/// let requests = Requests::by_chance().daily(0.5, Span::from_hours(20)).varying(0.2);
/// let world = World { requests, ..World::default() };
/// assert_ne!(world.requests, Requests::exactly());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Requests {
    /// How the number varies around what is expected.
    pub arrivals: Arrivals,
    /// How much more there is at the busiest time of the day than on average, and as much less half a day later:
    /// between 0 and 1.
    pub daily: f64,
    /// The busiest time of the day, after midnight UTC.
    pub busiest: Span,
}

/// How the number of requests varies around what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Not at all: what is expected, rounded.
    Exact,
    /// As with users who come independently: a Poisson distribution.
    ByChance,
    /// More than that: what is expected goes up and down with the weather, in both arms together.
    Varying {
        /// The standard deviation of what is expected, as a part of its mean: 0.2 for 20 % up and down. Drawn from a
        /// gamma distribution, once for each look.
        variation: f64,
    },
}

const DAY: Span = Span::from_hours(24);

impl Requests {
    /// As many as expected, every time: for comparing with theory.
    pub fn exactly() -> Self {
        Self { arrivals: Arrivals::Exact, daily: 0.0, busiest: Span::ZERO }
    }

    /// Poisson around the same mean at every hour.
    pub fn by_chance() -> Self {
        Self { arrivals: Arrivals::ByChance, ..Self::exactly() }
    }

    /// The same requests with ups and downs beyond chance, as a part of their mean.
    #[must_use]
    pub fn varying(self, variation: f64) -> Self {
        Self { arrivals: Arrivals::Varying { variation }, ..self }
    }

    /// The same requests, more at the busiest time of the day (after midnight UTC) and less half a day later, in the
    /// form of a cosine.
    #[must_use]
    pub fn daily(self, daily: f64, busiest: Span) -> Self {
        Self { daily, busiest, ..self }
    }

    /// What is expected at a moment, as a part of the mean over the day.
    pub(crate) fn expected_at(&self, at: Timestamp) -> f64 {
        if self.daily == 0.0 {
            return 1.0;
        }
        let into_day = at.as_millis().rem_euclid(DAY.as_millis().cast_signed()) as f64;
        let turns = (into_day - self.busiest.as_millis() as f64) / DAY.as_millis() as f64;
        1.0 + self.daily * libm::cos(std::f64::consts::TAU * turns)
    }
}

impl Default for Requests {
    /// Poisson around the same mean at every hour.
    fn default() -> Self {
        Self::by_chance()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_has_a_busy_and_a_quiet_half() {
        let requests = Requests::by_chance().daily(0.5, Span::from_hours(20));
        let at = |hour: i64| requests.expected_at(Timestamp::from_millis(hour * 3_600_000));
        assert!((at(20) - 1.5).abs() < 1e-9);
        assert!((at(8) - 0.5).abs() < 1e-9);
        assert!((at(26) - at(2)).abs() < 1e-9);
        let mean = (0..24).map(at).sum::<f64>() / 24.0;
        assert!((mean - 1.0).abs() < 1e-9);
    }
}
