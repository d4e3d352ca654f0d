use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::{Event, UnknownKind};
use crate::{
    chain::{self, BatchRange, Digest, Envelope, FormatVersion, Head, Malformed, SealedLine},
    unit::{Actor, ReleaseId, StreamId, Timestamp},
};

/// One event in its envelope, read from its line.
///
/// As JSON it is for whoever forwards records: with `kind` and `data` as the line has them, and the line's own `digest`. What is
/// hashed and kept is the line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The version of its envelope.
    #[serde(rename = "v")]
    pub version: FormatVersion,
    /// The stream.
    pub release: ReleaseId,
    /// The sequence number, from 0.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: Digest,
    /// When.
    pub at: Timestamp,
    /// What the clock of whoever wrote it said, where that is something else than `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<Timestamp>,
    /// Who caused it.
    pub by: Actor,
    /// The records that the same decision made, this one among them; none where it made this one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchRange>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The hash of the line.
    pub digest: Digest,
}

/// A record that was just written, with the line that it is read from.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) line: SealedLine,
    pub(crate) record: Record,
    /// The event, as it is written.
    data: Box<RawValue>,
}

impl Written {
    /// The same record as one of a batch, after another record than before. Nothing else of its line changes.
    ///
    /// # Errors
    ///
    /// [`SealError`] where the line is too long now.
    pub(crate) fn in_batch(self, prev: Digest, batch: BatchRange) -> Result<Self, SealError> {
        let Self { line: _, mut record, data } = self;
        let envelope = Envelope {
            version: record.version,
            stream: StreamId::from(&record.release),
            seq: record.seq,
            prev,
            at: record.at,
            clock: record.clock,
            by: record.by.clone(),
            batch: Some(batch),
            kind: record.event.recorded_kind().into(),
            data: (&*data).into(),
        };
        let line = envelope.seal()?;
        (record.prev, record.batch, record.digest) = (prev, Some(batch), line.digest());
        Ok(Self { line, record, data })
    }
}

/// An event with who caused it: a record that is not sealed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Who caused it.
    pub by: Actor,
    /// What happened.
    pub event: Event,
}

/// Why facts can't become records.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The record would be refused by a strict reader, for example because it is too long.
    #[error(transparent)]
    Chain(#[from] chain::SealError),
    /// The event has no JSON form.
    #[error("failed to write the event {kind} as JSON")]
    Json {
        /// The kind of the event.
        kind: &'static str,
        /// What the serialiser says.
        #[source]
        source: serde_json::Error,
    },
    /// What was written can't be read back: a bug in this version.
    #[error("record {seq} can't be read back from what was written")]
    Unreadable {
        /// The record.
        seq: u64,
        /// Why not.
        #[source]
        source: RecordError,
    },
    /// What was decided can't happen to the release: a bug in this version.
    #[error("record {seq} was decided and can't happen")]
    Impossible {
        /// The record.
        seq: u64,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a line is not a record of this version.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The line is not a record at all.
    #[error("failed to read a record")]
    Malformed(#[from] Malformed),
    /// It is a record of something else: see [`target`](crate::target).
    #[error("record {seq} is of {stream}, which is not a release")]
    NotOfARelease {
        /// The stream.
        stream: StreamId,
        /// The record.
        seq: u64,
    },
    /// The record is chained and says something that this version does not know: read it with a newer one.
    #[error("{release}, record {seq}: {kind}; a newer version may know it")]
    UnknownKind {
        /// The stream.
        release: ReleaseId,
        /// The record.
        seq: u64,
        /// The kind.
        kind: UnknownKind,
    },
    /// The data are not those of the kind.
    #[error("{release}, record {seq}: invalid `{kind}` data")]
    Data {
        /// The stream.
        release: ReleaseId,
        /// The record.
        seq: u64,
        /// The kind.
        kind: String,
        /// What is wrong with the data.
        source: serde_json::Error,
    },
}

impl Record {
    /// Reads a stored line, strictly.
    ///
    /// An evaluation that holds the hash of its verdicts is read without them, since they follow from the records before it:
    /// [`Release::read`](crate::machine::Release::read) has them.
    ///
    /// # Errors
    ///
    /// [`RecordError`] with stream, record and reason.
    pub fn read(line: &[u8]) -> Result<Self, RecordError> {
        let envelope = Envelope::read(line)?;
        let (seq, kind) = (envelope.seq, envelope.kind);
        let release = match envelope.stream {
            StreamId::Release(release) => release,
            stream @ (StreamId::Target(_) | StreamId::Estate) => {
                return Err(RecordError::NotOfARelease { stream, seq });
            }
        };
        let event = match Event::from_data(&kind, envelope.data) {
            Some(Ok(event)) => event,
            Some(Err(source)) => {
                return Err(RecordError::Data { release, seq, kind: kind.to_string(), source });
            }
            None => {
                return Err(RecordError::UnknownKind { release, seq, kind: UnknownKind(kind.to_string()) });
            }
        };
        Ok(Self {
            version: envelope.version,
            release,
            seq,
            prev: envelope.prev,
            at: envelope.at,
            clock: envelope.clock,
            by: envelope.by,
            batch: envelope.batch,
            event,
            digest: Digest::of_line(line),
        })
    }

    /// Writes a fact as the line that continues a stream: for records that no [`Session`](crate::machine::Session) decides,
    /// such as those that a test is given. Whether it can happen there is found out where it is folded.
    ///
    /// # Errors
    ///
    /// [`SealError`] where the line would not be readable again.
    pub fn seal(
        release: &ReleaseId,
        seq: u64,
        prev: Digest,
        at: Timestamp,
        fact: &Fact,
    ) -> Result<SealedLine, SealError> {
        match &fact.event {
            // Whoever has altered the verdicts means those.
            Event::Evaluated(look) if !look.lacks_verdicts() => {
                let event = look.clone().recorded_like(look).into();
                let fact = Fact { by: fact.by.clone(), event };
                Self::write(release, seq, prev, at, None, &fact).map(|written| written.line)
            }
            _ => Self::write(release, seq, prev, at, None, fact).map(|written| written.line),
        }
    }

    /// The same with the record that the line reads back as: written once, and read once.
    pub(crate) fn write(
        release: &ReleaseId,
        seq: u64,
        prev: Digest,
        at: Timestamp,
        clock: Option<Timestamp>,
        fact: &Fact,
    ) -> Result<Written, SealError> {
        let kind = fact.event.kind();
        let data = fact.event.to_data().map_err(|source| SealError::Json { kind, source })?;
        let envelope = Envelope {
            version: FormatVersion::CURRENT,
            stream: StreamId::from(release),
            seq,
            prev,
            at,
            clock,
            by: fact.by.clone(),
            batch: None,
            kind: fact.event.recorded_kind().into(),
            data: (&*data).into(),
        };
        let bytes = envelope.write().map_err(|problem| envelope.refused(problem))?;
        match Self::read(&bytes) {
            Ok(mut record) => {
                if let (Event::Evaluated(read), Event::Evaluated(look)) = (&mut record.event, &fact.event)
                    && read.lacks_verdicts()
                {
                    read.verdicts.clone_from(&look.verdicts);
                }
                let line = SealedLine::of(record.head(), prev, bytes);
                Ok(Written { line, record, data })
            }
            Err(RecordError::Malformed(problem)) => Err(envelope.refused(problem).into()),
            Err(source) => Err(SealError::Unreadable { seq, source }),
        }
    }

    /// What the stream's head is once this record is its last.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, digest: self.digest }
    }
}
