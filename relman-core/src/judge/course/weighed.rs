use std::collections::BTreeMap;

use super::{
    datum::{Beside, Datum, Reading, complement, is_upper},
    sequence::Sequence,
};
use crate::{
    judge::{
        Boundary, Measurement,
        confidence::{self, Interval},
        diagnostics::{Spread, Warning},
        evidence::{Alpha, StartWeights},
        factor::Arms,
    },
    plan::{Criterion, Threshold},
    unit::Timestamp,
};

/// Everything that was weighed as evidence on one criterion.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    sequence: Sequence,
    /// Whether what was measured last could be counted in requests; if not, it is judged against a hard limit.
    pub(super) is_counted: bool,
    /// How many intervals were weighed.
    intervals: u64,
    /// What was counted in each step; nothing for counts with exposure.
    totals: Vec<Arms>,
    sum: Arms,
    spread: Spread,
    /// The intervals that a regression may have started with, and what was counted before.
    origins: BTreeMap<u64, Origin>,
    /// The boundary of the last interval, for a quantile.
    boundary: Option<Boundary>,
}

/// Where an interval begins.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Origin {
    from: Timestamp,
    before: Arms,
}

/// The most likely regression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Since {
    /// When it began.
    pub(super) from: Timestamp,
    /// What was counted since: requests, and those that the criterion is about.
    pub(super) arms: Arms,
}

/// The least part by which a boundary is above what was asked for that a person should know of.
const NOTABLE_DISTANCE: f64 = 0.1;

impl Weighed {
    pub(super) fn new(weights: StartWeights) -> Self {
        Self {
            sequence: Sequence::new(weights),
            is_counted: true,
            intervals: 0,
            totals: Vec::new(),
            sum: Arms::default(),
            spread: Spread::default(),
            origins: BTreeMap::new(),
            boundary: None,
        }
    }

    /// One more measurement of the canary in a step, counted from 0.
    pub(super) fn observe(
        &mut self,
        criterion: &Criterion,
        (step, from): (u32, Timestamp),
        canary: &Measurement,
        beside: Beside<'_>,
    ) {
        let (datum, boundary) = match Reading::of(criterion, canary, beside) {
            Reading::Counted(datum, boundary) => (datum, boundary),
            Reading::Silent => return,
            Reading::Uncountable => {
                self.is_counted = false;
                return;
            }
        };
        self.is_counted = true;
        self.boundary = boundary;
        self.sequence.observe(step, datum, Datum::early(criterion, canary, beside).as_deref());
        self.origins.insert(self.intervals, Origin { from, before: self.sum });
        self.origins.retain(|interval, _| self.sequence.may_start(*interval));
        self.intervals += 1;
        if let Some(arms) = datum.arms() {
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            if self.totals.len() <= step {
                self.totals.resize(step.saturating_add(1), Arms::default());
            }
            self.totals[step] = self.totals[step].plus(arms);
            self.sum = self.sum.plus(arms);
            self.spread.observe(arms.canary);
        }
    }

    pub(super) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    pub(super) fn spread(&self) -> &Spread {
        &self.spread
    }

    /// When the most likely regression began, and what was counted since.
    pub(super) fn since(&self) -> Option<Since> {
        let origin = self.origins.get(&self.sequence.onset()?.interval)?;
        Some(Since { from: origin.from, arms: self.sum.since(origin.before) })
    }

    /// The confidence sequence of the ratio to the baseline; of the rate where nothing is compared, in the words of the
    /// criterion.
    pub(super) fn confidence(&self, criterion: &Criterion, alpha: Alpha) -> Option<Interval> {
        if self.sum.canary.requests() == 0 {
            return None;
        }
        match criterion.threshold {
            Threshold::Baseline { .. }
                if criterion.metric.quantile().is_none() || self.boundary.is_none() =>
            {
                confidence::ratio(&self.totals, alpha)
            }
            Threshold::Limit(_) if !is_upper(criterion) => {
                Some(confidence::rate(complement(self.sum.canary), alpha))
            }
            Threshold::Baseline { .. } | Threshold::Limit(_) => {
                Some(confidence::rate(self.sum.canary, alpha))
            }
        }
    }

    /// The boundary that a quantile is judged at.
    pub(super) fn boundary(&self) -> Option<Boundary> {
        self.boundary
    }

    /// What a person should know before believing what was weighed.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.spread.warnings();
        let coarse =
            |boundary: &Boundary| boundary.at.get() > (1.0 + NOTABLE_DISTANCE) * boundary.wanted.get();
        if let Some(Boundary { at, wanted }) = self.boundary.filter(coarse) {
            warnings.push(Warning::CoarseBuckets { at, wanted });
        }
        warnings
    }
}
