use std::sync::Arc;

use async_trait::async_trait;
use relman_adapters::journal::{MemoryJournal, SqliteJournal};
use relman_core::port::Journal;
use relman_testkit::conformance::{
    self, Able, Unable,
    journal::{JournalFixture, Task},
};
use tempfile::TempDir;

#[derive(Default)]
struct Memory(Arc<MemoryJournal>);

#[async_trait]
impl JournalFixture for Memory {
    fn journal(&self) -> Arc<dyn Journal> {
        self.0.clone()
    }

    async fn together(&self, tasks: Vec<Task>) {
        spawned(tasks).await;
    }

    async fn reopen(&self) -> Able<Arc<dyn Journal>> {
        Err(Unable::because("nothing in memory survives the process"))
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because("memory is always there"))
    }
}

struct Sqlite {
    journal: Arc<SqliteJournal>,
    directory: TempDir,
}

impl Sqlite {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { journal: Arc::new(SqliteJournal::open(directory.path().join("journal")).unwrap()), directory }
    }
}

#[async_trait]
impl JournalFixture for Sqlite {
    fn journal(&self) -> Arc<dyn Journal> {
        self.journal.clone()
    }

    async fn together(&self, tasks: Vec<Task>) {
        spawned(tasks).await;
    }

    /// What a crash of the machine leaves: the file and its log, but no index in shared memory.
    async fn reopen(&self) -> Able<Arc<dyn Journal>> {
        let path = |name: &str| self.directory.path().join(name);
        std::fs::copy(path("journal"), path("copy")).unwrap();
        std::fs::copy(path("journal-wal"), path("copy-wal")).unwrap();
        Ok(Arc::new(SqliteJournal::open(path("copy")).unwrap()))
    }

    /// Another program changes the file, as a person may with the best of intentions.
    async fn cut_off(&self) -> Able<()> {
        let other = rusqlite::Connection::open(self.directory.path().join("journal")).unwrap();
        other
            .execute_batch("ALTER TABLE records RENAME TO old_records; ALTER TABLE heads RENAME TO old_heads")
            .unwrap();
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

conformance::journal! {
    #[tokio::test]
    mod memory { Memory::default() }
}

conformance::journal! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    mod memory_on_threads { Memory::default() }
}

conformance::journal! {
    #[tokio::test]
    mod sqlite { Sqlite::new() }
}

conformance::journal! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    mod sqlite_on_threads { Sqlite::new() }
}

#[tokio::test]
async fn of_the_sqlite_journal_every_promise_is_checked() {
    let report = conformance::journal::suite(async || Sqlite::new()).await;
    assert_eq!(report.passed().count(), report.checks.len(), "{report}");
}
