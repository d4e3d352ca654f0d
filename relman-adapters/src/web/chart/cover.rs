use relman_core::{report::VerifyFrame, unit::Timestamp};

use super::{Tick, TimeAxis, axis::place, exposure::Band};

/// Who was on call over the validation, and when nobody was.
#[derive(Debug, Clone)]
pub(in crate::web) struct CoverChart {
    pub(in crate::web) x_ticks: Vec<Tick>,
    pub(in crate::web) covered: Vec<Band>,
    pub(in crate::web) bare: Vec<Band>,
    pub(in crate::web) says: String,
}

impl CoverChart {
    /// The chart; none before the validation.
    pub(in crate::web) fn of(verify: &VerifyFrame, until: Timestamp) -> Option<Self> {
        let axis = TimeAxis::new(verify.frame.entered?.at, until);
        let band = |from: Timestamp, until: Timestamp| {
            let (from, until) = (axis.x(from), axis.x(until));
            Band { x: place(from), width: place((until - from).max(1.0)) }
        };
        let (covered, bare): (Vec<_>, Vec<_>) = verify.cover.iter().partition(|one| one.person.is_some());
        Some(Self {
            x_ticks: axis.ticks(),
            covered: covered.iter().map(|one| band(one.from, one.until)).collect(),
            bare: bare.iter().map(|one| band(one.from, one.until)).collect(),
            says: format!("On-call cover of the validation. Nobody was on call for {}.", verify.uncovered),
        })
    }
}
