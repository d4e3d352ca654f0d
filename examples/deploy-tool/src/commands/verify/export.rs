//! An export: the chain of every stream in a file of lines, and the journal's records beside it.

use std::{collections::BTreeMap, path::Path};

use relman_core::{
    chain::{Broken, BrokenReason, Digest, Envelope, Head, Verifier},
    port::{Journal, PortError},
    unit::ReleaseId,
};
use serde::Deserialize;

use super::{
    conclude,
    finding::{Fault, Found, NotVerified, Verdict},
    heads::KnownHeads,
    lines::{Ending, Lines},
};
use crate::{cli::Global, store};

/// The longest record, in bytes.
const MAX_LINE: usize = 65_535;

pub(super) async fn verify(
    global: &Global,
    path: &Path,
    mut heads: KnownHeads,
) -> Result<Verdict, NotVerified> {
    let streams = read(path, &mut heads)?;
    let notes = compare(global, path, &streams).await?;
    let found =
        streams.into_iter().map(|one| Found { release: one.release, head: one.head, anchored_to: None });
    conclude(found.collect(), &heads, notes)
}

/// A stream of the file whose chain is whole.
struct Whole {
    release: ReleaseId,
    /// The hash of its first record: what tells whether the journal holds the same stream.
    first: Digest,
    head: Head,
}

/// A stream of the file as far as it is read.
struct Open {
    verifier: Verifier,
    first: Option<Digest>,
}

/// Every stream of the file, in the order in which they begin. There may be several, one after the other or mixed.
struct Streams {
    streams: Vec<Open>,
    by_name: BTreeMap<String, usize>,
    current: usize,
}

/// What a line says about its place, read leniently: a bad record should be blamed on the right stream.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    release: Option<String>,
    seq: Option<u64>,
    prev: Option<Digest>,
}

impl Place {
    fn of(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_default()
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
        let known = place.release.as_ref().and_then(|name| self.by_name.get(name).copied());
        self.current = match known {
            Some(index) => index,
            None if self.streams.is_empty() || (place.is_first() && place.release.is_some()) => {
                self.streams.push(Open { verifier: Verifier::new(None), first: None });
                let index = self.streams.len() - 1;
                self.by_name.extend(place.release.map(|name| (name, index)));
                index
            }
            None => self.current,
        };
        &mut self.streams[self.current]
    }
}

fn read(path: &Path, heads: &mut KnownHeads) -> Result<Vec<Whole>, NotVerified> {
    let mut lines = open(path)?;
    let mut streams = Streams { streams: Vec::new(), by_name: BTreeMap::new(), current: 0 };
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
            // It may be half a record: what it says of itself counts less than that its end is not there.
            return Err(match pushed {
                Err(broken) if !matches!(broken.reason, BrokenReason::Malformed(_)) => at(broken),
                Err(_) | Ok(()) => match stream.verifier.clone().finish(None) {
                    Err(earlier) => at(earlier),
                    Ok(_) => {
                        let release = stream.verifier.release().cloned();
                        at(Broken { release, seq, reason: BrokenReason::Unterminated })
                    }
                },
            });
        }
        pushed.map_err(at)?;
        stream.first.get_or_insert_with(|| Digest::of_line(line));
        if let (Some(release), Some(head)) = (stream.verifier.release(), stream.verifier.head()) {
            heads.see(release, head);
        }
    }
    let whole = |stream: Open| {
        let (release, first) = (stream.verifier.release().cloned(), stream.first);
        let verified = stream.verifier.finish(None)?;
        // A stream is there because of its first record, so it has all three.
        Ok(match (release, first, verified.head) {
            (Some(release), Some(first), Some(head)) => Some(Whole { release, first, head }),
            _ => None,
        })
    };
    streams.streams.into_iter().filter_map(|stream| whole(stream).transpose()).collect()
}

fn found_at(number: u64, broken: Broken) -> NotVerified {
    let is_nonsense = number == 1 && matches!(broken.reason, BrokenReason::Malformed(_));
    let mut fault = Fault { line: Some(number), ..broken.into() };
    if is_nonsense {
        fault.reason.push_str("; an export has one record a line, and a journal is a SQLite file");
    }
    NotVerified::Bad(fault)
}

/// Holds the streams against those of the journal, where it has them. A last record that was altered shows there,
/// and so does an end that is missing.
async fn compare(global: &Global, path: &Path, streams: &[Whole]) -> Result<Vec<String>, NotVerified> {
    let journal_path = store::path(global);
    if global.journal.is_none() && !journal_path.exists() {
        return Ok(Vec::new());
    }
    let journal = match store::open_read_only(&journal_path) {
        Ok(journal) => journal,
        // Nobody asked for it by name, so the export is verified without it.
        Err(failure) if global.journal.is_none() => return Ok(vec![format!("not compared: {failure}")]),
        Err(failure) => return Err(NotVerified::Unreadable(Fault::of_file(failure.to_string()))),
    };
    let place = journal_path.display().to_string();
    let mut notes = Vec::new();
    for whole in streams {
        let (release, last) = (&whole.release, whole.head.seq);
        let failed = |error: &PortError| {
            NotVerified::Bad(Fault::of_record(
                release,
                last,
                format!("the journal can't be compared: {error}"),
            ))
        };
        if digest_at(&*journal, release, 0).await.map_err(|error| failed(&error))? != Some(whole.first) {
            notes.push(format!(
                "{release} is not compared with {place}, which holds no stream that begins so"
            ));
            continue;
        }
        if digest_at(&*journal, release, last).await.map_err(|error| failed(&error))?
            != Some(whole.head.digest)
        {
            return Err(first_difference(path, &*journal, &place, whole).await?.into());
        }
        match journal.head(release).await.map_err(|error| failed(&error))? {
            Some(head) if head.seq > last => {
                notes.push(format!("{release} goes on in {place}, up to record {}", head.seq));
            }
            Some(_) | None => notes.push(format!("{release} ends with the same record in {place}")),
        }
    }
    Ok(notes)
}

/// Reads the file once more for the first record that the journal has otherwise, or does not have.
async fn first_difference(
    path: &Path,
    journal: &dyn Journal,
    place: &str,
    whole: &Whole,
) -> Result<Fault, NotVerified> {
    let release = &whole.release;
    let mut lines = open(path)?;
    while let Some((line, _)) = lines.next().map_err(|error| unreadable(path, &error))? {
        let Ok(envelope) = Envelope::read(line) else {
            continue;
        };
        if envelope.release != *release {
            continue;
        }
        let (seq, here) = (envelope.seq, Digest::of_line(line));
        let there = digest_at(journal, release, seq).await.map_err(|error| {
            Fault::of_record(release, seq, format!("the journal can't be compared: {error}"))
        })?;
        let reason = match there {
            Some(there) if there == here => continue,
            Some(there) => {
                format!("it was altered: its hash is {here}, and the record in {place} has {there}")
            }
            None => format!("it is missing in {place}: records were removed from the end of the journal"),
        };
        return Ok(Fault { line: Some(lines.number()), ..Fault::of_record(release, seq, reason) });
    }
    let reason = format!("it was altered while it was compared with {place}");
    Ok(Fault::of_record(release, whole.head.seq, reason))
}

/// The hash of a record of the journal, from its bytes.
async fn digest_at(
    journal: &dyn Journal,
    release: &ReleaseId,
    seq: u64,
) -> Result<Option<Digest>, PortError> {
    let lines = journal.read(release, seq, 1).await?;
    Ok(lines.first().map(|line| Digest::of_line(line)))
}

fn open(path: &Path) -> Result<Lines, NotVerified> {
    Lines::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> NotVerified {
    NotVerified::Unreadable(Fault::of_file(format!("failed to read {}: {error}", path.display())))
}
