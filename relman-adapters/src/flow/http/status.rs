use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

/// Which HTTP statuses are right: `200`, `[200, 204]`, `"2xx"`, `"200-299"` or a list of those.
///
/// # Examples
///
/// ```
/// use relman_adapters::flow::Statuses;
///
/// let statuses: Statuses = "2xx, 304".parse()?;
/// assert!(statuses.contain(204) && statuses.contain(304) && !statuses.contain(302));
/// assert_eq!(statuses.to_string(), "200-299 or 304");
/// assert_eq!(Statuses::default().to_string(), "200");
/// # Ok::<(), relman_adapters::flow::StatusesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<StatusRange>);

/// One status, or all of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRange(RangeInclusive<u16>);

/// Why a text names no HTTP statuses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an HTTP status such as 200, 2xx or 200-299, or a list of those")]
pub struct StatusesError {
    text: String,
}

impl Statuses {
    /// Whether a status is one of them.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.0.contains(&status))
    }
}

impl Default for Statuses {
    /// 200 alone: what a page or an answer in JSON has.
    fn default() -> Self {
        Self(vec![StatusRange(200..=200)])
    }
}

impl FromStr for Statuses {
    type Err = StatusesError;

    fn from_str(text: &str) -> Result<Self, StatusesError> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for StatusRange {
    type Err = StatusesError;

    fn from_str(text: &str) -> Result<Self, StatusesError> {
        let wrong = || StatusesError { text: text.to_owned() };
        let status = |text: &str| -> Result<u16, StatusesError> {
            let status = text.trim().parse().map_err(|_| wrong())?;
            if (100..=599).contains(&status) { Ok(status) } else { Err(wrong()) }
        };
        let text = text.trim();
        if let Some(class) = text.strip_suffix("xx") {
            let first = status(&format!("{class}00"))?;
            return Ok(Self(first..=first + 99));
        }
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (status(first)?, status(last)?),
            None => (status(text)?, status(text)?),
        };
        if first > last { Err(wrong()) } else { Ok(Self(first..=last)) }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, StatusRange(range)) in self.0.iter().enumerate() {
            let or = if index == 0 { "" } else { " or " };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{or}{first}")?,
                (first, last) => write!(f, "{or}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "an HTTP status such as 200, \"2xx\" or \"200-299\", or a list of those"
        )]
        enum Written {
            Number(u16),
            Text(String),
            List(Vec<One>),
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an HTTP status such as 200, \"2xx\" or \"200-299\"")]
        enum One {
            Number(u16),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
            Written::List(list) => {
                let text = |one| match one {
                    One::Number(number) => number.to_string(),
                    One::Text(text) => text,
                };
                list.into_iter().map(text).collect::<Vec<_>>().join(",")
            }
        };
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        status: Statuses,
    }

    fn read(value: &str) -> Result<String, String> {
        let file: Result<File, _> = toml::from_str(&format!("status = {value}"));
        file.map(|file| file.status.to_string()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn statuses_are_written_as_people_do() {
        for (value, shown) in [
            ("200", "200"),
            ("\"204\"", "204"),
            ("[200, 204]", "200 or 204"),
            ("\"2xx\"", "200-299"),
            ("[\"200-299\", 304]", "200-299 or 304"),
        ] {
            assert_eq!(read(value), Ok(shown.to_owned()), "{value}");
        }
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for value in ["0", "99", "600", "\"9xx\"", "\"xx\"", "\"299-200\"", "\"\"", "[]", "\"ok\"", "true"] {
            let error = read(value).unwrap_err();
            assert!(error.contains("HTTP status such as 200"), "{value}: {error}");
        }
    }
}
