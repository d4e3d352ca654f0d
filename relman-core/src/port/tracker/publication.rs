use std::{fmt, str::FromStr};

use super::{Asset, Note, PartKey, PhaseStatus};
use crate::{
    chain::Head,
    unit::{ReleaseId, UnitError},
};

/// What a tracker's copy of a release should be.
///
/// A part with the key or name of one that is there takes its place, so that no key is in it twice.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     chain::{Digest, Head},
///     port::{Note, PartKey, Publication, Standing, Subject},
/// };
///
/// let subject = Subject::new("checkout-241".parse()?, "v2.41.0".parse()?);
/// let head = Head { seq: 41, digest: Digest::ZERO };
/// let key: PartKey = "stage".parse()?;
/// let publication = Publication::new(subject, head, "checkout 2.41.0", "# Plan\n…", Standing::UnderWay)
///     .with_note(Note::new(key.clone(), head, "Staged", "All checks passed."))
///     .with_note(Note::new(key, head, "Staged and signed", "All checks passed."));
/// assert_eq!(publication.notes().len(), 1);
/// assert_eq!(publication.notes()[0].title, "Staged and signed");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    subject: Subject,
    head: Head,
    title: String,
    body: String,
    standing: Standing,
    phases: Vec<PhaseStatus>,
    notes: Vec<Note>,
    post_mortems: Vec<Note>,
    assets: Vec<Asset>,
}

impl Publication {
    /// A publication without phases, notes and files: a one-line title, and a body in Markdown with
    /// tables, made from the record up to `head`.
    pub fn new(
        subject: Subject,
        head: Head,
        title: impl Into<String>,
        body: impl Into<String>,
        standing: Standing,
    ) -> Self {
        Self {
            subject,
            head,
            title: title.into(),
            body: body.into(),
            standing,
            phases: Vec::new(),
            notes: Vec::new(),
            post_mortems: Vec::new(),
            assets: Vec::new(),
        }
    }

    /// The same with one more phase.
    #[must_use]
    pub fn with_phase(mut self, phase: PhaseStatus) -> Self {
        put(&mut self.phases, phase, |one, other| one.key == other.key);
        self
    }

    /// The same with one more note.
    #[must_use]
    pub fn with_note(mut self, note: Note) -> Self {
        put(&mut self.notes, note, |one, other| one.key == other.key);
        self
    }

    /// The same with one more post-mortem.
    #[must_use]
    pub fn with_post_mortem(mut self, post_mortem: Note) -> Self {
        put(&mut self.post_mortems, post_mortem, |one, other| one.key == other.key);
        self
    }

    /// The same with one more file.
    #[must_use]
    pub fn with_asset(mut self, asset: Asset) -> Self {
        put(&mut self.assets, asset, |one, other| one.name == other.name);
        self
    }

    /// What it is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The head of the record that it was made from.
    pub fn head(&self) -> Head {
        self.head
    }

    /// One line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The text, as Markdown.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// How far the release has come.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The phases, in the order in which they were added.
    pub fn phases(&self) -> &[PhaseStatus] {
        &self.phases
    }

    /// The notes, in the order in which they were added.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The note with this key.
    pub fn note(&self, key: &PartKey) -> Option<&Note> {
        self.notes.iter().find(|note| note.key == *key)
    }

    /// The post-mortems, in the order in which they were added.
    pub fn post_mortems(&self) -> &[Note] {
        &self.post_mortems
    }

    /// The files, in the order in which they were added.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }
}

/// Puts a part in the place of the one that is the same, or behind the others.
fn put<T>(parts: &mut Vec<T>, part: T, same: impl Fn(&T, &T) -> bool) {
    match parts.iter_mut().find(|other| same(other, &part)) {
        Some(place) => *place = part,
        None => parts.push(part),
    }
}

/// What a copy is about: the release, and what a tracker knows it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Subject {
    /// The release.
    pub release: ReleaseId,
    /// The version that it brings, as it is tagged. Two releases may bring the same one, where the first was taken back.
    pub tag: ReleaseTag,
}

impl Subject {
    /// Names a release, and the tag of the version that it brings.
    pub fn new(release: ReleaseId, tag: ReleaseTag) -> Self {
        Self { release, tag }
    }
}

/// The tag of a version: `v2.41.0`, `checkout/2.41.0`.
///
/// 1 to 200 characters that git allows in the name of a tag (`git check-ref-format`), without any that a URL or a
/// terminal reads otherwise.
///
/// # Examples
///
/// ```
/// use relman_core::port::ReleaseTag;
///
/// assert_eq!("checkout/2.41.0".parse::<ReleaseTag>()?.as_str(), "checkout/2.41.0");
/// assert!("2.41.0 (final)".parse::<ReleaseTag>().is_err());
/// assert!("../2.41.0".parse::<ReleaseTag>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseTag(String);

impl ReleaseTag {
    /// The longest tag, in bytes: trackers allow 255 for a version's name.
    pub const MAX_LEN: usize = 200;

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReleaseTag {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refused = |problem: String| Err(UnitError::new(text, "the tag of a version", problem));
        if text.is_empty() {
            return refused("it is empty".to_owned());
        }
        if text.len() > Self::MAX_LEN {
            let problem = format!("it has {} bytes, at most {} are allowed", text.len(), Self::MAX_LEN);
            return refused(problem);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/' | '@');
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return refused(format!("{c:?} is not one of a-z A-Z 0-9 . _ - + / @"));
        }
        let part =
            |part: &str| part.is_empty() || part.starts_with('.') || part.strip_suffix(".lock").is_some();
        if text.split('/').any(part) || text.contains("..") || text.starts_with('-') || text.ends_with('.') {
            return refused("git does not allow it as the name of a tag".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ReleaseTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How far a release has come, as a tracker shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is not over.
    UnderWay,
    /// Its validation has passed.
    Completed,
    /// It was taken back.
    RolledBack,
    /// It was given up before production.
    Aborted,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UnderWay => "under way",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
        })
    }
}

/// A copy that is on a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Where people find it: a URL without any secret in it.
    pub url: String,
    /// The head of the record that it was made from, as the copy itself names it.
    pub head: Head,
}

impl Published {
    /// Names where a copy is, and the head of the record that it was made from.
    pub fn new(url: impl Into<String>, head: Head) -> Self {
        Self { url: url.into(), head }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_that_git_allows() {
        for tag in ["v2.41.0", "2.41.0+build.7", "checkout/v2", "pkg@1.0.0"] {
            assert_eq!(tag.parse::<ReleaseTag>().unwrap().to_string(), tag);
        }
        for tag in
            ["", "a b", "a..b", ".a", "a/.b", "a.", "a.lock", "/a", "a/", "a//b", "-a", "a~1", "a:b", "ä"]
        {
            assert!(tag.parse::<ReleaseTag>().is_err(), "{tag:?}");
        }
        assert!("a".repeat(201).parse::<ReleaseTag>().is_err());
    }
}
