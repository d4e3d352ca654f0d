use std::{fmt, str::FromStr};

use super::{
    Decimal,
    as_text::{UnitError, schema_as_text, serde_as_text},
};

/// The identifier of a release, and of its stream of records.
///
/// 1 to 128 characters of `a-z A-Z 0-9 . _ -`, so that it can stand in a file name, a URL
/// or a log line as it is.
///
/// # Examples
///
/// ```
/// use relman_core::unit::ReleaseId;
///
/// let id: ReleaseId = "checkout-241".parse()?;
/// assert_eq!(id.as_str(), "checkout-241");
/// assert!("checkout 241".parse::<ReleaseId>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId(String);

impl ReleaseId {
    /// The longest identifier, in characters. The record format fixes it.
    pub const MAX_LEN: usize = 128;

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReleaseId {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a release id";
        if text.is_empty() {
            return Err(UnitError::new(text, WHAT, "it is empty"));
        }
        if text.len() > Self::MAX_LEN {
            let problem = format!("it has {} characters, at most {} are allowed", text.len(), Self::MAX_LEN);
            return Err(UnitError::new(text, WHAT, problem));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            let problem = format!("{c:?} is not one of a-z A-Z 0-9 . _ -");
            return Err(UnitError::new(text, WHAT, problem));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(ReleaseId);
schema_as_text!(
    ReleaseId,
    "ReleaseId",
    "Identifier of the release: 1 to 128 characters of a-z A-Z 0-9 . _ -",
    "checkout-241",
    r"^[A-Za-z0-9._-]{1,128}$"
);

/// The longest short name, in characters: long enough for any metric, short enough for a table.
const MAX_NAME_LEN: usize = 64;

fn parse_name(text: &str, what: &'static str) -> Result<String, UnitError> {
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
    Ok(text.to_owned())
}

macro_rules! short_name {
    ($(#[$docs:meta])* $type:ident, $what:literal, $example:literal) => {
        $(#[$docs])*
        ///
        /// 1 to 64 characters of `a-z 0-9 . _ -`, the first a letter.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

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

    #[test]
    fn quantiles_come_from_the_name() {
        let quantile = |name: &str| name.parse::<MetricName>().unwrap().quantile();
        assert_eq!(quantile("latency_p50"), Some(0.5));
        assert_eq!(quantile("latency_p99.9"), Some(0.999));
        assert_eq!(quantile("latency_p100"), None);
        assert_eq!(quantile("latency_peak"), None);
    }
}
