use relman_core::{
    event::Event,
    unit::{Span, Timestamp, TrafficShare},
};

use crate::Run;

/// Which share of the traffic the new version had, and when, as the records of a run say it.
///
/// # Examples
///
/// ```
/// use relman_core::unit::{Span, TrafficShare};
/// use relman_testkit::{Team, Simulation, sample, world::{Regression, World}};
///
/// let world = World::calm().with(Regression::errors_from_share(TrafficShare::percent(10), 0.2));
/// let run = Simulation::new(sample::drill_plan(), sample::drill_policy()).world(world).run(Team::new())?;
/// let exposure = run.exposure();
/// assert_eq!(exposure.most(), TrafficShare::percent(10));
/// assert_eq!(exposure.most_within(Span::from_minutes(5)), TrafficShare::percent(1));
/// assert!(exposure.lasted() < Span::from_minutes(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// When the share changed, and to what; the first is the first exposure.
    changes: Vec<(Timestamp, TrafficShare)>,
    /// The last moment that is known of.
    until: Timestamp,
}

impl Run {
    /// Which share of the traffic the new version had, and when.
    pub fn exposure(&self) -> Exposure {
        let changes = self.records.iter().filter_map(|record| match &record.event {
            Event::TrafficSet(set) => Some((record.at, set.share)),
            Event::TrafficDrifted(drifted) => Some((record.at, drifted.observed)),
            _ => None,
        });
        let changes = changes.skip_while(|(_, share)| *share == TrafficShare::ZERO).collect();
        Exposure { changes, until: self.release.last_at() }
    }
}

impl Exposure {
    /// When it first had traffic, if it ever had.
    pub fn began(&self) -> Option<Timestamp> {
        self.changes.first().map(|(at, _)| *at)
    }

    /// The largest share that it ever had.
    pub fn most(&self) -> TrafficShare {
        self.most_within(Span::from_millis(u64::MAX))
    }

    /// The largest share that it had less than so long after its first exposure.
    pub fn most_within(&self, span: Span) -> TrafficShare {
        let Some(began) = self.began() else {
            return TrafficShare::ZERO;
        };
        let early = self.changes.iter().filter(|(at, _)| at.since(began) < span);
        early.map(|(_, share)| *share).max().unwrap_or(TrafficShare::ZERO)
    }

    /// From the first exposure until it had no traffic any more, or until the last record.
    pub fn lasted(&self) -> Span {
        let zero = self.changes.iter().find(|(_, share)| *share == TrafficShare::ZERO);
        let end = zero.map_or(self.until, |(at, _)| *at);
        self.began().map_or(Span::ZERO, |began| end.since(began))
    }

    /// Whether it got a larger share than before in a time: after its beginning, and before its end, both after the first
    /// exposure.
    pub fn rose_between(&self, from: Span, until: Span) -> bool {
        let Some(began) = self.began() else {
            return false;
        };
        let rises =
            self.changes.windows(2).filter(|pair| pair[1].1 > pair[0].1).map(|pair| pair[1].0.since(began));
        rises.into_iter().any(|rise| from < rise && rise < until)
    }
}
