use relman_core::{
    chain::{Digest, Head, SealedLine},
    port::{AppendError, PortError, PortErrorKind, StoredStream},
    unit::ReleaseId,
};
use rusqlite::{
    Connection, Error, ErrorCode, OptionalExtension, Row, TransactionBehavior, params, types::Type,
};

pub(super) const ADAPTER: &str = "sqlite";

const APPEND: &str = "append";

/// One call of [`Journal::append`](relman_core::port::Journal::append), with links that were checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Append<'a> {
    pub(super) release: &'a ReleaseId,
    pub(super) expected: Option<Head>,
    pub(super) lines: &'a [SealedLine],
}

pub(super) type Outcome = Result<Option<Head>, AppendError>;

/// A transaction that was not committed, or maybe was.
#[derive(Debug)]
pub(super) struct Failure {
    stage: Stage,
    error: Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Write,
    Commit,
}

impl Failure {
    /// Whether nothing was done because another connection is writing.
    pub(super) fn is_busy(&self) -> bool {
        self.stage == Stage::Begin && self.error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
    }

    pub(super) fn to_append_error(&self) -> AppendError {
        let error = match self.stage {
            Stage::Begin | Stage::Write => {
                PortError::new(ADAPTER, APPEND, kind_of(&self.error), self.error.to_string())
            }
            // Whatever the reason: the records may or may not be there.
            Stage::Commit => {
                let detail = format!("the commit failed, and what became of it is not known: {}", self.error);
                PortError::new(ADAPTER, APPEND, PortErrorKind::Unavailable, detail)
            }
        };
        AppendError::Port(error)
    }
}

/// Commits appends in one transaction, each as if it were alone, and answers each.
///
/// An append that conflicts has written nothing, so the others go on. Where a write fails, the transaction is
/// rolled back and each is committed by itself, so that the error hits only the one that causes it. Where the commit
/// fails, it has failed for all.
pub(super) fn commit_group(connection: &mut Connection, appends: &[Append<'_>]) -> Vec<Outcome> {
    match commit(connection, appends) {
        Ok(outcomes) => outcomes,
        Err(failure) if failure.stage == Stage::Write && appends.len() > 1 => {
            appends.iter().flat_map(|append| commit_group(connection, std::slice::from_ref(append))).collect()
        }
        Err(failure) => appends.iter().map(|_| Err(failure.to_append_error())).collect(),
    }
}

/// Commits appends in one transaction; nobody has an answer before the commit has returned.
pub(super) fn commit(connection: &mut Connection, appends: &[Append<'_>]) -> Result<Vec<Outcome>, Failure> {
    let failed = |stage| move |error| Failure { stage, error };
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(Stage::Begin))?;
    let outcomes: Result<Vec<_>, _> = appends.iter().map(|append| write(&transaction, append)).collect();
    let outcomes = outcomes.map_err(failed(Stage::Write))?;
    transaction.commit().map_err(failed(Stage::Commit))?;
    Ok(outcomes)
}

/// Writes one append inside a transaction. Writes nothing where the head is not the expected one.
fn write(connection: &Connection, append: &Append<'_>) -> Result<Outcome, Error> {
    let Append { release, expected, lines } = *append;
    let actual = head(connection, release)?;
    if actual != expected {
        return Ok(Err(AppendError::Conflict { release: release.clone(), expected, actual }));
    }
    let Some(last) = lines.last().map(SealedLine::head) else {
        return Ok(Ok(actual));
    };
    let mut insert =
        connection.prepare_cached("INSERT INTO records (release, seq, line) VALUES (?1, ?2, ?3)")?;
    for line in lines {
        insert.execute(params![release.as_str(), to_column(line.seq())?, line.bytes()])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO heads (release, seq, digest) VALUES (?1, ?2, ?3)
             ON CONFLICT (release) DO UPDATE SET seq = excluded.seq, digest = excluded.digest",
        )?
        .execute(params![release.as_str(), to_column(last.seq)?, last.digest.as_bytes()])?;
    Ok(Ok(Some(last)))
}

/// The head of a stream, as it is kept beside the records.
pub(super) fn head(connection: &Connection, release: &ReleaseId) -> Result<Option<Head>, Error> {
    connection
        .prepare_cached("SELECT seq, digest FROM heads WHERE release = ?1")?
        .query_row([release.as_str()], |row| head_at(row, 0))
        .optional()
}

/// Up to `limit` lines of a stream from `from` on, in order.
pub(super) fn read(
    connection: &Connection,
    release: &ReleaseId,
    from: u64,
    limit: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let Ok(from) = i64::try_from(from) else {
        // No column holds so large a number, so no record has it.
        return Ok(Vec::new());
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT line FROM records WHERE release = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?
        .query_map(params![release.as_str(), from, limit], |row| row.get(0))?
        .collect()
}

/// Every stream, in the order of the bytes of its name, which is that of [`ReleaseId`].
pub(super) fn streams(connection: &Connection) -> Result<Vec<StoredStream>, Error> {
    connection
        .prepare_cached("SELECT release, seq, digest FROM heads ORDER BY release")?
        .query_map([], |row| {
            let release = row.get_ref(0)?.as_str()?.parse().map_err(|error| {
                Error::FromSqlConversionFailure(
                    0,
                    Type::Text,
                    Box::<relman_core::unit::UnitError>::new(error),
                )
            })?;
            Ok(StoredStream { release, head: head_at(row, 1)? })
        })?
        .collect()
}

fn head_at(row: &Row<'_>, column: usize) -> Result<Head, Error> {
    let seq = row.get::<_, i64>(column)?;
    let seq = u64::try_from(seq).map_err(|_| Error::IntegralValueOutOfRange(column, seq))?;
    Ok(Head { seq, digest: Digest::from_bytes(row.get(column + 1)?) })
}

fn to_column(seq: u64) -> Result<i64, Error> {
    i64::try_from(seq).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

/// An error while reading.
pub(super) fn read_error(operation: &'static str, error: Error) -> PortError {
    PortError::new(ADAPTER, operation, kind_of(&error), error.to_string()).with_source(error)
}

fn kind_of(error: &Error) -> PortErrorKind {
    let Some(code) = error.sqlite_error_code() else {
        // What was read is not what the tables may hold.
        return PortErrorKind::InvalidAnswer;
    };
    match code {
        ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch => PortErrorKind::InvalidAnswer,
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            PortErrorKind::Unauthorized
        }
        ErrorCode::ReadOnly => PortErrorKind::Rejected,
        // Busy, locked, disk full, an I/O error: all of them may pass.
        _ => PortErrorKind::Unavailable,
    }
}
