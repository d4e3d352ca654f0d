use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Decimal,
    as_text::{UnitError, schema_as_text, serde_as_text},
};

/// The identifier of a release, and of its stream of records.
///
/// 1 to 128 characters of `a-z A-Z 0-9 . _ -`, the first a letter or a digit, so that it can stand in a file name, a
/// URL, a command line or a log line as it is.
///
/// Parsing is for names that are given today. Records of earlier versions may carry names such as `..` or `-x`, which
/// that rule refuses; [`ReleaseId::recorded`], and serde with it, reads them for good: a release that is under way
/// has to be shown, and taken back, whatever it is called. Whoever names a file after a release uses
/// [`ReleaseId::file_stem`], which is safe for both.
///
/// # Examples
///
/// ```
/// use relman_core::unit::ReleaseId;
///
/// let id: ReleaseId = "checkout-241".parse()?;
/// assert_eq!(id.as_str(), "checkout-241");
/// assert!("checkout 241".parse::<ReleaseId>().is_err());
/// assert!("..".parse::<ReleaseId>().is_err());
/// assert_eq!(ReleaseId::recorded("..")?.file_stem(), "_..");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId(Arc<str>);

impl ReleaseId {
    /// The longest identifier, in characters. The record format fixes it.
    pub const MAX_LEN: usize = 128;

    const WHAT: &str = "a release id";

    /// Reads an identifier that a record carries: any 1 to 128 characters of `a-z A-Z 0-9 . _ -`.
    ///
    /// # Errors
    ///
    /// [`UnitError`] where the record format allows no such identifier.
    pub fn recorded(text: &str) -> Result<Self, UnitError> {
        if text.is_empty() {
            return Err(UnitError::new(text, Self::WHAT, "it is empty"));
        }
        if text.len() > Self::MAX_LEN {
            let problem = format!("it has {} characters, at most {} are allowed", text.len(), Self::MAX_LEN);
            return Err(UnitError::new(text, Self::WHAT, problem));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            let problem = format!("{c:?} is not one of a-z A-Z 0-9 . _ -");
            return Err(UnitError::new(text, Self::WHAT, problem));
        }
        Ok(Self(text.into()))
    }

    /// Checks that a release may be given this name today.
    ///
    /// # Errors
    ///
    /// [`UnitError`] where it does not begin with a letter or a digit: `..` is a folder, `.x` is hidden, and `-x` is an
    /// option of most programs.
    pub fn check_new(&self) -> Result<(), UnitError> {
        if self.begins_safely() {
            return Ok(());
        }
        Err(UnitError::new(self.as_str(), Self::WHAT, "it does not begin with a letter or a digit"))
    }

    /// What a file or folder of this release is called, without an extension.
    ///
    /// The identifier itself; behind an underscore where it does not begin with a letter or a digit. It is never `.` or
    /// `..`, never hidden, never an option, and different for every identifier.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::unit::ReleaseId;
    ///
    /// assert_eq!("checkout-241".parse::<ReleaseId>()?.file_stem(), "checkout-241");
    /// # Ok::<(), relman_core::unit::UnitError>(())
    /// ```
    pub fn file_stem(&self) -> Cow<'_, str> {
        if self.begins_safely() { self.as_str().into() } else { format!("_{self}").into() }
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn begins_safely(&self) -> bool {
        self.0.starts_with(|c: char| c.is_ascii_alphanumeric())
    }
}

impl FromStr for ReleaseId {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let id = Self::recorded(text)?;
        id.check_new()?;
        Ok(id)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ReleaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReleaseId {
    /// Reads what was recorded: see [`ReleaseId::recorded`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::recorded(&Cow::<'de, str>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

schema_as_text!(
    ReleaseId,
    "ReleaseId",
    "Identifier of the release: 1 to 128 characters of a-z A-Z 0-9 . _ -, the first a letter or a digit",
    "checkout-241",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
);

/// The longest short name, in characters: long enough for any metric, short enough for a table.
const MAX_NAME_LEN: usize = 64;

fn parse_name(text: &str, what: &'static str) -> Result<Arc<str>, UnitError> {
    if text.is_empty() {
        return Err(UnitError::new(text, what, "it is empty"));
    }
    if text.len() > MAX_NAME_LEN {
        let problem = format!("it has {} bytes, at most {MAX_NAME_LEN} are allowed", text.len());
        return Err(UnitError::new(text, what, problem));
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if let Some(c) = text.chars().find(|c| !allowed(*c)) {
        let problem = format!("{c:?} is not one of a-z 0-9 . _ -");
        return Err(UnitError::new(text, what, problem));
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(UnitError::new(text, what, "it does not start with a letter a-z"));
    }
    Ok(text.into())
}

macro_rules! short_name {
    ($(#[$docs:meta])* $type:ident, $what:literal, $example:literal) => {
        $(#[$docs])*
        ///
        /// 1 to 64 characters of `a-z 0-9 . _ -`, the first a letter.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = UnitError;

            fn from_str(text: &str) -> Result<Self, UnitError> {
                parse_name(text, $what).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        serde_as_text!($type);
        schema_as_text!($type, stringify!($type), $what, $example, r"^[a-z][a-z0-9._-]{0,63}$");
    };
}

short_name! {
    /// What is measured: `error_rate`, `latency_p99`, `complaints`, `queue_depth`.
    MetricName, "a metric name", "error_rate"
}

impl MetricName {
    /// The quantile a name such as `latency_p99` or `latency_p99.9` asks for, between 0 and 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::unit::MetricName;
    ///
    /// let p99: MetricName = "latency_p99".parse()?;
    /// assert_eq!(p99.quantile(), Some(0.99));
    /// let rate: MetricName = "error_rate".parse()?;
    /// assert_eq!(rate.quantile(), None);
    /// # Ok::<(), relman_core::unit::UnitError>(())
    /// ```
    pub fn quantile(&self) -> Option<f64> {
        let (_, suffix) = self.0.rsplit_once("_p")?;
        let (digits, scale) = suffix.parse::<Decimal>().ok()?.parts();
        let quantile = (scale <= 13).then(|| Decimal::new(digits, scale + 2).to_f64())?;
        (quantile > 0.0 && quantile < 1.0).then_some(quantile)
    }
}

short_name! {
    /// The name of a track in the policy: `standard`, `small-change`, `high-risk`.
    TrackName, "a track name", "standard"
}
short_name! {
    /// A role that the directory gives to a person or service: `approver`, `executive`.
    Role, "a role", "approver"
}
short_name! {
    /// What a change touches: `authentication`, `payments`, `data-migration`, or a policy's own.
    Tag, "a tag", "payments"
}
short_name! {
    /// The service that a release changes: `checkout`.
    ServiceName, "a service name", "checkout"
}
short_name! {
    /// A check in a gate: `unit`, `integration`, `end-to-end`, `manual-qa`, `load-test`, `user-flows`.
    CheckName, "a check name", "integration"
}
short_name! {
    /// Something that users do and that is tried after a release: `login`, `checkout`.
    FlowName, "a flow name", "login"
}
short_name! {
    /// Where people are told: a name that the host maps to a notifier, such as `releases` or `on-call`.
    Channel, "a channel name", "releases"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_character_is_wrong() {
        let error = "Error Rate".parse::<MetricName>().unwrap_err().to_string();
        assert_eq!(error, "\"Error Rate\" is not a metric name: 'E' is not one of a-z 0-9 . _ -");
    }

    #[test]
    fn a_release_id_has_128_characters_at_most() {
        assert!("a".repeat(128).parse::<ReleaseId>().is_ok());
        assert!("a".repeat(129).parse::<ReleaseId>().is_err());
        assert!("".parse::<ReleaseId>().is_err());
    }

    /// Names that a record may carry and that nobody gives a release any more.
    const OLD: [&str; 8] = [".", "..", "...", ".hidden", "-x", "--help", "_", "_x"];

    #[test]
    fn a_new_release_id_begins_with_a_letter_or_a_digit_and_an_old_one_is_read() {
        for text in OLD {
            let error = text.parse::<ReleaseId>().unwrap_err().to_string();
            assert!(error.contains("does not begin with a letter or a digit"), "{text}: {error}");
            let json = format!("{text:?}");
            let read: ReleaseId = serde_json::from_str(&json).unwrap();
            assert_eq!((read.as_str(), serde_json::to_string(&read).unwrap()), (text, json));
            assert!(read.check_new().is_err());
        }
        for text in ["a", "A.b", "7", "checkout-241", "a..", "a."] {
            assert!(text.parse::<ReleaseId>().is_ok(), "{text}");
        }
        for text in ["a/b", "../x", "a b", "ä", "a\0"] {
            assert!(ReleaseId::recorded(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_of_a_release_stays_where_it_is_put() {
        let mut stems = std::collections::BTreeSet::new();
        let names = OLD.into_iter().chain(["x", "hidden", "a", "__x", "_.", "a.", "a..b"]);
        for text in names {
            let id = ReleaseId::recorded(text).unwrap();
            let stem = id.file_stem().into_owned();
            assert!(stem.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'), "{stem}");
            let path = std::path::Path::new(&stem);
            assert!(path.components().eq([std::path::Component::Normal(stem.as_ref())]), "{stem}");
            assert!(stems.insert(stem), "{text}: two releases share a file");
        }
    }

    #[test]
    fn quantiles_come_from_the_name() {
        let quantile = |name: &str| name.parse::<MetricName>().unwrap().quantile();
        assert_eq!(quantile("latency_p50"), Some(0.5));
        assert_eq!(quantile("latency_p99.9"), Some(0.999));
        assert_eq!(quantile("latency_p100"), None);
        assert_eq!(quantile("latency_peak"), None);
    }
}
