//! The text of relman's that is found again among that of other people: the marker that names it, and the section that
//! the marker begins.

use std::fmt;

use relman_core::{chain::Head, unit::ReleaseId};

const BEGIN: &str = "<!-- relman:begin ";
const END: &str = "<!-- relman:end ";
const CLOSE: &str = " -->";

/// Stands in the text of a release that people made without a text, so that it stays known as theirs.
const THEIRS: &str = "<!-- Not made by relman: its name stays. -->";

/// Names the release and the part that a text belongs to, and the head that it was made from.
///
/// Words without markup: `relman checkout-241 stage 41 9f86…`. Release ids and keys have no blanks, so words are enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tracker) struct Marker {
    release: String,
    part: String,
    head: Head,
}

impl Marker {
    /// The marker of a part; the copy itself is [`BODY`].
    pub(in crate::tracker) fn new(release: &ReleaseId, part: &str, head: Head) -> Self {
        Self { release: release.as_str().to_owned(), part: part.to_owned(), head }
    }

    /// Reads a marker, whoever wrote it.
    pub(in crate::tracker) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut word = || words.next();
        if word()? != "relman" {
            return None;
        }
        let (release, part) = (word()?.to_owned(), word()?.to_owned());
        let head = Head { seq: word()?.parse().ok()?, digest: word()?.parse().ok()? };
        words.next().is_none().then_some(Self { release, part, head })
    }

    /// Whether it names this part of this release, from whatever head.
    pub(in crate::tracker) fn is_of(&self, release: &ReleaseId, part: &str) -> bool {
        self.release == release.as_str() && self.part == part
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release, part, head } = self;
        write!(f, "relman {release} {part} {} {}", head.seq, head.digest)
    }
}

/// The part that is the copy itself. No key can be this: keys have no capitals.
pub(in crate::tracker) const BODY: &str = "BODY";

/// A text on a tracker: relman's section for one release, and what is around it.
///
/// Where the text is relman's alone, nothing is around the section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::tracker) struct Page {
    before: String,
    section: Option<Section>,
    after: String,
}

/// The text that is relman's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tracker) struct Section {
    pub(in crate::tracker) marker: Marker,
    pub(in crate::tracker) text: String,
}

impl Page {
    /// Looks for the section of a release in a text that other people may write in.
    ///
    /// A text without any words belongs to whoever made it.
    pub(in crate::tracker) fn shared(text: &str, release: &ReleaseId) -> Self {
        Self::parse(if text.trim().is_empty() { THEIRS } else { text }, release)
    }

    /// A text that is relman's alone, with the marker that was found in it.
    pub(in crate::tracker) fn alone(marker: Option<Marker>, text: &str) -> Self {
        let section = marker.map(|marker| Section { marker, text: text.to_owned() });
        Self { section, ..Self::default() }
    }

    fn parse(text: &str, release: &ReleaseId) -> Self {
        let text = line_ends(text);
        let mut from = 0;
        while let Some(at) = text[from..].find(BEGIN).map(|at| from + at) {
            let marker_at = at + BEGIN.len();
            from = marker_at;
            let Some(marker_ends) = text[marker_at..].find(CLOSE).map(|end| marker_at + end) else { break };
            let Some(marker) = Marker::parse(&text[marker_at..marker_ends]) else { continue };
            if !marker.is_of(release, BODY) {
                continue;
            }
            let end_line = format!("{END}{release}{CLOSE}");
            // Without an end, a person has cut the section short: it is all that follows.
            let (inside_ends, after) =
                text[marker_ends..].find(&end_line).map_or((text.len(), text.len()), |end| {
                    (marker_ends + end, marker_ends + end + end_line.len())
                });
            let inside = text[marker_ends + CLOSE.len()..inside_ends].trim_matches('\n').to_owned();
            return Self {
                before: text[..at].to_owned(),
                section: Some(Section { marker, text: inside }),
                after: text[after..].to_owned(),
            };
        }
        Self { before: text, ..Self::default() }
    }

    /// The head that the section names.
    pub(in crate::tracker) fn head(&self) -> Option<Head> {
        self.section.as_ref().map(|section| section.marker.head)
    }

    /// The section of the release.
    pub(in crate::tracker) fn section(&self) -> Option<&Section> {
        self.section.as_ref()
    }

    /// Whether this release says what the whole is called: nobody but relman wrote anything, and no release came later.
    ///
    /// Several releases may bring the same version, and only one can name it.
    pub(in crate::tracker) fn names_the_whole(&self) -> bool {
        no_words(&self.before) && self.after.trim().is_empty()
    }

    /// The page with this in place of the section, or behind the rest where there was no section.
    pub(in crate::tracker) fn with(mut self, marker: Marker, text: String) -> Self {
        if self.section.is_none() {
            self.before.truncate(self.before.trim_end().len());
            if !self.before.is_empty() {
                self.before.push_str("\n\n");
            }
        }
        self.section = Some(Section { marker, text });
        self
    }

    /// How many characters the text around the section has.
    pub(in crate::tracker) fn others_chars(&self) -> usize {
        self.before.chars().count() + self.after.chars().count()
    }
}

/// The whole text, with the section between two comments that people don't see once the text is rendered.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.before)?;
        if let Some(Section { marker, text }) = &self.section {
            write!(f, "{BEGIN}{marker}{CLOSE}\n{text}\n{END}{}{CLOSE}", marker.release)?;
        }
        f.write_str(&self.after)
    }
}

/// A text with the line ends of a text and not of a form: trackers change them.
pub(in crate::tracker) fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Whether a text holds a section of any release.
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

#[cfg(test)]
mod tests {
    use relman_core::chain::Digest;

    use super::*;

    #[test]
    fn a_marker_reads_back_what_it_prints() {
        let release: ReleaseId = "checkout-241".parse().unwrap();
        let marker = Marker::new(&release, "stage", Head { seq: 41, digest: Digest::ZERO });
        assert_eq!(Marker::parse(&marker.to_string()), Some(marker.clone()));
        assert!(marker.is_of(&release, "stage") && !marker.is_of(&release, "plan"));
        for text in [
            "",
            "relman",
            "relman a b 41",
            "relman a b x 00",
            &format!("{marker} more"),
            &format!("a {marker}"),
        ] {
            assert_eq!(Marker::parse(text), None, "{text}");
        }
    }

    fn with_section(text: &str, release: &ReleaseId) -> String {
        let page = if text.is_empty() { Page::default() } else { Page::shared(text, release) };
        page.with(Marker::new(release, BODY, Head { seq: 1, digest: Digest::ZERO }), "words".to_owned())
            .to_string()
    }

    #[test]
    fn the_latest_of_several_releases_names_the_whole() {
        let (one, other): (ReleaseId, ReleaseId) = ("one".parse().unwrap(), "other".parse().unwrap());
        let first = with_section("", &one);
        assert!(Page::shared(&first, &one).names_the_whole());
        assert!(Page::shared(&first, &other).names_the_whole());
        let both = with_section(&first, &other);
        assert!(!Page::shared(&both, &one).names_the_whole());
        assert!(Page::shared(&both, &other).names_the_whole());
        let theirs = Page::shared(&format!("Words.\n{both}"), &other);
        assert!(!theirs.names_the_whole());
    }

    #[test]
    fn a_release_that_people_made_without_words_stays_theirs() {
        let release: ReleaseId = "one".parse().unwrap();
        assert!(!Page::shared(" \n", &release).names_the_whole());
        let text = with_section(" \n", &release);
        assert!(!Page::shared(&text, &release).names_the_whole(), "{text}");
    }

    #[test]
    fn text_of_other_people_stays_as_it_is_around_the_section() {
        let release: ReleaseId = "one".parse().unwrap();
        let text = format!("Before.\n{}\n\nAfter.", with_section("", &release));
        let page = Page::shared(&text.replace('\n', "\r\n"), &release);
        assert_eq!(page.section().map(|section| section.text.as_str()), Some("words"));
        assert_eq!(page.to_string(), text);
        let marker = Marker::new(&release, BODY, Head { seq: 2, digest: Digest::ZERO });
        let changed = page.with(marker, "other words".to_owned()).to_string();
        assert!(
            changed.starts_with("Before.\n<!-- relman:begin") && changed.ends_with(" -->\n\nAfter."),
            "{changed}"
        );
        assert!(changed.contains("other words") && changed.matches("relman:begin").count() == 1, "{changed}");
    }
}
