//! GitLab's own snapshots of a release ("release evidence"): when one is asked for, and what is noted about it.
//!
//! GitLab takes snapshots in the background, so one may not show for a while after it was asked for. Without a note in
//! the text of the release, an attempt after a lost answer would ask for another.

use std::fmt;

use relman_core::port::Standing;
use serde::Deserialize;

const NOTE: &str = "<!-- relman:evidence ";
const ASKED: &str = "asked";
const BEING_ASKED: &str = "being asked, seen before: ";
const CLOSE: &str = " -->";

/// When GitLab is asked for release evidence, its own snapshot of a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Never. GitLab still takes one of its own when the release is made.
    #[default]
    NotAskedFor,
    /// When the release is over. Needs GitLab Premium.
    WhenOver,
}

impl Evidence {
    /// Whether a release that stands like this gets a snapshot, besides the one that GitLab takes at the beginning.
    pub(super) fn is_wanted(self, standing: Standing) -> bool {
        let is_over = match standing {
            Standing::UnderWay => false,
            Standing::Completed | Standing::RolledBack | Standing::Aborted => true,
        };
        match self {
            Self::NotAskedFor => false,
            Self::WhenOver => is_over,
        }
    }
}

/// What is known of the snapshot of a release that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshot {
    /// It was about to be asked for when this many were there; whether it was is not known.
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
