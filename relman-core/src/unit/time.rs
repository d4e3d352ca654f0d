use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Span,
    error::{UnitError, schema_as_text, serde_as_text},
};

/// A moment in UTC, in whole milliseconds, in the years 0000 to 9999.
///
/// Written as RFC 3339 with milliseconds and `Z`, always 24 characters.
///
/// # Examples
///
/// ```
/// use relman_core::unit::{Span, Timestamp};
///
/// let start: Timestamp = "2026-11-22T18:04:05.000Z".parse()?;
/// let later = start + Span::from_hours(24);
/// assert_eq!(later.to_string(), "2026-11-23T18:04:05.000Z");
/// assert_eq!(later.since(start), Span::from_hours(24));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what 24 characters can write.
const RANGE_MILLIS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// The moment that many milliseconds after 1970-01-01T00:00:00Z, clamped to the years that can be written.
    pub fn from_millis(millis: i64) -> Self {
        let millis = millis.clamp(*RANGE_MILLIS.start(), *RANGE_MILLIS.end());
        // Never the default: the clamped range is inside chrono's.
        Self(DateTime::from_timestamp_millis(millis).unwrap_or_default())
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// How long after `earlier` this is; nothing if it is not.
    pub fn since(self, earlier: Self) -> Span {
        let millis = self.as_millis().saturating_sub(earlier.as_millis());
        Span::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The moment that much earlier.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_sub(millis))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// Drops what is finer than a millisecond.
    fn from(moment: DateTime<Utc>) -> Self {
        Self::from_millis(moment.timestamp_millis())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(moment: Timestamp) -> Self {
        moment.0
    }
}

impl std::ops::Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_add(millis))
    }
}

impl FromStr for Timestamp {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a UTC time such as 2026-11-22T18:04:05.000Z";
        let parsed = DateTime::parse_from_rfc3339(text)
            .map_err(|error| UnitError::new(text, WHAT, error.to_string()))?;
        let moment = Self::from(parsed.with_timezone(&Utc));
        // One way to write a moment, so that no two texts mean the same.
        if moment.to_string() != text {
            return Err(UnitError::new(text, WHAT, format!("it is written {moment}")));
        }
        Ok(moment)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

serde_as_text!(Timestamp);
schema_as_text!(
    Timestamp,
    "Timestamp",
    "A moment in UTC with milliseconds",
    "2026-11-22T18:04:05.000Z",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
);

/// A stretch of time: from the first moment up to, and without, the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The first moment.
    pub from: Timestamp,
    /// The moment after the last.
    pub until: Timestamp,
}

impl Window {
    /// How long the window is.
    pub fn length(&self) -> Span {
        self.until.since(self.from)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_a_moment() {
        assert!("2026-11-22T18:04:05.000Z".parse::<Timestamp>().is_ok());
        for text in ["2026-11-22T18:04:05Z", "2026-11-22T19:04:05.000+01:00", "2026-11-22", ""] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_stays_inside_the_years_that_can_be_written() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(last + Span::from_hours(1), last);
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }
}
