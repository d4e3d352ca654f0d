use std::path::Path;

use relman_core::{
    chain::{Digest, SealedLine},
    machine::Release,
    port::{Journal, JournalExt, StreamIndex, StreamState},
    unit::ReleaseId,
};

use super::{
    HandoverError, Listed, Manifest,
    export::verified,
    folder::{MANIFEST, RELEASES, file_of, files, read, sha256},
};

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The contents of the handover.
    pub manifest: Manifest,
    /// The digest of the manifest, as the export returned it.
    pub digest: Digest,
    /// Every release, and what the journal had of it before.
    pub releases: Vec<(ReleaseId, Arrival)>,
}

/// What the journal had of a release before the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing.
    New,
    /// The beginning. The rest was appended.
    Continued {
        /// How many records the journal had.
        had: u64,
    },
    /// All of it.
    Same,
    /// All of it, and records of what happened since.
    Older,
}

/// Imports a handover into a journal, after all of it has been verified.
///
/// Nothing is written before everything has been checked: the manifest names each file; each file matches its hash; each
/// record follows from the one before it; each head matches the manifest; and what the journal already has of these
/// releases is the same history. An interrupted import can be run again. At the end, the journal's heads are compared
/// with the manifest.
///
/// `expected` is the digest that the export printed, where it reached you by another route than the folder.
///
/// # Errors
///
/// [`HandoverError`] with the first file or record that is wrong.
pub async fn import(
    from: &Path,
    journal: &dyn Journal,
    expected: Option<Digest>,
) -> Result<Imported, HandoverError> {
    let bytes = read(&from.join(MANIFEST))?;
    let digest = sha256(&bytes);
    if expected.is_some_and(|expected| expected != digest) {
        let problem = format!("the digest is {digest}, not the expected one");
        return Err(HandoverError::wrong(MANIFEST, problem));
    }
    let manifest = Manifest::read(&bytes)?;
    check_names(from, &manifest)?;
    for (file, listed) in &manifest.files {
        if sha256(&read(&from.join(file))?) != *listed {
            return Err(HandoverError::wrong(
                file,
                "the hash differs: this is not the file that was exported",
            ));
        }
    }
    let mut arrivals = Vec::new();
    for (id, listed) in &manifest.releases {
        let lines = lines_of(from, id, *listed)?;
        arrivals.push((id.clone(), arrival(journal, id, *listed, &lines).await?));
    }

    // Everything is good. Releases are read one by one, because a journal may be larger than memory.
    for (id, arrival) in &arrivals {
        let had = match arrival {
            Arrival::New => 0,
            Arrival::Continued { had } => *had,
            Arrival::Same | Arrival::Older => continue,
        };
        let lines = lines_of(from, id, manifest.releases[id])?;
        let sealed: Result<Vec<SealedLine>, _> = lines.into_iter().map(SealedLine::read).collect();
        let sealed = sealed.map_err(|error| HandoverError::wrong(file_of(id), error.to_string()))?;
        let had = usize::try_from(had).unwrap_or(usize::MAX).min(sealed.len());
        let before = sealed[..had].last().map(SealedLine::head);
        let replayed = Release::replay(id.clone(), sealed.iter().map(SealedLine::bytes));
        // What does not replay is listed as open, so that somebody looks at it.
        let index = replayed
            .map_or_else(|_| StreamIndex::new(StreamState::Open, id.as_str()), |release| release.index());
        journal.append(id, before, &sealed[had..], &index).await?;
    }
    for (id, arrival) in &arrivals {
        let listed = manifest.releases[id];
        let is_there = match arrival {
            Arrival::Older => true,
            Arrival::New | Arrival::Continued { .. } | Arrival::Same => {
                verified(id, &journal.read_to_end(id, 0).await?)? == listed
                    && journal.head(id).await? == Some(listed.head)
            }
        };
        if !is_there {
            return Err(HandoverError::Differs { release: id.clone() });
        }
    }
    Ok(Imported { manifest, digest, releases: arrivals })
}

/// Refuses a handover with a file missing, or with one that the manifest does not name.
fn check_names(from: &Path, manifest: &Manifest) -> Result<(), HandoverError> {
    let mut named: Vec<String> = manifest.releases.keys().map(file_of).collect();
    named.extend(manifest.files.keys().cloned());
    named.push(MANIFEST.to_owned());
    let found = files(from)?;
    if let Some(missing) = named.iter().find(|file| !found.contains(*file)) {
        return Err(HandoverError::wrong(missing, format!("missing, though {MANIFEST} names it")));
    }
    if let Some(other) = found.iter().find(|file| !named.contains(file)) {
        let what = if other.starts_with(RELEASES) { "release" } else { "file" };
        return Err(HandoverError::wrong(
            other,
            format!("{MANIFEST} names no such {what}; remove it, or ask whoever exported it"),
        ));
    }
    Ok(())
}

/// The lines of a release, checked against the manifest.
fn lines_of(from: &Path, id: &ReleaseId, listed: Listed) -> Result<Vec<Vec<u8>>, HandoverError> {
    let file = file_of(id);
    let bytes = read(&from.join(&file))?;
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.pop().is_none_or(|rest| !rest.is_empty()) {
        return Err(HandoverError::wrong(file, "the last record has no line feed and may be truncated"));
    }
    let found = verified(id, &lines)?;
    if found != listed {
        let problem = format!(
            "the last record is {} {}, but {MANIFEST} says record {} {}",
            found.head.seq, found.head.digest, listed.head.seq, listed.head.digest
        );
        return Err(HandoverError::wrong(file, problem));
    }
    Ok(lines)
}

/// What the journal already has of a release. A different history is refused.
async fn arrival(
    journal: &dyn Journal,
    id: &ReleaseId,
    listed: Listed,
    lines: &[Vec<u8>],
) -> Result<Arrival, HandoverError> {
    let Some(here) = journal.head(id).await? else { return Ok(Arrival::New) };
    // Thanks to the chain, one equal record means that all before it are equal.
    let seq = here.seq.min(listed.head.seq);
    let ours = journal.read(id, seq, 1).await?;
    let ours = ours.first().map(|line| Digest::of_line(line));
    let theirs = usize::try_from(seq).ok().and_then(|seq| lines.get(seq)).map(|line| Digest::of_line(line));
    if ours.is_none() || ours != theirs {
        return Err(HandoverError::OtherHistory { release: id.clone(), seq });
    }
    Ok(match here.seq.cmp(&listed.head.seq) {
        std::cmp::Ordering::Less => Arrival::Continued { had: here.seq + 1 },
        std::cmp::Ordering::Equal => Arrival::Same,
        std::cmp::Ordering::Greater => Arrival::Older,
    })
}
