use std::fmt;

use askama::filters::HtmlSafe;
use relman_core::{
    report::Mark,
    unit::{ReleaseId, Timestamp},
};

use super::words::time;

/// Where the links of a page about one release lead.
#[derive(Debug, Clone)]
pub(super) enum Links {
    /// To other pages of the front.
    Live {
        /// The path under which the front is mounted.
        base: String,
        /// The release.
        release: ReleaseId,
    },
    /// Nowhere: the page is a file that stands alone.
    File,
}

impl Links {
    pub(super) fn is_live(&self) -> bool {
        match self {
            Self::Live { .. } => true,
            Self::File => false,
        }
    }

    /// The address of a page about the release; empty in a file.
    pub(super) fn to(&self, rest: &str) -> String {
        match self {
            Self::Live { base, release } => format!("{base}/releases/{release}{rest}"),
            Self::File => String::new(),
        }
    }

    /// A record by its number.
    pub(super) fn record(&self, seq: &u64) -> RecordLink<'_> {
        RecordLink { links: self, seq: *seq }
    }

    /// A moment with its record.
    pub(super) fn mark(&self, mark: &Mark) -> MarkLink<'_> {
        MarkLink { links: self, mark: *mark }
    }
}

/// A record by its number: `#41`, and a link to it where there is one.
pub(super) struct RecordLink<'a> {
    links: &'a Links,
    seq: u64,
}

impl fmt::Display for RecordLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match self.links {
            // Bases and release ids hold nothing that means something in HTML.
            Links::Live { base, release } => {
                write!(f, r#"<a class="rec" href="{base}/releases/{release}/records/{seq}">#{seq}</a>"#)
            }
            Links::File => write!(f, r#"<span class="rec">#{seq}</span>"#),
        }
    }
}

impl HtmlSafe for RecordLink<'_> {}

/// A moment with its record.
pub(super) struct MarkLink<'a> {
    links: &'a Links,
    mark: Mark,
}

impl fmt::Display for MarkLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Moment(self.mark.at), self.links.record(&self.mark.record))
    }
}

impl HtmlSafe for MarkLink<'_> {}

/// A moment that programs can read too.
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<time datetime="{}">{}</time>"#, self.0, time(&self.0))
    }
}

impl HtmlSafe for Moment {}
