use std::{fs, path::Path};

use relman_core::{
    chain::{Digest, Verifier},
    machine::Release,
    port::{Journal, JournalExt, Streams},
    report::{History, OpenItems},
    unit::{ReleaseId, Timestamp},
};

use super::{
    HandoverError, Listed, Manifest,
    folder::{MANIFEST, file_of, sha256, stays_inside, write},
    targets,
};
use crate::jsonl::jsonl;

const README: &str = include_str!("../../templates/handover/README.md");
const VERIFY: &str = concat!(
    include_str!("../../templates/handover/verify_begin.py"),
    include_str!("../../templates/record.py"),
    include_str!("../../templates/handover/verify_end.py"),
);

/// A file that the host adds to a handover: people and roles, its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostFile {
    /// The path in the folder, with `/` between the parts: `config/policy.toml`.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl HostFile {
    /// A file at a path in the folder.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into() }
    }
}

/// Exports the whole journal to a new folder, and returns its manifest with the manifest's digest.
///
/// Every stream is verified on the way. The manifest is written last, so that a folder without one is recognised as
/// incomplete.
///
/// # Errors
///
/// [`HandoverError`] where the folder is not empty, a host's file would be outside of it, the disk fails, the journal can't be read, or a stream does not verify
/// or has records that this version does not know.
///
/// # Panics
///
/// Never: what is written as JSON has only texts and numbers.
pub async fn export(
    journal: &dyn Journal,
    to: &Path,
    host: &[HostFile],
    now: Timestamp,
) -> Result<(Manifest, Digest), HandoverError> {
    if let Some(file) = host.iter().find(|file| !stays_inside(&file.path)) {
        return Err(HandoverError::wrong(&file.path, "its path does not stay in the folder"));
    }
    fs::create_dir_all(to).map_err(HandoverError::file(to))?;
    if fs::read_dir(to).map_err(HandoverError::file(to))?.next().is_some() {
        return Err(HandoverError::NotEmpty(to.to_owned()));
    }
    let mut manifest = Manifest::new(now);
    let mut obligations = OpenItems::of([], now);
    for stored in journal.every_stream(Streams::All).await? {
        let Some(id) = stored.release().cloned() else {
            let stream = stored.stream;
            let lines = journal.read_to_end(&stream, 0).await?;
            let (listed, _) = targets::verified(&stream, &lines, None)?;
            write(&to.join(targets::file_of(&stream)), &jsonl(&lines))?;
            manifest.targets.insert(stream, listed);
            continue;
        };
        let lines = journal.read_to_end(&(&id).into(), 0).await?;
        let listed = verified(&id, &lines)?;
        let replayed = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice));
        let (release, records) =
            replayed.map_err(|source| HandoverError::Untrusted { release: id.clone(), source })?;
        obligations.add(&History::new(&release, &records, now));
        write(&to.join(file_of(&id)), &jsonl(&lines))?;
        manifest.releases.insert(id, listed);
    }
    let obligations =
        serde_json::to_string_pretty(&obligations.sorted()).expect("obligations have only texts and numbers");
    let ours = [
        ("README.md", README.to_owned()),
        ("verify.py", VERIFY.to_owned()),
        ("obligations.json", obligations + "\n"),
    ];
    let ours = ours.map(|(path, text)| HostFile { path: path.to_owned(), bytes: text.into_bytes() });
    for file in ours.iter().chain(host) {
        write(&to.join(&file.path), &file.bytes)?;
        manifest.files.insert(file.path.clone(), sha256(&file.bytes));
    }
    let bytes = manifest.bytes();
    write(&to.join(MANIFEST), &bytes)?;
    Ok((manifest, sha256(&bytes)))
}

/// Verifies the stream of a release.
fn verified(id: &ReleaseId, lines: &[Vec<u8>]) -> Result<Listed, HandoverError> {
    let broken = |broken| HandoverError::Broken { release: id.clone(), source: Box::new(broken) };
    let mut verifier = Verifier::new(Some(id.into()));
    for line in lines {
        verifier.push(line).map_err(broken)?;
    }
    let whole = verifier.finish(None).map_err(broken)?;
    let head = whole.head.ok_or_else(|| HandoverError::wrong(file_of(id), "there are no records"))?;
    Ok(Listed { records: whole.records, head })
}
