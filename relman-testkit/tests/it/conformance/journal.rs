use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use relman_core::{
    chain::{Digest, Head, SealedLine},
    port::{
        AppendError, Change, Journal, PortError, PortErrorKind, Position, StoredStream, StreamIndex,
        StreamState, Streams, check_links,
    },
    unit::{Span, StreamId},
};
use relman_testkit::conformance::{
    Able, Port, Report,
    journal::{JournalFixture, suite},
};

use super::{Exposed, each_check_can_fail};

/// What is wrong with a journal. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    AnswersTheFirstRecord,
    ThreeByteText,
    HeadOfTheFirstRecord,
    AbsentIsAnError,
    IgnoresTheLimit,
    PagesOfItsOwn,
    BeginsAnywhere,
    ComparesNumbersOnly,
    NamesTheExpectedHead,
    HealsWhatIsAhead,
    LooksThenLeaps,
    ChecksTheFirstLink,
    ChecksNumbersNotHashes,
    KeepsWhatFits,
    EmptyIsAlwaysFine,
    EmptyBeginsAStream,
    OneByOne,
    HalfWhenGivenUp,
    EscapesNames,
    OneAtATime,
    ListsTheFirstRecord,
    ListsBackwards,
    ListsEverything,
    KeepsTheFirstIndex,
    IndexesConflicts,
    ListsEndedAsOpen,
    IndexesAnyHead,
    SkipsPositions,
    OrdersChangesByName,
    SendsAllChanges,
    LosesTheNewest,
    WakesNobody,
    ForgetsChanges,
    ForgetsTheLast,
    WritesIntoNothing,
    BrokenIsEmpty,
}

/// The sound journal, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    streams: Mutex<BTreeMap<String, Vec<SealedLine>>>,
    indexes: Mutex<BTreeMap<String, StreamIndex>>,
    changes: Mutex<Vec<(StreamId, u64, Head)>>,
    broken: AtomicBool,
    busy: AtomicBool,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        let (streams, indexes, changes) = Default::default();
        Self { flaw, streams, indexes, changes, broken: false.into(), busy: false.into() }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Vec<SealedLine>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, stream: &StreamId) -> String {
        match self.flaw {
            Flaw::EscapesNames => stream.key().replace('.', "_"),
            _ => stream.key().into_owned(),
        }
    }

    fn whole(&self, operation: &'static str) -> Result<(), PortError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(PortError::new("flawed", operation, PortErrorKind::Unavailable, "the disk is gone"));
        }
        Ok(())
    }

    fn last(&self, stream: &StreamId) -> Option<Head> {
        self.streams().get(&self.key(stream))?.last().map(SealedLine::head)
    }

    fn linked(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<(), AppendError> {
        match self.flaw {
            Flaw::ChecksTheFirstLink => check_links(stream, expected, &lines[..lines.len().min(1)]),
            Flaw::ChecksNumbersNotHashes => {
                let next = expected.map_or(0, |head| head.seq + 1);
                match lines.iter().zip(next..).find(|(line, seq)| line.seq() != *seq) {
                    Some((line, _)) => Err(AppendError::Unlinked { stream: stream.clone(), seq: line.seq() }),
                    None => Ok(()),
                }
            }
            Flaw::KeepsWhatFits => check_links(stream, expected, lines).inspect_err(|_| {
                let fitting =
                    lines.iter().take_while(|line| check_links(stream, expected, &[(*line).clone()]).is_ok());
                self.push(stream, &fitting.cloned().collect::<Vec<_>>());
            }),
            _ => check_links(stream, expected, lines),
        }
    }

    /// Refuses where the head is not the expected one.
    fn unmoved(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<(), AppendError> {
        let actual = self.last(stream);
        let equal = match self.flaw {
            Flaw::ComparesNumbersOnly => actual.map(|head| head.seq) == expected.map(|head| head.seq),
            Flaw::BeginsAnywhere => actual == expected || actual.is_none(),
            Flaw::EmptyIsAlwaysFine => actual == expected || lines.is_empty(),
            _ => actual == expected,
        };
        if equal {
            return Ok(());
        }
        let ahead = expected.map(|head| head.seq) > actual.map(|head| head.seq);
        if self.flaw == Flaw::HealsWhatIsAhead && ahead {
            self.streams().remove(&self.key(stream));
        }
        let actual = if self.flaw == Flaw::NamesTheExpectedHead { expected } else { actual };
        Err(AppendError::Conflict { stream: stream.clone(), expected, actual })
    }

    fn push(&self, stream: &StreamId, lines: &[SealedLine]) {
        if !lines.is_empty() || self.flaw == Flaw::EmptyBeginsAStream {
            self.streams().entry(self.key(stream)).or_default().extend_from_slice(lines);
        }
        if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
            let mut changes = self.changes.lock().unwrap();
            changes.push((stream.clone(), first.seq(), last.head()));
            if self.flaw == Flaw::OrdersChangesByName {
                changes.sort_by_key(|(stream, first, _)| (stream.clone(), *first));
            }
        }
    }

    fn keep(&self, stream: &StreamId, index: &StreamIndex) {
        let mut indexes = self.indexes.lock().unwrap();
        if self.flaw != Flaw::KeepsTheFirstIndex || !indexes.contains_key(&*stream.key()) {
            indexes.insert(stream.key().into_owned(), index.clone());
        }
    }
}

/// Stores what is left of a batch when the append is given up.
struct AtTheEnd<'a> {
    journal: &'a Flawed,
    stream: &'a StreamId,
    left: Vec<SealedLine>,
}

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.journal.push(self.stream, &self.left);
    }
}

struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[async_trait]
impl Journal for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { "" } else { "flawed" }
    }

    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Result<Option<Head>, AppendError> {
        if self.flaw == Flaw::IndexesConflicts {
            self.keep(stream, index);
        }
        let head = lines.last().map(SealedLine::head).or(expected);
        match self.whole("append") {
            Err(_) if self.flaw == Flaw::WritesIntoNothing => return Ok(head),
            whole => whole?,
        }
        self.linked(stream, expected, lines)?;
        if self.flaw == Flaw::LooksThenLeaps {
            self.unmoved(stream, expected, lines)?;
            tokio::task::yield_now().await;
            if !lines.is_empty() {
                self.keep(stream, index);
            }
            self.push(stream, lines);
            return Ok(head);
        }
        if self.flaw == Flaw::OneAtATime && self.busy.swap(true, Ordering::Relaxed) {
            return Err(AppendError::Conflict {
                stream: stream.clone(),
                expected,
                actual: self.last(stream),
            });
        }
        let _busy = Busy(&self.busy);
        tokio::task::yield_now().await;
        self.unmoved(stream, expected, lines)?;
        if !lines.is_empty() {
            self.keep(stream, index);
        }
        match self.flaw {
            Flaw::OneByOne => {
                let mut rest = AtTheEnd { journal: self, stream, left: lines.to_vec() };
                while !rest.left.is_empty() {
                    let line = rest.left.remove(0);
                    self.push(stream, &[line]);
                    tokio::task::yield_now().await;
                }
            }
            // A single record is not worth a transaction.
            Flaw::HalfWhenGivenUp if lines.len() > 1 => {
                let mut half = AtTheEnd { journal: self, stream, left: lines[..lines.len() / 2].to_vec() };
                tokio::task::yield_now().await;
                half.left.clear();
                self.push(stream, lines);
            }
            _ => self.push(stream, lines),
        }
        match (self.flaw, lines) {
            (Flaw::AnswersTheFirstRecord, [first, ..]) => Ok(Some(first.head())),
            (Flaw::EmptyIsAlwaysFine, []) => Ok(self.last(stream)),
            _ => Ok(head),
        }
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        match self.whole("read") {
            Err(_) if self.flaw == Flaw::BrokenIsEmpty => return Ok(Vec::new()),
            whole => whole?,
        }
        let streams = self.streams();
        let lines = match (streams.get(&self.key(stream)), self.flaw) {
            (None, Flaw::AbsentIsAnError) => {
                return Err(PortError::new("flawed", "read", PortErrorKind::Rejected, "no such stream"));
            }
            (lines, _) => lines.map_or(&[][..], Vec::as_slice),
        };
        let limit = match self.flaw {
            Flaw::IgnoresTheLimit => usize::MAX,
            Flaw::PagesOfItsOwn => limit.min(100),
            _ => limit,
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let read = lines.iter().skip(from).take(limit).map(|line| match self.flaw {
            Flaw::ThreeByteText => {
                String::from_utf8_lossy(line.bytes()).replace('\u{1f680}', "?").into_bytes()
            }
            _ => line.bytes().to_vec(),
        });
        Ok(read.collect())
    }

    async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError> {
        match self.whole("read the head") {
            Err(_) if self.flaw == Flaw::BrokenIsEmpty => return Ok(None),
            whole => whole?,
        }
        if self.flaw == Flaw::HeadOfTheFirstRecord {
            return Ok(self
                .streams()
                .get(&self.key(stream))
                .and_then(|lines| lines.first())
                .map(SealedLine::head));
        }
        Ok(self.last(stream))
    }

    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError> {
        match self.whole("list the streams") {
            Err(_) if self.flaw == Flaw::BrokenIsEmpty => return Ok(Vec::new()),
            whole => whole?,
        }
        let streams = self.streams();
        let indexes = self.indexes.lock().unwrap();
        let mut listed: Vec<StoredStream> = streams
            .iter()
            .map(|(key, lines)| {
                let line = if self.flaw == Flaw::ListsTheFirstRecord { lines.first() } else { lines.last() };
                let head = line.map_or(Head { seq: 0, digest: Digest::ZERO }, SealedLine::head);
                StoredStream::new(StreamId::of_key(key).unwrap(), head, indexes.get(key).cloned())
            })
            .filter(|stored| {
                let ended = stored.index.as_ref().is_some_and(|index| index.state == StreamState::Ended);
                let is_wanted = which == Streams::All || !ended || self.flaw == Flaw::ListsEndedAsOpen;
                let is_behind = after.as_ref().is_none_or(|after| stored.stream > *after);
                is_wanted && is_behind
            })
            .take(if self.flaw == Flaw::ListsEverything { usize::MAX } else { limit })
            .collect();
        if self.flaw == Flaw::ListsBackwards {
            listed.reverse();
        }
        Ok(listed)
    }

    async fn reindex(&self, stream: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError> {
        if self.last(stream) == Some(head) || self.flaw == Flaw::IndexesAnyHead {
            self.keep(stream, index);
        }
        Ok(())
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError> {
        let changes = self.changes.lock().unwrap().clone();
        let step = if self.flaw == Flaw::SkipsPositions { 2 } else { 1 };
        let limit = if self.flaw == Flaw::SendsAllChanges { usize::MAX } else { limit };
        let numbered = (1..)
            .step_by(step)
            .zip(changes)
            .map(|(position, (stream, first, head))| Change::new(Position(position), stream, first, head));
        let mut behind: Vec<Change> = numbered.filter(|change| change.position > after).take(limit).collect();
        if self.flaw == Flaw::LosesTheNewest && after > Position::START {
            // As where numbers are given before the commit.
            behind.retain(|change| change.position.0 % 7 != 0);
        }
        Ok(behind)
    }

    async fn position(&self) -> Result<Position, PortError> {
        Ok(Position(self.changes.lock().unwrap().len() as u64))
    }

    async fn changed(&self, after: Position, _: Span) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        if self.flaw == Flaw::WakesNobody && after > Position::START {
            return Err(PortError::new("flawed", "wait", PortErrorKind::TimedOut, "nothing came"));
        }
        Ok(())
    }
}

struct Fixture(Arc<Flawed>);

#[async_trait]
impl JournalFixture for Fixture {
    fn journal(&self) -> Arc<dyn Journal> {
        self.0.clone()
    }

    async fn reopen(&self) -> Able<Arc<dyn Journal>> {
        let mut streams = self.0.streams().clone();
        if self.0.flaw == Flaw::ForgetsTheLast {
            for lines in streams.values_mut() {
                lines.pop();
            }
        }
        let indexes = Mutex::new(self.0.indexes.lock().unwrap().clone());
        let mut changes = self.0.changes.lock().unwrap().clone();
        if self.0.flaw == Flaw::ForgetsChanges {
            changes.clear();
        }
        let (streams, changes) = (Mutex::new(streams), Mutex::new(changes));
        Ok(Arc::new(Flawed { streams, indexes, changes, ..Flawed::new(self.0.flaw) }))
    }

    async fn cut_off(&self) -> Able<()> {
        self.0.broken.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Fixture(Arc::new(Flawed::new(flaw)))).await
}

#[tokio::test]
async fn each_check_of_a_journal_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw) in [
        ("streams_come_in_pages", Flaw::ListsEverything),
        ("an_index_is_kept_with_its_stream", Flaw::KeepsTheFirstIndex),
        ("what_is_not_appended_leaves_the_index", Flaw::IndexesConflicts),
        ("open_streams_are_listed_alone", Flaw::ListsEndedAsOpen),
        ("an_index_is_given_to_the_head_it_is_for", Flaw::IndexesAnyHead),
        ("changes_are_in_one_order_without_gaps", Flaw::SkipsPositions),
        ("whoever_follows_hears_of_every_append", Flaw::OrdersChangesByName),
        ("changes_come_in_pages", Flaw::SendsAllChanges),
        ("whoever_follows_hears_of_every_append", Flaw::LosesTheNewest),
        ("a_change_is_not_waited_for_in_vain", Flaw::WakesNobody),
        ("changes_survive", Flaw::ForgetsChanges),
        ("has_a_name", Flaw::Nameless),
        ("an_append_answers_the_new_head", Flaw::AnswersTheFirstRecord),
        ("records_come_back_to_the_byte", Flaw::ThreeByteText),
        ("the_head_is_the_last_record", Flaw::HeadOfTheFirstRecord),
        ("a_stream_that_does_not_exist_is_empty", Flaw::AbsentIsAnError),
        ("a_read_keeps_to_its_bounds", Flaw::IgnoresTheLimit),
        ("a_long_stream_is_read_to_its_end", Flaw::PagesOfItsOwn),
        ("a_moved_head_is_a_conflict", Flaw::BeginsAnywhere),
        ("the_hash_of_the_head_counts", Flaw::ComparesNumbersOnly),
        ("a_conflict_names_the_actual_head", Flaw::NamesTheExpectedHead),
        ("a_conflict_changes_nothing", Flaw::HealsWhatIsAhead),
        ("of_two_with_the_same_head_one_wins", Flaw::LooksThenLeaps),
        ("a_batch_with_a_gap_is_refused", Flaw::ChecksTheFirstLink),
        ("a_record_that_links_to_another_is_refused", Flaw::ChecksNumbersNotHashes),
        ("an_unlinked_batch_changes_nothing", Flaw::KeepsWhatFits),
        ("an_empty_batch_checks_the_head", Flaw::EmptyIsAlwaysFine),
        ("an_empty_batch_stores_nothing", Flaw::EmptyBeginsAStream),
        ("a_batch_appears_whole", Flaw::OneByOne),
        ("a_batch_given_up_is_whole_or_absent", Flaw::HalfWhenGivenUp),
        ("streams_do_not_mix", Flaw::EscapesNames),
        ("many_streams_grow_at_once", Flaw::OneAtATime),
        ("every_stream_is_listed_with_its_head", Flaw::ListsTheFirstRecord),
        ("streams_are_in_order", Flaw::ListsBackwards),
        ("what_was_appended_survives", Flaw::ForgetsTheLast),
        ("an_append_that_could_not_be_stored_is_an_error", Flaw::WritesIntoNothing),
        ("a_store_that_can_not_be_read_is_an_error", Flaw::BrokenIsEmpty),
    ] {
        // What follows from an index or a position that is wrong.
        let also: &[&str] = match flaw {
            Flaw::KeepsTheFirstIndex => {
                &["open_streams_are_listed_alone", "an_index_is_given_to_the_head_it_is_for"]
            }
            Flaw::SkipsPositions => {
                &["changes_come_in_pages", "whoever_follows_hears_of_every_append", "changes_survive"]
            }
            Flaw::OrdersChangesByName | Flaw::ForgetsTheLast => &["changes_survive"],
            Flaw::ListsBackwards => &["streams_come_in_pages", "open_streams_are_listed_alone"],
            Flaw::OneAtATime => &["changes_are_in_one_order_without_gaps", "changes_survive"],
            Flaw::OneByOne => {
                &["changes_are_in_one_order_without_gaps", "changes_come_in_pages", "changes_survive"]
            }
            Flaw::LosesTheNewest => &["changes_come_in_pages", "changes_survive"],
            _ => &[],
        };
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::Journal, &report(Flaw::None).await, &exposed);
}
