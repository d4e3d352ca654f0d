use relman_core::{
    judge::MissingKind,
    unit::{MetricName, Span},
};

use super::traffic::Stretch;
use crate::world::{
    World,
    fault::{Fault, Metrics, MetricsFate, When},
};

/// A time in which metrics have no value, in both arms. Moments are after the first exposure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outage {
    of: Metrics,
    from: Span,
    until: Span,
    missing: MissingKind,
}

impl Outage {
    /// The outages of a world.
    ///
    /// # Errors
    ///
    /// The first of its faults that is something else, in words.
    pub(super) fn all(world: &World) -> Result<Vec<Self>, String> {
        let outage = |fault: &Fault| {
            Self::of(fault).ok_or_else(|| {
                format!(
                    "the lab knows outages of metrics from a moment after the first exposure on, and not this: {fault}; \
                     leave it out, or try it in a Simulation"
                )
            })
        };
        world.faults.faults.iter().map(outage).collect()
    }

    fn of(fault: &Fault) -> Option<Self> {
        let Fault::Metrics { of, from: When::AfterExposure(from), lasting, fate } = fault else {
            return None;
        };
        let missing = match fate {
            MetricsFate::Empty => MissingKind::NoData,
            MetricsFate::Stale => MissingKind::Stale,
            MetricsFate::NotANumber => MissingKind::NotFinite,
            MetricsFate::Null | MetricsFate::Down => MissingKind::ProviderError,
            MetricsFate::Older(_) | MetricsFate::Delayed(_) | MetricsFate::Twice => return None,
        };
        Some(Self { of: of.clone(), from: *from, until: *from + *lasting, missing })
    }

    /// In which way a metric has no value over a look: any part of it is enough.
    pub(super) fn hits(outages: &[Self], metric: &MetricName, look: Stretch) -> Option<MissingKind> {
        let hit = |outage: &&Self| {
            outage.of.include(metric) && look.from < outage.until && outage.from < look.until
        };
        outages.iter().find(hit).map(|outage| outage.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lab_does_not_know_is_named() {
        let outage = Fault::outage(Span::ZERO, Span::from_minutes(1), MetricsFate::Null);
        assert_eq!(Outage::all(&World::default().with(outage)).map(|all| all.len()), Ok(1));
        let busy = World::default().with(Fault::unavailable(2));
        let problem = Outage::all(&busy).unwrap_err();
        assert!(problem.contains("not this: calls 1 to 2"), "{problem}");
        let late = Fault::outage(Span::ZERO, Span::from_minutes(1), MetricsFate::Twice);
        assert!(Outage::all(&World::default().with(late)).is_err());
    }
}
