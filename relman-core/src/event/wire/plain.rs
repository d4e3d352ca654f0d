//! JSON as relman writes it, read without a parser.
//!
//! Nine records in ten are evaluations, and what they hold is numbers and short names in a known order. Reading those
//! straight from the text takes a fraction of what a parser takes that is ready for anything. Whatever stands there
//! otherwise (space, another order, an escape) is nothing to this reader, and the parser reads it or says what is wrong.

use serde::Deserialize;

use crate::unit::Timestamp;

/// What is left of a text, which a strict reader has found to be JSON.
pub(super) struct Plain<'a> {
    rest: &'a str,
}

impl<'a> Plain<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Takes what has to stand here.
    pub(super) fn expect(&mut self, text: &str) -> Option<()> {
        self.has(text).then_some(())
    }

    /// Takes what may stand here; whether it does.
    pub(super) fn has(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// A string in which nothing is escaped.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        let text = self.rest.strip_prefix('"')?;
        let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let rest = text[end..].strip_prefix('"')?;
        self.rest = rest;
        Some(&text[..end])
    }

    /// An integer without a sign that fits a double.
    pub(super) fn integer(&mut self) -> Option<u64> {
        /// Every integer of so many digits fits.
        const MOST_DIGITS: usize = 15;
        let bytes = self.rest.as_bytes();
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=MOST_DIGITS).contains(&digits) || (digits > 1 && bytes[0] == b'0') {
            return None;
        }
        let number = bytes[..digits].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        self.rest = &self.rest[digits..];
        Some(number)
    }

    /// A number without a sign and an exponent, as the nearest double.
    pub(super) fn real(&mut self) -> Option<f64> {
        let before = self.rest;
        let whole = self.integer()?;
        if !self.has(".") {
            return Some(whole as f64);
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        self.rest = &self.rest[digits..];
        let written = &before[..before.len() - self.rest.len()];
        // It ends with a digit, and what follows is no exponent: that is for the parser.
        (digits > 0 && !self.rest.starts_with(['e', 'E'])).then(|| written.parse().ok())?
    }

    /// Two moments in brackets.
    pub(super) fn window(&mut self) -> Option<(Timestamp, Timestamp)> {
        self.expect("[")?;
        let from = self.string()?.parse().ok()?;
        self.expect(",")?;
        let until = self.string()?.parse().ok()?;
        self.expect("]")?;
        Some((from, until))
    }

    /// Any other value, read by the parser.
    pub(super) fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter();
        let value = values.next()?.ok()?;
        self.rest = &self.rest[values.byte_offset()..];
        Some(value)
    }

    /// Whether nothing is left.
    pub(super) fn is_at_the_end(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_otherwise_is_nothing_to_it() {
        for text in ["", "x", "\"a", "\"a\\n\"", "\"\\\"", "7"] {
            assert_eq!(Plain::new(text).string(), None, "{text}");
        }
        for text in ["", "-1", "01", "1234567890123456", "\"1\"", " 1"] {
            assert_eq!(Plain::new(text).integer(), None, "{text}");
        }
        for text in ["", "-1", "01.5", ".5", "1.", "1.e3", "1.5e3", "1.5E3"] {
            assert_eq!(Plain::new(text).real(), None, "{text}");
        }
        for text in ["[]", "[\"2026-01-05T09:00:00.000Z\"]", "[\"2026-01-05T09:00:00.000Z\", \"x\"]"] {
            assert_eq!(Plain::new(text).window(), None, "{text}");
        }
    }

    #[test]
    fn what_is_read_is_behind_it() {
        let mut plain = Plain::new("\"ä\"0:999999999999999[1,2.5]{\"a\":1}null");
        assert_eq!((plain.string(), plain.integer()), (Some("ä"), Some(0)));
        assert!(plain.has(":") && !plain.has(":"));
        assert_eq!(plain.integer(), Some(999_999_999_999_999));
        let mut numbers = Plain::new("5,0.1,2.50,123456789012345.25]");
        for number in [5.0, 0.1, 2.5, 123_456_789_012_345.25] {
            assert_eq!(numbers.real(), Some(number));
            numbers.has(",");
        }
        assert_eq!(numbers.expect("]"), Some(()));
        assert_eq!(plain.value::<(u8, f64)>(), Some((1, 2.5)));
        assert_eq!(plain.value::<serde_json::Value>(), Some(serde_json::json!({"a": 1})));
        assert!(!plain.is_at_the_end());
        assert_eq!(plain.expect("null"), Some(()));
        assert!(plain.is_at_the_end());
    }
}
