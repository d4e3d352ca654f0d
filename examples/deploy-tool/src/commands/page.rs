//! A page or an archive that is written to a file.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// What is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A report or a storyboard.
    Html,
    /// A release package.
    Zip,
}

impl Kind {
    /// How it begins, by which an older one is known from everything else that must not be replaced.
    fn beginning(self) -> &'static [u8] {
        match self {
            Self::Html => b"<!doctype html>",
            Self::Zip => b"PK\x03\x04",
        }
    }

    fn refusal(self) -> &'static str {
        match self {
            Self::Html => {
                "it is there and is no report; only a report or a storyboard is replaced, name another file"
            }
            Self::Zip => "it is there and is no zip archive; only a package is replaced, name another file",
        }
    }
}

/// A file that is going to be written.
pub(super) struct Page {
    path: PathBuf,
    /// Beside it, so that the page appears whole or not at all.
    draft: NamedTempFile,
}

impl Page {
    /// Finds out whether the file can be written, and leaves it as it is until then.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where it is a folder or something else than what is to be written, or can't be made.
    pub(super) fn prepare(path: &Path, kind: Kind) -> Result<Self, Failure> {
        let failed = |why: String| Failure::usage(format_args!("failed to write {}: {why}", path.display()));
        if path.is_dir() {
            return Err(failed("it is a folder; name a file in it".to_owned()));
        }
        match File::open(path) {
            Ok(older) => {
                let mut beginning = Vec::new();
                let length = kind.beginning().len() as u64;
                older.take(length).read_to_end(&mut beginning).map_err(|error| failed(error.to_string()))?;
                if !beginning.is_empty() && beginning != kind.beginning() {
                    return Err(failed(kind.refusal().to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error.to_string())),
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut draft = tempfile::Builder::new();
        // As any file that a program makes: the umask says who may read it.
        #[cfg(unix)]
        draft.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let draft = draft.tempfile_in(folder.unwrap_or(Path::new(".")));
        let draft =
            draft.map_err(|error| failed(format!("no file can be made in its folder: {}", error.kind())))?;
        Ok(Self { path: path.to_owned(), draft })
    }

    /// Writes it; where it is now.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] where the disk does not take it.
    pub(super) fn write(self, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let Self { path, mut draft } = self;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::refused(format_args!("failed to write {}: {error}", path.display()))
        };
        draft.write_all(bytes).map_err(|error| failed(&error))?;
        draft.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}
