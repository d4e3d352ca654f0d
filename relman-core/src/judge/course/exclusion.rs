use crate::{
    judge::{Measurement, confidence, evidence::Alpha},
    unit::Finite,
};

/// Whether data exclude a regression of a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Exclusion {
    Excluded,
    /// They don't: how large it may still be; none for any size.
    Open(Option<Finite>),
}

/// Whether a quantile is less than so many times the baseline's: whether few enough of the canary's requests are above the
/// highest boundary that is no more than that.
pub(super) fn of_quantile(
    canary: &Measurement,
    baseline: &Measurement,
    quantile: f64,
    alpha: Alpha,
    excluded: f64,
) -> Exclusion {
    let (Measurement::Histogram(canary), Measurement::Histogram(baseline)) = (canary, baseline) else {
        return Exclusion::Open(None);
    };
    let Some(base) = baseline.quantile_for_boundaries(quantile).filter(|base| base.get() > 0.0) else {
        return Exclusion::Open(None);
    };
    let is_below = |counts| confidence::rate(counts, alpha).excludes(1.0 - quantile);
    let wanted = Finite::new(base.get() * excluded);
    let at = wanted.and_then(|wanted| canary.boundary_at_or_below(wanted));
    if at.and_then(|at| canary.exceedances(at)).is_some_and(is_below) {
        return Exclusion::Excluded;
    }
    let boundaries = canary.boundaries();
    let first = boundaries.partition_point(|(at, _)| !canary.exceedances(*at).is_some_and(is_below));
    let highest = boundaries.get(first).and_then(|(at, _)| Finite::new(at.get() / base.get()));
    Exclusion::Open(highest.filter(|highest| highest.get() >= excluded))
}
