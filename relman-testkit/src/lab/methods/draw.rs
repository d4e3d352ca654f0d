use relman_core::judge::factor::{Arms, Counts};
use serde::{Deserialize, Serialize};

use crate::world::{Arrivals, draw::Draw};

/// How many minutes a day has.
const DAY: u32 = 24 * 60;

/// How long a shared incident lasts, in minutes.
const INCIDENT_LENGTH: u32 = 10;

/// The share of requests that fail in one, in both arms.
const INCIDENT_ERRORS: f64 = 0.05;

/// What the errors of a healthy pair of versions are like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weather {
    /// Independent, at the same rate all day.
    Calm,
    /// In bursts of this mean size, each inside one minute and one arm. The mean rate is the same.
    Bursts(f64),
    /// For ten minutes of each day, at a moment drawn anew, one request in twenty fails in both arms.
    DailyIncident,
    /// The rate of both arms goes up and down by half over a day, in the form of a cosine.
    DailyDrift,
}

impl Weather {
    /// Whether a healthy version keeps within a limit at its usual rate in this weather.
    pub(super) fn keeps_a_limit(self) -> bool {
        match self {
            Self::Calm | Self::Bursts(_) => true,
            Self::DailyIncident | Self::DailyDrift => false,
        }
    }
}

/// Two arms of the same size, minute by minute.
pub(super) struct Minutes {
    draw: Draw,
    weather: Weather,
    /// The first minute of today's incident, within the day.
    incident: f64,
    minute: u32,
}

/// What is expected of a minute.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    /// Requests of each arm.
    pub(super) requests: f64,
    /// The error rate of a healthy version.
    pub(super) healthy: f64,
    /// The error rate of the new version.
    pub(super) canary: f64,
}

impl Minutes {
    pub(super) fn new(draw: Draw, weather: Weather) -> Self {
        Self { draw, weather, incident: 0.0, minute: 0 }
    }

    /// Draws the next minute.
    pub(super) fn next(&mut self, expected: Expected) -> Arms {
        let of_day = f64::from(self.minute % DAY);
        if self.weather == Weather::DailyIncident && self.minute.is_multiple_of(DAY) {
            self.incident = self.draw.uniform() * f64::from(DAY - INCIDENT_LENGTH);
        }
        let rate = |usual: f64| match self.weather {
            Weather::Calm | Weather::Bursts(_) => usual,
            Weather::DailyIncident => {
                let on = self.incident <= of_day && of_day < self.incident + f64::from(INCIDENT_LENGTH);
                if on { usual.max(INCIDENT_ERRORS) } else { usual }
            }
            Weather::DailyDrift => {
                usual * (1.0 + 0.5 * libm::cos(std::f64::consts::TAU * of_day / f64::from(DAY)))
            }
        };
        let (canary, baseline) = (rate(expected.canary), rate(expected.healthy));
        self.minute += 1;
        Arms { canary: self.arm(expected.requests, canary), baseline: self.arm(expected.requests, baseline) }
    }

    fn arm(&mut self, expected: f64, rate: f64) -> Counts {
        let requests = self.draw.requests(Arrivals::ByChance, expected);
        let errors = match self.weather {
            Weather::Bursts(size) => self.draw.in_bursts(requests as f64 * rate, size).min(requests),
            Weather::Calm | Weather::DailyIncident | Weather::DailyDrift => self.draw.part(requests, rate),
        };
        Counts::new(requests, errors).unwrap_or(Counts::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors_of(weather: Weather) -> (f64, f64) {
        let mut minutes = Minutes::new(Draw::about("a day"), weather);
        let expected = Expected { requests: 6_000.0, healthy: 0.001, canary: 0.002 };
        let day = (0..DAY).fold(Arms::default(), |sum, _| sum.plus(minutes.next(expected)));
        let rate = |arm: Counts| arm.errors() as f64 / arm.requests() as f64;
        (rate(day.canary), rate(day.baseline))
    }

    #[test]
    fn bursts_and_drift_keep_the_mean_over_a_day() {
        for weather in [Weather::Calm, Weather::Bursts(5.0), Weather::Bursts(20.0), Weather::DailyDrift] {
            let (canary, baseline) = errors_of(weather);
            assert!((canary - 0.002).abs() < 1e-4, "{weather:?}: {canary}");
            assert!((baseline - 0.001).abs() < 1e-4, "{weather:?}: {baseline}");
        }
    }

    #[test]
    fn an_incident_adds_the_same_to_both_arms() {
        // Ten minutes at 5 % in place of 0.1 and 0.2 %.
        let (canary, baseline) = errors_of(Weather::DailyIncident);
        let part = f64::from(INCIDENT_LENGTH) / f64::from(DAY);
        assert!((canary - (0.002 + part * 0.048)).abs() < 1e-4, "{canary}");
        assert!((baseline - (0.001 + part * 0.049)).abs() < 1e-4, "{baseline}");
    }
}
