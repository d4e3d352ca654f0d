//! What the sources of incidents share: why one can't be used, and what they say in words as texts that a record holds.

use relman_core::unit::Text;
use thiserror::Error;

#[cfg(feature = "alertmanager")]
use crate::http::EndpointError;
use crate::secret::SecretError;

/// Why a source of incidents can't be used as it is configured. It never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IncidentSetupError {
    /// Its URL can't be connected to.
    #[cfg(feature = "alertmanager")]
    #[error("failed to set up {adapter}: `url`: {problem}")]
    Url {
        /// Which kind of source it is.
        adapter: &'static str,
        /// What is wrong with the URL.
        problem: EndpointError,
    },
    /// A secret can't be read.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Secret {
        /// Which kind of source it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// Why there is no secret.
        problem: SecretError,
    },
    /// A field holds something else than it should.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Field {
        /// Which kind of source it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

/// Enough for a sentence in a table; all of it is where the link leads.
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
