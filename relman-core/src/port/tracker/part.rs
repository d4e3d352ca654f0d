use std::{fmt, str::FromStr};

use crate::{chain::Head, unit::UnitError};

/// The name of a part within its publication, by which it is found again: `stage`, `post-mortem-2`.
///
/// 1 to 40 characters of `a-z 0-9 -`, so that it can stand in a label, a URL or a marker as it is.
///
/// # Examples
///
/// ```
/// use relman_core::port::PartKey;
///
/// assert_eq!("post-mortem-2".parse::<PartKey>()?.as_str(), "post-mortem-2");
/// assert!("Post mortem".parse::<PartKey>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartKey(String);

impl PartKey {
    /// The longest key, in characters: a label of a tracker has room for it behind a release id.
    pub const MAX_LEN: usize = 40;

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartKey {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        checked(text, "the key of a part", Self::MAX_LEN, "a-z 0-9 -", allowed).map(Self)
    }
}

impl fmt::Display for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a file beside a publication: `record.jsonl`.
///
/// 1 to 100 characters of `a-z A-Z 0-9 . _ -`, and neither a dot nor a hyphen at either end: trackers rename files with
/// other names, and a renamed file is not found again.
///
/// # Examples
///
/// ```
/// use relman_core::port::AssetName;
///
/// let name: AssetName = "record.jsonl".parse()?;
/// assert_eq!(name.split(), ("record", ".jsonl"));
/// assert!("../record".parse::<AssetName>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetName(String);

impl AssetName {
    /// The longest name, in characters: file systems allow 255, and a tracker may put a release id before it.
    pub const MAX_LEN: usize = 100;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is before the last dot, and the rest from it on; the rest is empty where there is no dot.
    pub fn split(&self) -> (&str, &str) {
        self.0.rfind('.').map_or((self.as_str(), ""), |dot| self.0.split_at(dot))
    }
}

impl FromStr for AssetName {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "the name of an asset";
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = checked(text, WHAT, Self::MAX_LEN, "a-z A-Z 0-9 . _ -", allowed)?;
        if name.starts_with(['.', '-']) || name.ends_with(['.', '-']) {
            return Err(UnitError::new(text, WHAT, "it begins or ends with a dot or a hyphen"));
        }
        Ok(Self(name))
    }
}

impl fmt::Display for AssetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text within its bounds.
fn checked(
    text: &str,
    what: &'static str,
    longest: usize,
    characters: &str,
    allowed: impl Fn(char) -> bool,
) -> Result<String, UnitError> {
    if text.is_empty() {
        return Err(UnitError::new(text, what, "it is empty"));
    }
    if let Some(c) = text.chars().find(|c| !allowed(*c)) {
        return Err(UnitError::new(text, what, format!("{c:?} is not one of {characters}")));
    }
    if text.len() > longest {
        let problem = format!("it has {} characters, at most {longest} are allowed", text.len());
        return Err(UnitError::new(text, what, problem));
    }
    Ok(text.to_owned())
}

/// A file beside a publication. `Debug` shows how long it is and not what is in it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// What it is called, and found again by.
    pub name: AssetName,
    /// Its media type (RFC 6838): `application/zip`.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Asset {
    /// Holds a file's bytes as they are, under a name and with a media type.
    pub fn new(name: AssetName, media_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, media_type: media_type.into(), bytes: bytes.into() }
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asset")
            .field("name", &self.name)
            .field("media_type", &self.media_type)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// How one phase of the release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseStatus {
    /// The phase, as it is found again: `stage`.
    pub key: PartKey,
    /// How it stands.
    pub state: PhaseState,
    /// One line for people: `10 % of the traffic, clean for 40 min`.
    pub summary: String,
}

impl PhaseStatus {
    /// Says how a phase stands, and sums it up in one line.
    pub fn new(key: PartKey, state: PhaseState, summary: impl Into<String>) -> Self {
        Self { key, state, summary: summary.into() }
    }
}

/// How a phase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseState {
    /// It was begun and is not over.
    UnderWay,
    /// Its gate was passed.
    Passed,
    /// Its gate was not passed, or the release was taken back in it.
    Failed,
}

/// A text about the release that is found again by its key: what a phase came to, or a post-mortem.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// What it is found again by.
    pub key: PartKey,
    /// The head of the record that it was made from. A note about the past keeps its head while the record grows, and
    /// is then left as it is.
    pub head: Head,
    /// One line.
    pub title: String,
    /// Markdown with tables.
    pub body: String,
}

impl Note {
    /// Holds a one-line title and a Markdown body, made from the record up to `head`.
    pub fn new(key: PartKey, head: Head, title: impl Into<String>, body: impl Into<String>) -> Self {
        Self { key, head, title: title.into(), body: body.into() }
    }
}
