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
    port::{AppendError, Journal, PortError, PortErrorKind, StoredStream, check_links},
    unit::ReleaseId,
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
    ForgetsTheLast,
    WritesIntoNothing,
    BrokenIsEmpty,
}

/// The sound journal, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    streams: Mutex<BTreeMap<String, Vec<SealedLine>>>,
    broken: AtomicBool,
    busy: AtomicBool,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self { flaw, streams: Mutex::default(), broken: false.into(), busy: false.into() }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Vec<SealedLine>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, release: &ReleaseId) -> String {
        match self.flaw {
            Flaw::EscapesNames => release.as_str().replace('.', "_"),
            _ => release.as_str().to_owned(),
        }
    }

    fn whole(&self, operation: &'static str) -> Result<(), PortError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(PortError::new("flawed", operation, PortErrorKind::Unavailable, "the disk is gone"));
        }
        Ok(())
    }

    fn last(&self, release: &ReleaseId) -> Option<Head> {
        self.streams().get(&self.key(release))?.last().map(SealedLine::head)
    }

    fn linked(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<(), AppendError> {
        match self.flaw {
            Flaw::ChecksTheFirstLink => check_links(release, expected, &lines[..lines.len().min(1)]),
            Flaw::ChecksNumbersNotHashes => {
                let next = expected.map_or(0, |head| head.seq + 1);
                match lines.iter().zip(next..).find(|(line, seq)| line.seq() != *seq) {
                    Some((line, _)) => {
                        Err(AppendError::Unlinked { release: release.clone(), seq: line.seq() })
                    }
                    None => Ok(()),
                }
            }
            Flaw::KeepsWhatFits => check_links(release, expected, lines).inspect_err(|_| {
                let fitting = lines
                    .iter()
                    .take_while(|line| check_links(release, expected, &[(*line).clone()]).is_ok());
                self.push(release, &fitting.cloned().collect::<Vec<_>>());
            }),
            _ => check_links(release, expected, lines),
        }
    }

    /// Refuses where the head is not the expected one.
    fn unmoved(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<(), AppendError> {
        let actual = self.last(release);
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
            self.streams().remove(&self.key(release));
        }
        let actual = if self.flaw == Flaw::NamesTheExpectedHead { expected } else { actual };
        Err(AppendError::Conflict { release: release.clone(), expected, actual })
    }

    fn push(&self, release: &ReleaseId, lines: &[SealedLine]) {
        if !lines.is_empty() || self.flaw == Flaw::EmptyBeginsAStream {
            self.streams().entry(self.key(release)).or_default().extend_from_slice(lines);
        }
    }
}

/// Stores what is left of a batch when the append is given up.
struct AtTheEnd<'a> {
    journal: &'a Flawed,
    release: &'a ReleaseId,
    left: Vec<SealedLine>,
}

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.journal.push(self.release, &self.left);
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
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Option<Head>, AppendError> {
        let head = lines.last().map(SealedLine::head).or(expected);
        match self.whole("append") {
            Err(_) if self.flaw == Flaw::WritesIntoNothing => return Ok(head),
            whole => whole?,
        }
        self.linked(release, expected, lines)?;
        if self.flaw == Flaw::LooksThenLeaps {
            self.unmoved(release, expected, lines)?;
            tokio::task::yield_now().await;
            self.push(release, lines);
            return Ok(head);
        }
        if self.flaw == Flaw::OneAtATime && self.busy.swap(true, Ordering::Relaxed) {
            return Err(AppendError::Conflict {
                release: release.clone(),
                expected,
                actual: self.last(release),
            });
        }
        let _busy = Busy(&self.busy);
        tokio::task::yield_now().await;
        self.unmoved(release, expected, lines)?;
        match self.flaw {
            Flaw::OneByOne => {
                let mut rest = AtTheEnd { journal: self, release, left: lines.to_vec() };
                while !rest.left.is_empty() {
                    let line = rest.left.remove(0);
                    self.push(release, &[line]);
                    tokio::task::yield_now().await;
                }
            }
            // A single record is not worth a transaction.
            Flaw::HalfWhenGivenUp if lines.len() > 1 => {
                let mut half = AtTheEnd { journal: self, release, left: lines[..lines.len() / 2].to_vec() };
                tokio::task::yield_now().await;
                half.left.clear();
                self.push(release, lines);
            }
            _ => self.push(release, lines),
        }
        match (self.flaw, lines) {
            (Flaw::AnswersTheFirstRecord, [first, ..]) => Ok(Some(first.head())),
            (Flaw::EmptyIsAlwaysFine, []) => Ok(self.last(release)),
            _ => Ok(head),
        }
    }

    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        match self.whole("read") {
            Err(_) if self.flaw == Flaw::BrokenIsEmpty => return Ok(Vec::new()),
            whole => whole?,
        }
        let streams = self.streams();
        let lines = match (streams.get(&self.key(release)), self.flaw) {
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

    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError> {
        match self.whole("read the head") {
            Err(_) if self.flaw == Flaw::BrokenIsEmpty => return Ok(None),
            whole => whole?,
        }
        if self.flaw == Flaw::HeadOfTheFirstRecord {
            return Ok(self
                .streams()
                .get(&self.key(release))
                .and_then(|lines| lines.first())
                .map(SealedLine::head));
        }
        Ok(self.last(release))
    }

    async fn streams(&self) -> Result<Vec<StoredStream>, PortError> {
        match self.whole("list the streams") {
            Err(_) if self.flaw == Flaw::BrokenIsEmpty => return Ok(Vec::new()),
            whole => whole?,
        }
        let streams = self.streams();
        let mut listed: Vec<StoredStream> = streams
            .iter()
            .map(|(key, lines)| {
                let line = if self.flaw == Flaw::ListsTheFirstRecord { lines.first() } else { lines.last() };
                let head = line.map_or(Head { seq: 0, digest: Digest::ZERO }, SealedLine::head);
                StoredStream::new(key.parse().unwrap(), head)
            })
            .collect();
        if self.flaw == Flaw::ListsBackwards {
            listed.reverse();
        }
        Ok(listed)
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
        Ok(Arc::new(Flawed { streams: Mutex::new(streams), ..Flawed::new(self.0.flaw) }))
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
        exposed.push(Exposed::new(flaw, check, report(flaw).await));
    }
    each_check_can_fail(Port::Journal, &report(Flaw::None).await, &exposed);
}
