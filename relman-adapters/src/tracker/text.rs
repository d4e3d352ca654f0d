//! What a publication is as one text.

use relman_core::{
    chain::Head,
    port::{Note, PhaseState, Place, Publication, TrackerCapabilities},
    unit::ReleaseId,
};

/// What stands at the end of a text that was cut.
const CUT: &str = "\n\n*(cut here: the whole of it is in the files)*";

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

fn state_in_words(state: PhaseState) -> &'static str {
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
