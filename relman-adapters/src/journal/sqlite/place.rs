use std::{
    fs, io,
    path::{Path, PathBuf},
};

use relman_core::port::{PortError, PortErrorKind};

use super::fault::NAME;

/// Where the file of a journal is, and which file that was when it was opened: what is appended to a file that has no name
/// any more is lost with the process.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    opened: Option<FileId>,
}

/// What tells one file from all others of a machine. Read by name alone: to open the file a second time and close it again
/// would drop the locks that SQLite holds on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl Place {
    /// The place of a file that was just opened.
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), opened: FileId::of(path).ok().flatten() }
    }

    /// That the path still leads to the file that was opened.
    pub(crate) fn check(&self, operation: &'static str) -> Result<(), PortError> {
        let Some(opened) = self.opened else { return Ok(()) };
        let found = match FileId::of(&self.path) {
            Ok(Some(id)) if id == opened => return Ok(()),
            Ok(_) => "another file is in its place",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "it was moved or removed",
            Err(_) => return Ok(()),
        };
        let detail = format!(
            "{}: {found} since it was opened, and nothing is written to a file that nobody finds; put the journal back, \
             or start relman again with the path that it has now",
            self.path.display()
        );
        Err(PortError::new(NAME, operation, PortErrorKind::Unavailable, detail))
    }
}

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> io::Result<Option<Self>> {
        use std::os::unix::fs::MetadataExt as _;
        let found = fs::metadata(path)?;
        Ok(Some(Self { device: found.dev(), inode: found.ino() }))
    }

    /// Elsewhere a file that is open can't be moved or removed.
    #[cfg(not(unix))]
    fn of(_: &Path) -> io::Result<Option<Self>> {
        Ok(None)
    }
}
