//! The section of a text that is relman's, between two comments that a reader of the rendered text doesn't see.

use relman_core::{
    chain::Head,
    port::{Note, PhaseState, Place, Publication, TrackerCapabilities},
    unit::ReleaseId,
};

use super::marker::{BODY, Marker};

const BEGIN: &str = "<!-- relman:begin ";
const END: &str = "<!-- relman:end ";
const CLOSE: &str = " -->";

/// What stands at the end of a text that was cut.
const CUT: &str = "\n\n*(cut here: the whole of it is in the files)*";

/// A text that may hold a section of a release, and what other people wrote around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sectioned {
    before: String,
    section: Option<(Marker, String)>,
    after: String,
}

impl Sectioned {
    /// Looks for the section of a release. Line ends are those of a text and not of a form: trackers change them.
    pub(super) fn parse(text: &str, release: &ReleaseId) -> Self {
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

    /// The head that the section names, where there is one.
    pub(super) fn head(&self) -> Option<Head> {
        self.section.as_ref().map(|(marker, _)| marker.head)
    }

    /// Whether nobody but relman wrote anything.
    pub(super) fn is_ours_alone(&self) -> bool {
        self.section.is_some() && no_words(&self.before) && no_words(&self.after)
    }

    /// The whole text with this in place of the section, or behind the rest where there was none.
    pub(super) fn with(&self, marker: &Marker, inside: &str) -> String {
        let section = wrap(marker, inside);
        match &self.section {
            Some(_) => format!("{}{section}{}", self.before, self.after),
            None if self.before.trim().is_empty() => section,
            None => format!("{}\n\n{section}", self.before.trim_end()),
        }
    }

    /// How many characters other people's text has.
    pub(super) fn others_chars(&self) -> usize {
        self.before.chars().count() + self.after.chars().count()
    }
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

/// The copy's text as Markdown: the body, the parts for which the tracker has no place of their own, and the head.
///
/// At most `room` characters long.
pub(super) fn compose(publication: &Publication, capabilities: TrackerCapabilities, room: usize) -> String {
    let mut text = publication.body().trim_end().to_owned();
    if capabilities.phases == Place::InTheBody && !publication.phases().is_empty() {
        text.push_str("\n\n## Phases\n");
        for phase in publication.phases() {
            let state = state_in_words(phase.state);
            text.extend(["\n- ", phase.key.as_str(), ": ", state, ". ", &phase.summary]);
        }
    }
    for (place, notes) in
        [(capabilities.notes, publication.notes()), (capabilities.post_mortems, publication.post_mortems())]
    {
        match place {
            Place::OfItsOwn => {}
            Place::InTheBody => {
                for note in notes {
                    text.extend(["\n\n## ", &note.title, "\n\n", &note_text(note)]);
                }
            }
        }
    }
    let foot = foot(&publication.subject().release, publication.head());
    let text = harmless(&text);
    format!("{}\n\n{foot}", cut(&text, room.saturating_sub(foot.chars().count() + 2)))
}

/// The text of a note with its head at the end.
pub(super) fn note_text(note: &Note) -> String {
    let Head { seq, digest } = note.head;
    format!("{}\n\n*From the record up to number {seq}, head* `{digest}`", note.body.trim_end())
}

/// What a reader has to know about a copy.
fn foot(release: &ReleaseId, head: Head) -> String {
    let Head { seq, digest } = head;
    format!(
        "---\nA copy made from the record of {release} up to number {seq}, head `{digest}`. \
         The record is the source; changes to this text are lost."
    )
}

pub(super) fn state_in_words(state: PhaseState) -> &'static str {
    match state {
        PhaseState::UnderWay => "under way",
        PhaseState::Passed => "passed",
        PhaseState::Failed => "failed",
    }
}

/// The text without anything that looks like one of the markers.
fn harmless(text: &str) -> String {
    text.replace("\r\n", "\n").replace("<!-- relman:", "&lt;!-- relman:")
}

/// The beginning of a text, which says that it was cut where it was.
pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let kept = chars.saturating_sub(CUT.chars().count());
    text.chars().take(kept).chain(CUT.chars()).collect()
}

/// One line of at most this many characters.
pub(super) fn line(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars {
        return line;
    }
    line.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}
