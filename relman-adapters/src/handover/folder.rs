//! The folder of a handover: its manifest and its files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use relman_core::{
    chain::{Digest, Head},
    unit::{ReleaseId, StreamId, Timestamp},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::HandoverError;

/// The manifest. It is written last: a folder without one is not a complete handover.
pub(super) const MANIFEST: &str = "estate.json";

/// The subfolder with a file for each release.
pub(super) const RELEASES: &str = "releases";

/// The version of the format.
const VERSION: u32 = 1;

/// The contents of a handover: `estate.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format: 1.
    v: u32,
    /// When it was exported.
    pub taken_at: Timestamp,
    /// Every release, with its last record.
    pub releases: BTreeMap<ReleaseId, Listed>,
    /// Every target, and what holds for all of them, with its last record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<StreamId, Listed>,
    /// The SHA-256 of every other file, by its path in the folder.
    pub files: BTreeMap<String, Digest>,
}

/// A release in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Listed {
    /// How many records it has.
    pub records: u64,
    /// The last one.
    pub head: Head,
}

impl Manifest {
    pub(super) fn new(taken_at: Timestamp) -> Self {
        let (releases, targets) = (BTreeMap::new(), BTreeMap::new());
        Self { v: VERSION, taken_at, releases, targets, files: BTreeMap::new() }
    }

    /// How many records all releases have.
    pub fn records(&self) -> u64 {
        self.releases.values().map(|listed| listed.records).sum()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, HandoverError> {
        let wrong = |problem: String| HandoverError::wrong(MANIFEST, problem);
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.v != VERSION {
            return Err(wrong(format!(
                "version {} is not supported; this program reads version {VERSION}",
                manifest.v
            )));
        }
        Ok(manifest)
    }

    /// The bytes of `estate.json`. The same manifest always gives the same bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has only texts and numbers");
        bytes.push(b'\n');
        bytes
    }
}

/// The file with the record of a release.
pub(super) fn file_of(release: &ReleaseId) -> String {
    format!("{RELEASES}/{}.jsonl", release.file_stem())
}

/// The SHA-256 of a file.
pub(super) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The SHA-256 of a file of any size.
pub(super) fn sha256_of(path: &Path) -> Result<Digest, HandoverError> {
    let mut file = File::open(path).map_err(HandoverError::file(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest::from_bytes(hash.finalize().into())),
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(HandoverError::File { path: path.to_owned(), source }),
        }
    }
}

/// Whether a path with `/` between its parts leads to a file in the folder, and nowhere else.
pub(super) fn stays_inside(path: &str) -> bool {
    let parts = Path::new(path).components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    parts.eq(path.split('/').map(Some))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, HandoverError> {
    fs::read(path).map_err(HandoverError::file(path))
}

/// Writes a new file, and returns once it is on disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), HandoverError> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(HandoverError::file(folder))?;
    }
    let mut file = fs::File::create_new(path).map_err(HandoverError::file(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(HandoverError::file(path))
}

/// Every file in the folder, by its relative path with `/` between the parts.
pub(super) fn files(root: &Path) -> Result<BTreeSet<String>, HandoverError> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(PathBuf::from(root), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(HandoverError::file(&folder))? {
            let entry = entry.map_err(HandoverError::file(&folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(HandoverError::file(&entry.path()))?;
            if kind.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                found.insert(name);
            } else {
                // A link may lead anywhere, and a pipe never ends.
                return Err(HandoverError::wrong(name, "it is not a regular file"));
            }
        }
    }
    Ok(found)
}
