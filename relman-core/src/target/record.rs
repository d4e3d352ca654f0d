use serde::Serialize;
use thiserror::Error;

use super::TargetEvent;
use crate::{
    chain::{self, BatchRange, Digest, Envelope, FormatVersion, Head, Malformed, SealedLine},
    unit::{Actor, StreamId, Timestamp},
};

/// One event of a target or of the estate, read from its line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TargetRecord {
    /// The stream.
    pub stream: StreamId,
    /// The sequence number, from 0.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: Digest,
    /// When.
    pub at: Timestamp,
    /// Who caused it.
    pub by: Actor,
    /// The records that the same decision made, this one among them; none where it made this one alone.
    pub batch: Option<BatchRange>,
    /// What happened.
    pub event: TargetEvent,
    /// The hash of the line.
    pub digest: Digest,
}

/// Why a line is not a record of a target.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetRecordError {
    /// The line is not a record at all.
    #[error("failed to read a record")]
    Malformed(#[from] Malformed),
    /// It is a record of a release.
    #[error("record {seq} is of {stream}, which is a release")]
    OfARelease {
        /// The stream.
        stream: StreamId,
        /// The record.
        seq: u64,
    },
    /// The record is chained and says something that this version does not know: read it with a newer one.
    #[error(
        "{stream}, record {seq}: the event {kind:?} is unknown to this version; a newer version may know it"
    )]
    UnknownKind {
        /// The stream.
        stream: StreamId,
        /// The record.
        seq: u64,
        /// The kind.
        kind: String,
    },
    /// The data are not those of the kind.
    #[error("{stream}, record {seq}: invalid `{kind}` data")]
    Data {
        /// The stream.
        stream: StreamId,
        /// The record.
        seq: u64,
        /// The kind.
        kind: String,
        /// What is wrong with the data.
        source: serde_json::Error,
    },
    /// The record does not continue those before.
    #[error("{stream}: record {seq} does not follow record {}", .seq.saturating_sub(1))]
    OutOfOrder {
        /// The stream.
        stream: StreamId,
        /// The record.
        seq: u64,
    },
    /// What it says can't have happened there.
    #[error("{stream}, record {seq}: {problem}")]
    Impossible {
        /// The stream.
        stream: StreamId,
        /// The record.
        seq: u64,
        /// Why not.
        problem: &'static str,
    },
}

impl TargetRecord {
    /// Reads a stored line, strictly.
    ///
    /// # Errors
    ///
    /// [`TargetRecordError`] with stream, record and reason.
    pub fn read(line: &[u8]) -> Result<Self, TargetRecordError> {
        let envelope = Envelope::read(line)?;
        let (stream, seq, kind) = (envelope.stream, envelope.seq, envelope.kind);
        if stream.release().is_some() {
            return Err(TargetRecordError::OfARelease { stream, seq });
        }
        let event = match TargetEvent::from_data(&kind, envelope.data) {
            Some(Ok(event)) => event,
            Some(Err(source)) => {
                return Err(TargetRecordError::Data { stream, seq, kind: kind.into_owned(), source });
            }
            None => return Err(TargetRecordError::UnknownKind { stream, seq, kind: kind.into_owned() }),
        };
        Ok(Self {
            stream,
            seq,
            prev: envelope.prev,
            at: envelope.at,
            by: envelope.by,
            batch: envelope.batch,
            event,
            digest: Digest::of_line(line),
        })
    }

    /// The record as its stream's last one.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, digest: self.digest }
    }
}

/// Writes events as one decision that continues a stream.
pub(super) fn seal(
    stream: &StreamId,
    head: Option<Head>,
    at: Timestamp,
    by: &Actor,
    events: &[TargetEvent],
) -> Result<Vec<SealedLine>, chain::SealError> {
    let first = head.map_or(0, |head| head.seq + 1);
    let batch = (events.len() > 1).then(|| BatchRange::new(first, events.len() as u64).ok()).flatten();
    let (mut head, mut lines) = (head, Vec::with_capacity(events.len()));
    for event in events {
        let data = event.to_data().expect("events of targets have only texts and numbers");
        let envelope = Envelope {
            version: FormatVersion::CURRENT,
            stream: stream.clone(),
            seq: head.map_or(0, |head| head.seq + 1),
            prev: head.map_or(Digest::ZERO, |head| head.digest),
            at,
            clock: None,
            by: by.clone(),
            batch,
            kind: event.kind().into(),
            data: (&*data).into(),
        };
        let line = envelope.seal()?;
        head = Some(line.head());
        lines.push(line);
    }
    Ok(lines)
}

impl Serialize for TargetRecord {
    /// As the line has it, with the line's own `digest` beside it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let data = self.event.to_data().map_err(serde::ser::Error::custom)?;
        let mut fields = serializer.serialize_struct("TargetRecord", 8)?;
        fields.serialize_field("stream", &self.stream)?;
        fields.serialize_field("seq", &self.seq)?;
        fields.serialize_field("prev", &self.prev)?;
        fields.serialize_field("at", &self.at)?;
        fields.serialize_field("by", &self.by)?;
        fields.serialize_field("kind", self.event.kind())?;
        fields.serialize_field("data", &data)?;
        fields.serialize_field("digest", &self.digest)?;
        fields.end()
    }
}
