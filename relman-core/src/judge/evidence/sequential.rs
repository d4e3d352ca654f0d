use serde::{Deserialize, Serialize};

use super::{Alpha, Position, StartWeights, factor::Factor, start::SPENT_BEYOND};
use crate::{
    judge::math::{ln_add, ln_sum},
    unit::UnitError,
};

/// How many alternatives a factor may have; the buffer for their factors lives on the stack.
const MOST_ALTERNATIVES: usize = 16;

/// The evidence on one criterion: a factor, start weights, and what was observed.
///
/// Inputs are totals of an interval, so that shards add up before they get here; what comes out depends on the totals
/// and their order alone, to the bit.
///
/// # Examples
///
/// A version with four times the errors it is allowed:
///
/// ```
/// use relman_core::judge::{
///     evidence::{Alpha, Scheme, Sequential, StartWeights},
///     factor::{Counts, RateLimit},
/// };
///
/// let factor = RateLimit::new(0.01).expect("a rate");
/// let weights = StartWeights::new(Scheme::Steps, vec![30, 120]);
/// let mut evidence = Sequential::new(factor, weights);
///
/// let clean = Counts::new(600, 4).expect("fewer errors than requests");
/// let broken = Counts::new(600, 24).expect("fewer errors than requests");
/// for _ in 0..10 {
///     evidence.observe(0, &clean);
/// }
/// assert!(!evidence.alarms(Alpha::default()));
/// evidence.observe(0, &broken);
/// evidence.observe(0, &broken);
/// assert!(evidence.alarms(Alpha::default()));
/// assert_eq!(evidence.onset().map(|onset| onset.interval), Some(10));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequential<F> {
    factor: F,
    weights: StartWeights,
    /// Where the next interval lies if its step is that of the last.
    next: Position,
    mixture: Mixture,
}

impl<F: Factor> Sequential<F> {
    /// Nothing seen yet.
    pub fn new(factor: F, weights: StartWeights) -> Self {
        let mixture = Mixture::new(F::ALTERNATIVES, weights.reserve());
        Self { factor, weights, next: Position::default(), mixture }
    }

    /// One more interval of a step, steps counted from 0; what the evidence then is, as [`Self::ln_evidence`].
    ///
    /// An interval without data is left out: it is evidence of nothing, and spends nothing.
    pub fn observe(&mut self, step: u32, interval: &F::Interval) -> f64 {
        let at = if step == self.next.step { self.next } else { Position { step, index: 0 } };
        self.next = Position { step, index: at.index.saturating_add(1) };
        let mut buffer = [0.0; MOST_ALTERNATIVES];
        let factors = &mut buffer[..F::ALTERNATIVES];
        self.factor.ln_factors(interval, factors);
        match self.weights.planned(at) {
            Some(weight) => self.mixture.update(weight, factors),
            None => self.mixture.update_beyond_plan(factors),
        }
        self.ln_evidence()
    }

    /// `ln E`; zero before the first observation.
    pub fn ln_evidence(&self) -> f64 {
        self.mixture.ln_evidence()
    }

    /// Whether the evidence of this criterion alone reaches `1/α`.
    pub fn alarms(&self, alpha: Alpha) -> bool {
        self.ln_evidence() >= alpha.ln_threshold()
    }

    /// The most likely start.
    pub fn onset(&self) -> Option<Onset> {
        self.mixture.onset()
    }

    /// The factor.
    pub fn factor(&self) -> &F {
        &self.factor
    }

    /// The state.
    pub fn mixture(&self) -> &Mixture {
        &self.mixture
    }
}

/// The natural logarithm of evidence, or of a part of it: a number, or minus infinity for none at all.
///
/// Written to a record as a number, and as `null` for minus infinity, which JSON does not have.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Option<f64>", into = "Option<f64>")]
pub struct LnEvidence(f64);

impl LnEvidence {
    /// The logarithm of zero.
    pub const NONE: Self = Self(f64::NEG_INFINITY);

    /// The logarithm; [`NONE`](Self::NONE) if it is not finite.
    pub const fn of(ln: f64) -> Self {
        if ln.is_finite() { Self(ln) } else { Self::NONE }
    }

    /// The number; minus infinity for none.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<Option<f64>> for LnEvidence {
    type Error = UnitError;

    fn try_from(ln: Option<f64>) -> Result<Self, UnitError> {
        match ln {
            None => Ok(Self::NONE),
            Some(ln) if ln.is_finite() => Ok(Self(ln)),
            Some(ln) => Err(UnitError::new(ln.to_string(), "a logarithm", "it is not finite")),
        }
    }
}

impl From<LnEvidence> for Option<f64> {
    fn from(ln: LnEvidence) -> Self {
        ln.0.is_finite().then_some(ln.0)
    }
}

/// One alternative: what it has collected, and its most likely start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alternative {
    /// `ln S_k`.
    ln_s: LnEvidence,
    /// The largest of the terms that `S_k` is the sum of: one for each start.
    ln_best: LnEvidence,
    /// The interval that this term starts with.
    best_start: u64,
}

impl Alternative {
    const NEW: Self = Self { ln_s: LnEvidence::NONE, ln_best: LnEvidence::NONE, best_start: 0 };
}

/// What a mixture holds to be most likely: which regression, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Onset {
    /// The interval it starts with, counted from 0 among those that were judged.
    pub interval: u64,
    /// The alternative, by its place in the factor's list.
    pub alternative: usize,
    /// The logarithm of the evidence for exactly this start and alternative.
    pub ln_evidence: LnEvidence,
}

/// A little more than the logarithm of how many parts evidence has at most: sixteen alternatives, and what is left of the
/// weights.
const LN_MOST_PARTS: f64 = 2.84;

/// The state of the recursion: for ten alternatives, thirty-three numbers.
///
/// `ln S_k ← ln L_k + ln(S_k + w_t π_k)`, with `π_k` the same for each alternative. The greatest term of each sum is
/// kept with its start (the same recursion with a maximum in place of the sum), which costs no logarithm and tells
/// a person since when something is likely wrong.
///
/// # Examples
///
/// Two alternatives; a start weight of a half, and factors of 4 and 2:
///
/// ```
/// use relman_core::judge::evidence::Mixture;
///
/// let mut mixture = Mixture::new(2, 0.0);
/// assert_eq!(mixture.ln_evidence(), 0.0);
/// let (ln_2, ln_4) = (0.693_147_180_559_945_3, 1.386_294_361_119_890_6);
/// mixture.update(0.5, &[ln_4, ln_2]);
/// // 1/2 + 4 · 1/4 + 2 · 1/4 = 2
/// assert!((mixture.ln_evidence() - ln_2).abs() < 1e-15);
/// let onset = mixture.onset().expect("something was spent on a start");
/// assert_eq!((onset.interval, onset.alternative), (0, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// The weight that no start has taken yet.
    rest: f64,
    /// The part of it that is kept for time beyond the plan.
    reserve: f64,
    /// How many intervals were judged.
    intervals: u64,
    alternatives: Vec<Alternative>,
}

impl Mixture {
    /// Nothing seen yet, for so many alternatives, with so much of the weight kept for time beyond the plan.
    pub fn new(alternatives: usize, reserve: f64) -> Self {
        Self { rest: 1.0, reserve, intervals: 0, alternatives: vec![Alternative::NEW; alternatives] }
    }

    /// One more interval: the weight of a start at it, and `ln L_k` for each alternative in order.
    ///
    /// No more than what is left is taken, so that `E` starts at 1 whatever the weights are. A weight that is not
    /// above zero takes nothing. Alternatives without a factor stay as they are.
    pub fn update(&mut self, start_weight: f64, ln_factors: &[f64]) {
        let weight = start_weight.min(self.rest).max(0.0);
        self.rest -= weight;
        // The logarithm of w_t π_k is the same for each alternative: π_k = 1/K.
        let ln_start = libm::log(weight / self.alternatives.len() as f64);
        for (alternative, ln_factor) in self.alternatives.iter_mut().zip(ln_factors) {
            alternative.ln_s = LnEvidence(ln_factor + ln_add(alternative.ln_s.get(), ln_start));
            if ln_start > alternative.ln_best.get() {
                alternative.ln_best = LnEvidence(ln_start);
                alternative.best_start = self.intervals;
            }
            alternative.ln_best = LnEvidence(ln_factor + alternative.ln_best.get());
        }
        self.intervals += 1;
    }

    /// One more interval beyond the plan: its start takes its part of what is kept for such time.
    ///
    /// [`SPENT_BEYOND`](SPENT_BEYOND) of what is left each time, so that there is always something left.
    pub fn update_beyond_plan(&mut self, ln_factors: &[f64]) {
        let weight = self.reserve * SPENT_BEYOND;
        self.reserve -= weight;
        self.update(weight, ln_factors);
    }

    /// `ln E`; zero before the first observation.
    pub fn ln_evidence(&self) -> f64 {
        let parts = self.alternatives.iter().map(|alternative| alternative.ln_s.get());
        ln_sum([libm::log(self.rest)].into_iter().chain(parts))
    }

    /// A bound on `ln E` from above that costs no logarithm: the largest part, as often as there are parts.
    pub(in crate::judge) fn ln_evidence_at_most(&self) -> f64 {
        // What is left of the weights is at most one.
        let most = self.alternatives.iter().map(|alternative| alternative.ln_s.get()).fold(0.0, f64::max);
        most + LN_MOST_PARTS
    }

    /// How many intervals were judged.
    pub fn intervals(&self) -> u64 {
        self.intervals
    }

    /// The most likely start of each alternative that has one: what of the past is still needed to say what happened
    /// since. An interval that is none of them will never be one again.
    pub(in crate::judge) fn starts(&self) -> impl Iterator<Item = u64> {
        let has_one = |state: &&Alternative| state.ln_best > LnEvidence::NONE;
        self.alternatives.iter().filter(has_one).map(|state| state.best_start)
    }

    /// The start and the alternative with the most evidence; none before any start had weight.
    pub fn onset(&self) -> Option<Onset> {
        let mut best: Option<Onset> = None;
        for (alternative, state) in self.alternatives.iter().enumerate() {
            if state.ln_best > best.map_or(LnEvidence::NONE, |best| best.ln_evidence) {
                best = Some(Onset { interval: state.best_start, alternative, ln_evidence: state.ln_best });
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_come_to_more_than_one_are_cut() {
        let mut mixture = Mixture::new(1, 0.0);
        for _ in 0..5 {
            mixture.update(0.5, &[0.0]);
        }
        assert!(mixture.ln_evidence().abs() < 1e-15, "factors of 1 leave evidence of 1");
    }

    #[test]
    fn the_start_is_found() {
        let mut mixture = Mixture::new(2, 0.0);
        for interval in 0..20 {
            let factors = if interval < 12 { [-0.5, -1.0] } else { [0.5, 2.0] };
            mixture.update(0.05, &factors);
        }
        let onset = mixture.onset().unwrap();
        assert_eq!((onset.interval, onset.alternative), (12, 1));
        assert!(onset.ln_evidence.get() < mixture.ln_evidence());
    }

    #[test]
    fn time_beyond_the_plan_never_uses_up_what_is_kept() {
        let mut mixture = Mixture::new(1, 0.05);
        for _ in 0..2_000 {
            mixture.update_beyond_plan(&[0.0]);
        }
        assert!(mixture.reserve > 0.0 && mixture.rest >= 0.95);
        assert!(mixture.ln_evidence().abs() < 1e-12);
    }

    #[test]
    fn the_state_reads_back_to_the_bit() {
        let mut mixture = Mixture::new(3, 0.05);
        let fresh = serde_json::to_string(&mixture).unwrap();
        assert_eq!(serde_json::from_str::<Mixture>(&fresh).unwrap(), mixture);
        mixture.update(0.3, &[0.1, -0.2, 0.7]);
        let written = serde_json::to_string(&mixture).unwrap();
        let read: Mixture = serde_json::from_str(&written).unwrap();
        assert_eq!(read, mixture);
        assert_eq!(read.ln_evidence().to_bits(), mixture.ln_evidence().to_bits());
    }
}
