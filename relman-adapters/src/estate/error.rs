use std::path::{Path, PathBuf};

use relman_core::{
    chain::Broken,
    machine::ReplayError,
    port::{AppendError, PortError},
    unit::ReleaseId,
};
use thiserror::Error;

/// Why an estate was not handed over.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EstateError {
    /// The folder is not empty, so that nobody can say afterwards what belongs to the estate.
    #[error("failed to export to {}: there is something in it; name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A file can't be read or written.
    #[error("failed to use {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file}: {problem}")]
    Wrong {
        /// The file, in the folder.
        file: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A record is not what it was.
    #[error("releases/{release}.jsonl: {broken}")]
    Broken {
        /// The release.
        release: ReleaseId,
        /// The first bad record.
        broken: Box<Broken>,
    },
    /// The journal holds another history of the same release.
    #[error(
        "{release} is in the journal already with another history: record {seq} is not the same; one of the two \
         was rewritten, or they are different releases of the same name"
    )]
    OtherHistory {
        /// The release.
        release: ReleaseId,
        /// The last record that the journal and the estate both have.
        seq: u64,
    },
    /// The journal does not hold afterwards what the estate says.
    #[error(
        "{release} is not in the journal as it is in the estate, though it was written: do not use this journal"
    )]
    Differs {
        /// The release.
        release: ReleaseId,
    },
    /// The record of a release can't be folded.
    #[error("the record of {release} can't be trusted: {problem}")]
    Untrusted {
        /// The release.
        release: ReleaseId,
        /// Which record is wrong, and how.
        problem: ReplayError,
    },
    /// The journal has failed.
    #[error(transparent)]
    Journal(#[from] PortError),
    /// The journal did not take the records.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl EstateError {
    pub(super) fn wrong(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Wrong { file: file.into(), problem: problem.into() }
    }

    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |problem| Self::File { path, problem }
    }
}
