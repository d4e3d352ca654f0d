//! What a publication is as one text.

use relman_core::{
    chain::Head,
    port::{Note, PhaseState, Placement, Publication, TrackerCapabilities},
    unit::ReleaseId,
};
use thiserror::Error;

/// What stands at the end of a text that was cut.
const CUT: &str = "\n\n*(cut here: the files have the whole text)*";

/// Room for what ends a code block or a comment that a cut has left open.
const ENDING_CHARS: usize = 64;

/// Other people's text takes the room that the copy needs.
#[derive(Debug, PartialEq, Eq, Error)]
#[error(
    "what other people wrote leaves {room} characters for the copy, which needs at least {least}: shorten their text"
)]
pub(in crate::tracker) struct NoRoom {
    room: usize,
    least: usize,
}

/// The copy's text as Markdown: the head, the body, and the parts for which the tracker has no place of their own.
///
/// At most `room` characters long. The head comes first: nothing that the rest leaves open can hide it.
pub(in crate::tracker) fn compose(
    publication: &Publication,
    capabilities: TrackerCapabilities,
    room: usize,
) -> Result<String, NoRoom> {
    let mut text = ended(publication.body().trim_end());
    if capabilities.phases == Placement::InTheBody && !publication.phases().is_empty() {
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
            Placement::OfItsOwn => {}
            Placement::InTheBody => {
                for note in notes {
                    text.extend(["\n\n## ", &note.title, "\n\n", &note_text(note)]);
                }
            }
        }
    }
    let top = top(&publication.subject().release, publication.head());
    let least = top.chars().count() + CUT.chars().count() + ENDING_CHARS;
    if room < least {
        return Err(NoRoom { room, least });
    }
    let text = harmless(&text);
    Ok(format!("{top}{}", cut(&text, room - top.chars().count())))
}

/// The text of a note with its head at the beginning.
pub(in crate::tracker) fn note_text(note: &Note) -> String {
    let Head { seq, digest } = note.head;
    format!("*From the record up to number {seq}, head* `{digest}`\n\n{}", ended(note.body.trim_end()))
}

/// What a reader has to know about a copy.
fn top(release: &ReleaseId, head: Head) -> String {
    let Head { seq, digest } = head;
    format!(
        "> A copy made from the record of {release} up to number {seq}, head `{digest}`. \
         The record is the source: edits to this text are overwritten.\n\n"
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
pub(in crate::tracker) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars.saturating_sub(CUT.chars().count() + ENDING_CHARS)).collect();
    let ending = ending(&kept).filter(|ending| ending.chars().count() <= ENDING_CHARS);
    format!("{kept}{}{CUT}", ending.unwrap_or_default())
}

/// The text with an end to the code block or comment that it leaves open, so that what follows is read as text.
fn ended(text: &str) -> String {
    format!("{text}{}", ending(text).unwrap_or_default())
}

/// What a text leaves open.
enum Open<'a> {
    /// A fenced code block, with the line that opens it as far as the last mark.
    Fence(&'a str),
    /// A block of HTML that is a comment.
    Comment,
}

/// The lines that end what a text leaves open, by the rules of `CommonMark` for blocks.
fn ending(text: &str) -> Option<String> {
    let mut open = None;
    for line in text.lines() {
        open = match open {
            None if line.trim_start().starts_with("<!--") && !line.contains("-->") => Some(Open::Comment),
            None => fence(line).map(Open::Fence),
            Some(Open::Comment) if line.contains("-->") => None,
            // The end has no words, the same mark, and at least as many of it.
            Some(Open::Fence(begin))
                if line.trim().starts_with(begin.trim()) && fence(line) == Some(line.trim_end()) =>
            {
                None
            }
            still @ Some(Open::Comment | Open::Fence(_)) => still,
        };
    }
    open.map(|open| match open {
        // As far to the right as its begin: in a list, it would begin another one at the left.
        Open::Fence(begin) => format!("\n{begin}"),
        Open::Comment => "\n-->".to_owned(),
    })
}

/// The beginning of a line that opens a fenced code block: the blanks, and at least three marks.
fn fence(line: &str) -> Option<&str> {
    let marks = line.trim_start();
    let mark = marks.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let words = marks.trim_start_matches(mark);
    let long = marks.len() - words.len() >= 3;
    // Three backticks with another one behind them are code within a line.
    (long && !(mark == '`' && words.contains('`'))).then(|| &line[..line.len() - words.len()])
}

/// One line of at most this many characters.
pub(in crate::tracker) fn line(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars {
        return line;
    }
    line.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use relman_core::{
        chain::Digest,
        port::{Standing, Subject},
    };

    use super::*;

    const IN_THE_BODY: TrackerCapabilities = TrackerCapabilities::new(1_000);

    fn publication(body: &str) -> Publication {
        let subject = Subject::new("checkout-241".parse().unwrap(), "v2.41.0".parse().unwrap());
        let head = Head { seq: 41, digest: Digest::ZERO };
        Publication::new(subject, head, "checkout 2.41.0", body, Standing::UnderWay)
    }

    #[test]
    fn what_a_text_leaves_open_is_ended() {
        for (text, expected) in [
            ("words", None),
            ("```rust\ncode", Some("\n```")),
            ("```rust\ncode\n```", None),
            ("~~~~\n~~~\n```", Some("\n~~~~")),
            ("````\n```\n`````", None),
            ("```\n``` rust", Some("\n```")),
            ("- item\n  ```\n  code", Some("\n  ```")),
            ("```code``` in a line", None),
            ("<!-- a\ncomment", Some("\n-->")),
            ("<!-- a\n```\ncomment -->\nwords", None),
            ("`<!--` in a line", None),
            ("```\n<!--\n```", None),
        ] {
            assert_eq!(ending(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_body_that_leaves_something_open_hides_neither_its_head_nor_what_follows() {
        for (open, end) in [("<!-- never ended", "-->"), ("```\nnever ended", "```")] {
            let note =
                Note::new("stage".parse().unwrap(), Head { seq: 12, digest: Digest::ZERO }, "Staged", open);
            let text = compose(&publication(open).with_note(note), IN_THE_BODY, 1_000).unwrap();
            assert!(
                text.starts_with("> A copy made from the record of checkout-241 up to number 41"),
                "{text}"
            );
            assert!(text.contains(&format!("never ended\n{end}\n\n## Staged\n\n*From the record")), "{text}");
            assert!(text.ends_with(&format!("never ended\n{end}")), "{text}");
        }
    }

    #[test]
    fn a_cut_is_no_longer_than_the_room_and_ends_what_it_opens() {
        let long = publication(&format!("```\n{}\n```", "word ".repeat(500)));
        for room in [350, 500, 1_000, 2_000] {
            let text = compose(&long, IN_THE_BODY, room).unwrap();
            assert!(text.chars().count() <= room, "{room}: {}", text.chars().count());
            assert!(text.ends_with(&format!("\n```{CUT}")), "{text}");
        }
        let fence = "`".repeat(400);
        let text = compose(&publication(&format!("{fence}\n{}", "word ".repeat(500))), IN_THE_BODY, 1_000);
        assert!(text.unwrap().chars().count() <= 1_000);
    }

    #[test]
    fn no_room_for_the_head_is_an_error_and_not_a_text_that_is_too_long() {
        let problem = compose(&publication("words"), IN_THE_BODY, 200).unwrap_err();
        assert!(
            problem.to_string().starts_with("what other people wrote leaves 200 characters"),
            "{problem}"
        );
    }
}
