//! What is noted in the text of a release about the snapshot ("release evidence") that GitLab was asked for.
//!
//! GitLab takes snapshots in the background, so that one may not be seen for a while after it was asked for. Without a
//! note, an attempt after a lost answer would ask for another.

use std::fmt;

const NOTE: &str = "<!-- relman:evidence ";
const ASKED: &str = "asked";
const BEING_ASKED: &str = "being asked, seen before: ";
const CLOSE: &str = " -->";

/// What is known of the snapshot of a release that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshot {
    /// It was going to be asked for when this many were there; whether it was is not known.
    BeingAsked(usize),
    /// It was asked for.
    Asked,
}

impl Snapshot {
    /// Reads what is noted in a section of relman's.
    pub(super) fn read(section: &str) -> Option<Self> {
        let (_, rest) = section.split_once(NOTE)?;
        let (note, _) = rest.split_once(CLOSE)?;
        if note == ASKED {
            return Some(Self::Asked);
        }
        note.strip_prefix(BEING_ASKED)?.parse().ok().map(Self::BeingAsked)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeingAsked(before) => write!(f, "{NOTE}{BEING_ASKED}{before}{CLOSE}"),
            Self::Asked => write!(f, "{NOTE}{ASKED}{CLOSE}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_reads_back() {
        for snapshot in [Snapshot::BeingAsked(2), Snapshot::Asked] {
            assert_eq!(Snapshot::read(&format!("words\n\n{snapshot}")), Some(snapshot));
        }
        for text in ["", "words", "<!-- relman:evidence -->", "<!-- relman:evidence being asked"] {
            assert_eq!(Snapshot::read(text), None, "{text}");
        }
    }
}
