use std::path::Path;

use relman_core::{
    chain::{Digest, SealedLine},
    port::{Journal, JournalExt},
    unit::ReleaseId,
};

use super::{
    EstateError, Listed, Manifest,
    export::verified,
    folder::{MANIFEST, RELEASES, files, place_of, read, sum},
};

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the estate is made of.
    pub manifest: Manifest,
    /// The digest of the manifest, as the export has printed it.
    pub digest: Digest,
    /// Every release, and what the journal had of it before.
    pub releases: Vec<(ReleaseId, Arrival)>,
}

/// What a journal had of a release that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing.
    New,
    /// The beginning: the rest was added.
    Continued {
        /// How many records the journal had.
        had: u64,
    },
    /// All of it.
    Same,
    /// All of it, and what happened since.
    Older,
}

/// Takes an estate into a journal, after all of it has been verified.
///
/// Nothing is written before everything is known to be good: the manifest, which names each file; each file against its
/// hash; each record against the chain; each head against the manifest; and what the journal has of the same releases,
/// which must be the same history. An import that was broken off can be done again. At the end the journal's heads are
/// compared with those of the estate.
///
/// `expected` is the digest that the export has printed, where somebody has told it by another way.
///
/// # Errors
///
/// [`EstateError`] with the file or record that is not as it should be.
pub async fn import(
    from: &Path,
    journal: &dyn Journal,
    expected: Option<Digest>,
) -> Result<Imported, EstateError> {
    let bytes = read(&from.join(MANIFEST))?;
    let digest = sum(&bytes);
    if expected.is_some_and(|expected| expected != digest) {
        let problem = format!("its digest is {digest}, and not the one that was expected");
        return Err(EstateError::wrong(MANIFEST, problem));
    }
    let manifest = Manifest::read(&bytes)?;
    are_all_named(from, &manifest)?;
    for (file, listed) in &manifest.files {
        if sum(&read(&from.join(file))?) != *listed {
            return Err(EstateError::wrong(file, "it is not what was exported: its hash is another one"));
        }
    }
    let mut arrivals = Vec::new();
    for (id, listed) in &manifest.releases {
        let lines = lines_of(from, id, *listed)?;
        arrivals.push((id.clone(), arrival(journal, id, *listed, &lines).await?));
    }

    // Everything is good. One release is read at a time, because a journal may be larger than the memory.
    for (id, arrival) in &arrivals {
        let had = match arrival {
            Arrival::New => 0,
            Arrival::Continued { had } => *had,
            Arrival::Same | Arrival::Older => continue,
        };
        let lines = lines_of(from, id, manifest.releases[id])?;
        let sealed: Result<Vec<SealedLine>, _> = lines.into_iter().map(SealedLine::read).collect();
        let sealed = sealed.map_err(|error| EstateError::wrong(place_of(id), error.to_string()))?;
        let had = usize::try_from(had).unwrap_or(usize::MAX).min(sealed.len());
        let before = sealed[..had].last().map(SealedLine::head);
        journal.append(id, before, &sealed[had..]).await?;
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
            return Err(EstateError::Differs { release: id.clone() });
        }
    }
    Ok(Imported { manifest, digest, releases: arrivals })
}

/// Refuses an estate in which a file is missing, or there is one that nobody vouches for.
fn are_all_named(from: &Path, manifest: &Manifest) -> Result<(), EstateError> {
    let mut named: Vec<String> = manifest.releases.keys().map(place_of).collect();
    named.extend(manifest.files.keys().cloned());
    named.push(MANIFEST.to_owned());
    let found = files(from)?;
    if let Some(missing) = named.iter().find(|file| !found.contains(*file)) {
        return Err(EstateError::wrong(missing, format!("it is missing; {MANIFEST} names it")));
    }
    if let Some(other) = found.iter().find(|file| !named.contains(file)) {
        let what = if other.starts_with(RELEASES) { "release" } else { "file" };
        return Err(EstateError::wrong(
            other,
            format!("{MANIFEST} names no such {what}; take it away, or ask"),
        ));
    }
    Ok(())
}

/// The lines of a release, which are those that the manifest vouches for.
fn lines_of(from: &Path, id: &ReleaseId, listed: Listed) -> Result<Vec<Vec<u8>>, EstateError> {
    let file = place_of(id);
    let bytes = read(&from.join(&file))?;
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.pop().is_none_or(|rest| !rest.is_empty()) {
        return Err(EstateError::wrong(file, "the last record has no line feed: it may be cut off"));
    }
    let found = verified(id, &lines)?;
    if found != listed {
        let problem = format!(
            "it ends with record {} {}, and {MANIFEST} says record {} {}",
            found.head.seq, found.head.digest, listed.head.seq, listed.head.digest
        );
        return Err(EstateError::wrong(file, problem));
    }
    Ok(lines)
}

/// What the journal has of a release; another history of it is refused.
async fn arrival(
    journal: &dyn Journal,
    id: &ReleaseId,
    listed: Listed,
    lines: &[Vec<u8>],
) -> Result<Arrival, EstateError> {
    let Some(here) = journal.head(id).await? else { return Ok(Arrival::New) };
    // The chain makes one record that is the same enough for all before it.
    let seq = here.seq.min(listed.head.seq);
    let ours = journal.read(id, seq, 1).await?;
    let ours = ours.first().map(|line| Digest::of_line(line));
    let theirs = usize::try_from(seq).ok().and_then(|seq| lines.get(seq)).map(|line| Digest::of_line(line));
    if ours.is_none() || ours != theirs {
        return Err(EstateError::OtherHistory { release: id.clone(), seq });
    }
    Ok(match here.seq.cmp(&listed.head.seq) {
        std::cmp::Ordering::Less => Arrival::Continued { had: here.seq + 1 },
        std::cmp::Ordering::Equal => Arrival::Same,
        std::cmp::Ordering::Greater => Arrival::Older,
    })
}
