use std::{
    error::Error,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use thiserror::Error;

/// "rlmn": marks a file as a journal of relman, for `file` and for [`open_writer`].
const APPLICATION_ID: i32 = 0x726c_6d6e;

/// The version of the tables.
const SCHEMA_VERSION: i32 = 1;

/// How long to wait for another process that writes. It commits groups of records in milliseconds; one that
/// takes this long is stuck.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Lines are blobs: text would be checked and could be converted, and what is hashed is bytes.
const SCHEMA: &str = "
    CREATE TABLE records (
        release TEXT NOT NULL,
        seq INTEGER NOT NULL CHECK (seq >= 0),
        line BLOB NOT NULL,
        PRIMARY KEY (release, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE heads (
        release TEXT NOT NULL PRIMARY KEY,
        seq INTEGER NOT NULL CHECK (seq >= 0),
        digest BLOB NOT NULL CHECK (length(digest) = 32)
    ) STRICT, WITHOUT ROWID;
";

/// Why a file was not opened as a journal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, and it was to be opened for reading only.
    #[error("failed to open the journal {}: there is no such file", path.display())]
    NotFound {
        /// The path that was given.
        path: PathBuf,
    },
    /// It is something else. Nothing in it was changed.
    #[error("failed to open the journal {}: {problem}", path.display())]
    NotAJournal {
        /// The path that was given.
        path: PathBuf,
        /// What it is.
        problem: &'static str,
    },
    /// A later version of relman wrote it. Nothing in it was changed.
    #[error(
        "failed to open the journal {}: its tables are of version {found}, and this program knows version \
         {SCHEMA_VERSION}; use a newer one",
        path.display()
    )]
    NewerVersion {
        /// The path that was given.
        path: PathBuf,
        /// The version of its tables.
        found: i32,
    },
    /// It can be read only, and was to be opened for writing.
    #[error("failed to open the journal {}: it can be read but not written", path.display())]
    ReadOnly {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file system does not let it be opened, or somebody else holds it.
    #[error("failed to open the journal {}: {detail}", path.display())]
    Unavailable {
        /// The path that was given.
        path: PathBuf,
        /// What went wrong.
        detail: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

/// What a file turns out to be.
enum Content {
    Nothing,
    Journal,
}

/// Opens the file for writing and makes it a journal where it is new or empty.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    refuse_directory(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = connect(path, flags)?;
    let failed = |error| unavailable(path, error);
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    // A look before the lock: what is not ours is not even locked.
    if let Content::Nothing = inspect(&connection, path)? {
        create(&mut connection, path)?;
    }
    enter_wal(&connection, path)?;
    // FULL: a commit returns when the record is on the disk and not only on its way. `fullfsync` asks the same of
    // disks that lie by default, on macOS; elsewhere it means nothing.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "fullfsync", true).map_err(failed)?;
    Ok(connection)
}

/// Opens the file for reading; creates nothing.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::NotFound { path: path.to_owned() });
    }
    refuse_directory(path)?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match inspect(&connection, path)? {
        Content::Journal => Ok(connection),
        Content::Nothing => {
            Err(OpenError::NotAJournal { path: path.to_owned(), problem: "it is an empty file" })
        }
    }
}

fn refuse_directory(path: &Path) -> Result<(), OpenError> {
    if path.is_dir() {
        return Err(OpenError::NotAJournal { path: path.to_owned(), problem: "it is a directory" });
    }
    Ok(())
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    // Each connection has one user at a time, so SQLite's own mutex has nothing to guard. Without the URI flag, a
    // path is a path, whatever characters it has.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .and_then(|connection| connection.busy_timeout(PATIENCE).map(|()| connection));
    connection.map_err(|error| unavailable(path, error))
}

fn inspect(connection: &Connection, path: &Path) -> Result<Content, OpenError> {
    const SQL: &str = "SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id a, pragma_user_version v";
    let found: Result<(i32, i32, i64), _> =
        connection.query_row(SQL, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let not_a_journal = |problem| OpenError::NotAJournal { path: path.to_owned(), problem };
    match found {
        Ok((0, 0, 0)) => Ok(Content::Nothing),
        Ok((APPLICATION_ID, SCHEMA_VERSION, _)) => Ok(Content::Journal),
        Ok((APPLICATION_ID, found, _)) if found > SCHEMA_VERSION => {
            Err(OpenError::NewerVersion { path: path.to_owned(), found })
        }
        Ok((APPLICATION_ID, _, _)) => Err(not_a_journal("its tables are of a version that never was")),
        Ok(_) => Err(not_a_journal("it is a database of another program")),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(not_a_journal("it is not an SQLite database"))
        }
        Err(error) => Err(unavailable(path, error)),
    }
}

fn create(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| unavailable(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have been faster.
    if let Content::Nothing = inspect(&transaction, path)? {
        transaction.execute_batch(SCHEMA).map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Switches to the write-ahead log, in which readers never wait for the writer. The file remembers it.
fn enter_wal(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mode: Result<String, _> =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let detail = format!("its file system has no write-ahead log, only the mode {mode}");
                return Err(OpenError::Unavailable { path: path.to_owned(), detail, source: None });
            }
            // SQLite does not wait by itself when two processes switch a new file at the same moment.
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(unavailable(path, error)),
        }
    }
}

fn unavailable(path: &Path, error: rusqlite::Error) -> OpenError {
    OpenError::Unavailable { path: path.to_owned(), detail: error.to_string(), source: Some(Box::new(error)) }
}
