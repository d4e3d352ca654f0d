//! A look at each request, which is how close to Wald's bound the mixture itself comes.

use relman_core::judge::{
    evidence::{Alpha, Scheme, Sequential, StartWeights},
    factor::{Counts, RateLimit},
};

use crate::sim::draw::Draw;

/// After how many requests the evidence alarms where each is looked at, and errors come at `broken` from the first on.
pub(super) fn until_alarm(mut draw: Draw, alpha: Alpha, healthy: f64, broken: f64) -> f64 {
    let factor = RateLimit::new(healthy).expect("a comparison has a healthy rate above 0 and below 1");
    let mut evidence = Sequential::new(factor, StartWeights::new(Scheme::First, vec![u32::MAX]));
    let threshold = alpha.ln_threshold();
    let mut requests = 0.0;
    loop {
        requests += 1.0;
        let seen = Counts::new(1, draw.part(1, broken)).expect("one request has at most one error");
        if evidence.observe(0, &seen) >= threshold {
            return requests;
        }
    }
}
