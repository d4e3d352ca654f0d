use std::{
    io,
    path::{Path, PathBuf},
};

use relman_core::{
    chain::Broken,
    machine::ReplayError,
    port::{AppendError, PortError},
    unit::ReleaseId,
};
use thiserror::Error;

/// Why an export or an import failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// The folder is not empty. Afterwards nobody could tell what belongs to the handover.
    #[error("failed to export to {}: it is not empty; name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A file can't be read or written.
    #[error("failed to read or write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file is not what the manifest says.
    #[error("{file}: {problem}")]
    Wrong {
        /// The file, relative to the folder.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The chain of a release is broken.
    #[error("releases/{release}.jsonl does not verify")]
    Broken {
        /// The release.
        release: ReleaseId,
        /// The first bad record.
        #[source]
        source: Box<Broken>,
    },
    /// The journal has a different history of the same release.
    #[error(
        "the journal already has a different history of {release}: record {seq} differs; either one of the two was \
         rewritten, or they are different releases with the same name"
    )]
    OtherHistory {
        /// The release.
        release: ReleaseId,
        /// The last record that both have.
        seq: u64,
    },
    /// The journal does not have what was just written to it.
    #[error("{release} was written but differs when read back: do not use this journal")]
    Differs {
        /// The release.
        release: ReleaseId,
    },
    /// The record of a release can't be replayed.
    #[error("the record of {release} can't be trusted")]
    Untrusted {
        /// The release.
        release: ReleaseId,
        /// The first record that is wrong, and how.
        #[source]
        source: ReplayError,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] PortError),
    /// The journal did not take the records.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl HandoverError {
    pub(super) fn wrong(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Wrong { file: file.into(), problem: problem.into() }
    }

    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
