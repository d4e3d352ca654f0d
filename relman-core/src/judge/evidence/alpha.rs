use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{judge::math::ln_sum, unit::UnitError};

/// The probability of turning back a healthy release that is allowed, for the whole release and all its criteria.
///
/// Above 0 and below 1; 1 % unless said otherwise.
///
/// # Examples
///
/// ```
/// use relman_core::judge::evidence::Alpha;
///
/// assert_eq!(Alpha::default(), Alpha::new(0.01).expect("a probability"));
/// assert!((Alpha::default().ln_threshold() - 4.605_170_185_988_091).abs() < 1e-15);
/// assert_eq!(Alpha::new(0.0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Alpha(f64);

impl Alpha {
    /// The probability, if it is above 0 and below 1.
    pub fn new(probability: f64) -> Option<Self> {
        (probability > 0.0 && probability < 1.0).then_some(Self(probability))
    }

    /// The probability.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// `ln(1/α)`: evidence of so much or more is an alarm.
    pub fn ln_threshold(self) -> f64 {
        -libm::log(self.0)
    }
}

impl Default for Alpha {
    fn default() -> Self {
        Self(0.01)
    }
}

impl TryFrom<f64> for Alpha {
    type Error = UnitError;

    fn try_from(probability: f64) -> Result<Self, UnitError> {
        let refused = "it is not above 0 and below 1";
        Self::new(probability)
            .ok_or_else(|| UnitError::new(probability.to_string(), "a probability", refused))
    }
}

impl From<Alpha> for f64 {
    fn from(alpha: Alpha) -> Self {
        alpha.0
    }
}

/// The shares that criteria have in the probability of a false alarm: none negative, together at most 1.
///
/// The evidence of the whole is the weighted mean `E = Σ v_i · E_i`, which is valid under any dependence between the
/// criteria and never worse than giving each its part of `α` (Vovk and Wang 2021, and arXiv 2409.19888: merging by
/// averages). Evidence of different criteria on the same traffic is never multiplied.
///
/// # Examples
///
/// ```
/// use relman_core::judge::evidence::Shares;
///
/// let shares = Shares::equal(2);
/// // One criterion has evidence of 199, the other of 1: half of each is 100.
/// let merged = shares.merge(&[5.293_304_824_724_492, 0.0]);
/// assert!((merged - 4.605_170_185_988_092).abs() < 1e-14);
/// assert!(Shares::new(vec![0.7, 0.7]).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Shares(Vec<f64>);

/// Why numbers are not shares.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum SharesError {
    /// A share is negative or no number.
    #[error("the share {0} is not between 0 and 1")]
    OutOfRange(f64),
    /// The shares come to more than one.
    #[error("the shares add up to {0}, at most 1 can be shared out")]
    TooMuch(f64),
}

impl Shares {
    /// How far the sum may be above one: rounding, not more.
    const SLACK: f64 = 1e-9;

    /// Shares in the order of the criteria.
    ///
    /// # Errors
    ///
    /// [`SharesError`] where one is not between 0 and 1 or their sum is above 1.
    pub fn new(shares: Vec<f64>) -> Result<Self, SharesError> {
        if let Some(share) = shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            return Err(SharesError::OutOfRange(*share));
        }
        let mut sum = 0.0;
        for share in &shares {
            sum += share;
        }
        if sum > 1.0 + Self::SLACK {
            return Err(SharesError::TooMuch(sum));
        }
        Ok(Self(shares))
    }

    /// The same share for each of so many criteria.
    pub fn equal(criteria: usize) -> Self {
        Self(vec![1.0 / criteria.max(1) as f64; criteria])
    }

    /// The shares in order.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The logarithm of the merged evidence, from the logarithms of each criterion's in the same order.
    ///
    /// A share that is not used, because fewer logarithms are given, counts as evidence of nothing (`E_i = 1`), and
    /// so does what the shares leave of one: a criterion that has not been seen yet is neither for nor against.
    pub fn merge(&self, ln_evidence: &[f64]) -> f64 {
        let mut unseen = 1.0;
        for (share, _) in self.0.iter().zip(ln_evidence) {
            unseen -= share;
        }
        let seen = self.0.iter().zip(ln_evidence).map(|(share, ln)| libm::log(*share) + ln);
        ln_sum([libm::log(f64::max(unseen, 0.0))].into_iter().chain(seen))
    }
}

impl TryFrom<Vec<f64>> for Shares {
    type Error = SharesError;

    fn try_from(shares: Vec<f64>) -> Result<Self, SharesError> {
        Self::new(shares)
    }
}

impl From<Shares> for Vec<f64> {
    fn from(shares: Shares) -> Self {
        shares.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merged_alarm_is_never_later_than_a_split_one() {
        // Splitting gives each criterion α·v: it alarms at ln(1/(αv)). The mean has then reached 1/α as well.
        let shares = Shares::new(vec![0.25, 0.75]).unwrap();
        let alpha = Alpha::default();
        let split = -libm::log(alpha.get() * 0.25);
        assert!(shares.merge(&[split, -50.0]) >= alpha.ln_threshold() - 1e-12);
    }

    #[test]
    fn what_nobody_has_seen_is_evidence_of_nothing() {
        assert!(Shares::equal(3).merge(&[]).abs() < 1e-15);
        assert!(Shares::equal(4).merge(&[0.0, 0.0]).abs() < 1e-15);
        assert!(Shares::new(vec![]).unwrap().merge(&[]).abs() < 1e-15);
    }

    #[test]
    fn shares_that_promise_too_much_are_refused() {
        assert_eq!(Shares::new(vec![0.5, -0.1]), Err(SharesError::OutOfRange(-0.1)));
        assert!(Shares::new(vec![f64::NAN]).is_err());
        assert!(serde_json::from_str::<Shares>("[0.6,0.6]").is_err());
        assert!(serde_json::from_str::<Alpha>("1.0").is_err());
        assert!(Shares::new(vec![0.1; 10]).is_ok());
    }
}
