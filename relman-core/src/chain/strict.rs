use std::{collections::BTreeSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use super::BatchRange;
use crate::unit::{Timestamp, file::MAX_INTEGER};

/// The longest line, in bytes, without the line feed. Larger material is attached by its digest.
pub const MAX_LINE: usize = 65_535;

/// The deepest nesting: more than any event needs, and shallow enough for every reader's stack.
const MAX_DEPTH: usize = 32;

/// Why a line is not a record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It is too long.
    #[error("the line has {0} bytes, at most {MAX_LINE} are allowed")]
    TooLong(usize),
    /// It is not UTF-8.
    #[error("the line is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// It is not one object on one line.
    #[error("the line is not one JSON object without anything around it")]
    NotOneObject,
    /// It is not JSON, or JSON that readers disagree about.
    #[error("the line is not strict JSON")]
    Json(#[source] serde_json::Error),
    /// An integer does not fit a double.
    #[error("the integer {0} is beyond ±(2^53−1)")]
    IntegerOutOfRange(String),
    /// The envelope is not that of a record.
    #[error("the line is not a record")]
    Envelope(#[source] serde_json::Error),
    /// The envelope is of another version.
    #[error("the record has format version {0}, and this version of relman reads 1 and 2")]
    UnknownVersion(u64),
    /// It belongs to the stream of something else.
    #[error("the stream {0:?} is not that of a release, which is called `release:ID`")]
    NotOfARelease(String),
    /// The kind is not snake case.
    #[error(
        "the kind {0:?} is not 1 to 64 characters of a-z, 0-9 and _, with `/2` or above for a later version"
    )]
    Kind(String),
    /// The clock says what `at` says.
    #[error("`clock` is {0}, as `at` is: it stands there only where they differ")]
    ClockAgrees(Timestamp),
    /// The record is not one of its own batch.
    #[error("record {seq} is not among the {} records from {} on that `batch` names", batch.records(), batch.first())]
    OutsideBatch {
        /// The record.
        seq: u64,
        /// What it says.
        batch: BatchRange,
    },
    /// A clock or a batch is to be written in version 1.
    #[error("format version 1 has neither `clock` nor `batch`")]
    NotInVersion1,
    /// The data are not an object.
    #[error("`data` is not an object")]
    DataNotObject,
}

/// Checks that a line is strict JSON: one object, no key twice, no integer beyond ±(2^53−1), no deep nesting.
pub(super) fn check(line: &[u8]) -> Result<&str, Malformed> {
    if line.len() > MAX_LINE {
        return Err(Malformed::TooLong(line.len()));
    }
    let text = std::str::from_utf8(line).map_err(|error| Malformed::NotUtf8(error.valid_up_to()))?;
    let alone = text.starts_with('{') && text.ends_with('}') && !text.contains(['\n', '\r']);
    if !alone {
        return Err(Malformed::NotOneObject);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    Strict { depth: 0 }.deserialize(&mut json).and_then(|()| json.end()).map_err(Malformed::Json)?;
    long_integer(text).map_or(Ok(text), |digits| Err(Malformed::IntegerOutOfRange(digits.to_owned())))
}

/// The first integer that is written with more digits than 2^53 − 1 allows. The parser would read it as a double,
/// where it can't be told from a real number any more; so this looks at the text, which is valid JSON by now.
fn long_integer(text: &str) -> Option<&str> {
    let mut in_string = false;
    let mut escaped = false;
    let mut number_at = None;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            (in_string, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            continue;
        }
        let in_number = byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        match number_at {
            None if byte.is_ascii_digit() || byte == b'-' => number_at = Some(at),
            Some(start) if !in_number => {
                let number = &text[start..at];
                if is_long_integer(number) {
                    return Some(number);
                }
                number_at = None;
            }
            None | Some(_) => {}
        }
        in_string = byte == b'"';
    }
    None
}

fn is_long_integer(number: &str) -> bool {
    let digits = number.trim_start_matches('-');
    // What is too long to be read is too large as well.
    let is_large = || digits.parse::<u64>().ok().is_none_or(|integer| integer > MAX_INTEGER);
    digits.bytes().all(|byte| byte.is_ascii_digit()) && is_large()
}

/// Reads any value and keeps nothing but what it takes to see a key twice.
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.inner()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(self.inner()?)?;
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format_args!("the key {twice:?} stands there twice")));
            }
        }
        Ok(())
    }
}

/// Reads an optional field that is there: it has to hold a value, and `null` is refused.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::with_causes;

    #[test]
    fn what_readers_disagree_about_is_refused() {
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let longest = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LINE - 8));
        assert!(longest.len() == MAX_LINE && check(longest.as_bytes()).is_ok());
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LINE));
        for (line, part) in [
            (r#"{"a":1,"a":2}"#, "the key \"a\" stands there twice"),
            (r#"{"b":[{"a":1,"\u0061":2}]}"#, "the key \"a\" stands there twice"),
            (r#"{"a":NaN}"#, "not strict JSON"),
            (r#"{"a":Infinity}"#, "not strict JSON"),
            (r#"{"a":1e999}"#, "not strict JSON"),
            (r#"{"a":9007199254740992}"#, "the integer 9007199254740992 is beyond"),
            (r#"{"a":-9007199254740992}"#, "the integer -9007199254740992 is beyond"),
            (r#"{"a":123456789012345678901234567890}"#, "is beyond"),
            (r#"{"a":1} "#, "not one JSON object"),
            ("[1]", "not one JSON object"),
            ("{\"a\":\n1}", "not one JSON object"),
            (r#"{"a":1}{"b":2}"#, "not strict JSON"),
            (r#"{"a":"\ud800"}"#, "not strict JSON"),
            ("{\"a\":\"\t\"}", "not strict JSON"),
            ("", "not one JSON object"),
            (&deep(32), "nested deeper than 32"),
            (&long, "at most 65535 are allowed"),
        ] {
            let error = with_causes(&check(line.as_bytes()).unwrap_err());
            assert!(error.contains(part), "{line:.60}: {error}");
        }
        assert!(matches!(check(b"{\"a\":\"\xff\"}"), Err(Malformed::NotUtf8(6))));
    }

    #[test]
    fn what_every_reader_understands_is_read() {
        for line in [
            "{}",
            r#"{"a":9007199254740991,"b":-9007199254740991,"c":1.5e300,"d":null,"e":[true,"9007199254740992"]}"#,
            r#"{"a":"\"9007199254740992","b":{"a":1}}"#,
        ] {
            assert!(check(line.as_bytes()).is_ok(), "{line}");
        }
    }
}
