use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use relman_core::{
    chain::{Head, SealedLine},
    port::{
        AppendError, Change, Journal, PortError, PortErrorKind, Position, StoredStream, StreamIndex, Streams,
        check_links,
    },
    unit::{Span, StreamId},
};
use rusqlite::Connection;
use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

use super::{
    fault::{NAME, fault, refusal},
    open,
    place::Place,
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
/// - Reads have a connection of their own, don't wait for appends, and don't hold up the runtime.
/// - Where the path does not lead to the file any more that was opened, because it was moved, removed or replaced, nothing is
///   read or written, and the error says so.
/// - Dropping the future of an append stores all of its records, or none.
///
/// Beside the file, SQLite keeps `-wal` and `-shm`; a copy of a journal in use is made by [`backup`](Self::backup). The file `-reserve` holds 4 MiB of room and nothing else: it is removed when the disk is full and a
/// rollback has to be recorded, or the journal can't even be opened, and made again once there is room.
///
/// # Examples
///
/// ```
/// use relman_adapters::journal::SqliteJournal;
/// use relman_core::port::{Journal, Position};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("releases.relman");
///
/// let journal = SqliteJournal::open(&path)?;
/// assert_eq!(journal.position().await?, Position::START);
///
/// let auditor = SqliteJournal::open_read_only(&path)?;
/// assert_eq!(auditor.position().await?, Position::START);
/// # Ok(())
/// # }
/// ```
pub struct SqliteJournal {
    path: PathBuf,
    // Dropped before the writer: the last connection to close folds the log into the file, and only the
    // writer's can.
    reader: Arc<Reader>,
    access: Access,
}

/// A stream whose records don't match the list of heads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnlistedStream {
    /// The stream, as the file names it.
    pub name: String,
    /// What doesn't match, as a clause about the stream: "its newest record is 4, and its head says 5".
    pub problem: String,
}

/// The connection that reads.
struct Reader {
    place: Place,
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// How often it is looked whether another process has appended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
        Ok(Self {
            path: path.to_owned(),
            reader: Reader::open(path)?,
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
        Ok(Self { path: path.to_owned(), reader: Reader::open(path)?, access: Access::ReadOnly })
    }

    /// Copies the journal as it is at one moment to a new file, while others go on appending. The copy is whole and on the
    /// disk when this returns; until then there is nothing at the path.
    ///
    /// # Errors
    ///
    /// [`PortError`] where there is something at the path already, or it can't be written.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<(), PortError> {
        const OPERATION: &str = "back up the journal";
        let to = to.as_ref().to_owned();
        if to.try_exists().unwrap_or(true) {
            return Err(refusal(
                OPERATION,
                &to,
                "it is there already, and is not overwritten; give another path",
            ));
        }
        let making = open::beside(&to, &format!("-making-{}", std::process::id()));
        let _ = fs::remove_file(&making);
        let into = making.to_string_lossy().into_owned();
        let copy = move |connection: &Connection| Ok(connection.execute("VACUUM INTO ?1", [into]).map(drop));
        // What fails is the copy: the message names its path.
        let copied = self.reading(OPERATION, copy).await;
        let copied = copied.and_then(|done| done.map_err(|error| fault(OPERATION, &to, &error)));
        let whole = copied.and_then(|()| {
            open::put_in_place(&making, &to).map_err(|error| {
                refusal(OPERATION, &to, &format!("the copy can't be put there ({error}); give another path"))
            })
        });
        let _ = fs::remove_file(&making);
        whole
    }

    /// Streams whose records don't match the list of heads, such as a stream whose head was deleted. Empty unless
    /// something other than relman changed the file.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the file can't be read.
    pub async fn unlisted(&self) -> Result<Vec<UnlistedStream>, PortError> {
        self.reading("compare records and heads", table::unlisted).await
    }

    /// Reads on a thread that may wait for the disk; on the calling one where there is no runtime.
    async fn reading<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        if Handle::try_current().is_err() {
            return self.reader.read(operation, read);
        }
        let reader = self.reader.clone();
        match spawn_blocking(move || reader.read(operation, read)).await {
            Ok(done) => done,
            Err(error) => {
                let detail = format!("{}: the reading thread has ended ({error})", self.path.display());
                Err(PortError::new(NAME, operation, PortErrorKind::Unavailable, detail))
            }
        }
    }
}

impl Reader {
    fn open(path: &Path) -> Result<Arc<Self>, PortError> {
        let connection = Mutex::new(open::read_only(path)?);
        Ok(Arc::new(Self { place: Place::of(path), path: path.to_owned(), connection }))
    }

    fn read<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, PortError> {
        self.place.check(operation)?;
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
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
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Result<Option<Head>, AppendError> {
        let Access::ReadWrite(writer, reserve) = &self.access else {
            let detail = "the journal was opened read-only; open it for appending";
            return Err(refusal("append records", &self.path, detail).into());
        };
        check_links(stream, expected, lines)?;
        let head = writer.append(stream, expected, lines, index).await?;
        reserve.restore();
        Ok(head)
    }

    async fn free_reserve(&self) -> bool {
        match &self.access {
            Access::ReadWrite(_, reserve) => reserve.free(),
            Access::ReadOnly => false,
        }
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        let stream = stream.clone();
        self.reading("read the stream", move |connection| table::read(connection, &stream, from, limit)).await
    }

    async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError> {
        let stream = stream.clone();
        self.reading("read the head", move |connection| table::head(connection, &stream)).await
    }

    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError> {
        let list = move |connection: &Connection| table::streams(connection, which, after.as_ref(), limit);
        self.reading("list the streams", list).await
    }

    async fn reindex(&self, stream: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError> {
        match &self.access {
            Access::ReadWrite(writer, _) => writer.reindex(stream, head, index),
            // Whoever only reads has no say in it.
            Access::ReadOnly => Ok(()),
        }
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError> {
        self.reading("read the changes", move |connection| table::changes(connection, after, limit)).await
    }

    async fn position(&self) -> Result<Position, PortError> {
        self.reading("read the newest position", table::position).await
    }

    async fn changed(&self, after: Position, at_most: Span) -> Result<(), PortError> {
        let until = Instant::now() + at_most.to_std();
        loop {
            let own = async {
                match &self.access {
                    Access::ReadWrite(writer, _) => writer.appended().await,
                    Access::ReadOnly => std::future::pending().await,
                }
            };
            if self.position().await? > after || Instant::now() >= until {
                return Ok(());
            }
            // Other processes wake nobody here.
            let _ = tokio::time::timeout_at(until.min(Instant::now() + LOOK_EVERY), own).await;
        }
    }
}
