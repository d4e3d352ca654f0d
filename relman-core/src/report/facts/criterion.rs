//! One criterion of the contract over many looks.

use serde::Serialize;

use crate::{
    event::{Event, LookTaken, Record},
    judge::{Outcome, Verdict},
    plan::{Criterion, RollbackContract},
    report::facts::{History, Mark, VerdictKind},
};

/// A criterion over the whole release.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    pub(in crate::report) fn new(criterion: &Criterion) -> Self {
        let criterion = criterion.clone();
        Self { criterion, last: None, last_record: None, clean: 0, open: 0, unmeasured: 0, breached: 0 }
    }

    pub(in crate::report) fn push(&mut self, record: &Record, look: &LookTaken) {
        let Some(verdict) = look.verdicts.iter().find(|verdict| verdict.criterion == self.criterion) else {
            return;
        };
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
pub struct CriterionSeen {
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

pub(in crate::report) fn criteria(history: &History<'_>, after: &[Record]) -> Vec<CriterionSeen> {
    let contract = history.release.plan().and_then(|plan| plan.contract());
    let of_contract = contract.map(RollbackContract::criteria).unwrap_or_default();
    let seen = |criterion: &Criterion| {
        let mut seen = CriterionSeen {
            criterion: criterion.clone(),
            said: None,
            clean: false,
            mark: None,
            breached: Vec::new(),
        };
        for record in after {
            let Event::LookTaken(look) = &record.event else { continue };
            let Some(verdict) = look.verdicts.iter().find(|one| one.criterion == *criterion) else {
                continue;
            };
            seen.said = Some(verdict.to_string());
            seen.clean = verdict.outcome == Outcome::Pass;
            seen.mark = Some(Mark::of(record));
            if verdict.outcome == Outcome::Fail {
                seen.breached.push(record.seq);
            }
        }
        seen
    };
    of_contract.iter().map(seen).collect()
}
