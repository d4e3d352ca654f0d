//! Values as files and records write them: as text, parsed once.
//!
//! [`serde_as_text!`] makes a type always travel as its text; `#[serde(with = "as_text")]` is for a field of one place,
//! such as a duration that a policy file holds as `30m` and a record in milliseconds.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serializer};
use thiserror::Error;

/// Why a piece of text or a number is not a value of the unit it was meant for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not {expected}: {problem}")]
pub struct UnitError {
    text: String,
    expected: &'static str,
    problem: String,
}

impl UnitError {
    pub(crate) fn new(text: impl Into<String>, expected: &'static str, problem: impl Into<String>) -> Self {
        let mut text = text.into();
        // A message stays readable whatever was pasted into the field.
        if text.chars().count() > 80 {
            text = text.chars().take(77).collect::<String>() + "...";
        }
        Self { text, expected, problem: problem.into() }
    }

    /// What was wrong, without the text it was wrong in.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// Implements serde through `FromStr` and `Display`, so that a value is checked wherever it comes from.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

/// Describes a type to schema readers as a string with an example and a pattern. The pattern may let through what
/// parsing refuses; never the other way round.
macro_rules! schema_as_text {
    ($type:ty, $name:expr, $description:literal, $example:literal, $pattern:literal) => {
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $description,
                    "examples": [$example],
                    "pattern": $pattern,
                })
            }
        }
    };
}
pub(crate) use schema_as_text;

pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// How a duration reads in a file, for schemas.
#[cfg(feature = "schema")]
pub(crate) struct DurationText;

#[cfg(feature = "schema")]
schema_as_text!(
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
schema_as_text!(
    ShareText,
    "Share",
    "A share of the traffic such as 1% or 0.5%",
    "1%",
    r"^\s*[0-9._]+\s*%\s*$"
);
