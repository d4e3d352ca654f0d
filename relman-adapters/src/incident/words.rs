//! What a source says in words, as texts that a record holds.

use relman_core::unit::Text;

/// Enough for a sentence that somebody reads in a table; the whole of it is where the link leads.
pub(super) const LONGEST_TITLE: usize = 300;

/// Severities are one word.
pub(super) const LONGEST_SEVERITY: usize = 60;

/// What browsers and proxies take.
pub(super) const LONGEST_URL: usize = 2_000;

/// A text on one line, without control characters, and no longer than so many characters; none where nothing is left.
pub(super) fn cut(text: &str, longest: usize) -> Option<Text> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]).parse().ok(),
        None => line.parse().ok(),
    }
}

/// A link that people may follow: to a page, and whole or not at all.
pub(super) fn link(url: &str) -> Option<Text> {
    let is_page = url.starts_with("https://") || url.starts_with("http://");
    let fits = url.len() <= LONGEST_URL && !url.contains(|c: char| c.is_control() || c.is_whitespace());
    if is_page && fits { url.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_and_cut_at_a_character() {
        assert_eq!(cut(" one\n\u{1b}two ", 20).unwrap().as_str(), "one  two");
        assert_eq!(cut("äöü", 2).unwrap().as_str(), "äö…");
        assert_eq!(cut("äöü", 3).unwrap().as_str(), "äöü");
        assert_eq!(cut(" \n ", 3), None);
    }

    #[test]
    fn a_link_leads_to_a_page() {
        assert_eq!(link("https://alerts.example.org/1").unwrap().as_str(), "https://alerts.example.org/1");
        for url in ["javascript:alert(1)", "", "https://a b", "data:text/html,x"] {
            assert_eq!(link(url), None, "{url}");
        }
        assert_eq!(link(&format!("https://{}", "a".repeat(LONGEST_URL))), None);
    }
}
