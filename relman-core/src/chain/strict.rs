use thiserror::Error;

use super::{
    BatchRange,
    scanner::{Member, Problem, Scanner},
};
use crate::unit::Timestamp;

/// The longest line, in bytes, without the line feed. Larger material is attached by its digest.
pub const MAX_LINE: usize = 65_535;

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
    /// A clock, a batch or the stream of something else than a release is to be written in version 1.
    #[error("format version 1 has neither `clock` nor `batch`, and streams of releases alone")]
    NotInVersion1,
    /// The data are not an object.
    #[error("`data` is not an object")]
    DataNotObject,
}

/// A line that is strict JSON: one object, no key twice, no integer beyond ±(2^53−1), no deep nesting.
pub(super) struct Line<'a> {
    /// All of it.
    pub(super) text: &'a str,
    /// The members of the object, in the order of the line.
    pub(super) members: Vec<Member<'a>>,
}

/// Reads a line strictly.
pub(super) fn read(line: &[u8]) -> Result<Line<'_>, Malformed> {
    if line.len() > MAX_LINE {
        return Err(Malformed::TooLong(line.len()));
    }
    let text = std::str::from_utf8(line).map_err(|error| Malformed::NotUtf8(error.valid_up_to()))?;
    let [b'{', .., b'}'] = line else { return Err(Malformed::NotOneObject) };
    let mut scanner = Scanner::new(text);
    match scanner.object() {
        Ok(members) => Ok(Line { text, members }),
        Err(_) if text.contains(['\n', '\r']) => Err(Malformed::NotOneObject),
        Err(Problem::Integer(digits)) => Err(Malformed::IntegerOutOfRange(digits.to_owned())),
        Err(problem) => Err(Malformed::Json(problem.at(scanner.at()))),
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
        assert!(longest.len() == MAX_LINE && read(longest.as_bytes()).is_ok());
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
            let error = with_causes(&read(line.as_bytes()).err().unwrap());
            assert!(error.contains(part), "{line:.60}: {error}");
        }
        assert!(matches!(read(b"{\"a\":\"\xff\"}"), Err(Malformed::NotUtf8(6))));
    }

    #[test]
    fn what_every_reader_understands_is_read() {
        for line in [
            "{}",
            r#"{"a":9007199254740991,"b":-9007199254740991,"c":1.5e300,"d":null,"e":[true,"9007199254740992"]}"#,
            r#"{"a":"\"9007199254740992","b":{"a":1}}"#,
        ] {
            assert!(read(line.as_bytes()).is_ok(), "{line}");
        }
    }
}
