//! How texts are laid out: lines of at most 100 columns, and nothing that moves a cursor.

use std::fmt;

use crate::report::facts::{Heading, time};

/// The widest line of a report: two terminals fit beside each other on a laptop.
pub(in crate::report) const WIDTH: usize = 100;

/// How wide the labels of [`field`] are.
const LABEL: usize = 15;

/// Writes `first` and the text after it, broken into lines that begin below the text.
///
/// Control characters count as blanks: texts come from metrics sources and platforms too.
pub(in crate::report) fn wrapped(f: &mut fmt::Formatter<'_>, first: &str, text: &str) -> fmt::Result {
    let indent = first.chars().count().min(WIDTH / 2);
    let room = WIDTH - indent;
    let mut lead = first.to_owned();
    for line in lines(text, room) {
        writeln!(f, "{}", format!("{lead}{line}").trim_end())?;
        lead = " ".repeat(indent);
    }
    Ok(())
}

/// Writes a labelled text.
pub(in crate::report) fn field(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    wrapped(f, &format!("  {label:<LABEL$}"), text)
}

/// Writes a labelled list, one entry a line, the label before the first; says `none` where there are none.
pub(in crate::report) fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    entries: impl IntoIterator<Item = T>,
) -> fmt::Result {
    let mut label = label;
    for entry in entries {
        field(f, label, &entry.to_string())?;
        label = "";
    }
    if label.is_empty() { Ok(()) } else { field(f, label, "none") }
}

/// The text in lines of at most `room` columns. A word that is longer than a line is cut.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            lines.push(String::new());
            used = 0;
        }
        for word in line.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
        {
            for piece in pieces(word, room) {
                let length = piece.chars().count();
                if used > 0 && used + 1 + length > room {
                    lines.push(String::new());
                    used = 0;
                }
                if let Some(last) = lines.last_mut() {
                    if used > 0 {
                        last.push(' ');
                        used += 1;
                    }
                    last.push_str(&piece);
                    used += length;
                }
            }
        }
    }
    lines
}

fn pieces(word: &str, room: usize) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    characters.chunks(room.max(1)).map(|chunk| chunk.iter().collect()).collect()
}

impl Heading {
    /// Writes the first lines of a report of that name.
    pub(in crate::report) fn write(&self, f: &mut fmt::Formatter<'_>, report: &str) -> fmt::Result {
        self.write_with(f, report, "")
    }

    /// The same with more about the release in the first line.
    pub(in crate::report) fn write_with(
        &self,
        f: &mut fmt::Formatter<'_>,
        report: &str,
        more: &str,
    ) -> fmt::Result {
        if self.is_drill() {
            writeln!(f, "=== DRILL === DRILL === DRILL === this is a rehearsal ===")?;
        }
        wrapped(f, "", &format!("{report} of {}{more}, as of {}", self.release, time(self.as_of)))?;
        match &self.title {
            Some(title) => wrapped(f, "", title.as_str()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wrapped<'a>(&'a str, &'a str);

    impl fmt::Display for Wrapped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            wrapped(f, self.0, self.1)
        }
    }

    #[test]
    fn no_line_is_wider_than_a_hundred_columns() {
        let long = format!("see https://example.org/{} and more of it", "a".repeat(300));
        let text = Wrapped("  reason         ", &long).to_string();
        assert!(text.lines().count() > 3);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn a_metrics_source_can_not_move_the_cursor() {
        assert_eq!(Wrapped("- ", "bad\u{1b}[2J\tanswer\nnext").to_string(), "- bad [2J answer\n  next\n");
    }
}
