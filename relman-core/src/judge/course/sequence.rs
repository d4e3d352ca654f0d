use super::datum::Datum;
use crate::judge::{
    evidence::{Mixture, Onset, Position, Shares, StartWeights},
    factor::{
        BurstProofAgainstBaseline, BurstProofLimit, Counts, CountsWithExposure, FRACTIONS, Factor, RATIOS,
        RateAgainstBaseline, RateLimit,
    },
};

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
    /// The boundaries that find a slow-down early; for the fast channel alone, since they are not the rule.
    early: Vec<Mixture>,
    /// The factor against the last limit: making one costs twenty logarithms.
    limit: Option<RateLimit>,
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
        }
    }

    /// One more interval of a step, steps counted from 0; whether the rule can be judged by evidence.
    pub(super) fn observe(&mut self, step: u32, rule: Datum, early: &[Datum]) -> bool {
        let at = if step == self.next.step { self.next } else { Position { step, index: 0 } };
        let weight = self.weights.planned(at);
        let (mut fast, mut robust) = ([0.0; RATIOS.len()], [0.0; FRACTIONS.len()]);
        if !self.factors(rule, &mut fast, &mut robust) {
            return false;
        }
        self.next = Position { step, index: at.index.saturating_add(1) };
        update(&mut self.fast, weight, &fast);
        update(&mut self.robust, weight, &robust);
        for (index, datum) in early.iter().take(EARLY).enumerate() {
            if self.early.len() <= index {
                self.early.push(Mixture::new(RATIOS.len(), self.weights.reserve()));
            }
            if let Datum::Baseline { arms, ratio } = datum
                && let Some(factor) = RateAgainstBaseline::new(*ratio)
            {
                factor.ln_factors(arms, &mut fast);
                update(&mut self.early[index], weight, &fast);
            }
        }
        true
    }

    /// Writes `ln L_k` for both channels; whether the rule can be judged by evidence at all.
    fn factors(&mut self, rule: Datum, fast: &mut [f64], robust: &mut [f64]) -> bool {
        match rule {
            Datum::Limit { counts, limit } => {
                if self.limit.is_none_or(|factor| factor.limit() != limit) {
                    self.limit = RateLimit::new(limit);
                }
                let (Some(likelihood), Some(bets)) = (self.limit, BurstProofLimit::new(limit)) else {
                    return false;
                };
                likelihood.ln_factors(&counts, fast);
                bets.ln_factors(&counts, robust);
            }
            Datum::Baseline { arms, ratio } => {
                let factors = RateAgainstBaseline::new(ratio).zip(BurstProofAgainstBaseline::new(ratio));
                let Some((likelihood, bets)) = factors else { return false };
                likelihood.ln_factors(&arms, fast);
                bets.ln_factors(&arms, robust);
            }
            Datum::Exposure { exposed, rate } => {
                let Some(likelihood) = CountsWithExposure::new(rate) else { return false };
                likelihood.ln_factors(&exposed, fast);
                let errors = exposed.count.min(exposed.exposure);
                let counts = Counts::new(exposed.exposure, errors).unwrap_or(Counts::NONE);
                if let Some(bets) = BurstProofLimit::new(rate) {
                    bets.ln_factors(&counts, robust);
                }
            }
        }
        true
    }

    /// `ln E` of the likelihood factors: half of it the rule's where slow-downs are looked for early.
    pub(super) fn ln_fast(&self) -> f64 {
        if self.early.is_empty() {
            return self.fast.ln_evidence();
        }
        let part = 0.5 / EARLY as f64;
        let shares = Shares::new([vec![0.5], vec![part; EARLY]].concat());
        let mut ln = [0.0; EARLY + 1];
        ln[0] = self.fast.ln_evidence();
        for (ln, mixture) in ln[1..].iter_mut().zip(&self.early) {
            *ln = mixture.ln_evidence();
        }
        shares.map_or(0.0, |shares| shares.merge(&ln))
    }

    /// `ln E` of the burst-proof factors.
    pub(super) fn ln_robust(&self) -> f64 {
        self.robust.ln_evidence()
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

fn update(mixture: &mut Mixture, weight: Option<f64>, ln_factors: &[f64]) {
    match weight {
        Some(weight) => mixture.update(weight, ln_factors),
        None => mixture.update_beyond_plan(ln_factors),
    }
}
