use std::path::Path;

use relman_core::port::{PortError, PortErrorKind};
use rusqlite::ErrorCode;

/// The adapter's name in errors and logs.
pub(super) const NAME: &str = "sqlite";

/// What to add to an error of which it matters whether anything was stored.
pub(super) const UNKNOWN: &str = "whether the records are stored is not known";

/// The port error for what SQLite reported about the journal at `path`.
pub(crate) fn fault(operation: &'static str, path: &Path, error: &rusqlite::Error) -> PortError {
    let (kind, advice) = classify(error);
    PortError::new(NAME, operation, kind, format!("{}: {advice} (SQLite: {error})", path.display()))
}

/// The port error for a commit of which it is not known whether it stored anything.
pub(super) fn unknown(operation: &'static str, path: &Path, error: &rusqlite::Error) -> PortError {
    let (kind, advice) = match classify(error) {
        (PortErrorKind::Full, advice) => (PortErrorKind::Full, format!("{advice}; {UNKNOWN}")),
        _ => (PortErrorKind::Unavailable, UNKNOWN.to_owned()),
    };
    PortError::new(NAME, operation, kind, format!("{}: {advice} (SQLite: {error})", path.display()))
}

/// A refusal that needs a person to change the path, the file or the program.
pub(crate) fn refusal(operation: &'static str, path: &Path, detail: &str) -> PortError {
    PortError::new(NAME, operation, PortErrorKind::Rejected, format!("{}: {detail}", path.display()))
}

/// Whether another connection holds the lock that was needed.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn classify(error: &rusqlite::Error) -> (PortErrorKind, &'static str) {
    use PortErrorKind::{Full, InvalidAnswer, Rejected, Unavailable};
    // The index beside the log can't grow: nothing but a lack of room does that.
    if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return (Full, "the disk is full; make room");
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Unavailable, "another process has held its lock for too long")
        }
        Some(ErrorCode::DiskFull) => (Full, "the disk is full; make room"),
        Some(ErrorCode::CannotOpen) => (
            Rejected,
            "it can't be opened; its directory must exist, and this user must be allowed to use both",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (Rejected, "this user must be allowed to write to the file and to its directory")
        }
        Some(ErrorCode::NotADatabase) => (Rejected, "it is not an SQLite file, so not a journal of relman"),
        Some(ErrorCode::DatabaseCorrupt) => {
            (InvalidAnswer, "the file is damaged; restore it from a copy and verify it")
        }
        Some(ErrorCode::ConstraintViolation) => {
            (InvalidAnswer, "its records and its heads disagree, as if it was changed by other means")
        }
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => (
            Unavailable,
            "the system failed to read or write it; check the disk, and that there is room on it",
        ),
        _ => (InvalidAnswer, "it holds something that a journal of relman doesn't hold"),
    }
}
