//! Text that comes out as text, wherever in Markdown it stands.

use std::fmt::Write as _;

/// One line of text: what it says is what a reader sees, in a paragraph, a list, a heading or a table.
///
/// - Blanks, line feeds and control characters between words are one blank.
/// - What Markdown (`CommonMark`, and the tables, strike-through and mathematics of the forges) would take for markup gets a
///   backslash; `<` is an entity, so that what follows can't be a tag even where the text is fed to HTML.
/// - Characters that turn the direction of writing are shown by their numbers: what stands after them would be read in
///   another order than it was written in.
pub(super) fn line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            escaped.push(' ');
        }
        push_word(&mut escaped, word, index == 0);
    }
    escaped
}

/// Lines of text as a block quote: each line as it was written, with a hard break between them.
pub(super) fn quote(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|one| format!("> {}", line(one))).collect();
    // A backslash at the end of a line breaks it; an empty line begins a new paragraph anyway.
    let mut quoted = String::new();
    for (index, one) in lines.iter().enumerate() {
        let one = one.trim_end();
        quoted.push_str(one);
        if let Some(next) = lines.get(index + 1) {
            if one != ">" && next.trim_end() != ">" {
                quoted.push('\\');
            }
            quoted.push('\n');
        }
    }
    quoted
}

fn push_word(escaped: &mut String, word: &str, first: bool) {
    let characters: Vec<char> = word.chars().collect();
    for (index, c) in characters.iter().copied().enumerate() {
        let before = index.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(index + 1).copied();
        match c {
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // Inside a word it is no markup, and the address of a page stays whole.
            '_' if before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric) => {
                escaped.push('_');
            }
            '_' => escaped.push_str("\\_"),
            '<' => escaped.push_str("&lt;"),
            '&' if is_entity(&characters[index + 1..]) => escaped.push_str("&amp;"),
            // At the beginning these would make a heading, a list, a quote, a rule or a forge's command.
            '#' | '+' | '-' | '=' | '>' | '/' | ':' if first && index == 0 => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A number at the beginning would make a list.
            '.' | ')'
                if first
                    && index > 0
                    && after.is_none()
                    && characters[..index].iter().all(char::is_ascii_digit) =>
            {
                escaped.push('\\');
                escaped.push(c);
            }
            c if turns_direction(c) => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "(U+{:04X})", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
}

/// Whether what follows an ampersand makes it an entity: `lt;`, `#60;`.
fn is_entity(after: &[char]) -> bool {
    let name = after.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    name > 0 && after.get(name) == Some(&';')
}

/// Marks, embeddings, overrides and isolates of bidirectional text (UAX #9).
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// The text that a reader of Markdown sees, and whether there is any markup beside paragraphs and breaks.
    fn read(markdown: &str) -> (String, Vec<String>) {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_MATH
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_TASKLISTS;
        let (mut text, mut markup) = (String::new(), Vec::new());
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::SoftBreak | Event::HardBreak => text.push('\n'),
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                other => markup.push(format!("{other:?}")),
            }
        }
        (text, markup)
    }

    fn one_line(text: &str) -> String {
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn markup_comes_out_as_text() {
        for text in [
            "<script>alert(1)</script>",
            "*bold* _it_ **b** __b__ ~~gone~~ `code` ``code``",
            "[a link](javascript:alert(1)) ![an image](https://example.org/x.png) [ref][1] [^1]",
            "# heading",
            "- item",
            "+ item",
            "1. item",
            "1) item",
            "> quote",
            "=== rule",
            "---",
            "| a | b |",
            "\"quotes\" and 'quotes'",
            "&lt;b&gt; &amp; &#60; AT&T a=1&b=2",
            "<https://example.org> <ana@example.org>",
            "$x$ and $$y$$",
            "one\\two \\* three\\",
            "error_rate > 1% of __all__ _",
            "/close",
            ":::note",
            "<!-- a comment -->",
            "- [ ] a task",
        ] {
            assert_eq!(read(&line(text)), (one_line(text), Vec::new()), "{text} became {}", line(text));
        }
    }

    #[test]
    fn the_address_of_a_page_stays_whole() {
        let address = "https://example.org/a_b/c?d=1&e=2#f";
        assert_eq!(line(address), address);
    }

    #[test]
    fn a_turn_of_the_direction_is_shown() {
        assert_eq!(line("a\u{202e}b\u{2066}c\u{200f}"), "a(U+202E)b(U+2066)c(U+200F)");
    }

    #[test]
    fn a_quote_keeps_its_lines() {
        let text = "First *line*\n- second\n\nnew paragraph\n```\ncode";
        let (read, markup) = read(&quote(text));
        assert_eq!(read, "First *line*\n- secondnew paragraph\n```\ncode");
        assert_eq!(markup, ["Start(BlockQuote(None))"]);
    }

    proptest! {
        #[test]
        fn whatever_the_text_it_comes_out_as_text(text in "[ -~\n\té€<>&_*`|#\\[\\]()!~$\\\\.0-9-]{0,60}") {
            let escaped = line(&text);
            prop_assert_eq!(read(&escaped), (one_line(&text), Vec::new()), "{}", escaped);
        }

        #[test]
        fn a_row_of_a_table_keeps_its_columns(text in "[ -~\n<>&_*`|\\\\]{0,60}") {
            let table = format!("| a | b |\n| --- | --- |\n| {} | end |\n", line(&text));
            let cells = Parser::new_ext(&table, Options::ENABLE_TABLES)
                .filter(|event| matches!(event, Event::Start(Tag::TableCell)))
                .count();
            prop_assert_eq!(cells, 4, "{}", table);
            prop_assert!(table.lines().count() == 3);
        }
    }
}
