//! One line of a chain: the envelope around an event, and the line as it is stored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{Digest, Malformed, strict};
use crate::unit::{Actor, ReleaseId, Timestamp};

/// The version of the envelope and of the events' schema that this crate writes.
pub const FORMAT_VERSION: u64 = 1;

/// What surrounds an event in its line.
///
/// # Examples
///
/// ```
/// use relman_core::chain::{Digest, Envelope};
///
/// let data = serde_json::value::RawValue::from_string("{}".to_owned())?;
/// let line = Envelope {
///     release: "checkout-241".parse()?,
///     seq: 0,
///     prev: Digest::ZERO,
///     at: "2026-11-22T18:04:05.000Z".parse()?,
///     by: "user:ana".parse()?,
///     kind: "plan_recorded".into(),
///     data: &data,
/// }
/// .seal()?;
/// let read = Envelope::read(line.bytes())?;
/// assert_eq!(read.seq, 0);
/// assert_eq!(read.kind, "plan_recorded");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The stream.
    pub release: ReleaseId,
    /// The sequence number, from 0.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: Digest,
    /// When.
    pub at: Timestamp,
    /// Who caused it.
    pub by: Actor,
    /// The kind of the event.
    pub kind: Cow<'a, str>,
    /// The event, as it is written.
    pub data: &'a RawValue,
}

/// The fields in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    v: u64,
    release: ReleaseId,
    seq: u64,
    prev: Digest,
    at: Timestamp,
    by: Actor,
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Why an envelope can't be written.
#[derive(Debug, Error)]
#[error("failed to write record {seq} of {release}")]
pub struct SealError {
    release: ReleaseId,
    seq: u64,
    #[source]
    problem: Malformed,
}

impl<'a> Envelope<'a> {
    /// Reads a line, strictly.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the first thing that is wrong.
    pub fn read(line: &'a [u8]) -> Result<Self, Malformed> {
        let text = strict::check(line)?;
        let fields: Fields<'a> = serde_json::from_str(text).map_err(Malformed::Envelope)?;
        if fields.v != FORMAT_VERSION {
            return Err(Malformed::UnknownVersion(fields.v));
        }
        let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !(1..=64).contains(&fields.kind.len()) || !fields.kind.chars().all(snake) {
            return Err(Malformed::Kind(fields.kind.into_owned()));
        }
        if !fields.data.get().starts_with('{') {
            return Err(Malformed::DataNotObject);
        }
        Ok(Self {
            release: fields.release,
            seq: fields.seq,
            prev: fields.prev,
            at: fields.at,
            by: fields.by,
            kind: fields.kind,
            data: fields.data,
        })
    }

    /// Writes the line.
    ///
    /// # Errors
    ///
    /// [`SealError`] where the line would not be read again: what is written is held against the strict reader.
    pub fn seal(&self) -> Result<SealedLine, SealError> {
        let written = self.write();
        let bytes = written.and_then(|bytes| Envelope::read(&bytes).map(|_| ()).map(|()| bytes));
        match bytes {
            Ok(bytes) => Ok(SealedLine::seal(self.seq, self.prev, bytes)),
            Err(problem) => Err(self.refused(problem)),
        }
    }

    /// Why it can't be written.
    pub(crate) fn refused(&self, problem: Malformed) -> SealError {
        SealError { release: self.release.clone(), seq: self.seq, problem }
    }

    /// The line for whoever reads it back at once.
    pub(crate) fn write(&self) -> Result<Vec<u8>, Malformed> {
        let fields = Fields {
            v: FORMAT_VERSION,
            release: self.release.clone(),
            seq: self.seq,
            prev: self.prev,
            at: self.at,
            by: self.by.clone(),
            kind: self.kind.clone(),
            data: self.data,
        };
        serde_json::to_vec(&fields).map_err(Malformed::Json)
    }
}

/// The last record of a stream: its sequence number and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The sequence number, from 0.
    pub seq: u64,
    /// The hash of the record's line.
    pub digest: Digest,
}

/// A record as it is stored: the exact bytes of its line, without the line feed, with its place in the chain.
///
/// A journal stores [`bytes`](Self::bytes) and gives them back unchanged; it never parses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedLine {
    head: Head,
    prev: Digest,
    bytes: Vec<u8>,
}

impl SealedLine {
    /// Seals a line whose envelope says `seq` and `prev`. The digest is computed here, from the bytes.
    pub(crate) fn seal(seq: u64, prev: Digest, bytes: Vec<u8>) -> Self {
        let digest = Digest::of_line(&bytes);
        Self { head: Head { seq, digest }, prev, bytes }
    }

    /// A line that was just read back, with the head that it gives its stream.
    pub(crate) fn of(head: Head, prev: Digest, bytes: Vec<u8>) -> Self {
        Self { head, prev, bytes }
    }

    /// Takes a line as it was stored or exported, after a strict look at it.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where it is not a record.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let envelope = Envelope::read(&bytes)?;
        let (seq, prev) = (envelope.seq, envelope.prev);
        Ok(Self::seal(seq, prev, bytes))
    }

    /// The record's sequence number in its stream.
    pub fn seq(&self) -> u64 {
        self.head.seq
    }

    /// The record's hash.
    pub fn digest(&self) -> Digest {
        self.head.digest
    }

    /// The hash of the record before, as the line says it.
    pub fn prev(&self) -> Digest {
        self.prev
    }

    /// What the stream's head is once this record is its last.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The bytes to store: one line of UTF-8 JSON without the line feed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::with_causes;

    const LINE: &str = concat!(
        r#"{"v":1,"release":"checkout-241","seq":0,"prev":""#,
        "0000000000000000000000000000000000000000000000000000000000000000",
        r#"","at":"2026-11-22T18:04:05.000Z","by":"user:ana","kind":"plan_recorded","data":{}}"#
    );

    #[test]
    fn an_envelope_has_its_fields_and_no_others() {
        assert!(Envelope::read(LINE.as_bytes()).is_ok());
        for (from, to, part) in [
            (r#""v":1"#, r#""v":2"#, "has format version 2"),
            (r#""v":1,"#, "", "missing field `v`"),
            (r#""seq":0,"#, "", "missing field `seq`"),
            (r#""seq":0"#, r#""seq":-1"#, "invalid value"),
            (r#""seq":0"#, r#""seq":0,"note":1"#, "unknown field `note`"),
            ("checkout-241", "checkout 241", "is not a release id"),
            (".000Z", "Z", "is not a UTC time"),
            ("user:ana", "ana", "is not an actor"),
            ("plan_recorded", "Plan", "is not 1 to 64 characters"),
            (r#""data":{}"#, r#""data":[]"#, "`data` is not an object"),
            ("0000\",\"at\"", "000G\",\"at\"", "is not a SHA-256 hash"),
        ] {
            assert!(LINE.contains(from), "{from}");
            let error = with_causes(&Envelope::read(LINE.replace(from, to).as_bytes()).unwrap_err());
            assert!(error.contains(part), "{to}: {error}");
        }
    }

    #[test]
    fn what_a_reader_would_refuse_is_not_written() {
        let envelope = Envelope::read(LINE.as_bytes()).unwrap();
        assert_eq!(envelope.seal().unwrap().bytes(), LINE.as_bytes());
        let long = RawValue::from_string(format!("{{\"a\":\"{}\"}}", "x".repeat(70_000))).unwrap();
        let error = with_causes(&Envelope { data: &long, ..envelope }.seal().unwrap_err());
        assert!(error.contains("record 0 of checkout-241: the line has 70"), "{error}");
    }
}
