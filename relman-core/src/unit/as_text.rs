//! Serde for values that files hold the way people write them: `#[serde(with = "as_text")]`.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// How a duration reads in a file, for schemas.
#[cfg(feature = "schema")]
pub(crate) struct DurationText;

#[cfg(feature = "schema")]
super::schema_as_text!(
    DurationText,
    "Duration",
    "A duration such as 30m, 2h or 1h 30m",
    "30m",
    r"^\s*(0|([0-9]+\s*[A-Za-z]+\s*)+)\s*$"
);

/// How a share of the traffic reads in a file, for schemas.
#[cfg(feature = "schema")]
pub(crate) struct ShareText;

#[cfg(feature = "schema")]
super::schema_as_text!(
    ShareText,
    "Share",
    "A share of the traffic such as 1% or 0.5%",
    "1%",
    r"^\s*[0-9._]+\s*%\s*$"
);
