use std::{
    cmp::Ordering,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use relman_core::{
    chain::{Digest, Head},
    machine::PhaseName,
    port::Journal,
    unit::ReleaseId,
};

use super::{
    HandoverError, Listed, Manifest,
    folder::{MANIFEST, RELEASES, file_of, files, read, sha256, sha256_of, stays_inside},
    records::{Records, has},
    targets,
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

/// A handover whose every file and every record has been verified.
///
/// The manifest names each file, and each file matches its hash; each record follows from the one before it, can have
/// happened there, and has the verdicts that follow from what was measured, as `deploy-tool verify --deep` has it; each
/// head matches the manifest. Files are read in constant memory, and read and verified once more when they are imported.
#[derive(Debug)]
pub struct VerifiedHandover {
    from: PathBuf,
    manifest: Manifest,
    digest: Digest,
    open: BTreeMap<ReleaseId, PhaseName>,
}

impl VerifiedHandover {
    /// Verifies a folder, and writes nothing.
    ///
    /// `expected` is the digest that the export printed, where it reached you by another route than the folder.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] with the first file or record that is wrong.
    pub fn read(from: &Path, expected: Option<Digest>) -> Result<Self, HandoverError> {
        let bytes = read(&from.join(MANIFEST))?;
        let digest = sha256(&bytes);
        if expected.is_some_and(|expected| expected != digest) {
            let problem = format!("the digest is {digest}, not the expected one");
            return Err(HandoverError::wrong(MANIFEST, problem));
        }
        let manifest = Manifest::read(&bytes)?;
        check_names(from, &manifest)?;
        for (file, listed) in &manifest.files {
            if sha256_of(&from.join(file))? != *listed {
                return Err(HandoverError::wrong(
                    file,
                    "the hash differs: this is not the file that was exported",
                ));
            }
        }
        let mut open = BTreeMap::new();
        for (id, listed) in &manifest.releases {
            open.extend(Records::open(from, id, *listed)?.verify()?.map(|phase| (id.clone(), phase)));
        }
        for (stream, listed) in &manifest.targets {
            targets::read_stream(from, stream, *listed)?;
        }
        Ok(Self { from: from.to_owned(), manifest, digest, open })
    }

    /// What it contains.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of the manifest, as the export returned it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The releases that are under way, each with its phase.
    ///
    /// Such a release must not be driven in two places: two histories that have parted never become one again, and two
    /// conductors would route the same traffic. Whoever imports them stops every conductor of the old journal first.
    pub fn open(&self) -> &BTreeMap<ReleaseId, PhaseName> {
        &self.open
    }

    /// What a journal already has of each release. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] where the journal has a different history of one of them, or can't be read.
    pub async fn compare(&self, journal: &dyn Journal) -> Result<Vec<(ReleaseId, Arrival)>, HandoverError> {
        let mut arrivals = Vec::new();
        for (id, listed) in &self.manifest.releases {
            let here = journal.head(&id.into()).await?;
            arrivals.push((id.clone(), self.arrival(journal, id, *listed, here).await?));
        }
        Ok(arrivals)
    }

    /// Adds to a journal what it does not have yet, after all of it has been compared, a page of records at a time.
    ///
    /// What is interrupted leaves whole records behind and can be run again. Nothing may drive these releases meanwhile.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] as for [`compare`](Self::compare), or where the journal does not take the records.
    pub async fn add_to(&self, journal: &dyn Journal) -> Result<Imported, HandoverError> {
        let releases = self.compare(journal).await?;
        for (id, arrival) in &releases {
            if matches!(arrival, Arrival::New | Arrival::Continued { .. }) {
                let had = journal.head(&id.into()).await?;
                Records::open(&self.from, id, self.manifest.releases[id])?.append_to(journal, had).await?;
            }
        }
        for (id, arrival) in &releases {
            let is_there = match arrival {
                Arrival::Older => true,
                Arrival::New | Arrival::Continued { .. } | Arrival::Same => {
                    has(journal, id, self.manifest.releases[id]).await?
                }
            };
            if !is_there {
                return Err(HandoverError::Differs { release: id.clone() });
            }
        }
        for (stream, listed) in &self.manifest.targets {
            targets::add(journal, &self.from, stream, *listed).await?;
        }
        Ok(Imported { manifest: self.manifest.clone(), digest: self.digest, releases })
    }

    /// Makes a journal in one SQLite file at a path where there is nothing yet.
    ///
    /// It is made in a folder beside that path and gets there by one rename that replaces nothing: a crash at any moment
    /// leaves no file at the path, or the whole one, and nobody else's file is ever touched. What a crash leaves in the
    /// folder, which is called as the journal with `.importing` at its end, is swept by the next import to that path. The
    /// folder that was swept is returned.
    ///
    /// # Errors
    ///
    /// [`HandoverError::Exists`] where there is something at the path, also if it has appeared meanwhile; others where the
    /// disk fails, or another import to the same path is under way.
    #[cfg(feature = "sqlite")]
    pub async fn write_new(&self, path: &Path) -> Result<(Imported, Option<PathBuf>), HandoverError> {
        let (draft, swept) = super::draft::Draft::begin(path)?;
        let journal = crate::journal::SqliteJournal::open(draft.journal())?;
        let imported = self.add_to(&journal).await?;
        // The last connection to close folds the log into the file.
        drop(journal);
        draft.publish()?;
        Ok((imported, swept))
    }

    /// What the journal already has of a release. A different history is refused.
    async fn arrival(
        &self,
        journal: &dyn Journal,
        id: &ReleaseId,
        listed: Listed,
        here: Option<Head>,
    ) -> Result<Arrival, HandoverError> {
        let Some(here) = here else { return Ok(Arrival::New) };
        // Thanks to the chain, one equal record means that all before it are equal.
        let seq = here.seq.min(listed.head.seq);
        let ours = journal.read(&id.into(), seq, 1).await?;
        let ours = ours.first().map(|line| Digest::of_line(line));
        let theirs = if seq == listed.head.seq {
            Some(listed.head.digest)
        } else {
            Records::open(&self.from, id, listed)?.digest_at(seq)?
        };
        if ours.is_none() || ours != theirs {
            return Err(HandoverError::OtherHistory { release: id.clone(), seq });
        }
        Ok(match here.seq.cmp(&listed.head.seq) {
            Ordering::Less => Arrival::Continued { had: here.seq + 1 },
            Ordering::Equal => Arrival::Same,
            Ordering::Greater => Arrival::Older,
        })
    }
}

/// Imports a handover into a journal of any kind, after all of it has been verified and compared: both steps of
/// [`VerifiedHandover`] at once.
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
    VerifiedHandover::read(from, expected)?.add_to(journal).await
}

/// Refuses a handover with a file missing, or with one that the manifest does not name.
fn check_names(from: &Path, manifest: &Manifest) -> Result<(), HandoverError> {
    if let Some(file) = manifest.files.keys().find(|file| !stays_inside(file)) {
        return Err(HandoverError::wrong(MANIFEST, format!("it names {file:?}, which is not in the folder")));
    }
    if let Some((id, _)) =
        manifest.releases.iter().find(|(_, listed)| listed.head.seq.checked_add(1) != Some(listed.records))
    {
        return Err(HandoverError::wrong(MANIFEST, format!("the head of {id} is not its last record")));
    }
    let mut named: Vec<String> = manifest.releases.keys().map(file_of).collect();
    named.extend(manifest.targets.keys().map(targets::file_of));
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
