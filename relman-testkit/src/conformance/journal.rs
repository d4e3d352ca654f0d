//! The suite of [`Journal`].

mod append;
mod changes;
mod read;
mod stream;

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

crate::__checks_of_journal! { __conformance_suite (Journal, JournalFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_journal {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            an_append_answers_the_new_head: "Returns the new head.",
            records_come_back_to_the_byte: "Reads records in order, as the exact bytes that were appended, without line feeds.",
            the_head_is_the_last_record: "The head of a stream is its last record.",
            a_stream_that_does_not_exist_is_empty: "A stream that does not exist gives an empty list and no head.",
            a_read_keeps_to_its_bounds: "Reads up to `limit` records from sequence number `from` on; a stream that is shorter gives an empty list.",
            a_long_stream_is_read_to_its_end: "A page that is shorter than its limit is the last one.",
            a_moved_head_is_a_conflict: "Optimistic: where the head is not `expected`, the answer is a conflict.",
            the_hash_of_the_head_counts: "Optimistic: a head is its sequence number and its hash.",
            a_conflict_names_the_actual_head: "Optimistic: the answer is a conflict with the actual head.",
            a_conflict_changes_nothing: "Optimistic: where the head is not `expected`, nothing is changed.",
            of_two_with_the_same_head_one_wins: "Optimistic: of two callers with the same `expected`, one wins.",
            a_batch_with_a_gap_is_refused: "Linked: a batch that does not continue `expected` without a gap is refused, with the first record that does not fit.",
            a_record_that_links_to_another_is_refused: "Linked: a record names the hash of the one before.",
            an_unlinked_batch_changes_nothing: "Linked: a batch that is refused changes nothing.",
            an_empty_batch_checks_the_head: "An empty batch checks the head.",
            an_empty_batch_stores_nothing: "An empty batch stores nothing; on a stream that does not exist the answer is no head.",
            a_batch_appears_whole: "Atomic: all of the records are stored, or none, whoever looks and when.",
            a_batch_given_up_is_whole_or_absent: "Atomic: all of the records are stored, or none, and not later, where the caller gives up.",
            streams_do_not_mix: "One stream for each release and each target, and one for the estate.",
            many_streams_grow_at_once: "Appends to other streams at the same time are no conflict.",
            every_stream_is_listed_with_its_head: "Every stream is listed with its head.",
            streams_are_in_order: "Streams are listed in the order of the identifiers.",
            streams_come_in_pages: "Up to `limit` streams behind `after`.",
            an_index_is_kept_with_its_stream: "Indexed: the index of an append takes the place of the stream's.",
            what_is_not_appended_leaves_the_index: "Optimistic: a conflict changes nothing, the index included.",
            open_streams_are_listed_alone: "The open ones alone.",
            an_index_is_given_to_the_head_it_is_for: "Gives a stream an index, if its head is this one still.",
            changes_are_in_one_order_without_gaps: "Appends behind a position, oldest first, with positions that have no gaps.",
            changes_come_in_pages: "Up to `limit` appends behind a position.",
            whoever_follows_hears_of_every_append: "What is visible once stays, and nothing ever appears before it.",
            a_change_is_not_waited_for_in_vain: "Waits until there is an append behind a position.",
            changes_survive: "Durable: the order of changes, and the positions of whoever follows, survive a crash.",
            what_was_appended_survives: "Durable: once an append has returned, the records survive a crash of the process and of the machine.",
            an_append_that_could_not_be_stored_is_an_error: "Where the store failed, an append is an error.",
            a_store_that_can_not_be_read_is_an_error: "Where the store can't be read, a read is an error, and not an empty stream.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`journal`](mod@crate::conformance::journal) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::journal! {
///     #[tokio::test]
///     mod in_memory { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __journal_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_journal! {
            __conformance_tests (journal [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use relman_core::{chain::SealedLine, port::Streams};

    use super::{
        JournalFixture,
        stream::{begun, index, line, lines, state},
    };
    pub(super) use super::{append::*, changes::*, read::*};
    use crate::conformance::finding::{Met, ensure, fails, named, works};

    pub(super) fn adapter(fixture: &dyn JournalFixture) -> String {
        fixture.journal().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn JournalFixture) -> Met {
        named(fixture.journal().name())
    }

    pub(super) async fn what_was_appended_survives(fixture: &dyn JournalFixture) -> Met {
        let journal = fixture.journal();
        let (stream, head, _) = begun(&*journal, "durable", 2).await?;
        let batch = lines(&stream, head, 3, "Zürich");
        works("an append", journal.append(&stream, head, &batch, index()).await)?;
        let before = state(&*journal, &stream).await?;
        let reopened = fixture.reopen().await?;
        let after = state(&*reopened, &stream).await?;
        ensure!(after == before, "opened again, {stream} has {after}, and it had {before}");
        let head = batch.last().map(SealedLine::head);
        let next = [line(&stream, head, "next")];
        works(
            "an append after the store was opened again",
            reopened.append(&stream, head, &next, index()).await,
        )?;
        Ok(())
    }

    pub(super) async fn an_append_that_could_not_be_stored_is_an_error(fixture: &dyn JournalFixture) -> Met {
        let journal = fixture.journal();
        let (stream, head, _) = begun(&*journal, "broken", 1).await?;
        fixture.cut_off().await?;
        let next = [line(&stream, head, "next")];
        fails("an append to a broken store", journal.append(&stream, head, &next, index()).await)?;
        Ok(())
    }

    pub(super) async fn a_store_that_can_not_be_read_is_an_error(fixture: &dyn JournalFixture) -> Met {
        let journal = fixture.journal();
        let (stream, _, _) = begun(&*journal, "broken", 1).await?;
        fixture.cut_off().await?;
        fails("reading from a broken store", journal.read(&stream, 0, 10).await)?;
        fails("asking a broken store for a head", journal.head(&stream).await)?;
        fails("asking a broken store for its streams", journal.streams(Streams::All, None, 1_000).await)?;
        Ok(())
    }
}
