use std::sync::Arc;

use async_trait::async_trait;
use relman_adapters::{
    journal::SqliteJournal,
    lease::{MemoryLeases, SqliteLeases},
};
use relman_core::{
    port::{ConductorId, Leases, LeasesExt, TakesUp},
    unit::Span,
};
use relman_testkit::{
    conformance::{self, Able, Unable, journal::Task, leases::LeasesFixture},
    sample,
    world::ManualClock,
};
use tempfile::TempDir;

struct Memory {
    leases: Arc<MemoryLeases>,
    clock: Arc<ManualClock>,
}

impl Memory {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(sample::start()));
        Self { leases: Arc::new(MemoryLeases::new(clock.clone())), clock }
    }
}

#[async_trait]
impl LeasesFixture for Memory {
    fn leases(&self) -> Arc<dyn Leases> {
        self.leases.clone()
    }

    async fn pass(&self, span: Span) -> Able<()> {
        self.clock.advance(span);
        Ok(())
    }

    async fn together(&self, tasks: Vec<Task>) {
        spawned(tasks).await;
    }

    async fn reopen(&self) -> Able<Arc<dyn Leases>> {
        Err(Unable::because("nothing in memory survives the process"))
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because("memory is always there"))
    }
}

struct Sqlite {
    leases: Arc<SqliteLeases>,
    /// None where the machine's own clock is the one.
    clock: Option<Arc<ManualClock>>,
    directory: TempDir,
}

impl Sqlite {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(sample::start()));
        let leases = SqliteLeases::open_by_clock(directory.path().join("journal"), clock.clone()).unwrap();
        Self { leases: Arc::new(leases), clock: Some(clock), directory }
    }

    fn by_the_machine() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let leases = SqliteLeases::open(directory.path().join("journal")).unwrap();
        Self { leases: Arc::new(leases), clock: None, directory }
    }
}

#[async_trait]
impl LeasesFixture for Sqlite {
    fn leases(&self) -> Arc<dyn Leases> {
        self.leases.clone()
    }

    async fn pass(&self, span: Span) -> Able<()> {
        match &self.clock {
            Some(clock) => clock.advance(span),
            None => tokio::time::sleep(span.to_std()).await,
        }
        Ok(())
    }

    async fn together(&self, tasks: Vec<Task>) {
        spawned(tasks).await;
    }

    /// What a crash of the machine leaves: the file and its log, but no index in shared memory.
    async fn reopen(&self) -> Able<Arc<dyn Leases>> {
        let path = |name: &str| self.directory.path().join(name);
        std::fs::copy(path("journal"), path("copy")).unwrap();
        std::fs::copy(path("journal-wal"), path("copy-wal")).unwrap();
        Ok(match &self.clock {
            Some(clock) => Arc::new(SqliteLeases::open_by_clock(path("copy"), clock.clone()).unwrap()),
            None => Arc::new(SqliteLeases::open(path("copy")).unwrap()),
        })
    }

    /// The file is taken away.
    async fn cut_off(&self) -> Able<()> {
        let path = self.directory.path().join("journal");
        std::fs::rename(&path, path.with_extension("away")).unwrap();
        Ok(())
    }
}

/// Runs each task as one of the runtime's own.
async fn spawned(tasks: Vec<Task>) {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

conformance::leases! {
    #[tokio::test]
    mod memory { Memory::new() }
}

conformance::leases! {
    #[tokio::test]
    mod sqlite { Sqlite::new() }
}

conformance::leases! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    mod sqlite_on_threads { Sqlite::new() }
}

conformance::leases! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    mod sqlite_by_the_machine { Sqlite::by_the_machine() }
}

#[tokio::test]
async fn of_the_sqlite_leases_every_promise_is_checked() {
    let report = conformance::leases::suite(async || Sqlite::new()).await;
    assert_eq!(report.passed().count(), report.checks.len(), "{report}");
}

#[tokio::test]
async fn a_file_that_no_conductor_has_used_has_none_and_stays_the_file_that_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old");
    let old = rusqlite::Connection::open(&path).unwrap();
    let version_1 = "PRAGMA application_id = 1919249517; PRAGMA user_version = 1;
        CREATE TABLE records (release TEXT NOT NULL, seq INTEGER NOT NULL, line BLOB NOT NULL, PRIMARY KEY (release, seq))
            STRICT;
        CREATE TABLE heads (release TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL)
            STRICT, WITHOUT ROWID;";
    old.execute_batch(version_1).unwrap();
    let reader = SqliteLeases::open_read_only(&path).unwrap();
    assert!(reader.conductors().await.unwrap().is_empty());
    let conductor = ConductorId::new("web-1", 1, sample::start());
    let refused = reader.heartbeat(&conductor, TakesUp::Named, Span::from_secs(15)).await.unwrap_err();
    assert!(refused.to_string().contains("opened read-only"), "{refused}");

    let leases = SqliteLeases::open(&path).unwrap();
    leases.heartbeat(&conductor, TakesUp::Named, Span::from_secs(15)).await.unwrap();
    assert_eq!(reader.conductors().await.unwrap().len(), 1, "who reads sees who comes");
    let version: i32 = old.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 2, "leases are no version of their own");
    SqliteJournal::open(&path).unwrap();
}

#[tokio::test]
async fn who_was_there_before_the_machine_was_started_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let leases = SqliteLeases::open(&path).unwrap();
    let conductor = ConductorId::new("web-1", 1, sample::start());
    leases.heartbeat(&conductor, TakesUp::Everything, Span::from_hours(1)).await.unwrap();
    assert!(leases.driver_of_anything().await.unwrap().is_anybody());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE conductors SET boot = 'another', calendar = calendar - 60000", []).unwrap();
    let driver = leases.driver_of_anything().await.unwrap();
    assert!(!driver.is_anybody() && driver.to_string().contains("last seen 6"), "{driver}");
}
