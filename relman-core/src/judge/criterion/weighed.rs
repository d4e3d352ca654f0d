//! The evidence on one criterion: what was weighed, in both channels, and since when it speaks for a regression.

use std::collections::BTreeMap;

use super::datum::{Beside, Datum, Reading, complement, is_upper};
use crate::{
    judge::{
        confidence::{self, Interval},
        diagnostics::{Spread, Warning},
        evidence::{
            Alpha, Mixture, Onset, Position, StartWeights,
            factor::{
                BurstProofAgainstBaseline, BurstProofLimit, CountsWithExposure, FRACTIONS, Factor, RATIOS,
                RateAgainstBaseline, RateLimit,
            },
        },
        math::{ln_add, ln_sum},
        observation::{Arms, Boundary, Counts, Measurement},
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

/// How many boundaries are watched beside a quantile's own rule at most.
const EARLY: usize = 3;

/// The evidence on one criterion in both channels, over a whole release.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sequence {
    weights: StartWeights,
    /// Where the next interval lies if its step is that of the last.
    next: Position,
    fast: Mixture,
    robust: Mixture,
    /// The boundaries that find a slow-down early; for the fast channel alone, and for holding alone, since they are not
    /// the rule. Whether there are any is settled by the first interval: the parts of a mean are known in advance.
    early: Vec<Mixture>,
    /// The factor against the last limit: making one costs twenty logarithms.
    limit: Option<RateLimit>,
    /// The same against the baseline.
    against: Option<RateAgainstBaseline>,
}

impl Sequence {
    pub(super) fn new(weights: StartWeights) -> Self {
        let reserve = weights.reserve();
        Self {
            fast: Mixture::new(RATIOS.len(), reserve),
            robust: Mixture::new(FRACTIONS.len(), reserve),
            early: Vec::new(),
            weights,
            next: Position::default(),
            limit: None,
            against: None,
        }
    }

    /// One more interval of a step, steps counted from 0.
    ///
    /// With what is counted at the boundaries that find a slow-down early, where the criterion has such.
    pub(super) fn observe(&mut self, step: u32, rule: Datum, early: Option<&[Datum]>) {
        let at = if step == self.next.step { self.next } else { Position { step, index: 0 } };
        self.next = Position { step, index: at.index.saturating_add(1) };
        let weight = self.weights.planned(at);
        if self.fast.intervals() == 0 && early.is_some() {
            self.early = vec![Mixture::new(RATIOS.len(), self.weights.reserve()); EARLY];
        }
        let (mut fast, mut robust) = ([0.0; RATIOS.len()], [0.0; FRACTIONS.len()]);
        self.factors(rule, &mut fast, &mut robust);
        update(&mut self.fast, weight, &fast);
        update(&mut self.robust, weight, &robust);
        for (mixture, datum) in self.early.iter_mut().zip(early.unwrap_or_default()) {
            if let Datum::Baseline { arms, ratio } = datum
                && let Some(factor) = against(&mut self.against, *ratio)
            {
                factor.ln_factors(arms, &mut fast);
                update(mixture, weight, &fast);
            }
        }
    }

    /// Writes `ln L_k` for both channels; no evidence for an invalid limit.
    #[expect(clippy::float_cmp, reason = "a factor is for the very same limit")]
    fn factors(&mut self, rule: Datum, fast: &mut [f64], robust: &mut [f64]) {
        match rule {
            Datum::Limit { counts, limit } => {
                if self.limit.is_none_or(|factor| factor.limit() != limit) {
                    self.limit = RateLimit::new(limit);
                }
                if let Some((likelihood, bets)) = self.limit.zip(BurstProofLimit::new(limit)) {
                    likelihood.ln_factors(&counts, fast);
                    bets.ln_factors(&counts, robust);
                }
            }
            Datum::Baseline { arms, ratio } => {
                let factors = against(&mut self.against, ratio).zip(BurstProofAgainstBaseline::new(ratio));
                if let Some((likelihood, bets)) = factors {
                    likelihood.ln_factors(&arms, fast);
                    bets.ln_factors(&arms, robust);
                }
            }
            Datum::Exposure { exposed, rate } => {
                let errors = exposed.count.min(exposed.exposure);
                let counts = Counts::new(exposed.exposure, errors).unwrap_or(Counts::NONE);
                if let Some((likelihood, bets)) =
                    CountsWithExposure::new(rate).zip(BurstProofLimit::new(rate))
                {
                    likelihood.ln_factors(&exposed, fast);
                    bets.ln_factors(&counts, robust);
                }
            }
        }
    }

    /// `ln E` of the likelihood factors: half of it the rule's where slow-downs are looked for early.
    pub(super) fn ln_fast(&self) -> f64 {
        if self.early.is_empty() {
            return self.fast.ln_evidence();
        }
        let early = ln_sum(self.early.iter().map(Mixture::ln_evidence)) - libm::log(self.early.len() as f64);
        ln_mean(self.fast.ln_evidence(), early)
    }

    /// `ln E` of the rule alone, half of it in each channel: what a release is turned back by where its units are independent.
    pub(super) fn ln_both(&self) -> f64 {
        ln_mean(self.fast.ln_evidence(), self.robust.ln_evidence())
    }

    /// A bound on `ln E` in either channel, and of their means, from above: it costs no logarithm, and is below any threshold
    /// for nearly all of a release that is fine.
    pub(super) fn at_most(&self) -> f64 {
        let all = self.early.iter().chain([&self.fast, &self.robust]);
        all.map(Mixture::ln_evidence_at_most).fold(f64::NEG_INFINITY, f64::max)
    }

    /// `ln E` of the burst-proof factors.
    pub(super) fn ln_robust(&self) -> f64 {
        self.robust.ln_evidence()
    }

    /// Whether the most likely start is or may become an interval: another one never will.
    pub(super) fn may_start(&self, interval: u64) -> bool {
        self.fast.starts().chain(self.robust.starts()).any(|start| start == interval)
    }

    /// The most likely start, by the channel that knows more.
    pub(super) fn onset(&self) -> Option<Onset> {
        self.robust
            .onset()
            .into_iter()
            .chain(self.fast.onset())
            .max_by(|one, other| one.ln_evidence.get().total_cmp(&other.ln_evidence.get()))
    }
}

/// The factor for a ratio: the last one where it is for the same.
#[expect(clippy::float_cmp, reason = "a factor is for the very same ratio")]
fn against(last: &mut Option<RateAgainstBaseline>, ratio: f64) -> Option<RateAgainstBaseline> {
    if last.is_none_or(|factor| factor.ratio() != ratio) {
        *last = RateAgainstBaseline::new(ratio);
    }
    *last
}

fn ln_mean(one: f64, other: f64) -> f64 {
    ln_add(one, other) - std::f64::consts::LN_2
}

fn update(mixture: &mut Mixture, weight: Option<f64>, ln_factors: &[f64]) {
    match weight {
        Some(weight) => mixture.update(weight, ln_factors),
        None => mixture.update_beyond_plan(ln_factors),
    }
}
