use serde::{Deserialize, Serialize};

use super::{Digest, Envelope, Malformed};

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
