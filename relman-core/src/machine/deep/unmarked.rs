//! Decisions in a stream of version 1, whose records do not say which of them belong together: every way in which a
//! decision may have gone on is kept, until one record more tells.

use std::collections::VecDeque;

use super::{
    NotDerived,
    cause::{brought_by_time, candidates},
    difference::difference,
};
use crate::{
    event::{Event, Record},
    machine::{
        Release,
        decide::{Moment, Rules, Undecidable, breach_again, decide, is_withheld},
    },
};

/// The decision under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Unmarked {
    /// What may follow: one list for each way in which it may have been taken.
    expected: Vec<VecDeque<Record>>,
    /// A breach by values that were too large to be recorded is to follow the evaluation before.
    withheld: bool,
}

impl Unmarked {
    /// The next record; whether a decision begins with it. Moves the release on.
    pub(super) fn push(&mut self, release: &mut Release, record: &Record) -> Result<bool, NotDerived> {
        let goes_on = !self.expected.iter().all(VecDeque::is_empty) && self.follows(record)?;
        if !goes_on {
            self.begin(release, record)?;
        }
        release.apply(record)?;
        Ok(!goes_on)
    }

    /// Whether the stream may end here.
    pub(super) fn end(&self) -> Result<(), NotDerived> {
        match self.next() {
            Some(next) => Err(NotDerived::Missing { seq: next.seq, kind: next.event.kind() }),
            None => Ok(()),
        }
    }

    /// The record that has to follow; none where the decision under way may be over.
    fn next(&self) -> Option<&Record> {
        if self.expected.iter().any(VecDeque::is_empty) {
            return None;
        }
        self.expected.first().and_then(VecDeque::front)
    }

    /// Whether a record continues the current decision. One that doesn't is an error, unless the decision may be complete.
    fn follows(&mut self, record: &Record) -> Result<bool, NotDerived> {
        let may_be_over = self.next().is_none();
        let found = self.keep_matching(record);
        match found {
            _ if !self.expected.is_empty() => Ok(true),
            Some(problem) if !may_be_over => Err(problem),
            Some(_) | None => Ok(false),
        }
    }

    /// Takes the decision anew that begins with a record, in each way in which it may have been taken.
    fn begin(&mut self, release: &Release, record: &Record) -> Result<(), NotDerived> {
        let (seq, kind) = (record.seq, record.event.kind());
        let mut problem = NotDerived::Unfounded { seq, kind };
        self.expected.clear();
        if std::mem::take(&mut self.withheld) && matches!(record.event, Event::ContractBreached(_)) {
            self.expected.extend(breach_again(release, record).map(Into::into));
        }
        let moment = Moment { now: record.at, clock: record.at, rules: Rules::First };
        for candidate in candidates(release, record) {
            match decide(&mut release.clone(), &candidate.cause, moment, candidate.call_time) {
                Ok(decided) => self.expected.push(decided.records.into()),
                Err(Undecidable::Refused(refusal)) => {
                    problem = NotDerived::Refused { seq, kind, refusal: refusal.into() };
                }
                Err(Undecidable::Unwritable(_)) => {}
            }
        }
        // Time is up before whatever came in is looked at, so that what it brings about may stand alone.
        let by_time = |records: &VecDeque<Record>| -> VecDeque<Record> {
            records.iter().take_while(|record| brought_by_time(record)).cloned().collect()
        };
        let by_time: Vec<VecDeque<Record>> = self.expected.iter().map(by_time).collect();
        self.expected.extend(by_time.into_iter().filter(|records| !records.is_empty()));
        let found = self.keep_matching(record);
        if self.expected.is_empty() {
            return Err(found.unwrap_or(problem));
        }
        self.withheld = is_withheld(&record.event);
        if self.withheld {
            self.expected.push(VecDeque::new());
        }
        Ok(())
    }

    /// Drops every expectation that a record does not match; returns what the first of them differs in.
    fn keep_matching(&mut self, record: &Record) -> Option<NotDerived> {
        let mut found = None;
        for mut records in std::mem::take(&mut self.expected) {
            let Some(next) = records.pop_front() else { continue };
            match difference(record, &next) {
                None => self.expected.push(records),
                Some(difference) => {
                    found = found.or_else(|| Some(NotDerived::differs(record, difference)));
                }
            }
        }
        found
    }
}
