use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use futures::future::join_all;
use relman_core::port::Journal;

use crate::conformance::{Able, Unable};

/// Something to be done beside others.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A journal to be checked, and what can be done to it. Each fixture has an empty journal of its own.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait JournalFixture: Send + Sync {
    /// The journal, the same one each time.
    fn journal(&self) -> Arc<dyn Journal>;

    /// Runs the tasks to their ends, as much at the same time as the caller's runtime can.
    ///
    /// In one task of the caller unless the fixture spawns them; on a runtime with threads, spawning them finds
    /// more.
    async fn together(&self, tasks: Vec<Task>) {
        join_all(tasks).await;
    }

    /// What a process finds that starts after this one, or its machine, has crashed: the same store, opened again
    /// without anything having been closed.
    async fn reopen(&self) -> Able<Arc<dyn Journal>> {
        Err(Unable::unmentioned("open the store again"))
    }

    /// Breaks the store, so that it can neither be read nor written from now on.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("break the store"))
    }
}
