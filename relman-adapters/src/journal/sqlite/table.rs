use relman_core::{
    chain::{Digest, Head, SealedLine},
    port::StoredStream,
    unit::ReleaseId,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

/// The tables of version 1. STRICT keeps a blob a blob; WITHOUT ROWID stores a stream's records side by side.
pub(super) const SCHEMA: &str = "
    CREATE TABLE records (
        release TEXT NOT NULL,
        seq INTEGER NOT NULL,
        line BLOB NOT NULL,
        PRIMARY KEY (release, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE heads (
        release TEXT NOT NULL PRIMARY KEY,
        seq INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The head of a stream.
pub(super) fn head(connection: &Connection, release: &ReleaseId) -> rusqlite::Result<Option<Head>> {
    connection
        .prepare_cached("SELECT seq, digest FROM heads WHERE release = ?1")?
        .query_row([release.as_str()], |row| head_in(row, 0))
        .optional()
}

/// Every stream in the order of the identifiers, which SQLite compares byte by byte as Rust does.
pub(super) fn streams(connection: &Connection) -> rusqlite::Result<Vec<StoredStream>> {
    connection
        .prepare_cached("SELECT release, seq, digest FROM heads ORDER BY release")?
        .query_map([], |row| {
            let release = row.get_ref(0)?.as_str()?.parse().map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    0,
                    Type::Text,
                    Box::<relman_core::unit::UnitError>::new(error),
                )
            })?;
            Ok(StoredStream::new(release, head_in(row, 1)?))
        })?
        .collect()
}

/// Up to `limit` lines of a stream from `from` on.
pub(super) fn read(
    connection: &Connection,
    release: &ReleaseId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Vec<u8>>> {
    let Ok(from) = i64::try_from(from) else {
        // No record can have such a number: `insert` refuses it.
        return Ok(Vec::new());
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT line FROM records WHERE release = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?
        .query_map(params![release.as_str(), from, limit], |row| row.get(0))?
        .collect()
}

/// Stores lines and the head they lead to, all or nothing, in the transaction that is open.
///
/// A failure leaves the rest of the transaction usable, except where SQLite has given it up as a whole.
pub(super) fn insert(
    connection: &Connection,
    release: &ReleaseId,
    lines: &[SealedLine],
    head: Head,
) -> rusqlite::Result<()> {
    connection.prepare_cached("SAVEPOINT one_append")?.execute([])?;
    let stored = insert_rows(connection, release, lines, head);
    if stored.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK TO one_append")?.execute([])?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE one_append")?.execute([])?;
    }
    stored
}

fn insert_rows(
    connection: &Connection,
    release: &ReleaseId,
    lines: &[SealedLine],
    head: Head,
) -> rusqlite::Result<()> {
    let mut record =
        connection.prepare_cached("INSERT INTO records (release, seq, line) VALUES (?1, ?2, ?3)")?;
    for line in lines {
        record.execute(params![release.as_str(), signed(line.seq())?, line.bytes()])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO heads (release, seq, digest) VALUES (?1, ?2, ?3)
             ON CONFLICT (release) DO UPDATE SET seq = excluded.seq, digest = excluded.digest",
        )?
        .execute(params![release.as_str(), signed(head.seq)?, head.digest.as_bytes()])?;
    Ok(())
}

fn head_in(row: &Row<'_>, first: usize) -> rusqlite::Result<Head> {
    let seq: i64 = row.get(first)?;
    let seq = u64::try_from(seq).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(first, seq))?;
    Ok(Head { seq, digest: Digest::from_bytes(row.get(first + 1)?) })
}

fn signed(seq: u64) -> rusqlite::Result<i64> {
    i64::try_from(seq).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
