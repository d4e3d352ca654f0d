use std::collections::VecDeque;

use thiserror::Error;

use super::{
    cause::candidates,
    difference::{Difference, difference},
};
use crate::{
    event::{Event, Record},
    judge::{ENGINE, Verdict},
    machine::{
        Refusal, Release, ReplayError,
        decide::{Undecidable, breach_again, decide, is_withheld},
    },
    unit::{Actor, ReleaseId},
};

/// Derives every record of a release again from those before it, and holds it against what was recorded.
///
/// Each decision is taken anew, from what its first record says came in: a person's command with the roles they had, an
/// answer of the metrics and the platform, an outcome, or the passing of time. What follows has to come out the same:
/// verdicts bit for bit, credited time, exposure, gates, holds, breaches, rollbacks. A number that was altered and chained again
/// is found, and so is a record that was left out or put in. Not compared are sentences that relman writes itself (grounds of a gate,
/// the reason for a hold), which may read differently in another version, and what the record alone knows: what people said, what a
/// platform or a source answered, when something came in.
///
/// # Examples
///
/// ```
/// use relman_core::machine::DeepVerifier;
///
/// let mut again = DeepVerifier::new("checkout-241".parse()?);
/// let records: Vec<relman_core::event::Record> = Vec::new();
/// for record in &records {
///     again.push(record)?;
/// }
/// again.finish()?;
/// assert_eq!((again.decisions(), again.verdicts()), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeepVerifier {
    release: Release,
    /// What may follow in the decision under way: one list for each way in which it may have been taken.
    expected: Vec<VecDeque<Record>>,
    /// A breach by values that were too large to be recorded is to follow the evaluation before.
    withheld: bool,
    decisions: u64,
    verdicts: u64,
}

/// A record that the records before it do not give.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotDerived {
    /// The records can't be folded.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A verdict is by a version of the judge that this program does not have.
    #[error(
        "record {seq} holds a verdict of judge version {engine}, and this program has version {ENGINE}: verify it with one that has it"
    )]
    Engine {
        /// The record.
        seq: u64,
        /// The version.
        engine: u32,
    },
    /// A record says something else than what is derived.
    #[error("record {seq} ({kind}): `{field}` is {recorded}, and what was recorded before gives {derived}")]
    Differs {
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
        /// The field, with a dot before each level and the place in a list.
        field: String,
        /// What the record holds.
        recorded: String,
        /// What is derived.
        derived: String,
    },
    /// Nothing leads to a record.
    #[error("record {seq} ({kind}): nothing that was recorded before leads to it")]
    Unfounded {
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
    },
    /// The command would have been refused.
    #[error("record {seq} ({kind}): the command would have been refused")]
    Refused {
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
        /// Why.
        #[source]
        refusal: Box<Refusal>,
    },
    /// The stream ends within a decision, which is recorded as a whole or not at all.
    #[error("record {seq} is missing: a `{kind}` follows from the record before it, in the same decision")]
    Cut {
        /// The record that is missing.
        seq: u64,
        /// The kind of its event.
        kind: &'static str,
    },
}

impl DeepVerifier {
    /// Before the first record of a release.
    pub fn new(release: ReleaseId) -> Self {
        let release = Release::new(release);
        Self { release, expected: Vec::new(), withheld: false, decisions: 0, verdicts: 0 }
    }

    /// The next record.
    ///
    /// # Errors
    ///
    /// [`NotDerived`] with the record that comes out otherwise, or that can't be folded.
    pub fn push(&mut self, record: &Record) -> Result<(), NotDerived> {
        let verdicts = verdicts(&record.event);
        if let Some(other) = verdicts.iter().find(|verdict| verdict.engine != ENGINE) {
            return Err(NotDerived::Engine { seq: record.seq, engine: other.engine });
        }
        let goes_on = !self.expected.iter().all(VecDeque::is_empty) && self.follows(record)?;
        let after = if goes_on { None } else { self.begin(record)? };
        if matches!(record.event, Event::Evaluated(_)) {
            self.verdicts += verdicts.len() as u64;
        }
        match after {
            Some(after) => self.release = after,
            None => self.release.apply(record)?,
        }
        Ok(())
    }

    /// After the last record of the stream.
    ///
    /// # Errors
    ///
    /// [`NotDerived::Cut`] where a decision is recorded in part.
    pub fn finish(&self) -> Result<(), NotDerived> {
        match self.next() {
            Some(next) => Err(NotDerived::Cut { seq: next.seq, kind: next.event.kind() }),
            None => Ok(()),
        }
    }

    /// The release as its records so far leave it.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// How many decisions came out the same.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// How many verdicts came out the same.
    pub fn verdicts(&self) -> u64 {
        self.verdicts
    }

    /// The record that has to follow; none where the decision under way may be over.
    fn next(&self) -> Option<&Record> {
        if self.expected.iter().any(VecDeque::is_empty) {
            return None;
        }
        self.expected.first().and_then(VecDeque::front)
    }

    /// Whether a record goes on with the decision under way; it does not where that may be over.
    fn follows(&mut self, record: &Record) -> Result<bool, NotDerived> {
        let may_be_over = self.next().is_none();
        let mut found = None;
        let expected = std::mem::take(&mut self.expected);
        for mut records in expected {
            let Some(next) = records.pop_front() else { continue };
            match difference(record, &next) {
                None => self.expected.push(records),
                Some(difference) => found = found.or(Some(difference)),
            }
        }
        match found {
            _ if !self.expected.is_empty() => Ok(true),
            Some(difference) if !may_be_over => Err(differs(record, difference)),
            Some(_) | None => Ok(false),
        }
    }

    /// Takes the decision anew that begins with a record, in each way in which it may have been taken. Where it is this one
    /// record, to the byte, the release is what the decision has left.
    fn begin(&mut self, record: &Record) -> Result<Option<Release>, NotDerived> {
        let (seq, kind) = (record.seq, record.event.kind());
        self.expected.clear();
        let mut problem = NotDerived::Unfounded { seq, kind };
        if std::mem::take(&mut self.withheld) && matches!(record.event, Event::ContractBreached(_)) {
            self.expected.extend(breach_again(&self.release, record).map(Into::into));
        }
        let candidates = candidates(&self.release, record);
        let only = candidates.len() == 1;
        for candidate in candidates {
            let mut release = self.release.clone();
            match decide(&mut release, &candidate.cause, record.at, candidate.call_time) {
                Ok(decided) if only && decided.records == std::slice::from_ref(record) => {
                    self.expected.clear();
                    self.decided(record);
                    return Ok(Some(release));
                }
                Ok(decided) => self.expected.push(decided.records.into()),
                Err(Undecidable::Refused(refusal)) => {
                    problem = NotDerived::Refused { seq, kind, refusal: refusal.into() };
                }
                Err(Undecidable::Unwritable(_)) => {}
            }
        }
        // Time is up before whatever came in is looked at, so that what it brings about may stand alone.
        let by_time: Vec<VecDeque<Record>> = self.expected.iter().map(brought_by_time).collect();
        self.expected.extend(by_time.into_iter().filter(|records| !records.is_empty()));
        let mut found = None;
        for mut records in std::mem::take(&mut self.expected) {
            let Some(next) = records.pop_front() else { continue };
            match difference(record, &next) {
                None => self.expected.push(records),
                Some(difference) => found = found.or(Some(difference)),
            }
        }
        if self.expected.is_empty() {
            return Err(found.map_or(problem, |difference| differs(record, difference)));
        }
        self.decided(record);
        Ok(None)
    }

    fn decided(&mut self, first: &Record) {
        self.withheld = is_withheld(&first.event);
        if self.withheld {
            self.expected.push(VecDeque::new());
        }
        self.decisions += 1;
    }
}

fn differs(record: &Record, difference: Difference) -> NotDerived {
    let Difference { field, recorded, derived } = difference;
    NotDerived::Differs { seq: record.seq, kind: record.event.kind(), field, recorded, derived }
}

/// The records at the beginning of a decision that time alone has brought about.
fn brought_by_time(records: &VecDeque<Record>) -> VecDeque<Record> {
    let by_time = |event: &Event| {
        matches!(
            event,
            Event::CoverLapsed(_)
                | Event::OverrideExpired(_)
                | Event::RollbackStarted(_)
                | Event::PostMortemOpened(_)
        )
    };
    let by_relman = |record: &&Record| by_time(&record.event) && record.by == Actor::relman();
    records.iter().take_while(by_relman).cloned().collect()
}

fn verdicts(event: &Event) -> &[Verdict] {
    match event {
        Event::Evaluated(look) => &look.verdicts,
        Event::ContractBreached(breached) => std::slice::from_ref(&breached.verdict),
        _ => &[],
    }
}
