use serde::{Deserialize, Serialize};

use crate::{
    judge::observation::{Arms, Counts, Exposed},
    unit::UnitError,
};

/// What one interval says for each of several alternatives.
pub trait Factor {
    /// What is measured in one interval.
    type Interval;

    /// How many alternatives there are; at most 16.
    const ALTERNATIVES: usize;

    /// Writes `ln L_k` for each alternative, in order, into a slice of that length; all zero where nothing was served.
    fn ln_factors(&self, interval: &Self::Interval, ln_factors: &mut [f64]);
}

/// The alternatives of the likelihood factors: how many times too high a rate may be.
pub const RATIOS: [f64; 10] = [1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0];

/// A rate against a limit `p0`: `L_k = (p_k/p0)^x · ((1−p_k)/(1−p0))^(n−x)` with `p_k = min(r_k·p0, ½)`.
///
/// The likelihood ratio of Wald's sequential test (1945) for `n` requests with `x` errors. Its mean is exactly 1 at
/// `p0` and below 1 under it, where errors are independent of each other. It depends on the totals of `n` and `x`
/// alone, so that intervals may be of any length. It is at most 1 in an interval whose own rate is at most `p0`.
///
/// The cap of ½ would turn the test round for a limit above it; there the cap is half-way from the limit to 1.
///
/// Latency quantiles are rates, too: `latency_p99 > 300ms` says that more than 1 % take longer than 300 ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RateLimit {
    limit: f64,
    /// `ln(p_k/p0)`.
    ln_error: [f64; RATIOS.len()],
    /// `ln((1−p_k)/(1−p0))`.
    ln_clean: [f64; RATIOS.len()],
}

impl RateLimit {
    /// A limit above 0 and below 1; none otherwise. Against a limit of zero any error is proof, and no evidence needed.
    pub fn new(limit: f64) -> Option<Self> {
        if !(limit > 0.0 && limit < 1.0) {
            return None;
        }
        let cap = if limit < 0.5 { 0.5 } else { f64::midpoint(limit, 1.0) };
        let rates = RATIOS.map(|ratio| f64::min(ratio * limit, cap));
        Some(Self {
            limit,
            ln_error: rates.map(|rate| libm::log(rate / limit)),
            ln_clean: rates.map(|rate| libm::log1p(-rate) - libm::log1p(-limit)),
        })
    }

    /// The limit.
    pub fn limit(&self) -> f64 {
        self.limit
    }
}

impl Factor for RateLimit {
    type Interval = Counts;
    const ALTERNATIVES: usize = RATIOS.len();

    fn ln_factors(&self, interval: &Counts, ln_factors: &mut [f64]) {
        let errors = interval.errors_f64();
        let clean = (interval.requests() - interval.errors()) as f64;
        for (ln, (ln_error, ln_clean)) in ln_factors.iter_mut().zip(self.ln_error.iter().zip(&self.ln_clean))
        {
            *ln = errors * ln_error + clean * ln_clean;
        }
    }
}

impl TryFrom<f64> for RateLimit {
    type Error = UnitError;

    fn try_from(limit: f64) -> Result<Self, UnitError> {
        Self::new(limit).ok_or_else(|| {
            UnitError::new(limit.to_string(), "a limit of a rate", "it is not between 0 and 1")
        })
    }
}

impl From<RateLimit> for f64 {
    fn from(factor: RateLimit) -> Self {
        factor.limit
    }
}

/// A rate against `ρ` times the baseline's: with `m_c = ρ·n_c`,
/// `L_k = r_k^(x_c) · ((m_c+n_b)/(r_k·m_c+n_b))^(x_c+x_b)`.
///
/// The likelihood ratio of the canary's share of all errors, given how many there were in both arms: rates may drift and
/// incidents may hit both arms, at any split of the traffic (Turner, Ly and Grünwald on 2×2 tables; Lindon and Malek
/// on counts). The mean is at most 1 for Poisson counts and, because `ln(1+u) ≤ u`, for independent requests, at any
/// rates `p_c ≤ ρ·p_b`. It is at most 1 in an interval where the canary's own rate is at most `ρ` times the
/// baseline's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RateAgainstBaseline {
    ratio: f64,
    /// `ln r_k`.
    ln_ratios: [f64; RATIOS.len()],
}

impl RateAgainstBaseline {
    /// How many times the baseline's rate is allowed: above 0 and finite; none otherwise.
    pub fn new(ratio: f64) -> Option<Self> {
        (ratio > 0.0 && ratio.is_finite()).then(|| Self { ratio, ln_ratios: RATIOS.map(libm::log) })
    }

    /// How many times the baseline's rate is allowed.
    pub fn ratio(&self) -> f64 {
        self.ratio
    }
}

impl Factor for RateAgainstBaseline {
    type Interval = Arms;
    const ALTERNATIVES: usize = RATIOS.len();

    fn ln_factors(&self, interval: &Arms, ln_factors: &mut [f64]) {
        let share = interval.share_at(self.ratio).unwrap_or(0.0);
        let canary = interval.canary.errors_f64();
        let both = interval.errors_f64();
        for (ln, (ratio, ln_ratio)) in ln_factors.iter_mut().zip(RATIOS.iter().zip(&self.ln_ratios)) {
            // (r·m + n)/(m + n) = 1 + (r − 1)·m/(m + n).
            *ln = canary * ln_ratio - both * libm::log1p((ratio - 1.0) * share);
        }
    }
}

impl TryFrom<f64> for RateAgainstBaseline {
    type Error = UnitError;

    fn try_from(ratio: f64) -> Result<Self, UnitError> {
        Self::new(ratio)
            .ok_or_else(|| UnitError::new(ratio.to_string(), "a ratio", "it is not above 0 and finite"))
    }
}

impl From<RateAgainstBaseline> for f64 {
    fn from(factor: RateAgainstBaseline) -> Self {
        factor.ratio
    }
}

/// Things counted while something is exposed to them: `L_k = r_k^x · e^(−μ(r_k−1))`, `μ = expected rate × exposure`.
///
/// The likelihood ratio of Poisson counts with `r_k` times the expected rate: complaints, crashes. The mean is exactly 1
/// at the expected rate and below 1 under it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct CountsWithExposure {
    expected_rate: f64,
    /// `ln r_k`.
    ln_ratios: [f64; RATIOS.len()],
}

impl CountsWithExposure {
    /// How many are expected for one unit of exposure: above 0 and finite; none otherwise.
    pub fn new(expected_rate: f64) -> Option<Self> {
        (expected_rate > 0.0 && expected_rate.is_finite())
            .then(|| Self { expected_rate, ln_ratios: RATIOS.map(libm::log) })
    }

    /// How many are expected for one unit of exposure.
    pub fn expected_rate(&self) -> f64 {
        self.expected_rate
    }
}

impl Factor for CountsWithExposure {
    type Interval = Exposed;
    const ALTERNATIVES: usize = RATIOS.len();

    fn ln_factors(&self, interval: &Exposed, ln_factors: &mut [f64]) {
        let expected = self.expected_rate * interval.exposure as f64;
        let count = interval.count as f64;
        for (ln, (ratio, ln_ratio)) in ln_factors.iter_mut().zip(RATIOS.iter().zip(&self.ln_ratios)) {
            *ln = count * ln_ratio - expected * (ratio - 1.0);
        }
    }
}

impl TryFrom<f64> for CountsWithExposure {
    type Error = UnitError;

    fn try_from(rate: f64) -> Result<Self, UnitError> {
        Self::new(rate).ok_or_else(|| {
            UnitError::new(rate.to_string(), "an expected rate", "it is not above 0 and finite")
        })
    }
}

impl From<CountsWithExposure> for f64 {
    fn from(factor: CountsWithExposure) -> Self {
        factor.expected_rate
    }
}
