use relman_core::unit::{Timestamp, TrafficShare, Window};

/// Which share of the traffic the new version had at what time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct TrafficHistory(Vec<(Timestamp, TrafficShare)>);

/// A part of a window in which the share does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) window: Window,
    pub(super) share: TrafficShare,
}

impl TrafficHistory {
    /// Notes a change. History does not run backwards, even where a clock does.
    pub(super) fn set(&mut self, at: Timestamp, share: TrafficShare) {
        let at = self.0.last().map_or(at, |(last, _)| at.max(*last));
        if self.share() != share {
            self.0.push((at, share));
        }
    }

    /// The same with other shares within a window.
    pub(super) fn changed_within(
        &self,
        window: Window,
        other: impl Fn(TrafficShare) -> TrafficShare,
    ) -> Self {
        let mut borders: Vec<Timestamp> =
            self.0.iter().map(|(at, _)| *at).chain([window.from, window.until]).collect();
        borders.sort_unstable();
        let mut changed = Self::default();
        for at in borders {
            let share = self.share_at(at);
            changed.set(at, if window.contains(at) { other(share) } else { share });
        }
        changed
    }

    /// The share now.
    pub(super) fn share(&self) -> TrafficShare {
        self.0.last().map_or(TrafficShare::ZERO, |(_, share)| *share)
    }

    fn share_at(&self, at: Timestamp) -> TrafficShare {
        let before = self.0.iter().rev().find(|(from, _)| *from <= at);
        before.map_or(TrafficShare::ZERO, |(_, share)| *share)
    }

    /// The parts of a window between changes of the share and the other moments given.
    pub(super) fn stretches(&self, window: Window, cuts: &[Timestamp]) -> Vec<Stretch> {
        let changes = self.0.iter().map(|(at, _)| *at).chain(cuts.iter().copied());
        let inside = changes.filter(|at| window.from < *at && *at < window.until);
        let mut borders: Vec<Timestamp> = inside.chain([window.from, window.until]).collect();
        borders.sort_unstable();
        borders.dedup();
        let stretch = |pair: &[Timestamp]| Stretch {
            window: Window { from: pair[0], until: pair[1] },
            share: self.share_at(pair[0]),
        };
        borders.windows(2).map(stretch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_where_the_share_changes() {
        let at = Timestamp::from_millis;
        let mut history = TrafficHistory::default();
        history.set(at(1_000), TrafficShare::percent(1));
        history.set(at(3_000), TrafficShare::percent(10));
        let shares = |from, until| {
            let stretches = history.stretches(Window { from: at(from), until: at(until) }, &[]);
            stretches
                .iter()
                .map(|stretch| (stretch.window.length().as_millis(), stretch.share.basis_points()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shares(0, 4_000), [(1_000, 0), (2_000, 100), (1_000, 1_000)]);
        assert_eq!(shares(3_000, 3_500), [(500, 1_000)]);
        assert_eq!(shares(2_000, 2_000), []);
    }
}
