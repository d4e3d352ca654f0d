//! One criterion of the contract over many looks.

use serde::Serialize;

use crate::{
    event::{Evaluated, Event, Record},
    judge::{Outcome, Verdict},
    plan::{Criterion, RollbackContract},
    report::facts::{History, Mark, VerdictKind},
};

/// A criterion over the whole release.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CriterionStory {
    /// The criterion, in the words of the contract.
    pub criterion: Criterion,
    /// Its last verdict, whole; none before the first look.
    pub last: Option<Verdict>,
    /// The record of the last verdict.
    pub last_record: Option<u64>,
    /// How many looks found it clean.
    pub clean: u64,
    /// How many looks could not tell yet.
    pub open: u64,
    /// How many looks had nothing to judge.
    pub unmeasured: u64,
    /// How many looks found a breach.
    pub breached: u64,
}

impl CriterionStory {
    /// Every criterion of the contract over some records, in its order; none before there is a contract.
    pub(in crate::report) fn all(history: &History<'_>, records: &[Record]) -> Vec<Self> {
        let story = |criterion: &Criterion| {
            let mut story = Self {
                criterion: criterion.clone(),
                last: None,
                last_record: None,
                clean: 0,
                open: 0,
                unmeasured: 0,
                breached: 0,
            };
            for (record, _, verdict) in verdicts(criterion, records) {
                story.push(record, verdict);
            }
            story
        };
        contract(history).iter().map(story).collect()
    }

    fn push(&mut self, record: &Record, verdict: &Verdict) {
        *match VerdictKind::of(&verdict.outcome) {
            VerdictKind::Clean => &mut self.clean,
            VerdictKind::Open => &mut self.open,
            VerdictKind::Unmeasured => &mut self.unmeasured,
            VerdictKind::Breached => &mut self.breached,
        } += 1;
        self.last = Some(verdict.clone());
        self.last_record = Some(record.seq);
    }
}

/// A criterion of the contract, with its last verdict in the validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CriterionResult {
    /// The criterion.
    pub criterion: Criterion,
    /// What the last look said of it; none before the first.
    pub said: Option<String>,
    /// Whether it was clean in the last look.
    pub clean: bool,
    /// The last look, and its record.
    pub mark: Option<Mark>,
    /// The records of the looks in which it was breached.
    pub breached: Vec<u64>,
}

impl CriterionResult {
    /// Every criterion of the contract over some records, in its order; none before there is a contract.
    pub(in crate::report) fn all(history: &History<'_>, records: &[Record]) -> Vec<Self> {
        let result = |criterion: &Criterion| {
            let last = verdicts(criterion, records).last();
            let breached = verdicts(criterion, records)
                .filter(|(_, _, verdict)| verdict.outcome == Outcome::Fail)
                .map(|(record, _, _)| record.seq);
            Self {
                criterion: criterion.clone(),
                said: last.map(|(_, _, verdict)| verdict.to_string()),
                clean: last.is_some_and(|(_, _, verdict)| verdict.outcome == Outcome::Pass),
                mark: last.map(|(record, _, _)| Mark::of(record)),
                breached: breached.collect(),
            }
        };
        contract(history).iter().map(result).collect()
    }
}

/// The criteria of the contract in force; none before there is one.
pub(in crate::report) fn contract<'a>(history: &History<'a>) -> &'a [Criterion] {
    let contract = history.release.plan().and_then(|plan| plan.contract());
    contract.map(RollbackContract::criteria).unwrap_or_default()
}

/// The verdicts on a criterion, each with its look, in the order of the records.
fn verdicts<'a>(
    criterion: &'a Criterion,
    records: &'a [Record],
) -> impl Iterator<Item = (&'a Record, &'a Evaluated, &'a Verdict)> {
    records.iter().filter_map(move |record| {
        let Event::Evaluated(look) = &record.event else { return None };
        let verdict = look.verdicts.iter().find(|verdict| verdict.criterion == *criterion)?;
        Some((record, look, verdict))
    })
}
