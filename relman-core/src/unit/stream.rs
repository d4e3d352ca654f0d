use std::{borrow::Cow, cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ReleaseId, ServiceName, UnitError, as_text::schema_as_text};

/// The name of a target: one service in one environment or region, such as `checkout` or `checkout-eu`.
///
/// 1 to 128 characters of `a-z A-Z 0-9 . _ -`, the first a letter or a digit. A service that lives in one place only
/// gives its target its own name.
///
/// # Examples
///
/// ```
/// use relman_core::unit::TargetName;
///
/// let target: TargetName = "checkout-eu".parse()?;
/// assert_eq!(target.as_str(), "checkout-eu");
/// assert!("checkout eu".parse::<TargetName>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(String);

impl TargetName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TargetName {
    /// The target on which drills for this one run, unless their plans name another: with `-rehearsal` behind it.
    #[must_use]
    pub fn for_rehearsals(&self) -> Self {
        const SUFFIX: &str = "-rehearsal";
        let kept: String = self.0.chars().take(ReleaseId::MAX_LEN - SUFFIX.len()).collect();
        Self(kept + SUFFIX)
    }
}

impl FromStr for TargetName {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refused = |problem| UnitError::new(text, "a target name", problem);
        if text.is_empty() || text.len() > ReleaseId::MAX_LEN {
            let problem =
                format!("it has {} characters; 1 to {} are allowed", text.len(), ReleaseId::MAX_LEN);
            return Err(refused(problem));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(refused(format!("{c:?} is not one of a-z A-Z 0-9 . _ -")));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(refused("it does not begin with a letter or a digit".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<&ServiceName> for TargetName {
    /// The target of a service that lives in one place only.
    fn from(service: &ServiceName) -> Self {
        Self(service.as_str().to_owned())
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

super::serde_as_text!(TargetName);
schema_as_text!(
    TargetName,
    "TargetName",
    "Name of the target, one service in one environment or region: 1 to 128 characters of a-z A-Z 0-9 . _ -",
    "checkout-eu",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
);

/// Whose records a stream holds.
///
/// As text, and in every record, it is `release:ID`, `target:NAME` or `estate`. For people, as [`Display`](fmt::Display)
/// has it, a release is just its identifier. Ordered by [`key`](Self::key).
///
/// # Examples
///
/// ```
/// use relman_core::unit::{ReleaseId, StreamId};
///
/// let release: ReleaseId = "checkout-241".parse()?;
/// let stream = StreamId::from(&release);
/// assert_eq!(stream.name(), "release:checkout-241");
/// assert_eq!(stream.to_string(), "checkout-241");
/// assert_eq!("target:checkout".parse::<StreamId>()?.to_string(), "target:checkout");
/// assert!("service:checkout".parse::<StreamId>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StreamId {
    /// A release: the story of one change.
    Release(ReleaseId),
    /// A target: what users of a service have, and who may change it.
    Target(TargetName),
    /// What holds for all targets: freezes, and the operating policy in force.
    Estate,
}

const OF_A_RELEASE: &str = "release:";
const OF_A_TARGET: &str = "target:";
const OF_THE_ESTATE: &str = "estate";

impl StreamId {
    /// The name, as records have it.
    pub fn name(&self) -> String {
        match self {
            Self::Release(id) => format!("{OF_A_RELEASE}{id}"),
            Self::Target(name) => format!("{OF_A_TARGET}{name}"),
            Self::Estate => OF_THE_ESTATE.to_owned(),
        }
    }

    /// What a store may file it under: the bare identifier of a release, and a text with a colon, which no release has in
    /// its identifier, for everything else.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Release(id) => id.as_str().into(),
            Self::Target(name) => format!("{OF_A_TARGET}{name}").into(),
            Self::Estate => format!("{OF_THE_ESTATE}:").into(),
        }
    }

    /// The stream that a store has filed under a key.
    ///
    /// # Errors
    ///
    /// [`UnitError`] for what no stream has as its key.
    pub fn of_key(key: &str) -> Result<Self, UnitError> {
        match key.split_once(':') {
            None => ReleaseId::recorded(key).map(Self::Release),
            Some((OF_THE_ESTATE, "")) => Ok(Self::Estate),
            Some(_) => key.parse(),
        }
    }

    /// The release, where it is the stream of one.
    pub fn release(&self) -> Option<&ReleaseId> {
        match self {
            Self::Release(id) => Some(id),
            Self::Target(_) | Self::Estate => None,
        }
    }
}

impl FromStr for StreamId {
    type Err = UnitError;

    /// Reads the name that records have, of a release whatever earlier versions allowed it to be called.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Some(id) = text.strip_prefix(OF_A_RELEASE) {
            return ReleaseId::recorded(id).map(Self::Release);
        }
        if let Some(name) = text.strip_prefix(OF_A_TARGET) {
            return name.parse().map(Self::Target);
        }
        if text == OF_THE_ESTATE {
            return Ok(Self::Estate);
        }
        Err(UnitError::new(text, "a stream", "it is none of release:ID, target:NAME and estate".to_owned()))
    }
}

impl From<ReleaseId> for StreamId {
    fn from(id: ReleaseId) -> Self {
        Self::Release(id)
    }
}

impl From<&ReleaseId> for StreamId {
    fn from(id: &ReleaseId) -> Self {
        Self::Release(id.clone())
    }
}

impl From<TargetName> for StreamId {
    fn from(name: TargetName) -> Self {
        Self::Target(name)
    }
}

impl From<&TargetName> for StreamId {
    fn from(name: &TargetName) -> Self {
        Self::Target(name.clone())
    }
}

impl PartialEq<ReleaseId> for StreamId {
    fn eq(&self, release: &ReleaseId) -> bool {
        self.release() == Some(release)
    }
}

impl Ord for StreamId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Release(one), Self::Release(other)) => one.cmp(other),
            (Self::Target(one), Self::Target(other)) => one.cmp(other),
            _ => self.key().cmp(&other.key()),
        }
    }
}

impl PartialOrd for StreamId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(id) => id.fmt(f),
            Self::Target(name) => write!(f, "{OF_A_TARGET}{name}"),
            Self::Estate => f.write_str(OF_THE_ESTATE),
        }
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Vec<StreamId> {
        ["release:a", "release:estate", "release:zebra", "release:..", "target:a", "target:zebra", "estate"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect()
    }

    #[test]
    fn names_and_keys_lead_back_to_the_stream_and_no_two_share_one() {
        let mut keys = std::collections::BTreeSet::new();
        for stream in streams() {
            assert_eq!(stream.name().parse::<StreamId>().unwrap(), stream);
            assert_eq!(StreamId::of_key(&stream.key()).unwrap(), stream);
            assert!(keys.insert(stream.key().into_owned()));
        }
    }

    #[test]
    fn streams_are_in_the_order_of_their_keys() {
        let mut sorted = streams();
        sorted.sort();
        let keys: Vec<String> = sorted.iter().map(|stream| stream.key().into_owned()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn what_is_no_stream_says_what_would_be_one() {
        for text in
            ["", "checkout-241", "release:", "target:", "target:a b", "estate:", "Estate", "service:a"]
        {
            assert!(text.parse::<StreamId>().is_err(), "{text}");
        }
        let error = "service:a".parse::<StreamId>().unwrap_err().to_string();
        assert_eq!(error, "\"service:a\" is not a stream: it is none of release:ID, target:NAME and estate");
    }
}
