//! One line of a chain: the envelope around an event, and the line as it is stored.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{BatchRange, Digest, Malformed, scanner::Member, strict};
use crate::unit::{Actor, ReleaseId, StreamId, Timestamp};

/// How many digits the version of a kind has at most: nobody changes an event ten thousand times.
const MAX_KIND_VERSION: usize = 4;

/// The version of a record's envelope. A stream that began in an earlier one continues in the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormatVersion {
    /// Read for good, and not written any more: `release` in place of `stream`, no clock and no batch.
    V1,
    /// What is written.
    V2,
}

impl FormatVersion {
    /// The version that this crate writes.
    pub const CURRENT: Self = Self::V2;

    /// The number in the envelope.
    pub fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    fn of_number(number: u64) -> Result<Self, Malformed> {
        match number {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            other => Err(Malformed::UnknownVersion(other)),
        }
    }
}

impl Serialize for FormatVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number())
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// What surrounds an event in its line.
///
/// # Examples
///
/// ```
/// use relman_core::chain::{Digest, Envelope, FormatVersion};
///
/// let data = serde_json::value::RawValue::from_string("{}".to_owned())?;
/// let line = Envelope {
///     version: FormatVersion::CURRENT,
///     stream: "release:checkout-241".parse()?,
///     seq: 0,
///     prev: Digest::ZERO,
///     at: "2026-11-22T18:04:05.000Z".parse()?,
///     clock: None,
///     by: "user:ana".parse()?,
///     batch: None,
///     kind: "plan_recorded".into(),
///     data: (&*data).into(),
/// }
/// .seal()?;
/// let read = Envelope::read(line.bytes())?;
/// assert_eq!(read.seq, 0);
/// assert_eq!(read.kind, "plan_recorded");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The version in which it is written.
    pub version: FormatVersion,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// The sequence number, from 0.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: Digest,
    /// When.
    pub at: Timestamp,
    /// What the clock of whoever wrote it said, where that is something else than `at`.
    pub clock: Option<Timestamp>,
    /// Who caused it.
    pub by: Actor,
    /// The records that the same decision made, this one among them; none where it made this one alone.
    pub batch: Option<BatchRange>,
    /// The kind of the event, with its version where that is above 1: `plan_recorded`, `plan_recorded/2`.
    pub kind: Cow<'a, str>,
    /// The event, as it is written.
    pub data: Data<'a>,
}

/// The data of an event, as they are written: one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a>(&'a str);

impl<'a> Data<'a> {
    /// The JSON text.
    pub fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a RawValue> for Data<'a> {
    fn from(data: &'a RawValue) -> Self {
        Self(data.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// The fields of version 1, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields1<'a> {
    v: u64,
    release: ReleaseId,
    seq: u64,
    prev: Digest,
    at: Timestamp,
    by: Actor,
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

/// The fields of version 2, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields2<'a> {
    v: u64,
    stream: StreamId,
    seq: u64,
    prev: Digest,
    at: Timestamp,
    #[serde(default, deserialize_with = "strict::present", skip_serializing_if = "Option::is_none")]
    clock: Option<Timestamp>,
    by: Actor,
    #[serde(default, deserialize_with = "strict::present", skip_serializing_if = "Option::is_none")]
    batch: Option<BatchRange>,
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

/// The values of an envelope, as they are written.
#[derive(Default)]
struct Slots<'a> {
    v: Option<&'a str>,
    release: Option<&'a str>,
    stream: Option<&'a str>,
    seq: Option<&'a str>,
    prev: Option<&'a str>,
    at: Option<&'a str>,
    clock: Option<&'a str>,
    by: Option<&'a str>,
    batch: Option<&'a str>,
    kind: Option<&'a str>,
    data: Option<&'a str>,
}

impl<'a> Slots<'a> {
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
        Some(match key {
            "v" => &mut self.v,
            "release" => &mut self.release,
            "stream" => &mut self.stream,
            "seq" => &mut self.seq,
            "prev" => &mut self.prev,
            "at" => &mut self.at,
            "clock" => &mut self.clock,
            "by" => &mut self.by,
            "batch" => &mut self.batch,
            "kind" => &mut self.kind,
            "data" => &mut self.data,
            _ => return None,
        })
    }
}

/// A string in which nothing is escaped, without its quotation marks.
fn plain_text(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}

/// A number that is written with digits alone.
fn plain_number(value: &str) -> Option<u64> {
    value.starts_with(|first: char| first.is_ascii_digit()).then(|| value.parse().ok())?
}

/// Why an envelope can't be written.
#[derive(Debug, Error)]
#[error("failed to write record {seq} of {stream}")]
pub struct SealError {
    stream: StreamId,
    seq: u64,
    #[source]
    problem: Malformed,
}

impl<'a> Envelope<'a> {
    /// Reads a line of any version, strictly.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the first thing that is wrong.
    pub fn read(line: &'a [u8]) -> Result<Self, Malformed> {
        let line = strict::read(line)?;
        let envelope = match Self::plain(&line.members) {
            Some(envelope) => envelope,
            None => Self::parsed(line.text)?,
        };
        let version = envelope.version;
        if !is_kind(&envelope.kind, version) {
            return Err(Malformed::Kind(envelope.kind.into_owned()));
        }
        if !envelope.data.get().starts_with('{') {
            return Err(Malformed::DataNotObject);
        }
        Ok(envelope)
    }

    /// The envelope of a line as relman writes it, from its members alone; none where something is unusual, such as an
    /// escape in a name, or wrong.
    fn plain(members: &[Member<'a>]) -> Option<Self> {
        let mut text: Slots<'a> = Slots::default();
        for (key, value) in members {
            *text.slot(key)? = Some(value);
        }
        let version = match text.v? {
            "1" if text.stream.is_none() && text.clock.is_none() && text.batch.is_none() => FormatVersion::V1,
            "2" if text.release.is_none() => FormatVersion::V2,
            _ => return None,
        };
        let stream = match version {
            FormatVersion::V1 => ReleaseId::recorded(plain_text(text.release?)?).ok()?.into(),
            FormatVersion::V2 => plain_text(text.stream?)?.parse().ok()?,
        };
        let seq = plain_number(text.seq?)?;
        let at = plain_text(text.at?)?.parse().ok()?;
        let clock = match text.clock {
            Some(clock) => Some(plain_text(clock)?.parse().ok().filter(|clock| *clock != at)?),
            None => None,
        };
        let batch = match text.batch {
            Some(batch) => {
                Some(serde_json::from_str(batch).ok().filter(|batch: &BatchRange| batch.contains(seq))?)
            }
            None => None,
        };
        Some(Self {
            version,
            stream,
            seq,
            prev: plain_text(text.prev?)?.parse().ok()?,
            at,
            clock,
            by: plain_text(text.by?)?.parse().ok()?,
            batch,
            kind: plain_text(text.kind?)?.into(),
            data: Data(text.data?),
        })
    }

    /// The envelope of any line that is strict JSON, or what is wrong with it.
    fn parsed(text: &'a str) -> Result<Self, Malformed> {
        match version_of(text)? {
            FormatVersion::V1 => fields::<Fields1<'a>>(text).map(Self::from),
            FormatVersion::V2 => fields::<Fields2<'a>>(text).and_then(Self::try_from),
        }
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
        SealError { stream: self.stream.clone(), seq: self.seq, problem }
    }

    /// The line for whoever reads it back at once.
    pub(crate) fn write(&self) -> Result<Vec<u8>, Malformed> {
        let (v, seq, prev, at) = (self.version.number(), self.seq, self.prev, self.at);
        let (by, kind, data) = (self.by.clone(), self.kind.clone(), self.data);
        let written = match self.version {
            FormatVersion::V1 if self.clock.is_some() || self.batch.is_some() => {
                return Err(Malformed::NotInVersion1);
            }
            FormatVersion::V1 => {
                let Some(release) = self.stream.release().cloned() else {
                    return Err(Malformed::NotInVersion1);
                };
                serde_json::to_vec(&Fields1 { v, release, seq, prev, at, by, kind, data })
            }
            FormatVersion::V2 => {
                let (stream, clock, batch) = (self.stream.clone(), self.clock, self.batch);
                serde_json::to_vec(&Fields2 { v, stream, seq, prev, at, clock, by, batch, kind, data })
            }
        };
        written.map_err(Malformed::Json)
    }
}

impl<'a> From<Fields1<'a>> for Envelope<'a> {
    fn from(fields: Fields1<'a>) -> Self {
        let Fields1 { v: _, release, seq, prev, at, by, kind, data } = fields;
        let stream = release.into();
        Self { version: FormatVersion::V1, stream, seq, prev, at, clock: None, by, batch: None, kind, data }
    }
}

impl<'a> TryFrom<Fields2<'a>> for Envelope<'a> {
    type Error = Malformed;

    fn try_from(fields: Fields2<'a>) -> Result<Self, Malformed> {
        let Fields2 { v: _, stream, seq, prev, at, clock, by, batch, kind, data } = fields;
        if clock == Some(at) {
            return Err(Malformed::ClockAgrees(at));
        }
        if let Some(batch) = batch.filter(|batch| !batch.contains(seq)) {
            return Err(Malformed::OutsideBatch { seq, batch });
        }
        Ok(Self { version: FormatVersion::V2, stream, seq, prev, at, clock, by, batch, kind, data })
    }
}

fn fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(Malformed::Envelope)
}

/// The version of a line that is strict JSON. Whoever writes records writes it first; elsewhere it takes a look at the
/// whole line.
fn version_of(text: &str) -> Result<FormatVersion, Malformed> {
    /// What every version has.
    #[derive(Deserialize)]
    struct AnyVersion {
        v: u64,
    }

    for version in [FormatVersion::V2, FormatVersion::V1] {
        let rest = text.strip_prefix(match version {
            FormatVersion::V1 => "{\"v\":1",
            FormatVersion::V2 => "{\"v\":2",
        });
        if rest.is_some_and(|rest| rest.starts_with(',')) {
            return Ok(version);
        }
    }
    FormatVersion::of_number(fields::<AnyVersion>(text)?.v)
}

/// Whether a kind is snake case; in version 2 a version of its own may follow, from 2 on.
fn is_kind(kind: &str, version: FormatVersion) -> bool {
    let (name, of_its_own) = match kind.split_once('/') {
        Some((name, number)) if version > FormatVersion::V1 => (name, Some(number)),
        Some(_) | None => (kind, None),
    };
    let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_version = |number: &str| {
        (1..=MAX_KIND_VERSION).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && !number.starts_with('0')
            && number != "1"
    };
    (1..=64).contains(&name.len()) && name.chars().all(snake) && of_its_own.is_none_or(is_version)
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
    /// Shared, and no longer than the line: a process that conducts a hundred thousand releases keeps millions of them.
    bytes: Arc<[u8]>,
}

impl SealedLine {
    /// Seals a line whose envelope says `seq` and `prev`. The digest is computed here, from the bytes.
    pub(crate) fn seal(seq: u64, prev: Digest, bytes: Vec<u8>) -> Self {
        let digest = Digest::of_line(&bytes);
        Self { head: Head { seq, digest }, prev, bytes: bytes.into() }
    }

    /// A line that was just read back, with the head that it gives its stream.
    pub(crate) fn of(head: Head, prev: Digest, bytes: Vec<u8>) -> Self {
        Self { head, prev, bytes: bytes.into() }
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

    /// The same bytes, for whoever keeps them in memory.
    pub fn shared_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
