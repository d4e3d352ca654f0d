//! The section of a text that is relman's, between two comments that a reader of the rendered text doesn't see.

use relman_core::{chain::Head, unit::ReleaseId};

use super::marker::{BODY, Marker};

const BEGIN: &str = "<!-- relman:begin ";
const END: &str = "<!-- relman:end ";
const CLOSE: &str = " -->";

/// Stands in the text of a release that somebody else made without a text, so that it stays known as theirs.
const THEIRS: &str = "<!-- Made by somebody else, whose name for it stays. -->";

/// A text that may hold a section of a release, and what other people wrote around it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tracker) struct Sectioned {
    before: String,
    section: Option<(Marker, String)>,
    after: String,
}

impl Sectioned {
    /// Looks for the section of a release. Line ends are those of a text and not of a form: trackers change them.
    pub(in crate::tracker) fn parse(text: &str, release: &ReleaseId) -> Self {
        let text = text.replace("\r\n", "\n");
        let nothing = |text: &str| Self { before: text.to_owned(), section: None, after: String::new() };
        let mut from = 0;
        while let Some(at) = text[from..].find(BEGIN).map(|at| from + at) {
            let marker_at = at + BEGIN.len();
            from = marker_at;
            let Some(marker_ends) = text[marker_at..].find(CLOSE).map(|end| marker_at + end) else { break };
            let Some(marker) = Marker::parse(&text[marker_at..marker_ends]) else { continue };
            if !marker.is_of(release, BODY) {
                continue;
            }
            let end_line = end_line(release);
            // Without an end, somebody has cut the section short: it is all that follows.
            let (inside_ends, after) =
                text[marker_ends..].find(&end_line).map_or((text.len(), text.len()), |end| {
                    (marker_ends + end, marker_ends + end + end_line.len())
                });
            let inside = text[marker_ends + CLOSE.len()..inside_ends].trim_matches('\n').to_owned();
            return Self {
                before: text[..at].to_owned(),
                section: Some((marker, inside)),
                after: text[after.min(text.len())..].to_owned(),
            };
        }
        nothing(&text)
    }

    /// The same for a text that is on a tracker: one without words belongs to somebody all the same.
    pub(in crate::tracker) fn of(text: &str, release: &ReleaseId) -> Self {
        Self::parse(if text.trim().is_empty() { THEIRS } else { text }, release)
    }

    /// The head that the section names, where there is one.
    pub(in crate::tracker) fn head(&self) -> Option<Head> {
        self.section.as_ref().map(|(marker, _)| marker.head)
    }

    /// The text of the section, where there is one.
    #[cfg(feature = "gitlab")]
    pub(in crate::tracker) fn section(&self) -> Option<&str> {
        self.section.as_ref().map(|(_, inside)| inside.as_str())
    }

    /// Whether this release says what the whole is called: nobody but relman wrote anything, and no release came later.
    ///
    /// Several releases may bring the same version, and only one can name it.
    pub(in crate::tracker) fn names_the_whole(&self) -> bool {
        no_words(&self.before) && self.after.trim().is_empty()
    }

    /// The whole text with this in place of the section, or behind the rest where there was none.
    pub(in crate::tracker) fn with(&self, marker: &Marker, inside: &str) -> String {
        let section = wrap(marker, inside);
        match &self.section {
            Some(_) => format!("{}{section}{}", self.before, self.after),
            None if self.before.trim().is_empty() => section,
            None => format!("{}\n\n{section}", self.before.trim_end()),
        }
    }

    /// How many characters other people's text has.
    pub(in crate::tracker) fn others_chars(&self) -> usize {
        self.before.chars().count() + self.after.chars().count()
    }
}

/// Whether a text holds a section of any release.
#[cfg(feature = "github")]
pub(in crate::tracker) fn holds_a_section(text: &str) -> bool {
    text.split(BEGIN).skip(1).any(|rest| {
        let marker = rest.find(CLOSE).and_then(|end| Marker::parse(&rest[..end]));
        marker.is_some()
    })
}

/// Whether a text is blank but for sections of other releases.
fn no_words(text: &str) -> bool {
    let mut rest = text;
    loop {
        match rest.find(BEGIN) {
            None => return rest.trim().is_empty(),
            Some(at) if !rest[..at].trim().is_empty() => return false,
            Some(at) => match rest[at..].find(END).and_then(|end| {
                let end = at + end;
                rest[end..].find(CLOSE).map(|close| end + close + CLOSE.len())
            }) {
                None => return true,
                Some(end) => rest = &rest[end..],
            },
        }
    }
}

fn end_line(marker_release: &ReleaseId) -> String {
    format!("{END}{marker_release}{CLOSE}")
}

fn wrap(marker: &Marker, inside: &str) -> String {
    format!("{BEGIN}{marker}{CLOSE}\n{inside}\n{END}{}{CLOSE}", marker.release())
}

#[cfg(test)]
mod tests {
    use relman_core::chain::Digest;

    use super::*;

    fn marker(release: &str) -> Marker {
        Marker::new(&release.parse().unwrap(), BODY, Head { seq: 1, digest: Digest::ZERO })
    }

    #[test]
    fn the_latest_of_several_releases_names_the_whole() {
        let (one, other): (ReleaseId, ReleaseId) = ("one".parse().unwrap(), "other".parse().unwrap());
        let first = Sectioned::parse("", &one).with(&marker("one"), "words");
        assert!(Sectioned::of(&first, &one).names_the_whole());
        assert!(Sectioned::of(&first, &other).names_the_whole());
        let both = Sectioned::of(&first, &other).with(&marker("other"), "words");
        assert!(!Sectioned::of(&both, &one).names_the_whole());
        assert!(Sectioned::of(&both, &other).names_the_whole());
        let theirs = Sectioned::of(&format!("Words.\n{both}"), &other);
        assert!(!theirs.names_the_whole());
    }

    #[test]
    fn a_release_that_somebody_made_without_words_stays_theirs() {
        let release: ReleaseId = "one".parse().unwrap();
        let text = Sectioned::of(" \n", &release);
        assert!(!text.names_the_whole());
        let text = text.with(&marker("one"), "words");
        assert!(!Sectioned::of(&text, &release).names_the_whole(), "{text}");
    }
}
