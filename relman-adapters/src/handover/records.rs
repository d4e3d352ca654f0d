//! The record of a release in the folder, line by line.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use relman_core::{
    chain::{Broken, BrokenReason, Digest, Head, MAX_LINE, SealedLine, Verifier},
    event::Record,
    machine::{DeepVerifier, PhaseName, Release},
    port::Journal,
    unit::ReleaseId,
};

use super::{HandoverError, Listed, folder::file_of};

/// Records that are held in memory at once, at most 65,535 bytes each.
pub(super) const PAGE: usize = 128;

/// Two bytes more than the longest record: what is cut off there is too long all the same.
const MAX_BYTES: u64 = MAX_LINE as u64 + 2;

/// The file of a release. It is read from its beginning, and held in memory a page at a time.
pub(super) struct Records<'a> {
    id: &'a ReleaseId,
    listed: Listed,
    path: PathBuf,
    reader: BufReader<File>,
    verifier: Verifier,
}

impl<'a> Records<'a> {
    pub(super) fn open(from: &Path, id: &'a ReleaseId, listed: Listed) -> Result<Self, HandoverError> {
        let path = from.join(file_of(id));
        let file = File::open(&path).map_err(HandoverError::file(&path))?;
        let verifier = Verifier::new(Some(id.into()));
        Ok(Self { id, listed, path, reader: BufReader::new(file), verifier })
    }

    /// The next line, which continues the one before; `None` at the end, which is the head that the manifest names.
    fn next(&mut self) -> Result<Option<Vec<u8>>, HandoverError> {
        let mut line = Vec::new();
        let mut bounded = self.reader.by_ref().take(MAX_BYTES);
        if bounded.read_until(b'\n', &mut line).map_err(HandoverError::file(&self.path))? == 0 {
            let end = self.verifier.clone().finish(Some(self.listed.head));
            end.map_err(|broken| self.broken(broken))?;
            return Ok(None);
        }
        let ended = line.pop_if(|last| *last == b'\n').is_some();
        let seq = self.verifier.head().map_or(0, |head| head.seq + 1);
        let pushed = self.verifier.push(&line);
        if !ended && line.len() <= MAX_LINE {
            // Half a record: what is wrong with what there is of it says less than that its end is missing.
            if let Err(broken) = pushed
                && !matches!(broken.reason, BrokenReason::Malformed(_))
            {
                return Err(self.broken(broken));
            }
            self.verifier.so_far().map_err(|broken| self.broken(broken))?;
            return Err(self.broken(Broken::new(Some(self.id.into()), seq, BrokenReason::Unterminated)));
        }
        pushed.map_err(|broken| self.broken(broken))?;
        Ok(Some(line))
    }

    fn broken(&self, broken: Broken) -> HandoverError {
        HandoverError::Broken { release: self.id.clone(), source: Box::new(broken) }
    }

    /// Verifies all of it as `deploy-tool verify --deep` does: the chain up to the head, what can happen to a release, and
    /// everything that the records give. Returns the phase in which it leaves the release if that is under way.
    pub(super) fn verify(mut self) -> Result<Option<PhaseName>, HandoverError> {
        let mut deep = Ok(DeepVerifier::new(self.id.clone()));
        while let Some(line) = self.next()? {
            // A broken chain counts more than what its records say.
            deep = deep.and_then(|deep| derived(deep, self.id, &line));
        }
        let deep = deep?;
        let release = deep.release();
        deep.finish().map_err(|source| HandoverError::Illegal {
            release: self.id.clone(),
            seq: source.seq().unwrap_or_default(),
            source: Box::new(source),
        })?;
        let phase = release.phase().name();
        Ok((!phase.is_end() || !release.outstanding().is_empty()).then_some(phase))
    }

    /// The hash of one record of it.
    pub(super) fn digest_at(mut self, seq: u64) -> Result<Option<Digest>, HandoverError> {
        while self.next()?.is_some() {
            if let Some(head) = self.verifier.head().filter(|head| head.seq == seq) {
                return Ok(Some(head.digest));
            }
        }
        Ok(None)
    }

    /// Appends what comes after `had`, a page at a time.
    pub(super) async fn append_to(
        mut self,
        journal: &dyn Journal,
        had: Option<Head>,
    ) -> Result<(), HandoverError> {
        let mut before = had;
        let mut release = Release::new(self.id.clone());
        let mut page = Vec::with_capacity(PAGE);
        loop {
            let line = self.next()?;
            let is_last = line.is_none();
            if let Some(line) = line {
                let record = Record::read(&line).map_err(|source| HandoverError::Unknown {
                    release: release.id().clone(),
                    source: Box::new(source),
                })?;
                let seq = record.seq;
                release.apply(&record).map_err(|error| HandoverError::Illegal {
                    release: record.release.clone(),
                    seq,
                    source: Box::new(error.into()),
                })?;
                let sealed = SealedLine::read(line);
                let is_there =
                    self.verifier.head().is_some_and(|head| had.is_some_and(|had| head.seq <= had.seq));
                if is_there {
                    continue;
                }
                page.push(sealed.map_err(|error| HandoverError::wrong(file_of(self.id), error.to_string()))?);
            }
            // A journal takes a decision as a whole, so that an import that is interrupted leaves no part of one.
            if (page.len() >= PAGE && release.check_whole().is_ok()) || is_last {
                let last = page.last().map(SealedLine::head);
                journal.append(&self.id.into(), before, &page, &release.index()).await?;
                before = last.or(before);
                page.clear();
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The verifier with one record more.
fn derived(mut deep: DeepVerifier, id: &ReleaseId, line: &[u8]) -> Result<DeepVerifier, HandoverError> {
    let record = Record::read(line)
        .map_err(|source| HandoverError::Unknown { release: id.clone(), source: Box::new(source) })?;
    deep.push(&record).map_err(|source| HandoverError::Illegal {
        release: id.clone(),
        seq: source.seq().unwrap_or(record.seq),
        source: Box::new(source),
    })?;
    Ok(deep)
}

/// Whether a journal has exactly this stream, read back from what it stored.
pub(super) async fn has(
    journal: &dyn Journal,
    id: &ReleaseId,
    listed: Listed,
) -> Result<bool, HandoverError> {
    let mut verifier = Verifier::new(Some(id.into()));
    let mut read = 0;
    loop {
        let page = journal.read(&id.into(), read, PAGE).await?;
        if page.is_empty() {
            break;
        }
        read += page.len() as u64;
        for line in page {
            verifier
                .push(&line)
                .map_err(|broken| HandoverError::Broken { release: id.clone(), source: Box::new(broken) })?;
        }
    }
    Ok(verifier.finish(Some(listed.head)).is_ok() && journal.head(&id.into()).await? == Some(listed.head))
}
