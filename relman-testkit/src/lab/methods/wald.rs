//! Wald's bound, and how close to it evidence comes that looks at each request.

use relman_core::judge::{
    evidence::{Alpha, Scheme, Sequential, StartWeights},
    factor::{Counts, RateLimit},
};

use crate::world::draw::Draw;

/// The fewest requests on average in which any test that turns back a healthy version with a probability of at most `α`
/// finds that errors went from a rate `healthy` to a rate `broken`, both above 0 and below 1: `ln(1/α) / KL(broken ‖
/// healthy)` (Wald, Sequential Tests of Statistical Hypotheses, 1945).
///
/// # Examples
///
/// ```
/// use relman_core::judge::evidence::Alpha;
/// use relman_testkit::lab::methods::requests_needed;
///
/// let needed = |broken| requests_needed(Alpha::default(), 0.001, broken).round();
/// assert_eq!([0.002, 0.005, 0.01, 0.02].map(needed), [11_906.0, 1_136.0, 327.0, 112.0]);
/// ```
pub fn requests_needed(alpha: Alpha, healthy: f64, broken: f64) -> f64 {
    let (of_errors, of_others) = (libm::log(broken / healthy), libm::log((1.0 - broken) / (1.0 - healthy)));
    alpha.ln_threshold() / (broken * of_errors + (1.0 - broken) * of_others)
}

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
