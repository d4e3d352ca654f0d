//! The names under which files are kept where a new version must not take the place of an old one before it is there.

use relman_core::port::{Asset, AssetName};

use super::api::sha256;

/// How many digits of a file's hash are in its name: enough that no two versions of it share them.
const DIGITS: usize = 16;

/// The name of an asset with the beginning of its SHA-256 in it: `record.0123456789abcdef.jsonl`.
pub(super) fn stored_name(asset: &Asset) -> String {
    let (stem, extension) = asset.name.split();
    format!("{stem}.{}{extension}", &sha256(&asset.bytes)[..DIGITS])
}

/// Whether a file is another version of the asset that is kept under the name `stored`.
pub(super) fn is_other_version(file: &str, name: &AssetName, stored: &str) -> bool {
    let (stem, extension) = name.split();
    let middle = file.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
    let digits = middle.and_then(|middle| middle.strip_prefix('.'));
    file != stored
        && digits
            .is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_the_same_file_are_taken_for_such() {
        let name: AssetName = "record.jsonl".parse().unwrap();
        let asset = Asset { name: name.clone(), media_type: "text/plain".to_owned(), bytes: b"abc".to_vec() };
        // The test vector of FIPS 180-2 for "abc".
        assert_eq!(stored_name(&asset), "record.ba7816bf8f01cfea.jsonl");
        let stored = stored_name(&asset);
        for (file, expected) in [
            ("record.0123456789abcdef.jsonl", true),
            ("record.ba7816bf8f01cfea.jsonl", false),
            ("record.jsonl", false),
            ("record.2026.jsonl", false),
            ("records.0123456789abcdef.jsonl", false),
            ("record.0123456789abcdeg.jsonl", false),
            ("record.0123456789abcdef.json", false),
        ] {
            assert_eq!(is_other_version(file, &name, &stored), expected, "{file}");
        }
    }
}
