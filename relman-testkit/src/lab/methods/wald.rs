use relman_core::judge::evidence::Alpha;

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
