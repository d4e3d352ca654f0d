use std::collections::BTreeMap;

use relman_core::{
    chain::{Digest, Head},
    unit::{ReleaseId, Timestamp},
};
use serde::{Deserialize, Serialize};

use super::EstateError;

/// The version of the folder's form.
const VERSION: u32 = 1;

/// What an estate is made of: `estate.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form: 1.
    v: u32,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Every release with its last record.
    pub releases: BTreeMap<ReleaseId, Listed>,
    /// Every other file with its SHA-256, by its path in the folder.
    pub files: BTreeMap<String, Digest>,
}

/// A release of an estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// How many records it has.
    pub records: u64,
    /// The last one.
    pub head: Head,
}

impl Manifest {
    pub(super) fn new(taken_at: Timestamp) -> Self {
        Self { v: VERSION, taken_at, releases: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// How many records all releases have.
    pub fn records(&self) -> u64 {
        self.releases.values().map(|listed| listed.records).sum()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, EstateError> {
        let wrong = |problem: String| EstateError::wrong(super::folder::MANIFEST, problem);
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.v != VERSION {
            return Err(wrong(format!(
                "it has version {}, and this program reads version {VERSION}",
                manifest.v
            )));
        }
        Ok(manifest)
    }

    /// The bytes of `estate.json`: the same manifest gives the same ones.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("it has nothing but texts and numbers");
        bytes.push(b'\n');
        bytes
    }
}
