//! What a publication is as text, and how relman's text is found again among that of other people.

mod compose;
mod marker;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod page;

pub(super) use compose::{compose, cut, line, note_text};
pub(super) use marker::{BODY, Marker};
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(super) use page::Sectioned;
#[cfg(feature = "github")]
pub(super) use page::holds_a_section;
