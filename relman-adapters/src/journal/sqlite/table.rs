use std::borrow::Cow;

use super::journal::UnlistedStream;
use relman_core::{
    chain::{Digest, Head, SealedLine},
    port::{Change, Position, StoredStream, StreamIndex, StreamState, Streams},
    unit::{ServiceName, StreamId, Timestamp},
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

/// The tables of version 1. STRICT keeps a blob a blob. Records lie in the order in which they were appended, so that the next ones
/// of sixty streams fill one page after another; an index has where those of a stream are. Journals that were made before lay them
/// by stream (`WITHOUT ROWID`), which changes and writes twice as many pages, and is read and written just the same.
pub(super) const VERSION_1: &str = "
    CREATE TABLE records (
        release TEXT NOT NULL,
        seq INTEGER NOT NULL,
        line BLOB NOT NULL,
        PRIMARY KEY (release, seq)
    ) STRICT;
    CREATE TABLE heads (
        release TEXT NOT NULL PRIMARY KEY,
        seq INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What version 2 adds. `changes` has a row for each append: rows are never removed, and SQLite has one writer, so that its
/// numbers have no gaps and appear in order. What version 1 holds counts as one append a stream, in the order of the
/// identifiers; its index is not known.
pub(super) const VERSION_2: &str = "
    ALTER TABLE heads ADD COLUMN ended INTEGER;
    ALTER TABLE heads ADD COLUMN due INTEGER;
    ALTER TABLE heads ADD COLUMN service TEXT;
    ALTER TABLE heads ADD COLUMN line TEXT;
    CREATE INDEX open_heads ON heads (release) WHERE ended IS NOT 1;
    CREATE TABLE changes (
        position INTEGER NOT NULL PRIMARY KEY,
        release TEXT NOT NULL,
        first INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT;
    INSERT INTO changes (release, first, seq, digest) SELECT release, 0, seq, digest FROM heads ORDER BY release;
";

/// Shows the tables of version 1 as those of version 2 to a connection that may not change them.
pub(super) const SEEN_AS_VERSION_2: &str = "
    CREATE TEMP VIEW heads AS
        SELECT release, seq, digest, NULL AS ended, NULL AS due, NULL AS service, NULL AS line FROM main.heads;
    CREATE TEMP VIEW changes AS
        SELECT row_number() OVER (ORDER BY release) AS position, release, 0 AS first, seq, digest FROM main.heads;
";

/// The head of a stream.
pub(super) fn head(connection: &Connection, id: &StreamId) -> rusqlite::Result<Option<Head>> {
    connection
        .prepare_cached("SELECT seq, digest FROM heads WHERE release = ?1")?
        .query_row([id.key()], |row| head_in(row, 0))
        .optional()
}

/// A stream as an append finds it.
pub(super) struct Found {
    pub(super) head: Head,
    /// Whether its index says that it has ended; none without an index.
    ended: Option<bool>,
}

/// The stream to which an append goes; none where it begins it.
pub(super) fn found(connection: &Connection, id: &StreamId) -> rusqlite::Result<Option<Found>> {
    connection
        .prepare_cached("SELECT seq, digest, ended FROM heads WHERE release = ?1")?
        .query_row([id.key()], |row| Ok(Found { head: head_in(row, 0)?, ended: row.get(2)? }))
        .optional()
}

/// Streams behind one, in the order of the identifiers, which SQLite compares byte by byte as Rust does.
pub(super) fn streams(
    connection: &Connection,
    which: Streams,
    after: Option<&StreamId>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredStream>> {
    let wanted = match which {
        Streams::All => {
            "SELECT release, seq, digest, ended, due, service, line FROM heads
             WHERE release > ?1 ORDER BY release LIMIT ?2"
        }
        Streams::Open => {
            "SELECT release, seq, digest, ended, due, service, line FROM heads
             WHERE release > ?1 AND ended IS NOT 1 ORDER BY release LIMIT ?2"
        }
    };
    connection
        .prepare_cached(wanted)?
        .query_map(params![after.map_or(Cow::Borrowed(""), StreamId::key), limited(limit)], |row| {
            Ok(StoredStream::new(parsed(row, 0)?, head_in(row, 1)?, index_in(row, 3)?))
        })?
        .collect()
}

/// Appends behind a position, in order.
pub(super) fn changes(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<Change>> {
    let Ok(after) = i64::try_from(after.0) else { return Ok(Vec::new()) };
    connection
        .prepare_cached(
            "SELECT position, release, first, seq, digest FROM changes
             WHERE position > ?1 ORDER BY position LIMIT ?2",
        )?
        .query_map(params![after, limited(limit)], |row| {
            let position = Position(unsigned(row, 0)?);
            Ok(Change::new(position, parsed(row, 1)?, unsigned(row, 2)?, head_in(row, 3)?))
        })?
        .collect()
}

/// The position of the newest append.
pub(super) fn position(connection: &Connection) -> rusqlite::Result<Position> {
    let newest: Option<i64> =
        connection.prepare_cached("SELECT max(position) FROM changes")?.query_row([], |row| row.get(0))?;
    let newest = newest.unwrap_or_default();
    u64::try_from(newest).map(Position).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, newest))
}

/// Gives a stream an index where its head is this one.
pub(super) fn reindex(
    connection: &Connection,
    id: &StreamId,
    head: Head,
    index: &StreamIndex,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE heads SET ended = ?4, due = ?5, service = ?6, line = ?7
             WHERE release = ?1 AND seq = ?2 AND digest = ?3",
        )?
        .execute(params![
            id.key(),
            signed(head.seq)?,
            head.digest.as_bytes(),
            index.state == StreamState::Ended,
            index.due.map(Timestamp::as_millis),
            index.service.as_ref().map(ServiceName::as_str),
            index.line,
        ])?;
    Ok(())
}

/// Up to `limit` lines of a stream from `from` on.
pub(super) fn read(
    connection: &Connection,
    id: &StreamId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Vec<u8>>> {
    let Ok(from) = i64::try_from(from) else {
        // No record can have such a number: `insert` refuses it.
        return Ok(Vec::new());
    };
    connection
        .prepare_cached("SELECT line FROM records WHERE release = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?
        .query_map(params![id.key(), from, limited(limit)], |row| row.get(0))?
        .collect()
}

/// Does all or nothing of what is to be done, in the transaction that is open.
///
/// A failure leaves the rest of the transaction usable, except where SQLite has given it up as a whole.
pub(super) fn whole<T, E: From<rusqlite::Error>>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    connection.prepare_cached("SAVEPOINT whole")?.execute([])?;
    let done = work();
    if done.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK TO whole")?.execute([])?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE whole")?.execute([])?;
    }
    done
}

/// Stores lines, the head they lead to and the index, of a stream that was just found so. Of what fails, a part may be
/// stored: see [`whole`].
pub(super) fn insert(
    connection: &Connection,
    id: &StreamId,
    lines: &[SealedLine],
    found: Option<&Found>,
    index: &StreamIndex,
) -> rusqlite::Result<()> {
    let Some(head) = lines.last().map(SealedLine::head) else { return Ok(()) };
    let mut record =
        connection.prepare_cached("INSERT INTO records (release, seq, line) VALUES (?1, ?2, ?3)")?;
    for line in lines {
        record.execute(params![id.key(), signed(line.seq())?, line.bytes()])?;
    }
    let ended = index.state == StreamState::Ended;
    let (seq, due) = (signed(head.seq)?, index.due.map(Timestamp::as_millis));
    let service = index.service.as_ref().map(ServiceName::as_str);
    let (key, digest) = (id.key(), head.digest.as_bytes());
    let row = params![key, seq, digest, due, service, index.line, ended];
    match found {
        // Where `ended` is not named, SQLite leaves the list of the open ones alone.
        Some(found) if found.ended == Some(ended) => connection
            .prepare_cached(
                "UPDATE heads SET seq = ?2, digest = ?3, due = ?4, service = ?5, line = ?6 WHERE release = ?1",
            )?
            .execute(&row[..6])?,
        Some(_) => connection
            .prepare_cached(
                "UPDATE heads SET seq = ?2, digest = ?3, due = ?4, service = ?5, line = ?6, ended = ?7
                 WHERE release = ?1",
            )?
            .execute(row)?,
        None => connection
            .prepare_cached(
                "INSERT INTO heads (release, seq, digest, due, service, line, ended)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(row)?,
    };
    let first = lines.first().map_or(head.seq, SealedLine::seq);
    connection
        .prepare_cached("INSERT INTO changes (release, first, seq, digest) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, signed(first)?, seq, digest])?;
    Ok(())
}

/// Streams whose records are not those that the table of heads speaks of.
pub(super) fn unlisted(connection: &Connection) -> rusqlite::Result<Vec<UnlistedStream>> {
    connection
        .prepare(
            "SELECT release, newest, seq FROM (
                 SELECT release, max(seq) AS newest FROM records GROUP BY release
             ) LEFT JOIN heads USING (release) WHERE seq IS NULL OR seq <> newest ORDER BY release",
        )?
        .query_map([], |row| {
            let (newest, seq): (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
            let problem = match seq {
                None => "it has records and no head: its row of `heads` was removed".to_owned(),
                Some(seq) => format!("its newest record is {newest}, and its head says {seq}"),
            };
            Ok(UnlistedStream { name: row.get(0)?, problem })
        })?
        .collect()
}

fn index_in(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<StreamIndex>> {
    let Some(ended) = row.get::<_, Option<bool>>(first)? else { return Ok(None) };
    let state = if ended { StreamState::Ended } else { StreamState::Open };
    let due: Option<i64> = row.get(first + 1)?;
    let service: Option<String> = row.get(first + 2)?;
    // A name that is no longer valid must not fail the whole list: it only helps people find a release.
    let service = service.and_then(|name| name.parse().ok());
    let line: Option<String> = row.get(first + 3)?;
    let index = StreamIndex::new(state, line.unwrap_or_default());
    Ok(Some(index.due_at(due.map(Timestamp::from_millis)).of_service(service)))
}

fn parsed(row: &Row<'_>, column: usize) -> rusqlite::Result<StreamId> {
    StreamId::of_key(row.get_ref(column)?.as_str()?).map_err(|error| {
        let error = Box::<relman_core::unit::UnitError>::new(error);
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}

fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn head_in(row: &Row<'_>, first: usize) -> rusqlite::Result<Head> {
    Ok(Head { seq: unsigned(row, first)?, digest: Digest::from_bytes(row.get(first + 1)?) })
}

fn signed(seq: u64) -> rusqlite::Result<i64> {
    i64::try_from(seq).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
