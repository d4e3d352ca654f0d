use std::{fs, path::Path};

use relman_core::{
    chain::{Digest, Verifier},
    machine::Release,
    port::{Journal, JournalExt},
    report::{History, OpenItems},
    unit::{ReleaseId, Timestamp},
};

use super::{
    EstateError, Listed, Manifest,
    folder::{MANIFEST, place_of, sum, write},
};
use crate::jsonl::jsonl;

const README: &str = include_str!("../../templates/estate/README.md");
const VERIFY: &str = include_str!("../../templates/estate/verify.py");

/// A file that a host adds to an estate: people and roles, its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFile {
    /// Where it is put, with `/` between the parts: `config/policy.toml`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Writes everything that a journal holds to a new folder, and says what it is made of, with the digest of that.
///
/// Every stream is verified on the way. The manifest is written last, so that a folder without one is known for half of
/// an estate.
///
/// # Errors
///
/// [`EstateError`]: a folder that is not empty, a disk that fails, a journal that can't be read, or a stream that does
/// not verify or has records that this version does not know.
///
/// # Panics
///
/// Never: what is written as JSON has nothing but texts and numbers.
pub async fn export(
    journal: &dyn Journal,
    to: &Path,
    host: &[HostFile],
    now: Timestamp,
) -> Result<(Manifest, Digest), EstateError> {
    fs::create_dir_all(to).map_err(EstateError::file(to))?;
    if fs::read_dir(to).map_err(EstateError::file(to))?.next().is_some() {
        return Err(EstateError::NotEmpty(to.to_owned()));
    }
    let mut manifest = Manifest::new(now);
    let mut owed = OpenItems::of([], now);
    for stream in journal.streams().await? {
        let id = stream.release;
        let lines = journal.read_to_end(&id, 0).await?;
        let listed = verified(&id, &lines)?;
        let told = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice));
        let (release, records) =
            told.map_err(|problem| EstateError::Untrusted { release: id.clone(), problem })?;
        owed.add(&History::new(&release, &records, now));
        write(&to.join(place_of(&id)), &jsonl(&lines))?;
        manifest.releases.insert(id, listed);
    }
    let owed = serde_json::to_string_pretty(&owed.sorted()).expect("it has nothing but texts and numbers");
    let ours = [
        ("README.md", README.to_owned()),
        ("verify.py", VERIFY.to_owned()),
        ("obligations.json", owed + "\n"),
    ];
    let ours = ours.map(|(path, text)| HostFile { path: path.to_owned(), bytes: text.into_bytes() });
    for file in ours.iter().chain(host) {
        write(&to.join(&file.path), &file.bytes)?;
        manifest.files.insert(file.path.clone(), sum(&file.bytes));
    }
    let bytes = manifest.bytes();
    write(&to.join(MANIFEST), &bytes)?;
    Ok((manifest, sum(&bytes)))
}

/// Verifies a stream.
pub(super) fn verified(id: &ReleaseId, lines: &[Vec<u8>]) -> Result<Listed, EstateError> {
    let broken = |broken| EstateError::Broken { release: id.clone(), broken: Box::new(broken) };
    let mut verifier = Verifier::new(Some(id.clone()));
    for line in lines {
        verifier.push(line).map_err(broken)?;
    }
    let whole = verifier.finish(None).map_err(broken)?;
    let head = whole.head.ok_or_else(|| EstateError::wrong(place_of(id), "it has no records"))?;
    Ok(Listed { records: whole.records, head })
}
