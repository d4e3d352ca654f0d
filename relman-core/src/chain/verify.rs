use std::{error::Error, fmt};

use super::{BatchRange, Digest, Envelope, FormatVersion, Head, Malformed, Progress};
use crate::unit::{StreamId, Timestamp};

/// Verifies one stream, record by record, in constant memory. Knows nothing of event kinds.
///
/// An altered record shows when the record after it links to another hash. Whether the one or the other was
/// altered shows in the record after that, or in the head: an alteration is therefore reported one record later
/// than it is met, and names the right one.
///
/// # Examples
///
/// ```
/// use relman_core::chain::{Digest, Envelope, FormatVersion, Verifier};
///
/// # let data = serde_json::value::RawValue::from_string("{}".to_owned())?;
/// # let line = |seq, prev| Envelope {
/// #     version: FormatVersion::CURRENT, stream: "release:checkout-241".parse().unwrap(), seq, prev,
/// #     at: "2026-11-22T18:04:05.000Z".parse().unwrap(), clock: None, by: "user:ana".parse().unwrap(), batch: None,
/// #     kind: "noted".into(), data: (&*data).into(),
/// # }.seal().unwrap();
/// let first = line(0, Digest::ZERO);
/// let second = line(1, first.digest());
/// let third = line(2, second.digest());
/// let mut verifier = Verifier::new(Some("release:checkout-241".parse()?));
/// verifier.push(first.bytes())?;
/// let broken = verifier.push(third.bytes()).unwrap_err();
/// assert_eq!(broken.to_string(), "checkout-241, record 1: it is missing; record 2 stands in its place");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    stream: Option<StreamId>,
    head: Option<Head>,
    at: Option<Timestamp>,
    progress: Progress,
    /// A record that does not link to the one before: one of the two was altered.
    suspects: Option<Suspects>,
}

#[derive(Debug, Clone)]
struct Suspects {
    /// The record that does not link.
    later: Head,
    /// What it links to.
    link: Digest,
    /// The hash of the record before it.
    before: Digest,
}

/// What verification has found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many records the stream has.
    pub records: u64,
    /// The last one; none in an empty stream.
    pub head: Option<Head>,
}

/// The first bad record, and what is wrong with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The stream, if it is known.
    pub stream: Option<StreamId>,
    /// The sequence number of the record.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: BrokenReason,
}

impl Broken {
    /// A bad record of a stream.
    pub fn new(stream: Option<StreamId>, seq: u64, reason: BrokenReason) -> Self {
        Self { stream, seq, reason }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stream {
            Some(stream) => write!(f, "{stream}, record {}: {}", self.seq, self.reason),
            None => write!(f, "unknown stream, record {}: {}", self.seq, self.reason),
        }
    }
}

impl Error for Broken {
    /// The parser's error, where a line is not a record. The message already contains the reason.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            BrokenReason::Malformed(malformed) => malformed.source(),
            BrokenReason::WrongStream { .. }
            | BrokenReason::Missing { .. }
            | BrokenReason::Repeated { .. }
            | BrokenReason::Renumbered { .. }
            | BrokenReason::Altered { .. }
            | BrokenReason::BrokenLink { .. }
            | BrokenReason::TimeGoesBack { .. }
            | BrokenReason::VersionGoesBack { .. }
            | BrokenReason::NotOfTheBatch { .. }
            | BrokenReason::NoSuchBatch { .. }
            | BrokenReason::BatchCut { .. }
            | BrokenReason::CutOff { .. }
            | BrokenReason::BeyondHead { .. }
            | BrokenReason::Unterminated => None,
        }
    }
}

/// What is wrong with a record.
#[derive(Debug)]
#[non_exhaustive]
pub enum BrokenReason {
    /// It is not a record at all.
    Malformed(Malformed),
    /// It belongs to another stream.
    WrongStream {
        /// The stream that it names.
        found: StreamId,
    },
    /// It is not there; another one stands in its place.
    Missing {
        /// The sequence number of the one that stands there.
        found: u64,
    },
    /// It stands there again, or out of its order.
    Repeated {
        /// The sequence number that should stand there.
        expected: u64,
    },
    /// It says another sequence number, and links as the right one would.
    Renumbered {
        /// What it says.
        found: u64,
    },
    /// It was altered: the next record links to another hash.
    Altered {
        /// The hash that it has.
        is: Digest,
        /// The hash that the next record, or the head, says.
        should_be: Digest,
    },
    /// Its link was altered: it does not link to the record before.
    BrokenLink {
        /// The hash that it links to.
        found: Digest,
        /// The hash of the record before.
        should_be: Digest,
    },
    /// It is earlier than the record before.
    TimeGoesBack {
        /// When it was made.
        at: Timestamp,
        /// When the record before was made.
        before: Timestamp,
    },
    /// It is of an earlier version of the format than the record before.
    VersionGoesBack {
        /// Its version.
        found: FormatVersion,
        /// The version of the record before.
        before: FormatVersion,
    },
    /// It stands within the batch of another decision.
    NotOfTheBatch {
        /// The batch that is not over.
        batch: BatchRange,
    },
    /// It says that it belongs to a batch, and the first record of that does not.
    NoSuchBatch {
        /// What it says.
        batch: BatchRange,
    },
    /// The stream ends in the middle of a decision, whose records a journal takes all or none.
    BatchCut {
        /// The records of the decision.
        batch: BatchRange,
        /// How many of them are there.
        found: u64,
    },
    /// The stream ends before the head that is known.
    CutOff {
        /// The sequence number of the head.
        head: u64,
    },
    /// The stream goes on after the head that is known.
    BeyondHead {
        /// The sequence number of the head.
        head: u64,
    },
    /// It has no line feed at its end, so it may be half a record.
    Unterminated,
}

impl fmt::Display for BrokenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::WrongStream { found } => write!(f, "it belongs to the stream {found}"),
            Self::Missing { found } => write!(f, "it is missing; record {found} stands in its place"),
            Self::Repeated { expected } => {
                write!(f, "it is repeated or out of order; it stands where record {expected} should")
            }
            Self::Renumbered { found } => write!(f, "it says that it is record {found}"),
            Self::Altered { is, should_be } => {
                write!(f, "it was altered: its hash is {is}, and what follows says {should_be}")
            }
            Self::BrokenLink { found, should_be } => {
                write!(f, "its link was altered: it says {found}, and the record before is {should_be}")
            }
            Self::TimeGoesBack { at, before } => {
                write!(f, "it was made at {at}, before the record before it, at {before}")
            }
            Self::VersionGoesBack { found, before } => {
                write!(f, "it is of format version {found}, and the record before it is of version {before}")
            }
            Self::NotOfTheBatch { batch } => write!(
                f,
                "it stands among the {} records of the decision that began with record {}, and is not one of them",
                batch.records(),
                batch.first()
            ),
            Self::NoSuchBatch { batch } => write!(
                f,
                "it says that the decision that made it began with record {0}, and record {0} says otherwise",
                batch.first()
            ),
            Self::BatchCut { batch, found } => write!(
                f,
                "it is missing; the decision that began with record {} is cut: {found} of {} records are there",
                batch.first(),
                batch.records()
            ),
            Self::CutOff { head } => write!(f, "it is missing; the head says that record {head} is the last"),
            Self::BeyondHead { head } => {
                write!(f, "it was added past the head, which says that record {head} is the last")
            }
            Self::Unterminated => f.write_str("it has no line feed at its end, so a part may be missing"),
        }
    }
}

impl Verifier {
    /// A verifier for a stream; for whatever stream the first record names, if none is given.
    pub fn new(stream: Option<StreamId>) -> Self {
        Self { stream, head: None, at: None, progress: Progress::START, suspects: None }
    }

    /// The stream that is verified, once it is known.
    pub fn stream(&self) -> Option<&StreamId> {
        self.stream.as_ref()
    }

    /// The last record so far.
    pub fn head(&self) -> Option<Head> {
        self.head
    }

    /// Verifies the next line, without its line feed.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the first bad record, which may be the one before.
    pub fn push(&mut self, line: &[u8]) -> Result<(), Broken> {
        let (seq, prev) = self.expected();
        let envelope = match Envelope::read(line) {
            Ok(envelope) => envelope,
            Err(malformed) => return Err(self.broken(seq, BrokenReason::Malformed(malformed))),
        };
        if let Some(suspects) = self.suspects.take() {
            return Err(self.blame(&suspects, Some(envelope.prev)));
        }
        let stream = self.stream.get_or_insert_with(|| envelope.stream.clone());
        if *stream != envelope.stream {
            // Of two first records that disagree, the one that the other does not link to was altered.
            if seq == 1 && envelope.prev != prev {
                let reason = BrokenReason::Altered { is: prev, should_be: envelope.prev };
                return Err(self.broken(0, reason));
            }
            return Err(self.broken(seq, BrokenReason::WrongStream { found: envelope.stream }));
        }
        if envelope.seq != seq {
            let found = envelope.seq;
            return Err(if envelope.prev == prev {
                self.broken(seq, BrokenReason::Renumbered { found })
            } else if found < seq {
                self.broken(found, BrokenReason::Repeated { expected: seq })
            } else {
                self.broken(seq, BrokenReason::Missing { found })
            });
        }
        let head = Head { seq, digest: Digest::of_line(line) };
        if envelope.prev != prev {
            if seq == 0 {
                let reason = BrokenReason::BrokenLink { found: envelope.prev, should_be: prev };
                return Err(self.broken(0, reason));
            }
            self.suspects = Some(Suspects { later: head, link: envelope.prev, before: prev });
        } else if let Some(before) = self.at.filter(|before| envelope.at < *before) {
            return Err(self.broken(seq, BrokenReason::TimeGoesBack { at: envelope.at, before }));
        } else {
            // Of two records that don't link, neither is believed about its batch either.
            let progress = self.progress.next(seq, envelope.version, envelope.batch);
            self.progress = progress.map_err(|reason| self.broken(seq, reason))?;
        }
        self.head = Some(head);
        self.at = Some(envelope.at);
        Ok(())
    }

    /// What is wrong with the records so far, wherever the stream ends: two that don't link, of which the next record
    /// would have told which was altered.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the first bad record.
    pub fn so_far(&self) -> Result<(), Broken> {
        self.suspects.as_ref().map_or(Ok(()), |suspects| Err(self.blame(suspects, None)))
    }

    /// Ends the verification: these are all records of the stream. One that ends in the middle of a decision is cut. With
    /// a head that is known from elsewhere, any other tail that was cut off, a last record that was altered and a record
    /// that was added are found too.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the first bad record.
    pub fn finish(mut self, known: Option<Head>) -> Result<Verified, Broken> {
        if let Some(suspects) = self.suspects.take() {
            let says = known.filter(|known| known.seq == suspects.later.seq).map(|known| known.digest);
            return Err(self.blame(&suspects, says));
        }
        let records = self.expected().0;
        if let Some(known) = known {
            if records <= known.seq {
                return Err(self.broken(records, BrokenReason::CutOff { head: known.seq }));
            }
            if records > known.seq + 1 {
                return Err(self.broken(known.seq + 1, BrokenReason::BeyondHead { head: known.seq }));
            }
            if let Some(head) = self.head.filter(|head| head.digest != known.digest) {
                let reason = BrokenReason::Altered { is: head.digest, should_be: known.digest };
                return Err(self.broken(head.seq, reason));
            }
        }
        self.progress.end(records).map_err(|reason| self.broken(records, reason))?;
        Ok(Verified { records, head: self.head })
    }

    /// The sequence number and the link of the next record.
    fn expected(&self) -> (u64, Digest) {
        self.head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest))
    }

    fn broken(&self, seq: u64, reason: BrokenReason) -> Broken {
        Broken { stream: self.stream.clone(), seq, reason }
    }

    /// Which of two records was altered, given the hash that what follows says of the later one. Without that, an
    /// alteration of the earlier one is likelier: all of its bytes show so, of the later one only its link.
    fn blame(&self, suspects: &Suspects, says: Option<Digest>) -> Broken {
        let Suspects { later, link, before } = suspects;
        if says.is_none_or(|says| says == later.digest) {
            self.broken(later.seq - 1, BrokenReason::Altered { is: *before, should_be: *link })
        } else {
            self.broken(later.seq, BrokenReason::BrokenLink { found: *link, should_be: *before })
        }
    }
}

/// Verifies a whole stream.
///
/// # Errors
///
/// [`Broken`] with the first bad record.
pub fn verify_lines(
    stream: Option<StreamId>,
    lines: impl IntoIterator<Item: AsRef<[u8]>>,
    known: Option<Head>,
) -> Result<Verified, Broken> {
    let mut verifier = Verifier::new(stream);
    for line in lines {
        verifier.push(line.as_ref())?;
    }
    verifier.finish(known)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
