//! What a publication is as text, and how relman's text is found again among that of other people.

mod compose;
mod page;

pub(super) use compose::{compose, cut, line, note_text};
pub(super) use page::{BODY, Marker, Page, Section, holds_a_section, line_ends};
