use std::fmt;

use relman_core::{chain::Head, unit::ReleaseId};

/// What a text says about itself, so that it is found again: whose it is, and from which head it was made.
///
/// As words without markup: `relman checkout-241 stage 41 9f86…`. A release id and a key are free of blanks, so words
/// are enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tracker) struct Marker {
    release: String,
    part: String,
    pub(in crate::tracker) head: Head,
}

impl Marker {
    /// The marker of a part; [`BODY`] is that of the copy itself.
    pub(in crate::tracker) fn new(release: &ReleaseId, part: &str, head: Head) -> Self {
        Self { release: release.as_str().to_owned(), part: part.to_owned(), head }
    }

    /// The release whose it is.
    #[cfg(any(feature = "github", feature = "gitlab"))]
    pub(in crate::tracker) fn release(&self) -> &str {
        &self.release
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

    /// Whether it is that of this part of this release, from whatever head.
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
}
