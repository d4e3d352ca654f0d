use std::{fmt, ops::Add, str::FromStr};

use serde::{Deserialize, Serialize};

use super::error::UnitError;

/// A length of time in whole milliseconds.
///
/// In records it is an integer of milliseconds; in files and on pages people read and write
/// `30m`, `2h`, `1h 30m`, `24h`.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
///
/// let bake: Span = "1h 30m".parse()?;
/// assert_eq!(bake, Span::from_minutes(90));
/// assert_eq!(bake.to_string(), "1h 30m");
/// assert_eq!(serde_json::to_string(&bake).unwrap(), "5400000");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of that many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A span of that many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    /// A span of that many minutes.
    pub const fn from_minutes(minutes: u64) -> Self {
        Self::from_secs(minutes * 60)
    }

    /// A span of that many hours.
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_minutes(hours * 60)
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The length as the standard library has it, for timers.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// This span less the other, and nothing where the other is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This span so many times.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a duration such as 30m, 2h or 1h 30m";
        let parsed = humantime::parse_duration(text.trim())
            .map_err(|error| UnitError::new(text, WHAT, error.to_string()))?;
        let millis = u64::try_from(parsed.as_millis())
            .ok()
            .filter(|millis| *millis <= 1_u64 << 53)
            .ok_or_else(|| UnitError::new(text, WHAT, "it is too long"))?;
        if parsed.subsec_nanos() % 1_000_000 != 0 {
            return Err(UnitError::new(text, WHAT, "it is finer than a millisecond"));
        }
        Ok(Self(millis))
    }
}

impl fmt::Display for Span {
    /// Hours, minutes, seconds and milliseconds, without the parts that are zero: a day is `24h`,
    /// as the field says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.0 / 3_600_000, "h"),
            (self.0 / 60_000 % 60, "m"),
            (self.0 / 1_000 % 60, "s"),
            (self.0 % 1_000, "ms"),
        ];
        let text = parts
            .iter()
            .filter(|(amount, _)| *amount > 0)
            .map(|(amount, unit)| format!("{amount}{unit}"))
            .collect::<Vec<_>>()
            .join(" ");
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_print_the_way_people_say_them() {
        for (span, text) in [
            (Span::ZERO, "0s"),
            (Span::from_minutes(30), "30m"),
            (Span::from_hours(24), "24h"),
            (Span::from_minutes(1_830), "30h 30m"),
            (Span::from_millis(1_500), "1s 500ms"),
        ] {
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["30", "soon", "", "-5m", "1ns"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(millis in 0_u64..=1 << 53) {
            let span = Span::from_millis(millis);
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
    }
}
