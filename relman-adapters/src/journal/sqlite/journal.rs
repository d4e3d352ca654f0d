use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    chain::{Head, SealedLine},
    port::{AppendError, Journal, PortError, PortErrorKind, StoredStream, check_links},
    unit::ReleaseId,
};
use rusqlite::Connection;

use super::{
    fault::{NAME, fault, refusal},
    open,
    reserve::Reserve,
    table,
    writer::Writer,
};

/// A durable journal in one SQLite file.
///
/// - A record is kept as the exact bytes it was appended as, in a blob.
/// - An append returns once its transaction is synced to the disk (write-ahead log, `synchronous = FULL`).
///   Appends that come at the same time share a transaction, and each of them succeeds or fails by itself.
/// - Any number of handles and processes may use one file at the same time. The file must be on a local disk.
/// - Reads have a connection of their own and don't wait for appends.
/// - Dropping the future of an append stores all of its records, or none.
///
/// Beside the file, SQLite keeps `-wal` and `-shm`; a copy of a journal in use needs all three, or SQLite's own
/// backup command. The file `-reserve` holds 4 MiB of room and nothing else: it is removed when the disk is full and a
/// rollback has to be recorded, or the journal can't even be opened, and made again once there is room.
///
/// # Examples
///
/// ```
/// use relman_adapters::journal::SqliteJournal;
/// use relman_core::port::Journal;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("releases.relman");
///
/// let journal = SqliteJournal::open(&path)?;
/// assert!(journal.streams().await?.is_empty());
///
/// let auditor = SqliteJournal::open_read_only(&path)?;
/// assert!(auditor.streams().await?.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct SqliteJournal {
    path: PathBuf,
    // Dropped before the writer: the last connection to close folds the log into the file, and only the
    // writer's can.
    reader: Mutex<Connection>,
    access: Access,
}

enum Access {
    ReadOnly,
    ReadWrite(Arc<Writer>, Reserve),
}

impl SqliteJournal {
    /// Opens the journal at `path`, and makes it where there is none. Its directory must exist.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the file is something other than a journal or of a later version, and where this user
    /// may not write to it or to its directory. A file of something else is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PortError> {
        let path = path.as_ref();
        match Self::open_now(path) {
            // Even to open it takes some room, and whoever does may be about to take users back.
            Err(error) if error.kind() == PortErrorKind::Full && Reserve::free_beside(path) => {
                Self::open_now(path)
            }
            opened => opened,
        }
    }

    fn open_now(path: &Path) -> Result<Self, PortError> {
        let writer = Writer::new(path, open::read_write(path)?);
        let reader = Mutex::new(open::read_only(path)?);
        Ok(Self {
            path: path.to_owned(),
            reader,
            access: Access::ReadWrite(Arc::new(writer), Reserve::beside(path)),
        })
    }

    /// Opens the journal at `path` for reading. Appending to it is refused.
    ///
    /// Never makes a journal, and sees what other processes append meanwhile. What a crashed process left in
    /// the log is read as well, which needs permission to write beside the file. A journal without a log is also
    /// read where nothing can be written, such as a mounted copy, and must not be changed while it is open.
    ///
    /// # Errors
    ///
    /// [`PortError`] where there is no journal that can be read completely.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, PortError> {
        let path = path.as_ref();
        let reader = Mutex::new(open::read_only(path)?);
        Ok(Self { path: path.to_owned(), reader, access: Access::ReadOnly })
    }

    /// Reads on the calling thread: a page comes from memory in well under a millisecond, and every method of
    /// the port that reads takes one page or less.
    fn reading<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, PortError> {
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        read(&connection).map_err(|error| fault(operation, &self.path, &error))
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn append(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Option<Head>, AppendError> {
        let Access::ReadWrite(writer, reserve) = &self.access else {
            let detail = "the journal was opened read-only; open it for appending";
            return Err(refusal("append records", &self.path, detail).into());
        };
        check_links(release, expected, lines)?;
        let head = writer.append(release, expected, lines).await?;
        reserve.restore();
        Ok(head)
    }

    async fn free_reserve(&self) -> bool {
        match &self.access {
            Access::ReadWrite(_, reserve) => reserve.free(),
            Access::ReadOnly => false,
        }
    }

    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        self.reading("read the stream", |connection| table::read(connection, release, from, limit))
    }

    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError> {
        self.reading("read the head", |connection| table::head(connection, release))
    }

    async fn streams(&self) -> Result<Vec<StoredStream>, PortError> {
        self.reading("list the streams", table::streams)
    }
}
