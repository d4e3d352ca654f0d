//! What files are called on a tracker, and which of them are whose.

use relman_core::{
    port::{Asset, AssetName},
    unit::ReleaseId,
};

use crate::tracker::api::sha256;

/// How many digits of a file's hash are in its name: enough that no two versions of it share them.
const DIGITS: usize = 16;

/// How the versions of a file are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tracker) enum FileNames {
    /// They have one name, `RELEASE.NAME`: the old one makes room for the new one.
    Shared,
    /// The beginning of the hash is in the name: the new one is there before the old one goes.
    Hashed,
}

/// A file to upload.
#[derive(Debug)]
pub(in crate::tracker) struct NewFile<'a> {
    pub(in crate::tracker) asset: &'a Asset,
    /// The name under which the tracker keeps it.
    pub(in crate::tracker) name: String,
    /// 64 hexadecimal digits.
    pub(in crate::tracker) sha256: String,
    names: FileNames,
}

impl<'a> NewFile<'a> {
    /// The file of an asset of a release.
    pub(in crate::tracker) fn new(release: &ReleaseId, asset: &'a Asset, names: FileNames) -> Self {
        let sha256 = sha256(&asset.bytes);
        let name = match names {
            FileNames::Shared => format!("{release}.{}", asset.name),
            FileNames::Hashed => {
                let (stem, extension) = asset.name.split();
                format!("{stem}.{}{extension}", &sha256[..DIGITS])
            }
        };
        Self { asset, name, sha256, names }
    }

    /// The digits of the hash that stand for it where there is no room for all of them.
    pub(in crate::tracker) fn short_hash(&self) -> &str {
        &self.sha256[..DIGITS]
    }
}

/// A file that is on the tracker.
#[derive(Debug, Clone)]
pub(in crate::tracker) struct RemoteFile {
    pub(in crate::tracker) id: String,
    pub(in crate::tracker) name: String,
    pub(in crate::tracker) size: u64,
    /// The SHA-256 or the beginning of it, where the tracker or relman has noted it.
    pub(in crate::tracker) hash: Option<String>,
    /// Whether the upload came to its end.
    pub(in crate::tracker) is_whole: bool,
    /// Whether relman uploaded it.
    pub(in crate::tracker) is_ours: bool,
}

impl RemoteFile {
    /// Whether it is this file, with the same content.
    pub(super) fn is(&self, file: &NewFile<'_>) -> bool {
        self.name == file.name
            && self.is_whole
            && self.size == file.asset.bytes.len() as u64
            && match (&self.hash, file.names) {
                (Some(hash), FileNames::Shared | FileNames::Hashed) => {
                    hash.len() >= DIGITS && file.sha256.starts_with(hash.as_str())
                }
                // The name has it.
                (None, FileNames::Hashed) => true,
                (None, FileNames::Shared) => false,
            }
    }

    /// Whether it is another version of this file, under a name with another hash.
    pub(super) fn is_other_version_of(&self, file: &NewFile<'_>) -> bool {
        self.name != file.name && hash_in_name(&self.name, &file.asset.name).is_some()
    }
}

/// The hash in the name of a file, where the file is a version of this asset.
fn hash_in_name<'a>(file: &'a str, name: &AssetName) -> Option<&'a str> {
    let (stem, extension) = name.split();
    let middle = file.strip_prefix(stem)?.strip_suffix(extension)?.strip_prefix('.')?;
    (middle.len() == DIGITS && middle.bytes().all(|b| b.is_ascii_hexdigit())).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset::new("record.jsonl".parse().unwrap(), "text/plain", b"abc")
    }

    fn there(name: &str, hash: Option<&str>) -> RemoteFile {
        let hash = hash.map(str::to_owned);
        let name = name.to_owned();
        RemoteFile { id: "7".to_owned(), name, size: 3, hash, is_whole: true, is_ours: true }
    }

    #[test]
    fn only_versions_of_the_same_file_are_taken_for_such() {
        let (release, asset) = ("checkout-241".parse().unwrap(), asset());
        let file = NewFile::new(&release, &asset, FileNames::Hashed);
        // The test vector of FIPS 180-2 for "abc".
        assert_eq!(file.name, "record.ba7816bf8f01cfea.jsonl");
        for (name, expected) in [
            ("record.0123456789abcdef.jsonl", true),
            ("record.ba7816bf8f01cfea.jsonl", false),
            ("record.jsonl", false),
            ("record.2026.jsonl", false),
            ("records.0123456789abcdef.jsonl", false),
            ("record.0123456789abcdeg.jsonl", false),
            ("record.0123456789abcdef.json", false),
        ] {
            assert_eq!(there(name, None).is_other_version_of(&file), expected, "{name}");
        }
    }

    #[test]
    fn a_file_is_the_same_where_its_name_or_its_hash_says_so() {
        let (release, asset) = ("checkout-241".parse().unwrap(), asset());
        let shared = NewFile::new(&release, &asset, FileNames::Shared);
        let hashed = NewFile::new(&release, &asset, FileNames::Hashed);
        for (file, hash, expected) in [
            (&shared, Some(shared.sha256.as_str()), true),
            (&shared, Some(shared.short_hash()), true),
            (&shared, Some("0123456789abcdef"), false),
            (&shared, Some(""), false),
            (&shared, None, false),
            (&hashed, None, true),
            (&hashed, Some("0123456789abcdef"), false),
        ] {
            let there = there(&file.name, hash);
            assert_eq!(there.is(file), expected, "{there:?}");
            let half = RemoteFile { is_whole: false, ..there.clone() };
            let short = RemoteFile { size: 2, ..there };
            assert!(!half.is(file) && !short.is(file));
        }
    }
}
