use serde::{Deserialize, Serialize};

use super::Measurement;
use crate::unit::UnitError;

/// Requests of one arm in one interval, and how many of them went wrong or were above a bound.
///
/// # Examples
///
/// ```
/// use relman_core::judge::factor::Counts;
///
/// let shard = Counts::new(300, 1).expect("fewer errors than requests");
/// assert_eq!(shard.plus(shard), Counts::new(600, 2).expect("fewer errors than requests"));
/// assert_eq!(Counts::new(1, 2), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "RawCounts", into = "RawCounts")]
pub struct Counts {
    requests: u64,
    errors: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCounts {
    requests: u64,
    errors: u64,
}

impl Counts {
    /// No requests.
    pub const NONE: Self = Self { requests: 0, errors: 0 };

    /// So many errors among so many requests; none if there are more errors than requests.
    pub const fn new(requests: u64, errors: u64) -> Option<Self> {
        if errors <= requests { Some(Self { requests, errors }) } else { None }
    }

    /// What a measurement counted; none if it counted nothing of the kind or more errors than requests.
    pub fn of(measurement: &Measurement) -> Option<Self> {
        match measurement {
            Measurement::Counts { requests, errors: part }
            | Measurement::Exceedances { requests, exceedances: part, .. } => Self::new(*requests, *part),
            Measurement::Histogram(_) | Measurement::Events { .. } | Measurement::Gauge { .. } => None,
        }
    }

    /// All requests.
    pub const fn requests(self) -> u64 {
        self.requests
    }

    /// Those that went wrong.
    pub const fn errors(self) -> u64 {
        self.errors
    }

    /// The counts of both, as of two shards or of two intervals.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
        }
    }

    pub(in crate::judge) fn requests_f64(self) -> f64 {
        self.requests as f64
    }

    pub(in crate::judge) fn errors_f64(self) -> f64 {
        self.errors as f64
    }
}

impl TryFrom<RawCounts> for Counts {
    type Error = UnitError;

    fn try_from(raw: RawCounts) -> Result<Self, UnitError> {
        Self::new(raw.requests, raw.errors).ok_or_else(|| {
            let text = format!("{} of {}", raw.errors, raw.requests);
            UnitError::new(text, "counts", "there are more errors than requests")
        })
    }
}

impl From<Counts> for RawCounts {
    fn from(counts: Counts) -> Self {
        Self { requests: counts.requests, errors: counts.errors }
    }
}

/// Both arms in the same interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arms {
    /// The new version.
    pub canary: Counts,
    /// The version it replaces, at the same time.
    pub baseline: Counts,
}

impl Arms {
    /// The counts of both, arm by arm.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { canary: self.canary.plus(other.canary), baseline: self.baseline.plus(other.baseline) }
    }

    /// What of these counts came after others that are part of them, arm by arm.
    pub(in crate::judge) fn since(self, before: Self) -> Self {
        let since = |all: Counts, before: Counts| {
            let requests = all.requests.saturating_sub(before.requests);
            Counts { requests, errors: all.errors.saturating_sub(before.errors).min(requests) }
        };
        Self { canary: since(self.canary, before.canary), baseline: since(self.baseline, before.baseline) }
    }

    /// The errors of both arms.
    pub(in crate::judge) fn errors_f64(self) -> f64 {
        self.canary.errors_f64() + self.baseline.errors_f64()
    }

    /// The share `m_c / (m_c + n_b)` of the errors that the canary has on average at exactly `ratio` times the
    /// baseline's rate, with `m_c = ratio · n_c`; none where nothing was served.
    pub(in crate::judge) fn share_at(self, ratio: f64) -> Option<f64> {
        let canary = ratio * self.canary.requests_f64();
        let both = canary + self.baseline.requests_f64();
        (both > 0.0).then(|| canary / both)
    }
}

/// Things counted in one interval, and how much was exposed to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exposed {
    /// How many were counted.
    pub count: u64,
    /// How much was exposed, in the unit of the expected rate: requests, sessions, seconds.
    pub exposure: u64,
}

impl Exposed {
    /// The counts and exposures of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            exposure: self.exposure.saturating_add(other.exposure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_can_not_be_are_refused() {
        assert!(serde_json::from_str::<Counts>(r#"{"requests":1,"errors":2}"#).is_err());
        assert_eq!(Counts::of(&Measurement::Counts { requests: 1, errors: 2 }), None);
        let read: Counts = serde_json::from_str(r#"{"requests":2,"errors":1}"#).unwrap();
        assert_eq!(read, Counts { requests: 2, errors: 1 });
    }

    #[test]
    fn the_share_is_that_of_the_weighted_requests() {
        let arms = Arms { canary: Counts::new(10, 0).unwrap(), baseline: Counts::new(30, 0).unwrap() };
        assert_eq!(arms.share_at(1.0), Some(0.25));
        assert_eq!(arms.share_at(3.0), Some(0.5));
        assert_eq!(Arms::default().share_at(2.0), None);
    }
}
