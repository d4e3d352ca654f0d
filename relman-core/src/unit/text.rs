use std::{fmt, str::FromStr};

use super::{
    UnitError,
    as_text::{schema_as_text, serde_as_text},
};

/// A text by a person, such as the reason for a hold: 1 to 4,000 characters, not only blanks.
///
/// Line feeds and tabs are kept; other control characters are refused, so that no text can move a reader's
/// cursor or colour a reader's terminal.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Text;
///
/// let reason: Text = "error budget is spent".parse()?;
/// assert_eq!(reason.as_str(), "error budget is spent");
/// assert!("  ".parse::<Text>().is_err());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// The longest text, in characters: a page, and with every other field of an event still one record.
    pub const MAX_CHARS: usize = 4_000;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What relman itself has to say, cut to the longest text and free of control characters.
    pub(crate) fn of(text: &str) -> Self {
        let kept = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
        let kept: String = kept.take(Self::MAX_CHARS).collect();
        Self(if kept.trim().is_empty() { "unknown".to_owned() } else { kept })
    }
}

impl FromStr for Text {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a text for a record";
        if text.trim().is_empty() {
            return Err(UnitError::new(text, WHAT, "it is empty; say it in a few words"));
        }
        let length = text.chars().count();
        if length > Self::MAX_CHARS {
            let problem = format!(
                "it has {length} characters, at most {} are allowed; link to anything longer",
                Self::MAX_CHARS
            );
            return Err(UnitError::new(text, WHAT, problem));
        }
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(UnitError::new(text, WHAT, format!("it holds the control character {c:?}")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

serde_as_text!(Text);
schema_as_text!(Text, "Text", "1 to 4,000 characters by a person", "Faster tax lookup at checkout", r"\S");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_moves_no_cursor() {
        assert!("line one\nline two".parse::<Text>().is_ok());
        assert!("\u{1b}[2Jgone".parse::<Text>().is_err());
        assert!("a".repeat(4_001).parse::<Text>().is_err());
        assert_eq!(Text::of("bad\u{1b} answer").as_str(), "bad  answer");
    }
}
