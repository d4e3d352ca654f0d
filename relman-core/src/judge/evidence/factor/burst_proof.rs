use serde::{Deserialize, Serialize};

use super::likelihood::{Factor, RATIOS};
use crate::{
    judge::observation::{Arms, Counts},
    unit::{Finite, UnitError},
};

/// The stakes `f_k` of the burst-proof factors: how much of the evidence is bet on each interval.
pub const FRACTIONS: [f64; 7] = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95];

/// The engine has room for both lists.
const _: () = assert!(FRACTIONS.len() <= 16 && RATIOS.len() <= 16);

/// `ln(1 + f_k·(y − 1))` for each stake: a bet on `y`, which is not negative and at most 1 on average while clean.
///
/// Never below `ln(1 − 0.95)`: one interval can't ruin the evidence that others collected.
fn ln_bets(y: f64, ln_factors: &mut [f64]) {
    for (ln, fraction) in ln_factors.iter_mut().zip(FRACTIONS) {
        *ln = libm::log1p(fraction * (y - 1.0));
    }
}

/// A rate against `ρ` times the baseline's, where errors come in bursts: `L_k = 1 + f_k·(y − 1)` with
/// `y = [x_c/(x_c+x_b)] / [m_c/(m_c+n_b)]`, `m_c = ρ·n_c`, and `y = 1` without errors.
///
/// A burst counts once, however many errors it has: only the canary's share of the interval's errors matters, not their
/// number. The mean of `y` is at most 1 whenever the share of each error is, given how many there were: bursts lie inside
/// one interval and requests are routed at random. At `ρ = 1` that is exact for independent requests, too; at other
/// `ρ`, and exactly `ρ` times the baseline's rate, it is exact for Poisson counts, and of the order of the rate itself
/// too high for requests that can err only once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct BurstProofAgainstBaseline {
    ratio: f64,
}

impl BurstProofAgainstBaseline {
    /// How many times the baseline's rate is allowed: above 0 and finite; none otherwise.
    pub fn new(ratio: f64) -> Option<Self> {
        (ratio > 0.0 && ratio.is_finite()).then_some(Self { ratio })
    }

    /// How many times the baseline's rate is allowed.
    pub fn ratio(&self) -> f64 {
        self.ratio
    }
}

impl Factor for BurstProofAgainstBaseline {
    type Interval = Arms;
    const ALTERNATIVES: usize = FRACTIONS.len();

    fn ln_factors(&self, interval: &Arms, ln_factors: &mut [f64]) {
        let errors = interval.errors_f64();
        let y = match interval.share_at(self.ratio) {
            // Without requests the canary has no errors either, and says nothing.
            Some(share) if share > 0.0 && errors > 0.0 => interval.canary.errors_f64() / errors / share,
            Some(_) | None => 1.0,
        };
        ln_bets(y, ln_factors);
    }
}

impl TryFrom<f64> for BurstProofAgainstBaseline {
    type Error = UnitError;

    fn try_from(ratio: f64) -> Result<Self, UnitError> {
        Self::new(ratio)
            .ok_or_else(|| UnitError::new(ratio.to_string(), "a ratio", "it is not above 0 and finite"))
    }
}

impl From<BurstProofAgainstBaseline> for f64 {
    fn from(factor: BurstProofAgainstBaseline) -> Self {
        factor.ratio
    }
}

/// A rate against a limit, where errors come in bursts: `L_k = 1 + f_k·(x/(n·p0) − 1)`.
///
/// Needs no more than that the interval's mean rate, given the past, is at most `p0`: errors of one interval may depend
/// on each other in any way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct BurstProofLimit {
    limit: f64,
}

impl BurstProofLimit {
    /// A limit above 0 and below 1; none otherwise.
    pub fn new(limit: f64) -> Option<Self> {
        (limit > 0.0 && limit < 1.0).then_some(Self { limit })
    }

    /// The limit.
    pub fn limit(&self) -> f64 {
        self.limit
    }
}

impl Factor for BurstProofLimit {
    type Interval = Counts;
    const ALTERNATIVES: usize = FRACTIONS.len();

    fn ln_factors(&self, interval: &Counts, ln_factors: &mut [f64]) {
        let allowed = interval.requests_f64() * self.limit;
        let y = if allowed > 0.0 { interval.errors_f64() / allowed } else { 1.0 };
        ln_bets(y, ln_factors);
    }
}

impl TryFrom<f64> for BurstProofLimit {
    type Error = UnitError;

    fn try_from(limit: f64) -> Result<Self, UnitError> {
        Self::new(limit).ok_or_else(|| {
            UnitError::new(limit.to_string(), "a limit of a rate", "it is not between 0 and 1")
        })
    }
}

impl From<BurstProofLimit> for f64 {
    fn from(factor: BurstProofLimit) -> Self {
        factor.limit
    }
}

/// A gauge against a limit: `L_k = 1 + f_k·(y − 1)` with `y = value/limit`.
///
/// Needs no more than that the interval's mean value, given the past, is at most the limit, and that values are not
/// negative; one that is counts as zero. It says that the *mean* is too high: a gauge that may touch its limit for a
/// while wants a limit and a hold time in place of this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct BurstProofGauge {
    limit: f64,
}

impl BurstProofGauge {
    /// A limit above 0 and finite; none otherwise.
    pub fn new(limit: f64) -> Option<Self> {
        (limit > 0.0 && limit.is_finite()).then_some(Self { limit })
    }

    /// The limit.
    pub fn limit(&self) -> f64 {
        self.limit
    }
}

impl Factor for BurstProofGauge {
    type Interval = Finite;
    const ALTERNATIVES: usize = FRACTIONS.len();

    fn ln_factors(&self, interval: &Finite, ln_factors: &mut [f64]) {
        // A tiny limit must not make infinity of a great value.
        let y = (interval.get().max(0.0) / self.limit).min(f64::MAX);
        ln_bets(y, ln_factors);
    }
}

impl TryFrom<f64> for BurstProofGauge {
    type Error = UnitError;

    fn try_from(limit: f64) -> Result<Self, UnitError> {
        Self::new(limit).ok_or_else(|| {
            UnitError::new(limit.to_string(), "a limit of a gauge", "it is not above 0 and finite")
        })
    }
}

impl From<BurstProofGauge> for f64 {
    fn from(factor: BurstProofGauge) -> Self {
        factor.limit
    }
}
