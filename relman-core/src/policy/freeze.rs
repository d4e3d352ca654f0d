//! Freezes: times in which nothing new is exposed. Going back is never frozen.

use std::{fmt, str::FromStr};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::FreezeWindow;
use crate::unit::{Text, Timestamp, UnitError, schema_as_text, serde_as_text};

/// A time in which nothing new is exposed, once or again and again. Rollback is never frozen.
///
/// With a window it holds whenever that comes, between `from` and `until` where these are given; without one it holds
/// from the one to the other, and with no `until` for good. A [policy](super::Policy) has no freeze for good; one that is
/// declared on a target holds until it is lifted.
///
/// # Examples
///
/// ```
/// use relman_core::policy::Freeze;
///
/// let weekend = Freeze::recurring("Fri 16:00–Mon 08:00 Europe/Berlin".parse()?, "weekend".parse()?);
/// let frozen = weekend.frozen_at("2026-11-28T12:00:00.000Z".parse()?).expect("a Saturday is frozen");
/// assert_eq!(
///     frozen.to_string(),
///     "the freeze (weekend, Fri 16:00–Mon 08:00 Europe/Berlin) until Mon 2026-11-30 08:00 CET (2026-11-30T07:00:00.000Z)"
/// );
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("anyOf" = [{"required": ["window"]}, {"required": ["from", "until"]}])))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Freeze {
    /// The first moment, with an offset: 2026-12-23T00:00+01:00.
    #[serde(default, deserialize_with = "in_a_file", skip_serializing_if = "Option::is_none")]
    pub from: Option<WrittenTime>,
    /// The moment after the last, with an offset.
    #[serde(default, deserialize_with = "in_a_file", skip_serializing_if = "Option::is_none")]
    pub until: Option<WrittenTime>,
    /// When it comes again: every week, year or day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<FreezeWindow>,
    /// Why.
    pub reason: Text,
}

impl Freeze {
    /// A freeze that comes again.
    pub fn recurring(window: FreezeWindow, reason: Text) -> Self {
        Self { from: None, until: None, window: Some(window), reason }
    }

    /// A freeze that holds once; for good where it has no end.
    pub fn once(from: Timestamp, until: Option<Timestamp>, reason: Text) -> Self {
        Self { from: Some(from.into()), until: until.map(Into::into), window: None, reason }
    }

    /// What holds at a moment, and until when.
    pub fn frozen_at(&self, now: Timestamp) -> Option<Frozen<'_>> {
        let begun = self.from.as_ref().is_none_or(|from| from.at() <= now);
        let last = self.until.as_ref().map(WrittenTime::at);
        if !begun || last.is_some_and(|last| last <= now) {
            return None;
        }
        let until = match &self.window {
            Some(window) => {
                let end = window.at(now)?.until;
                Some(last.map_or(end, |last| last.min(end)))
            }
            None => last,
        };
        Some(Frozen { freeze: self, until })
    }

    /// Its name in records and sentences: what it is for, and when.
    pub fn name(&self) -> Text {
        Text::of(&format!("{}, {}", self.reason, self.times()))
    }

    /// When it holds, as it was written.
    pub fn times(&self) -> String {
        let mut parts: Vec<String> = self.window.iter().map(ToString::to_string).collect();
        parts.extend(self.from.as_ref().map(|from| format!("from {from}")));
        parts.extend(self.until.as_ref().map(|until| format!("until {until}")));
        if parts.is_empty() { "for good".to_owned() } else { parts.join(" ") }
    }
}

/// A freeze that holds, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frozen<'a> {
    /// The one that holds; of several, the one that ends last.
    pub freeze: &'a Freeze,
    /// When nothing holds any more: the end, or that of another freeze in which this one ends. None where it holds until
    /// a person lifts it.
    pub until: Option<Timestamp>,
}

/// As many freezes in a row are followed to their end: a night after each day of a year, and a day to spare.
const LONGEST_CHAIN: usize = 2 * 366 + 1;

impl<'a> Frozen<'a> {
    /// What holds at a moment, of all these freezes, and when none of them does any more.
    pub fn by<I>(freezes: I, now: Timestamp) -> Option<Self>
    where
        I: IntoIterator<Item = &'a Freeze>,
        I::IntoIter: Clone,
    {
        let freezes = freezes.into_iter();
        let last_at = |at| {
            let holding = freezes.clone().filter_map(|freeze| freeze.frozen_at(at));
            holding.max_by_key(|frozen| (frozen.until.is_none(), frozen.until))
        };
        let mut frozen = last_at(now)?;
        for _ in 0..LONGEST_CHAIN {
            let Some(next) = frozen.until.and_then(&last_at) else {
                break;
            };
            frozen = next;
        }
        Some(frozen)
    }

    /// Until when, in the zone of the freeze and in UTC.
    pub fn end(&self) -> String {
        let Some(until) = self.until else {
            return "a person lifts it".to_owned();
        };
        let local = match (&self.freeze.window, &self.freeze.until) {
            (Some(window), _) => window.in_zone(until),
            (None, Some(written)) if !written.is_utc() => written.to_string(),
            (None, Some(_) | None) => return until.to_string(),
        };
        format!("{local} ({until})")
    }
}

impl fmt::Display for Frozen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Freeze { window, reason, .. } = self.freeze;
        match window {
            Some(window) => write!(f, "the freeze ({reason}, {window}) until {}", self.end()),
            None => write!(f, "the freeze ({reason}) until {}", self.end()),
        }
    }
}

/// A moment as a person wrote it, with the offset of their zone: `2026-12-23T00:00+01:00`.
///
/// It is RFC 3339, and may leave out the seconds. It prints and travels as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenTime {
    written: String,
    at: Timestamp,
}

impl WrittenTime {
    /// The moment.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    fn is_utc(&self) -> bool {
        self.written.ends_with(['Z', 'z'])
    }
}

impl From<Timestamp> for WrittenTime {
    fn from(at: Timestamp) -> Self {
        Self { written: at.to_string(), at }
    }
}

impl FromStr for WrittenTime {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = |problem: &str| {
            UnitError::new(text, "a moment with an offset such as 2026-12-23T00:00+01:00", problem)
        };
        let written = text.trim();
        let upper = written.to_ascii_uppercase().replacen(' ', "T", 1);
        let clock = upper.split_once('T').map_or("", |(_, clock)| clock);
        let (moment, offset) = match upper.strip_suffix('Z') {
            Some(moment) => (moment, "+00:00"),
            None => match clock.rfind(['+', '-']) {
                Some(at) => upper.split_at(upper.len() - clock.len() + at),
                None => return Err(wrong("it says no time of the day with its offset from UTC")),
            },
        };
        let offset: FixedOffset = offset
            .parse()
            .map_err(|_| wrong("its offset has to be Z, or hours and minutes such as +01:00"))?;
        let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(moment.trim(), format).ok())
            .ok_or_else(|| wrong("there is no such day or time of the day"))?;
        let at = local
            .and_local_timezone(offset)
            .single()
            .map(|at: DateTime<FixedOffset>| at.with_timezone(&Utc))
            .ok_or_else(|| wrong("it is out of range"))?;
        if at.timestamp_subsec_nanos() % 1_000_000 != 0 {
            return Err(wrong("it is finer than a millisecond"));
        }
        Ok(Self { written: written.to_owned(), at: Timestamp::from_millis(at.timestamp_millis()) })
    }
}

impl fmt::Display for WrittenTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

serde_as_text!(WrittenTime);
schema_as_text!(
    WrittenTime,
    "WrittenTime",
    "A moment with its offset from UTC",
    "2026-12-23T00:00+01:00",
    r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}.*([Zz]|[+-][0-9]{2}:?[0-9]{2})\s*$"
);

/// TOML has moments of its own, and people leave the quotes out.
fn in_a_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WrittenTime>, D::Error> {
    struct InAFile;

    impl<'de> Visitor<'de> for InAFile {
        type Value = WrittenTime;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a moment with an offset such as 2026-12-23T00:00+01:00")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenTime, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenTime, A::Error> {
            let moment = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
            moment.to_string().parse().map_err(de::Error::custom)
        }
    }

    deserializer.deserialize_any(InAFile).map(Some)
}

#[cfg(test)]
#[path = "freeze_tests.rs"]
mod tests;
