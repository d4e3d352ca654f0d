use serde::{Deserialize, Serialize};

use super::{Alpha, Mixture, Onset, Position, StartWeights};
use crate::judge::factor::Factor;

/// How many alternatives a factor may have; the buffer for their factors lives on the stack.
const MOST_ALTERNATIVES: usize = 16;

/// The evidence on one criterion: a factor, start weights, and what was seen.
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

    /// `ln E`; zero before anything was seen.
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
