use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    port::{Claim, Clock, ConductorId, Epoch, Holder, Leases, PortError, PortErrorKind, Presence, TakesUp},
    unit::{ReleaseId, Span},
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::REMEMBERED;
use crate::{
    clock::SystemClock,
    journal::sqlite::{Place, fault, read_only, read_write, refusal},
};

const NAME: &str = "sqlite";

/// Beside the records, and made when first needed: a relman that knows of no leases reads such a file as it is. `boot` is the
/// start of the machine by whose clock the numbers are.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS conductors (
        conductor TEXT NOT NULL PRIMARY KEY,
        everything INTEGER NOT NULL,
        term INTEGER NOT NULL,
        boot TEXT NOT NULL,
        since INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        until INTEGER NOT NULL,
        calendar INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS claims (
        stream TEXT NOT NULL PRIMARY KEY,
        conductor TEXT,
        term INTEGER NOT NULL,
        epoch INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Leases in the SQLite file of a journal, for all processes of a machine that use it.
///
/// - They expire by the time since the machine was started, which its calendar does not move. A process of an earlier start
///   is not present.
/// - The tables `conductors` and `claims` stand beside the records, and are made with the first heartbeat. A file without
///   them has no conductors.
/// - Reading and writing don't hold up the runtime.
///
/// # Examples
///
/// ```
/// use relman_adapters::{journal::SqliteJournal, lease::SqliteLeases};
/// use relman_core::port::LeasesExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("releases.relman");
/// let journal = SqliteJournal::open(&path)?;
///
/// let leases = SqliteLeases::open(&path)?;
/// assert_eq!(leases.driver_of_anything().await?.to_string(), "no conductor is running");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteLeases {
    file: Arc<File>,
}

struct File {
    path: PathBuf,
    place: Place,
    time: Time,
    access: Access,
    connection: Mutex<Connection>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadOnly,
    ReadWrite,
}

/// By what leases expire.
enum Time {
    Machine {
        boot: String,
    },
    /// A clock of tests and demos, in which time is made.
    Given(Arc<dyn Clock>),
}

/// Which moment it is: the start that it is counted from, the milliseconds since, and the calendar.
struct Moment {
    boot: String,
    now: i64,
    calendar: i64,
}

impl SqliteLeases {
    /// Opens the leases of the journal at `path`; makes the journal where there is none.
    ///
    /// # Errors
    ///
    /// [`PortError`] as for `SqliteJournal::open`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PortError> {
        let path = path.as_ref();
        Ok(Self::of(path, for_conductor(path)?, Time::of_machine(), Access::ReadWrite))
    }

    /// Opens the leases of the journal at `path` for whoever asks who is there, and is no conductor.
    ///
    /// # Errors
    ///
    /// [`PortError`] as for `SqliteJournal::open_read_only`.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, PortError> {
        let path = path.as_ref();
        Ok(Self::of(path, read_only(path)?, Time::of_machine(), Access::ReadOnly))
    }

    /// Opens the leases of the journal at `path` with another clock than the machine's, for tests and demos in which time
    /// is made. Everyone who uses the file has to have the same.
    ///
    /// # Errors
    ///
    /// [`PortError`] as for [`open`](Self::open).
    pub fn open_by_clock(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        let path = path.as_ref();
        Ok(Self::of(path, for_conductor(path)?, Time::Given(clock), Access::ReadWrite))
    }

    fn of(path: &Path, connection: Connection, time: Time, access: Access) -> Self {
        let (place, connection) = (Place::of(path), Mutex::new(connection));
        Self { file: Arc::new(File { path: path.to_owned(), place, time, access, connection }) }
    }

    /// Does something with the file on a thread that may wait for the disk; on the calling one where there is no runtime.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&File) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        if Handle::try_current().is_err() {
            return work(&self.file);
        }
        let file = self.file.clone();
        match spawn_blocking(move || work(&file)).await {
            Ok(done) => done,
            Err(error) => {
                let detail = format!("{}: the thread has ended ({error})", self.file.path.display());
                Err(PortError::new(NAME, "use the leases", PortErrorKind::Unavailable, detail))
            }
        }
    }
}

impl fmt::Debug for SqliteLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLeases").field("path", &self.file.path).finish_non_exhaustive()
    }
}

impl Time {
    #[cfg(target_os = "linux")]
    fn of_machine() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self::Machine { boot: boot.trim().to_owned() }
    }

    #[cfg(not(target_os = "linux"))]
    fn of_machine() -> Self {
        Self::Machine { boot: String::new() }
    }

    fn moment(&self) -> Moment {
        match self {
            Self::Machine { boot } => {
                let calendar = SystemClock.calendar().as_millis();
                Moment { boot: boot.clone(), now: steady(calendar), calendar }
            }
            Self::Given(clock) => {
                let now = clock.now().as_millis();
                Moment { boot: String::new(), now, calendar: now }
            }
        }
    }
}

/// The time that all processes of this machine share, whatever its calendar shows.
#[cfg(target_os = "linux")]
fn steady(_: i64) -> i64 {
    i64::try_from(crate::clock::uptime().as_millis()).unwrap_or(i64::MAX)
}

/// Elsewhere they share the calendar alone.
#[cfg(not(target_os = "linux"))]
fn steady(calendar: i64) -> i64 {
    calendar
}

impl File {
    /// Reads from one snapshot. A file without the tables has nobody.
    fn read<T: Default>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection, &Moment) -> rusqlite::Result<T>,
    ) -> Result<T, PortError> {
        self.place.check(operation)?;
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: rusqlite::Error| fault(operation, &self.path, &error);
        let transaction = connection.transaction().map_err(failed)?;
        if !has_tables(&transaction).map_err(failed)? {
            return Ok(T::default());
        }
        read(&transaction, &self.time.moment()).map_err(failed)
    }

    /// Writes all or nothing. The time is asked for once nobody else can write: of two, the later one has the later time.
    fn write<T>(
        &self,
        operation: &'static str,
        write: impl FnOnce(&Connection, &Moment) -> rusqlite::Result<T>,
    ) -> Result<T, PortError> {
        if self.access == Access::ReadOnly {
            let detail = "the leases were opened read-only; open them for a conductor";
            return Err(refusal(operation, &self.path, detail));
        }
        self.place.check(operation)?;
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let all = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !has_tables(&transaction)? {
                transaction.execute_batch(TABLES)?;
            }
            let done = write(&transaction, &self.time.moment())?;
            transaction.commit()?;
            Ok(done)
        };
        all().map_err(|error| fault(operation, &self.path, &error))
    }
}

/// A connection that does not sync every claim to the disk: after a power cut no conductor is there whose claim could be lost.
fn for_conductor(path: &Path) -> Result<Connection, PortError> {
    let connection = read_write(path)?;
    let failed = |error: rusqlite::Error| fault("open the leases", path, &error);
    connection.execute_batch("PRAGMA synchronous = NORMAL;").map_err(failed)?;
    Ok(connection)
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let both =
        "SELECT count(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('conductors', 'claims')";
    connection.prepare_cached(both)?.query_row([], |row| row.get(0))
}

/// A row of `conductors`, from a column on.
struct Known {
    presence: Presence,
    term: i64,
}

const KNOWN: &str = "conductors.conductor, everything, conductors.term, boot, since, seen, until, calendar";

impl Known {
    fn in_row(row: &Row<'_>, first: usize, at: &Moment) -> rusqlite::Result<Self> {
        let conductor = ConductorId::stored(row.get_ref(first)?.as_str()?);
        let takes_up = if row.get::<_, bool>(first + 1)? { TakesUp::Everything } else { TakesUp::Named };
        let number = |column: usize| row.get::<_, i64>(first + column);
        let (term, since, seen, until, calendar) =
            (number(2)?, number(4)?, number(5)?, number(6)?, number(7)?);
        let same_start = row.get_ref(first + 3)?.as_str()? == at.boot;
        // Of another start of the machine the calendar alone is known.
        let ago = if same_start { at.now - seen } else { at.calendar - calendar };
        let left = (same_start && at.now < until).then(|| span(until - at.now));
        let presence = Presence::new(conductor, takes_up, span(ago + seen - since), span(ago), left);
        Ok(Self { presence, term })
    }

    fn find(connection: &Connection, conductor: &ConductorId, at: &Moment) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(&format!("SELECT {KNOWN} FROM conductors WHERE conductor = ?1"))?
            .query_row([conductor.as_str()], |row| Self::in_row(row, 0, at))
            .optional()
    }
}

fn holder(connection: &Connection, stream: &ReleaseId, at: &Moment) -> rusqlite::Result<Option<Holder>> {
    connection
        .prepare_cached(&format!(
            "SELECT claims.epoch, claims.term, {KNOWN} FROM claims JOIN conductors USING (conductor) WHERE stream = ?1"
        ))?
        .query_row([stream.as_str()], |row| {
            let (epoch, term): (i64, i64) = (row.get(0)?, row.get(1)?);
            let mut known = Known::in_row(row, 2, at)?;
            if known.term != term {
                // It was absent meanwhile.
                known.presence.left = None;
            }
            Ok(Holder::new(known.presence, epoch_of(epoch)))
        })
        .optional()
}

fn epoch_of(number: i64) -> Epoch {
    Epoch(u64::try_from(number).unwrap_or_default())
}

fn span(millis: i64) -> Span {
    Span::from_millis(u64::try_from(millis).unwrap_or_default())
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Leases for SqliteLeases {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn heartbeat(
        &self,
        conductor: &ConductorId,
        takes_up: TakesUp,
        ttl: Span,
    ) -> Result<(), PortError> {
        let conductor = conductor.clone();
        let write = move |connection: &Connection, at: &Moment| {
            let before = Known::find(connection, &conductor, at)?;
            let (term, since) = match &before {
                Some(known) if known.presence.is_present() => {
                    (known.term, at.now - millis(known.presence.since))
                }
                known => (known.as_ref().map_or(0, |known| known.term) + 1, at.now),
            };
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO conductors (conductor, everything, term, boot, since, seen, until, calendar)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    conductor.as_str(),
                    takes_up == TakesUp::Everything,
                    term,
                    at.boot,
                    since,
                    at.now,
                    at.now.saturating_add(millis(ttl)),
                    at.calendar,
                ])?;
            if before.is_none() {
                connection
                    .prepare_cached(
                        "DELETE FROM conductors WHERE calendar < ?1 AND conductor <> ?2
                         AND conductor NOT IN (SELECT conductor FROM claims WHERE conductor IS NOT NULL)",
                    )?
                    .execute(params![at.calendar - millis(REMEMBERED), conductor.as_str()])?;
            }
            Ok(())
        };
        self.with(move |file| file.write("say that a conductor is there", write)).await
    }

    async fn leave(&self, conductor: &ConductorId) -> Result<(), PortError> {
        let conductor = conductor.clone();
        let write = move |connection: &Connection, at: &Moment| {
            connection
                .prepare_cached(
                    "UPDATE conductors SET until = min(until, ?2) WHERE conductor = ?1 AND boot = ?3",
                )?
                .execute(params![conductor.as_str(), at.now, at.boot])?;
            connection
                .prepare_cached("UPDATE claims SET conductor = NULL WHERE conductor = ?1")?
                .execute([conductor.as_str()])
                .map(drop)
        };
        self.with(move |file| file.write("say that a conductor goes", write)).await
    }

    async fn conductors(&self) -> Result<Vec<Presence>, PortError> {
        let read = |connection: &Connection, at: &Moment| {
            let mut statement = connection.prepare_cached(&format!("SELECT {KNOWN} FROM conductors"))?;
            let known = statement.query_map([], |row| Known::in_row(row, 0, at))?;
            let all: rusqlite::Result<Vec<Presence>> = known.map(|known| Ok(known?.presence)).collect();
            let mut all = all?;
            all.retain(|one| one.is_present() || one.seen < REMEMBERED);
            all.sort_by_key(|one| one.seen);
            Ok(all)
        };
        self.with(move |file| file.read("list the conductors", read)).await
    }

    async fn claim(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<Claim, PortError> {
        let (stream, conductor) = (stream.clone(), conductor.clone());
        let write = move |connection: &Connection, at: &Moment| {
            let own = Known::find(connection, &conductor, at)?.filter(|known| known.presence.is_present());
            let Some(own) = own else { return Ok(Claim::Absent) };
            let previous = match holder(connection, &stream, at)? {
                Some(holder) if !holder.presence.is_present() => Some(holder),
                Some(Holder { presence, epoch, .. }) if presence.conductor == conductor => {
                    return Ok(Claim::Held { epoch, previous: None });
                }
                Some(holder) => return Ok(Claim::Taken(holder)),
                None => None,
            };
            let epoch: i64 = connection
                .prepare_cached(
                    "INSERT INTO claims (stream, conductor, term, epoch) VALUES (?1, ?2, ?3, 1)
                     ON CONFLICT (stream) DO UPDATE SET conductor = ?2, term = ?3, epoch = epoch + 1
                     RETURNING epoch",
                )?
                .query_row(params![stream.as_str(), conductor.as_str(), own.term], |row| row.get(0))?;
            Ok(Claim::Held { epoch: epoch_of(epoch), previous })
        };
        self.with(move |file| file.write("claim a release", write)).await
    }

    async fn give_back(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<(), PortError> {
        let (stream, conductor) = (stream.clone(), conductor.clone());
        let write = move |connection: &Connection, at: &Moment| {
            let holder = holder(connection, &stream, at)?.filter(|holder| holder.presence.is_present());
            if holder.is_some_and(|holder| holder.presence.conductor == conductor) {
                connection
                    .prepare_cached("UPDATE claims SET conductor = NULL WHERE stream = ?1")?
                    .execute([stream.as_str()])?;
            }
            Ok(())
        };
        self.with(move |file| file.write("give a release back", write)).await
    }

    async fn holder(&self, stream: &ReleaseId) -> Result<Option<Holder>, PortError> {
        let stream = stream.clone();
        let read = move |connection: &Connection, at: &Moment| holder(connection, &stream, at);
        self.with(move |file| file.read("ask who holds a release", read)).await
    }
}
