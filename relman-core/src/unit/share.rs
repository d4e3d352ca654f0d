use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Decimal, as_text::UnitError};

/// A share of the traffic in basis points: 0 to 10,000, where 100 is 1 %.
///
/// An integer in records; `1%`, `0.5%`, `100%` in files and on pages.
///
/// # Examples
///
/// ```
/// use relman_core::unit::TrafficShare;
///
/// let share: TrafficShare = "0.5%".parse()?;
/// assert_eq!(share.basis_points(), 50);
/// assert_eq!(share.to_string(), "0.5%");
/// assert!("101%".parse::<TrafficShare>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TrafficShare(u16);

impl TrafficShare {
    /// No traffic.
    pub const ZERO: Self = Self(0);
    /// All of the traffic.
    pub const FULL: Self = Self(10_000);

    /// A share of that many per cent.
    ///
    /// # Panics
    ///
    /// If it is more than 100; for shares known when the program is written.
    pub const fn percent(percent: u16) -> Self {
        assert!(percent <= 100, "a share is at most 100 %");
        Self(percent * 100)
    }

    /// The share in basis points, 0 to 10,000.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// Whether it is no traffic at all.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The rest of the traffic.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(Self::FULL.0 - self.0)
    }

    /// How far two shares are apart, in basis points.
    pub const fn distance(self, other: Self) -> u16 {
        self.0.abs_diff(other.0)
    }
}

impl TryFrom<u16> for TrafficShare {
    type Error = UnitError;

    fn try_from(basis_points: u16) -> Result<Self, UnitError> {
        if basis_points > 10_000 {
            return Err(UnitError::new(
                basis_points.to_string(),
                "a traffic share in basis points",
                "it is more than 10000 (100%)",
            ));
        }
        Ok(Self(basis_points))
    }
}

impl From<TrafficShare> for u16 {
    fn from(share: TrafficShare) -> Self {
        share.0
    }
}

impl FromStr for TrafficShare {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a traffic share such as 1% or 0.5%";
        let Some(number) = text.trim().strip_suffix('%') else {
            return Err(UnitError::new(text, WHAT, "it does not end in %"));
        };
        let percent: Decimal = number
            .trim_end()
            .parse()
            .map_err(|error: UnitError| UnitError::new(text, WHAT, error.problem().to_owned()))?;
        let basis_points =
            percent.scaled(2).ok_or_else(|| UnitError::new(text, WHAT, "it is finer than 0.01%"))?;
        u16::try_from(basis_points)
            .ok()
            .and_then(|basis_points| Self::try_from(basis_points).ok())
            .ok_or_else(|| UnitError::new(text, WHAT, "it is more than 100%"))
    }
}

impl fmt::Display for TrafficShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", Decimal::new(u64::from(self.0), 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_and_print_as_per_cent() {
        for (text, basis_points) in [("0%", 0), ("1%", 100), ("0.01%", 1), ("12.5%", 1_250), ("100%", 10_000)]
        {
            let share: TrafficShare = text.parse().unwrap();
            assert_eq!(share.basis_points(), basis_points);
            assert_eq!(share.to_string(), text);
        }
    }

    #[test]
    fn a_share_outside_zero_to_a_hundred_is_refused() {
        for text in ["1", "-1%", "100.01%", "0.001%", "one %", "%"] {
            assert!(text.parse::<TrafficShare>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<TrafficShare>("10001").is_err());
    }
}
