//! How long it took, and how long a rule that people know would have taken on the same record.

use std::fmt;

use relman_core::{
    event::{Event, HoldCause, Record},
    judge::{Judging, MethodChoice, familiar::Rule},
    machine::{FirstFailure, ReJudgeBy, Release},
    plan::Criterion,
    unit::{Span, Timestamp},
};

/// How many failed looks the rule of the comparison waits for.
const FAILED_LOOKS: u32 = 5;

/// A rollback beside what another rule would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The criterion that was over its threshold first.
    pub criterion: Criterion,
    /// The first look with a criterion over its threshold: its record, and the begin of the time that it looked at.
    pub first_bad: Reached,
    /// When the evidence held the release on suspicion, so that exposure grew no further; none where it did not.
    pub held: Option<Reached>,
    /// The breach of the contract.
    pub breach: Reached,
    /// When no traffic was confirmed.
    pub zero: Reached,
    /// The look on which the fifth look in all would have failed; none where the record ends before.
    pub fifth_failed_look: Option<Reached>,
}

/// A record and when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The number of the record.
    pub seq: u64,
    /// The time.
    pub at: Timestamp,
}

impl Comparison {
    /// Judges an exported record again: by the limit alone for the first bad look, and by failed looks.
    ///
    /// None where the release was not rolled back because of a criterion.
    ///
    /// # Errors
    ///
    /// What is no record of a release.
    pub fn of(export: &str) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        let Some(first) = export.lines().next() else { return Ok(None) };
        let release = Record::read(first.as_bytes())?.release;
        let (_, records) = Release::replay_records(release.clone(), export.lines().map(str::as_bytes))?;
        let first_failure = |method| -> Result<Option<FirstFailure>, Box<dyn std::error::Error>> {
            let mut again = ReJudgeBy::new(release.clone(), Judging::by(method));
            for record in &records {
                again.push(record)?;
            }
            Ok(again.first_failure().cloned())
        };
        let first = |wanted: fn(&Event) -> bool| {
            let found = records.iter().find(|record| wanted(&record.event));
            found.map(|record| Reached { seq: record.seq, at: record.at })
        };
        let breach = first(|event| matches!(event, Event::ContractBreached(_)));
        let zero = first(|event| matches!(event, Event::RollbackConfirmed(_)));
        let held =
            first(|event| matches!(event, Event::HoldPlaced(placed) if placed.cause == HoldCause::Suspicion));
        let first_bad = first_failure(MethodChoice::Threshold)?;
        let (Some(first_bad), Some(breach), Some(zero)) = (first_bad, breach, zero) else { return Ok(None) };
        let criterion = first_bad.verdict.criterion.clone();
        let first_bad = begin_of(&records, moment_of(&first_bad));
        let fifth = Rule::InAll { failed: FAILED_LOOKS };
        let fifth_failed_look = first_failure(MethodChoice::FailedLooks(fifth))?;
        let fifth_failed_look = fifth_failed_look.as_ref().map(moment_of);
        // A hold from before the first bad look has nothing to do with it.
        let held = held.filter(|held| held.seq > first_bad.seq);
        Ok(Some(Self { criterion, first_bad, held, breach, zero, fifth_failed_look }))
    }

    /// From the first bad second to confirmed zero traffic.
    pub fn took(&self) -> Span {
        self.zero.at.since(self.first_bad.at)
    }

    /// The same by failed looks, if the platform had taken as long from the breach on; none where the record ends before
    /// that rule would have failed.
    pub fn fifth_failed_look_would_have_taken(&self) -> Option<Span> {
        let platform = self.zero.at.since(self.breach.at);
        self.fifth_failed_look.map(|failed| failed.at.since(self.first_bad.at) + platform)
    }
}

fn moment_of(failure: &FirstFailure) -> Reached {
    Reached { seq: failure.seq, at: failure.at }
}

/// The begin of the time that a look has looked at.
fn begin_of(records: &[Record], look: Reached) -> Reached {
    let record = records.iter().find(|record| record.seq == look.seq);
    match record.map(|record| &record.event) {
        Some(Event::Evaluated(taken)) => Reached { at: taken.window.from, ..look },
        _ => look,
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { criterion, first_bad, held, breach, zero, fifth_failed_look } = self;
        writeln!(
            f,
            "From the begin of the first look with `{criterion}` over its threshold (look #{}) to confirmed zero traffic:",
            first_bad.seq
        )?;
        writeln!(
            f,
            "  {:>9}  by evidence, as it happened (breach #{}, zero confirmed #{})",
            self.took().to_string(),
            breach.seq,
            zero.seq
        )?;
        if let Some(held) = held {
            let after = held.at.since(first_bad.at).to_string();
            writeln!(
                f,
                "             exposure grew no further after {after} (held on suspicion, #{})",
                held.seq
            )?;
        }
        match (self.fifth_failed_look_would_have_taken(), fifth_failed_look) {
            (Some(would), Some(failed)) => write!(
                f,
                "  {:>9}  by a rule of five failed looks, judged on the same record (fifth: look #{})",
                would.to_string(),
                failed.seq
            ),
            _ => write!(
                f,
                "     longer  by a rule of five failed looks: on the same record it had not failed yet at #{}",
                breach.seq
            ),
        }
    }
}
