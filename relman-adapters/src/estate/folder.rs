//! The files of the folder.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use relman_core::{chain::Digest, unit::ReleaseId};
use sha2::{Digest as _, Sha256};

use super::EstateError;

/// The manifest, which is written last: without it a folder is no estate.
pub(super) const MANIFEST: &str = "estate.json";

/// The folder of the releases.
pub(super) const RELEASES: &str = "releases";

/// Where the record of a release is, in the folder. An id has no character that means something in a path.
pub(super) fn place_of(release: &ReleaseId) -> String {
    format!("{RELEASES}/{release}.jsonl")
}

/// The SHA-256 of a file.
pub(super) fn sum(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, EstateError> {
    fs::read(path).map_err(EstateError::file(path))
}

/// Writes a new file, and returns when it is on the disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), EstateError> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(EstateError::file(folder))?;
    }
    let mut file = fs::File::create_new(path).map_err(EstateError::file(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(EstateError::file(path))
}

/// Every file of the folder, by its path in it with `/` between the parts.
pub(super) fn files(root: &Path) -> Result<BTreeSet<String>, EstateError> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(PathBuf::from(root), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(EstateError::file(&folder))? {
            let entry = entry.map_err(EstateError::file(&folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(EstateError::file(&entry.path()))?;
            if kind.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else {
                found.insert(name);
            }
        }
    }
    Ok(found)
}
