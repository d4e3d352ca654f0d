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
    open::{self, OpenError},
    store::{self, ADAPTER, Append},
    writer::Writer,
};

/// A journal in one SQLite file.
///
/// - An append that returned `Ok` is on the disk: every commit is synced.
/// - Any number of processes may use the file at once. It has to be on a local disk, as network file systems have
///   no shared memory for its write-ahead log.
/// - Appends to many releases at the same time share their commits; a lone append is committed on the caller's
///   thread, which takes as long as the disk needs to sync.
/// - Dropping the future of an append neither loses nor halves it: the records are stored, or were never handed over.
///
/// The lines are blobs in the table `records`, so that anybody can read them in ten years:
/// `select line from records where release = 'checkout-241' order by seq`.
///
/// # Examples
///
/// ```
/// use relman_adapters::journal::SqliteJournal;
/// use relman_core::{chain::SealedLine, port::Journal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("releases.db");
/// let journal = SqliteJournal::open(&path)?;
/// let release = "checkout-241".parse()?;
/// let zeros = "0".repeat(64);
/// let line = SealedLine::read(
///     format!(
///         r#"{{"v":1,"release":"checkout-241","seq":0,"prev":"{zeros}","at":"2026-11-22T18:04:05.000Z","by":"user:ana","kind":"noted","data":{{}}}}"#
///     )
///     .into_bytes(),
/// )?;
///
/// let head = journal.append(&release, None, std::slice::from_ref(&line)).await?;
/// assert_eq!(head, Some(line.head()));
/// assert_eq!(journal.read(&release, 0, 10).await?, [line.bytes()]);
/// # Ok(())
/// # }
/// ```
pub struct SqliteJournal {
    readers: Arc<Readers>,
    /// `None` where the file was opened for reading only.
    writer: Option<Writer>,
}

impl SqliteJournal {
    /// Opens the journal in that file; a file that does not exist, or is empty, becomes one.
    ///
    /// Blocks while it does, up to seconds where another process is writing.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where the file is something else, of a later version, or can't be written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let writer = Writer::start(open::open_writer(path)?).map_err(|error| OpenError::Unavailable {
            path: path.to_owned(),
            detail: "there is no thread for its writer".to_owned(),
            source: Some(Box::new(error)),
        })?;
        Ok(Self { readers: Arc::new(Readers::new(path)), writer: Some(writer) })
    }

    /// Opens the journal in that file for reading, as for verification. Other processes may write meanwhile.
    ///
    /// Appending to it is refused. The file has to be there. SQLite keeps two small files beside it (`-wal` and
    /// `-shm`) while it is open, so its folder has to be writable unless they are there already.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where there is no such file, or where it is something else or of a later version.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let readers = Readers::new(path);
        readers.put_back(open::open_reader(path)?);
        Ok(Self { readers: Arc::new(readers), writer: None })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.readers.path
    }

    /// Reads on a thread where waiting for a disk is fine: how much there is to read is up to the caller.
    async fn read_elsewhere<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.with(operation, read)).await.unwrap_or_else(|error| {
            let detail = "the thread that was to read has ended";
            Err(PortError::new(ADAPTER, operation, PortErrorKind::Unavailable, detail).with_source(error))
        })
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    async fn append(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Option<Head>, AppendError> {
        check_links(release, expected, lines)?;
        let refused = |kind, detail| AppendError::Port(PortError::new(ADAPTER, "append", kind, detail));
        let Some(writer) = &self.writer else {
            return Err(refused(PortErrorKind::Rejected, "the journal was opened for reading only"));
        };
        let append = Append { release, expected, lines };
        if let Some(outcome) = writer.commit_inline(&append) {
            return outcome;
        }
        match writer.enqueue(&append).await {
            Ok(outcome) => outcome,
            Err(_) => Err(refused(PortErrorKind::Unavailable, "the journal's writer has ended")),
        }
    }

    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        let release = release.clone();
        self.read_elsewhere("read", move |connection| store::read(connection, &release, from, limit)).await
    }

    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError> {
        // One row by its key, in memory as a rule: quicker than a change of threads.
        self.readers.with("read the head", |connection| store::head(connection, release))
    }

    async fn streams(&self) -> Result<Vec<StoredStream>, PortError> {
        self.read_elsewhere("list the streams", store::streams).await
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.writer.is_some() { "read and write" } else { "read only" };
        f.debug_struct("SqliteJournal").field("path", &self.readers.path).field("mode", &mode).finish()
    }
}

/// Connections for reading. In the write-ahead log they never wait for the writer, nor the writer for them.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Connections kept open while nobody reads: one for each of a few readers at once. More are opened as needed.
    const KEPT: usize = 4;

    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default() }
    }

    fn with<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, PortError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::open_reader(&self.path).map_err(|error| {
                PortError::new(ADAPTER, operation, PortErrorKind::Unavailable, error.to_string())
                    .with_source(error)
            })?,
        };
        let answer = read(&connection).map_err(|error| store::read_error(operation, error))?;
        self.put_back(connection);
        Ok(answer)
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::KEPT {
            idle.push(connection);
        }
    }
}
