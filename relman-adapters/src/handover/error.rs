use std::{
    io,
    path::{Path, PathBuf},
};

use relman_core::{
    chain::Broken,
    event::RecordError,
    machine::{NotDerived, ReplayError},
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
    #[error("releases/{}.jsonl does not verify", release.file_stem())]
    Broken {
        /// The release.
        release: ReleaseId,
        /// The first bad record.
        #[source]
        source: Box<Broken>,
    },
    /// A record is chained, and says something that this version does not understand.
    #[error("releases/{}.jsonl does not verify", release.file_stem())]
    Unknown {
        /// The release.
        release: ReleaseId,
        /// The record, and why not.
        #[source]
        source: Box<RecordError>,
    },
    /// The chain is whole, and what it tells can't have happened, or a record does not follow from those before it.
    #[error("releases/{}.jsonl does not verify: {release}, record {seq}", release.file_stem())]
    Illegal {
        /// The release.
        release: ReleaseId,
        /// The record.
        seq: u64,
        /// What is wrong, in the words of `deploy-tool verify --deep`.
        #[source]
        source: Box<NotDerived>,
    },
    /// There is something at the place of the new journal. It was left as it is.
    #[error(
        "failed to import to {}: it is there already and was left as it is; an import makes a journal of its own, \
         so name a new file", .0.display()
    )]
    Exists(PathBuf),
    /// A file beside the place of the new journal belongs to a journal that was there, and would be taken for its own.
    #[error(
        "failed to import to {}: {} is left of another journal and would be read with the new one; move it away or \
         name another file", target.display(), beside.display()
    )]
    Beside {
        /// The place of the new journal.
        target: PathBuf,
        /// The file.
        beside: PathBuf,
    },
    /// Another import to the same place is under way.
    #[error(
        "failed to import to {}: another import to it is under way in {}; wait for it or name another file",
        target.display(), folder.display()
    )]
    UnderWay {
        /// The place of the new journal.
        target: PathBuf,
        /// The folder in which it is being made.
        folder: PathBuf,
    },
    /// The folder in which the new journal would be made has something else in it.
    #[error("failed to import: {} is in the way, {problem}; move it away or name another file", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What is in it.
        problem: String,
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
