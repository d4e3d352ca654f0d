//! An export: the chain of every stream in a file of lines, and the journal's records beside it.

use std::{collections::BTreeMap, path::Path};

use relman_core::{
    chain::{Broken, BrokenReason, Digest, Head, Verifier},
    unit::StreamId,
};
use serde::Deserialize;

use super::{
    beside::Beside,
    conclude,
    finding::{Fault, Found, NotVerified, Verdict},
    heads::KnownHeads,
    lines::{Ending, Lines},
};
use crate::cli::Global;

/// The longest record, in bytes.
const MAX_LINE: usize = 65_535;

pub(super) async fn verify(
    global: &Global,
    path: &Path,
    mut heads: KnownHeads,
) -> Result<Verdict, NotVerified> {
    let mut beside = Beside::open(global)?;
    let mut streams = Vec::new();
    for open in read(path, &mut heads)? {
        streams.extend(finish(open, &beside, &heads).await?);
    }
    for whole in &streams {
        beside.compare(path, whole).await?;
    }
    let notes = beside.notes;
    let found =
        streams.into_iter().map(|one| Found { stream: one.stream, head: one.head, anchored_to: None });
    conclude(found.collect(), &heads, notes)
}

/// A stream of the file whose chain is whole.
pub(super) struct Whole {
    pub(super) stream: StreamId,
    /// The hash of its first record: what tells whether the journal holds the same stream.
    pub(super) first: Digest,
    pub(super) head: Head,
}

/// A stream of the file as far as it is read.
struct Open {
    verifier: Verifier,
    first: Option<Digest>,
}

/// Every stream of the file, in the order in which they begin. There may be several, one after the other or mixed.
struct Streams {
    open: Vec<Open>,
    by_name: BTreeMap<String, usize>,
    current: usize,
}

/// What a line says about its place, read leniently: a bad record should be blamed on the right stream.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    stream: Option<String>,
    /// The same in version 1.
    release: Option<String>,
    seq: Option<u64>,
    prev: Option<Digest>,
}

impl Place {
    fn of(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_default()
    }

    /// The stream that it names.
    fn stream(&self) -> Option<String> {
        let of_version_1 = || self.release.as_ref().map(|release| format!("release:{release}"));
        self.stream.clone().or_else(of_version_1)
    }

    fn is_first(&self) -> bool {
        self.seq == Some(0) || self.prev == Some(Digest::ZERO)
    }
}

impl Streams {
    /// The stream that a line belongs to: the one it names, a new one if it is a first record, or else the one that
    /// the line before belongs to, which will say what it thinks of it.
    fn of_line(&mut self, line: &[u8]) -> &mut Open {
        let place = Place::of(line);
        let named = place.stream();
        let known = named.as_ref().and_then(|name| self.by_name.get(name).copied());
        self.current = match known {
            Some(index) => index,
            None if self.open.is_empty() || (place.is_first() && named.is_some()) => {
                self.open.push(Open { verifier: Verifier::new(None), first: None });
                let index = self.open.len() - 1;
                self.by_name.extend(named.map(|name| (name, index)));
                index
            }
            None => self.current,
        };
        &mut self.open[self.current]
    }
}

fn read(path: &Path, heads: &mut KnownHeads) -> Result<Vec<Open>, NotVerified> {
    let mut lines = open(path)?;
    let mut streams = Streams { open: Vec::new(), by_name: BTreeMap::new(), current: 0 };
    loop {
        let number = lines.number() + 1;
        let at = |broken: Broken| found_at(number, broken);
        let Some((line, ending)) = lines.next().map_err(|error| unreadable(path, &error))? else {
            break;
        };
        let stream = streams.of_line(line);
        let seq = stream.verifier.head().map_or(0, |head| head.seq + 1);
        let pushed = stream.verifier.push(line);
        if ending == Ending::Open && line.len() <= MAX_LINE {
            return Err(at(unfinished(stream, seq, pushed)));
        }
        pushed.map_err(at)?;
        stream.first.get_or_insert_with(|| Digest::of_line(line));
        if let (Some(stream), Some(head)) = (stream.verifier.stream(), stream.verifier.head()) {
            heads.see(stream, head);
        }
    }
    Ok(streams.open)
}

/// What is wrong where the last line does not end. It may be half a record: what it says of itself counts less than
/// that its end is not there, and what is wrong before it counts more.
fn unfinished(stream: &Open, seq: u64, pushed: Result<(), Broken>) -> Broken {
    match pushed {
        Err(broken) if !matches!(broken.reason, BrokenReason::Malformed(_)) => broken,
        Err(_) | Ok(()) => {
            let named = stream.verifier.stream().cloned();
            let unterminated = Broken::new(named, seq, BrokenReason::Unterminated);
            stream.verifier.so_far().err().unwrap_or(unterminated)
        }
    }
}

/// Ends the verification of a stream. Where its last two records don't fit together, only what is known from
/// elsewhere tells which of them was altered.
async fn finish(stream: Open, beside: &Beside, heads: &KnownHeads) -> Result<Option<Whole>, NotVerified> {
    let Open { verifier, first } = stream;
    let (Some(stream), Some(first), Some(last)) = (verifier.stream().cloned(), first, verifier.head()) else {
        // A stream is there because of a record.
        return Ok(None);
    };
    match verifier.clone().finish(None) {
        Ok(_) => Ok(Some(Whole { stream, first, head: last })),
        // What is missing at its end is missing, whatever is known of it.
        Err(broken) if matches!(broken.reason, BrokenReason::BatchCut { .. }) => Err(broken.into()),
        Err(broken) => {
            let known = match heads.unseen_of(&stream) {
                Some(given) => Some(given),
                None => beside.digest_of(&stream, first, last.seq).await,
            };
            let known = known.map(|digest| Head { seq: last.seq, digest });
            Err(verifier.finish(known).err().unwrap_or(broken).into())
        }
    }
}

fn found_at(number: u64, broken: Broken) -> NotVerified {
    let is_nonsense = number == 1 && matches!(broken.reason, BrokenReason::Malformed(_));
    let mut fault = Fault { line: Some(number), ..broken.into() };
    if is_nonsense {
        fault.reason.push_str("; an export has one record a line, and a journal is a SQLite file");
    }
    NotVerified::Bad(fault)
}

pub(super) fn open(path: &Path) -> Result<Lines, NotVerified> {
    Lines::open(path).map_err(|error| unreadable(path, &error))
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> NotVerified {
    NotVerified::Unreadable(Fault::of_file(format!("failed to read {}: {error}", path.display())))
}
