use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use relman_core::port::PortError;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tempfile::TempPath;

use super::{
    fault::{fault, is_busy, refusal},
    table::{SEEN_AS_VERSION_2, VERSION_1, VERSION_2},
};

/// How long to wait for a lock that another process holds. A transaction takes well under a millisecond, so
/// whoever holds one for this long hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// "relm" in ASCII, in the header of the file.
const APPLICATION_ID: i32 = 0x7265_6c6d;

/// The version of the tables, in the header of the file.
const VERSION: i32 = 2;

const OPEN: &str = "open the journal";

/// How many pages of 4 KiB are kept in memory, in KiB below zero, and how many the log gathers before they are written to the
/// file: a page at the end of a busy stream changes with each of its records, and is copied there once for all of them.
const OFTEN_WRITTEN: &str = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096;";

/// What the header of a file says.
enum Identity {
    /// A journal of the version that this build reads and writes.
    Ours,
    /// A journal with the tables of version 1.
    Older,
    /// Nothing at all yet.
    Blank,
    /// Something that must not be touched, and why.
    Foreign(String),
}

/// Opens a connection that appends, and makes the file a journal where there is none yet.
pub(crate) fn read_write(path: &Path) -> Result<Connection, PortError> {
    refuse_directory(path)?;
    // SQLite takes this name for no file at all, which is refused below.
    if path != Path::new(":memory:") && !path.try_exists().unwrap_or(true) {
        make_beside(path)?;
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: rusqlite::Error| fault(OPEN, path, &error);
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // SQLite falls back to reading only, without a word.
    if connection.is_readonly("main").map_err(failed)? {
        let detail = "this user may not write to it; allow it, or open it read-only";
        return Err(refusal(OPEN, path, detail));
    }
    // Looked at before anything is set: the file of another program stays as it is.
    match identify(&mut connection).map_err(failed)? {
        Identity::Ours => {}
        Identity::Blank | Identity::Older => create(&mut connection, path)?,
        Identity::Foreign(why) => return Err(refusal(OPEN, path, &why)),
    }
    use_write_ahead_log(&connection, path)?;
    // FULL syncs the log in every commit, and `fullfsync` is what macOS needs to mean it.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;").map_err(failed)?;
    connection.execute_batch(OFTEN_WRITTEN).map_err(failed)?;
    Ok(connection)
}

/// Opens a connection that only reads, of a journal that exists.
pub(crate) fn read_only(path: &Path) -> Result<Connection, PortError> {
    refuse_directory(path)?;
    if let Err(error) = path.metadata() {
        let detail = format!("there is no journal that this user can read ({error}); give the path of one");
        return Err(refusal(OPEN, path, &detail));
    }
    let (connection, identity) = match look(path) {
        Ok(found) => found,
        Err(error) if needs_side_files(&error) => look_at_sealed(path, &error)?,
        Err(error) => return Err(fault(OPEN, path, &error)),
    };
    match identity {
        Identity::Ours => {}
        Identity::Older => {
            connection.execute_batch(SEEN_AS_VERSION_2).map_err(|error| fault(OPEN, path, &error))?;
        }
        Identity::Blank => return Err(refusal(OPEN, path, "it is empty, not a journal of relman")),
        Identity::Foreign(why) => return Err(refusal(OPEN, path, &why)),
    }
    Ok(connection)
}

fn refuse_directory(path: &Path) -> Result<(), PortError> {
    if path.is_dir() {
        return Err(refusal(OPEN, path, "it is a directory; give the path of a file in it"));
    }
    Ok(())
}

fn look(path: &Path) -> rusqlite::Result<(Connection, Identity)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let identity = identify(&mut connection)?;
    Ok((connection, identity))
}

/// Readers of a write-ahead log share an index in a file beside it, and somebody who may not write there can't
/// make one.
fn needs_side_files(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Reads a journal on a medium that can't be written. Without a log the file itself is complete, and nobody
/// changes it; with a log it is not, and reading the file alone would silently miss the latest records.
fn look_at_sealed(path: &Path, error: &rusqlite::Error) -> Result<(Connection, Identity), PortError> {
    let log = beside(path, "-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        let detail = format!(
            "its latest records are in {} and reading them needs permission to write there; \
             open it once as a user who may, or copy both files to a place where this user may write \
             (SQLite: {error})",
            log.display()
        );
        return Err(refusal(OPEN, path, &detail));
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let open = || {
        let mut connection = Connection::open_with_flags(immutable(path), flags)?;
        let identity = identify(&mut connection)?;
        Ok((connection, identity))
    };
    open().map_err(|error: rusqlite::Error| fault(OPEN, path, &error))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes all that is written to it");
        }
    }
    uri + "?immutable=1"
}

/// Reads the header and the number of tables from one snapshot, so that a journal that another process is just
/// making is seen either before or after.
fn identify(connection: &mut Connection) -> rusqlite::Result<Identity> {
    identify_in(&*connection.transaction()?)
}

fn identify_in(connection: &Connection) -> rusqlite::Result<Identity> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    Ok(match (application, version, tables) {
        (APPLICATION_ID, VERSION, _) => Identity::Ours,
        (APPLICATION_ID, 1, _) => Identity::Older,
        (0, 0, 0) => Identity::Blank,
        (APPLICATION_ID, version, _) => Identity::Foreign(format!(
            "it is a journal of version {version}, and this build knows version {VERSION}; \
             open it with the relman that wrote it, or a later one"
        )),
        _ => Identity::Foreign(
            "it is a database of another program, not a journal of relman; give another path".to_owned(),
        ),
    })
}

/// Makes a journal under another name and gives it this one once it is whole, so that a crash on the way leaves no half of a
/// journal at the path. Where another process was faster, its journal stays.
fn make_beside(path: &Path) -> Result<(), PortError> {
    let making = beside(path, &format!("-making-{}", std::process::id()));
    let failed = |error: rusqlite::Error| fault(OPEN, path, &error);
    let remove = || {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(beside(&making, suffix));
        }
    };
    // What a process of that number has left behind.
    remove();
    let made = (|| {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&making, flags).map_err(failed)?;
        create(&mut connection, path)?;
        use_write_ahead_log(&connection, path)?;
        connection.close().map_err(|(_, error)| failed(error))
    })();
    // If another process was faster, its journal stays; if the file system can't do it, SQLite makes the file itself.
    let placed = made.map(|()| put_in_place(&making, path));
    remove();
    placed?.ok();
    Ok(())
}

/// Moves a file that is whole and closed to a path, without replacing anything there, and syncs both.
pub(super) fn put_in_place(making: &Path, path: &Path) -> io::Result<()> {
    fs::File::open(making)?.sync_all()?;
    TempPath::try_from_path(making)?.persist_noclobber(path)?;
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Makes the tables where there are none, or those of this version from older ones.
fn create(connection: &mut Connection, path: &Path) -> Result<(), PortError> {
    let mut made = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let identity = identify_in(&transaction)?;
        let missing: &[&str] = match identity {
            Identity::Blank => &[VERSION_1, VERSION_2],
            Identity::Older => &[VERSION_2],
            Identity::Ours | Identity::Foreign(_) => &[],
        };
        for tables in missing {
            transaction.execute_batch(tables)?;
        }
        if !missing.is_empty() {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
        }
        Ok(identity)
    };
    match made().map_err(|error: rusqlite::Error| fault(OPEN, path, &error))? {
        Identity::Ours | Identity::Older | Identity::Blank => Ok(()),
        Identity::Foreign(why) => Err(refusal(OPEN, path, &why)),
    }
}

/// Turns on the write-ahead log, which stays on for good. SQLite doesn't wait for other connections here, so
/// this does.
fn use_write_ahead_log(connection: &Connection, path: &Path) -> Result<(), PortError> {
    let deadline = Instant::now() + PATIENCE;
    let mode: String = loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Ok(mode) => break mode,
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(fault(OPEN, path, &error)),
        }
    };
    if mode == "wal" {
        return Ok(());
    }
    Err(refusal(OPEN, path, "it can't have a write-ahead log there; give a path on a local disk"))
}
