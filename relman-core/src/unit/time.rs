//! Moments, lengths of time and windows between two moments, all in whole milliseconds.

use std::{fmt, ops::Add, str::FromStr};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{
    as_text::{UnitError, schema_as_text, serde_as_text},
    file::MAX_INTEGER,
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

impl Timestamp {
    /// The moment in the one way to write it; none where the text is anything else. Every record has three of them or more.
    fn as_written(text: &str) -> Option<Self> {
        let text: &[u8; 24] = text.as_bytes().try_into().ok()?;
        let marks = [4, 7, 10, 13, 16, 19, 23].map(|at: usize| text[at]);
        if marks != *b"--T::.Z" {
            return None;
        }
        let number = |from: usize, digits: usize| {
            text[from..from + digits].iter().try_fold(0_u32, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
            })
        };
        let date = NaiveDate::from_ymd_opt(number(0, 4)?.try_into().ok()?, number(5, 2)?, number(8, 2)?)?;
        let (seconds, millis) = (number(17, 2)?, number(20, 3)?);
        let time = date.and_hms_milli_opt(number(11, 2)?, number(14, 2)?, seconds, millis)?;
        Some(Self(time.and_utc()))
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
        if let Some(moment) = Self::as_written(text) {
            return Ok(moment);
        }
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

    /// Whether a moment is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.until)
    }
}

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
            .filter(|millis| *millis <= MAX_INTEGER)
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

    use proptest::prelude::*;

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

    #[test]
    fn a_moment_that_does_not_exist_is_refused() {
        for text in [
            "2026-02-29T18:04:05.000Z",
            "2026-13-01T18:04:05.000Z",
            "2026-00-01T18:04:05.000Z",
            "2026-01-00T18:04:05.000Z",
            "2026-11-22T24:00:00.000Z",
            "2026-11-22T18:60:05.000Z",
            "2026-11-22T23:59:60.000Z",
            "2026-11-22T18:04:05,000Z",
            "2026-11-22t18:04:05.000Z",
            "2026-11-22T18:04:05.000z",
            "2026-11-22T18:04:+5.000Z",
            "2026-11-22T18:04:05.00äZ",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!("2024-02-29T23:59:59.999Z".parse::<Timestamp>().is_ok());
    }

    proptest! {
        #[test]
        fn moments_read_back_as_they_are_written(millis in RANGE_MILLIS) {
            let moment = Timestamp::from_millis(millis);
            let text = moment.to_string();
            prop_assert_eq!(Timestamp::as_written(&text), Some(moment));
            prop_assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap().with_timezone(&Utc), moment.0);
        }

        #[test]
        fn a_text_is_a_moment_where_it_is_how_that_is_written(
            text in "[0-9]{3}[0-9:/]-[0-3][0-9]-[0-4][0-9][TtA][0-3][0-9]:[0-9]{2}:[0-9]{2}[.,][0-9]{2}[0-9 ][Zz]"
        ) {
            if let Some(moment) = Timestamp::as_written(&text) {
                prop_assert_eq!(moment.to_string(), text);
            } else if let Ok(moment) = DateTime::parse_from_rfc3339(&text) {
                prop_assert_ne!(Timestamp::from(moment.with_timezone(&Utc)).to_string(), text);
            }
        }

        #[test]
        fn what_is_printed_reads_back(millis in 0_u64..=1 << 53) {
            let span = Span::from_millis(millis);
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
    }
}
