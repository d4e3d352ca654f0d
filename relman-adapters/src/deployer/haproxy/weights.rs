use std::cmp::{Ordering, Reverse};

use relman_core::unit::TrafficShare;

/// The largest weight that HAProxy takes.
const MAX_WEIGHT: u32 = 256;

/// What all weights that are easy to read add up to, wherever the share can be written so: 1 and 99 for 1 %.
pub(super) const READABLE_TOTAL: u32 = 100;

/// How much less than what was asked for a share may be, in basis points. A share that can only be set with a
/// larger loss is refused: an observed share then never differs by more from the one that was set, and a change
/// made behind relman's back is found even where it is small.
pub(super) const MAX_LOSS_BASIS_POINTS: u16 = 10;

/// The weights of the servers of both places of one pool, each 0 to 256, in the order of the pool's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) canary: Vec<u32>,
    pub(super) baseline: Vec<u32>,
}

/// What a pool's weights may be made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// The weights that are set.
    pub(super) now: &'a Weights,
    /// The weights as they were found before the first change: they say how the servers of a place share what it gets.
    pub(super) found: &'a Weights,
    /// What other servers of the backend hold together.
    pub(super) others: u32,
}

/// Why a share can't be set by weights: what would be possible instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unrepresentable {
    /// It is smaller than the smallest one, which is given.
    TooSmall(TrafficShare),
    /// The nearest possible one below, which is given, is too far away.
    TooFar(TrafficShare),
}

impl Ground<'_> {
    /// The weights that give the canary this share or the nearest possible one below.
    ///
    /// As many weights as possible stay as they are: most steps forward are a single command for each server of the canary. Going back
    /// to nothing puts the baseline's weights back as they were found.
    pub(super) fn for_share(self, share: TrafficShare) -> Result<Weights, Unrepresentable> {
        let Self { now, found, others } = self;
        if share == TrafficShare::ZERO {
            let canary = vec![0; now.canary.len()];
            return Ok(Weights { canary, baseline: some_weight(&found.baseline, &now.baseline) });
        }
        if share == TrafficShare::FULL && others == 0 {
            let baseline = vec![0; now.baseline.len()];
            return Ok(Weights { canary: some_weight(&now.canary, &found.canary), baseline });
        }
        let wish = u64::from(share.basis_points());
        // A server that was found without weight, beside others that had some, stays without.
        let most = |found: &[u32], now: &[u32]| -> u32 {
            some_weight(found, now).iter().map(|part| if *part > 0 { MAX_WEIGHT } else { 0 }).sum()
        };
        let most_canary = most(&found.canary, &now.canary);
        let most_baseline = most(&found.baseline, &now.baseline);
        let possible = (1..=most_canary).filter_map(|canary| {
            // canary / (canary + baseline + others) <= wish / 10,000, solved for the baseline.
            let total = (u64::from(canary) * 10_000).div_ceil(wish);
            let baseline = total.saturating_sub(u64::from(canary) + u64::from(others));
            let baseline = u32::try_from(baseline).ok().filter(|baseline| *baseline <= most_baseline)?;
            Some(Totals { canary, baseline, others })
        });
        let best = possible
            .max_by(|a, b| a.compare(b).then_with(|| self.convenience(*a).cmp(&self.convenience(*b))));
        let Some(best) = best else {
            let smallest = Totals { canary: 1, baseline: most_baseline, others };
            return Err(Unrepresentable::TooSmall(smallest.share()));
        };
        let reached = best.share();
        if reached.distance(share) > MAX_LOSS_BASIS_POINTS {
            return Err(Unrepresentable::TooFar(reached));
        }
        Ok(Weights {
            canary: spread(best.canary, &now.canary, &found.canary),
            baseline: spread(best.baseline, &now.baseline, &found.baseline),
        })
    }

    /// Which of several totals with the same share to take: the greater, the better.
    ///
    /// Every server of the canary gets some weight where that is possible. The baseline's weights are kept where they can be, raised
    /// where they can't, and lowered where nothing else is
    /// left. HAProxy 2.6 evens a lowered weight out over the turn that is under way: from 10:90 to 50:50 the
    /// canary got 73 of the next 100 requests, from 1:99 to 90:10 more than its share for a thousand. Where the
    /// baseline's weight stays or grows, it never was more than one request ahead.
    fn convenience(self, totals: Totals) -> (bool, u8, Reverse<u32>) {
        let now: u32 = self.now.baseline.iter().sum();
        let (raised, lowered) = (totals.baseline.saturating_sub(now), now.saturating_sub(totals.baseline));
        let rank = if lowered > 0 {
            0
        } else if raised == 0 {
            3
        } else if totals.canary + totals.baseline == READABLE_TOTAL {
            2
        } else {
            1
        };
        (totals.canary as usize >= self.now.canary.len(), rank, Reverse(raised + lowered))
    }
}

/// Weights that are not all zero: the first that are, or a readable one for each server.
fn some_weight(first: &[u32], second: &[u32]) -> Vec<u32> {
    let weighted = |weights: &&[u32]| weights.iter().any(|weight| *weight > 0);
    match [first, second].into_iter().find(weighted) {
        Some(weights) => weights.to_vec(),
        None => vec![READABLE_TOTAL; first.len()],
    }
}

/// Spreads a total over servers as they shared what they were found with; as it is, where that adds up already. What a division
/// leaves goes to the first servers.
fn spread(total: u32, now: &[u32], found: &[u32]) -> Vec<u32> {
    if now.iter().sum::<u32>() == total {
        return now.to_vec();
    }
    let parts = some_weight(found, now);
    let all: u64 = parts.iter().map(|part| u64::from(*part)).sum();
    let part_of = |part: &u32| {
        let exact = u64::from(total) * u64::from(*part) / all;
        u32::try_from(exact).unwrap_or(MAX_WEIGHT).min(MAX_WEIGHT)
    };
    let mut weights: Vec<u32> = parts.iter().map(part_of).collect();
    let mut rest = total.saturating_sub(weights.iter().sum());
    while rest > 0 {
        // Who has nothing yet comes first, so that no server stands idle.
        let least =
            weights.iter().enumerate().filter(|(index, weight)| **weight < MAX_WEIGHT && parts[*index] > 0);
        let Some((next, _)) =
            least.min_by_key(|(index, weight)| (**weight > 0, weight_lack(**weight, parts[*index]), *index))
        else {
            break;
        };
        weights[next] += 1;
        rest -= 1;
    }
    weights
}

/// How far a weight is from its part, as far as a comparison needs it: those with larger parts come first.
fn weight_lack(weight: u32, part: u32) -> u64 {
    u64::from(weight + 1) * 1_000_000 / u64::from(part.max(1))
}

/// What both places hold, and the others of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) canary: u32,
    pub(super) baseline: u32,
    pub(super) others: u32,
}

impl Totals {
    /// The canary's share in basis points, rounded up, so that a little is never reported as nothing and a share
    /// that was rounded down to weights is never reported above the wish; less than all where the others get any.
    /// Nothing where nobody has weight.
    pub(super) fn share(self) -> TrafficShare {
        let all = self.all();
        if self.canary == 0 || all == 0 {
            return TrafficShare::ZERO;
        }
        if self.canary == all {
            return TrafficShare::FULL;
        }
        let basis_points = (u64::from(self.canary) * 10_000).div_ceil(u64::from(all)).min(9_999);
        u16::try_from(basis_points)
            .ok()
            .and_then(|basis_points| TrafficShare::try_from(basis_points).ok())
            .expect("at most 9,999 basis points are a share")
    }

    /// How the canary's share compares to that of other weights, exactly.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let product = |a: &Self, b: &Self| u64::from(a.canary) * u64::from(b.all());
        // Where nobody has weight the canary gets nothing: without this, 0/0 would equal everything.
        match (self.all(), other.all()) {
            (0, _) if other.canary == 0 => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) if self.canary == 0 => Ordering::Equal,
            (_, 0) => Ordering::Greater,
            _ => product(self, other).cmp(&product(other, self)),
        }
    }

    /// All weight of the pool.
    pub(super) fn all(self) -> u32 {
        self.canary + self.baseline + self.others
    }
}

impl Weights {
    pub(super) fn totals(&self, others: u32) -> Totals {
        Totals { canary: self.canary.iter().sum(), baseline: self.baseline.iter().sum(), others }
    }

    /// The changes that lead from these weights to the wanted ones, in an order in which the canary has at no
    /// moment more than at the beginning or at the end, and some server has weight all the time: first whatever takes something from
    /// the canary, then whatever gives it something.
    pub(super) fn changes_to(&self, wanted: &Self) -> Vec<Change> {
        let steps = |place: Side, now: &[u32], wanted: &[u32]| -> Vec<(Change, bool)> {
            let pairs = now.iter().zip(wanted).enumerate().filter(|(_, (now, wanted))| now != wanted);
            pairs
                .map(|(server, (now, wanted))| (Change { place, server, weight: *wanted }, wanted > now))
                .collect()
        };
        let canary = steps(Side::Canary, &self.canary, &wanted.canary);
        let baseline = steps(Side::Baseline, &self.baseline, &wanted.baseline);
        let of = |steps: &[(Change, bool)], raised: bool| -> Vec<Change> {
            steps.iter().filter(|(_, up)| *up == raised).map(|(change, _)| *change).collect()
        };
        let (lower_canary, raise_baseline) = (of(&canary, false), of(&baseline, true));
        let (raise_canary, lower_baseline) = (of(&canary, true), of(&baseline, false));
        // Where the canary's loss would leave nobody with weight, whoever gains some goes first.
        let left: u32 = self.canary.iter().zip(&wanted.canary).map(|(now, wanted)| now.min(wanted)).sum();
        let kept: u32 = self.baseline.iter().sum();
        if left + kept > 0 {
            [lower_canary, raise_baseline, raise_canary, lower_baseline].concat()
        } else if raise_baseline.is_empty() {
            [raise_canary, lower_canary, lower_baseline].concat()
        } else {
            [raise_baseline, lower_canary, raise_canary, lower_baseline].concat()
        }
    }
}

/// One of the two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Canary,
    Baseline,
}

/// One weight to be set: of which server of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) place: Side,
    pub(super) server: usize,
    pub(super) weight: u32,
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn weights(canary: &[u32], baseline: &[u32]) -> Weights {
        Weights { canary: canary.to_vec(), baseline: baseline.to_vec() }
    }

    fn basis_points(basis_points: u16) -> TrafficShare {
        TrafficShare::try_from(basis_points).unwrap()
    }

    /// What a share comes to where these weights are set, and were found.
    fn for_share(now: &Weights, share: TrafficShare, others: u32) -> Result<Weights, Unrepresentable> {
        Ground { now, found: now, others }.for_share(share)
    }

    fn pair(canary: u32, baseline: u32) -> Weights {
        weights(&[canary], &[baseline])
    }

    #[test]
    fn the_usual_shares_are_exact() {
        for (share, expected) in [
            ("0%", pair(0, 1)),
            ("0.5%", pair(1, 199)),
            ("1%", pair(1, 99)),
            ("5%", pair(5, 95)),
            ("10%", pair(10, 90)),
            ("12.5%", pair(1, 7)),
            ("25%", pair(25, 75)),
            ("50%", pair(1, 1)),
            ("100%", pair(100, 0)),
        ] {
            let wish: TrafficShare = share.parse().unwrap();
            let found = for_share(&pair(0, 1), wish, 0).unwrap();
            assert_eq!(found, expected, "{share}");
            assert_eq!(found.totals(0).share(), wish, "{share}");
        }
    }

    #[test]
    fn the_baseline_keeps_its_weight_or_gains_some_where_that_is_possible() {
        for (now, share, expected) in [
            (pair(1, 99), "10%", pair(11, 99)),
            (pair(11, 99), "50%", pair(99, 99)),
            (pair(99, 99), "100%", pair(99, 0)),
            (pair(99, 99), "1%", pair(1, 99)),
            (pair(1, 99), "5%", pair(6, 114)),
            (pair(6, 114), "10%", pair(13, 117)),
            (pair(99, 0), "10%", pair(10, 90)),
            // Nothing else is left: three times 99 is more than a weight can be.
            (pair(99, 99), "75%", pair(255, 85)),
        ] {
            assert_eq!(for_share(&now, share.parse().unwrap(), 0), Ok(expected), "{now:?} {share}");
        }
    }

    #[test]
    fn three_stable_servers_and_one_canary_reach_every_step() {
        let found = weights(&[0], &[100, 100, 100]);
        let mut now = found.clone();
        for (share, expected) in [
            ("1%", weights(&[4], &[132, 132, 132])),
            ("10%", weights(&[44], &[132, 132, 132])),
            ("50%", weights(&[256], &[86, 85, 85])),
            ("75%", weights(&[255], &[29, 28, 28])),
            ("90%", weights(&[252], &[10, 9, 9])),
            ("100%", weights(&[252], &[0, 0, 0])),
            ("0%", weights(&[0], &[100, 100, 100])),
        ] {
            let ground = Ground { now: &now, found: &found, others: 0 };
            let wish: TrafficShare = share.parse().unwrap();
            let wanted = ground.for_share(wish).unwrap();
            assert_eq!(wanted.totals(0).share(), wish, "{share}: {wanted:?}");
            assert_eq!(wanted, expected, "{share}");
            now = wanted;
        }
    }

    #[test]
    fn servers_share_as_they_were_found() {
        let found = weights(&[0, 0], &[100, 50, 0]);
        let ten = for_share(&found, TrafficShare::percent(10), 0).unwrap();
        assert_eq!(ten, weights(&[9, 8], &[102, 51, 0]));
        let back = Ground { now: &ten, found: &found, others: 0 }.for_share(TrafficShare::ZERO);
        assert_eq!(back, Ok(found));
    }

    #[test]
    fn what_weights_can_not_say_is_refused_with_what_they_can() {
        let refusal = |bp| for_share(&pair(0, 1), basis_points(bp), 0).unwrap_err();
        assert_eq!(refusal(1), Unrepresentable::TooSmall(basis_points(39)));
        assert_eq!(refusal(38), Unrepresentable::TooSmall(basis_points(39)));
        assert_eq!(for_share(&pair(0, 1), basis_points(39), 0), Ok(pair(1, 256)));
        assert_eq!(refusal(9_999), Unrepresentable::TooFar(basis_points(9_962)));
        let refused: Vec<u16> =
            (1..10_000).filter(|bp| for_share(&pair(0, 1), basis_points(*bp), 0).is_err()).collect();
        let expected: Vec<u16> = (1..39).chain(9_973..10_000).collect();
        assert_eq!(refused, expected);
    }

    #[test]
    fn everything_is_refused_while_others_have_weight() {
        assert_eq!(
            for_share(&pair(0, 1), TrafficShare::FULL, 100),
            Err(Unrepresentable::TooFar(basis_points(7_192)))
        );
        assert_eq!(for_share(&pair(0, 1), TrafficShare::percent(1), 99), Ok(pair(2, 99)));
    }

    #[test]
    fn a_little_is_never_reported_as_nothing_or_nearly_everything_as_all() {
        let share = |canary, baseline, others| Totals { canary, baseline, others }.share();
        assert_eq!(share(1, 256, 100_000), basis_points(1));
        assert_eq!(share(256, 1, 0), basis_points(9_962));
        assert_eq!(share(1_000_000, 1, 0), basis_points(9_999));
        assert_eq!(share(0, 0, 0), TrafficShare::ZERO);
    }

    #[test]
    fn going_back_from_a_step_begins_with_the_canary() {
        let change = |place, weight| Change { place, server: 0, weight };
        let now = pair(10, 90);
        let none = for_share(&now, TrafficShare::ZERO, 0).unwrap();
        assert_eq!(now.changes_to(&none), [change(Side::Canary, 0)]);
        let found = pair(0, 1);
        let none = Ground { now: &now, found: &found, others: 0 }.for_share(TrafficShare::ZERO).unwrap();
        assert_eq!(now.changes_to(&none), [change(Side::Canary, 0), change(Side::Baseline, 1)]);
        let now = pair(100, 0);
        let none = for_share(&now, TrafficShare::ZERO, 0).unwrap();
        assert_eq!(now.changes_to(&none), [change(Side::Baseline, 100), change(Side::Canary, 0)]);
    }

    fn some() -> impl Strategy<Value = Weights> {
        let place = || vec(0_u32..=256, 1..4);
        (place(), place()).prop_map(|(canary, baseline)| Weights { canary, baseline })
    }

    proptest! {
        #[test]
        fn a_share_is_never_exceeded_and_the_loss_is_within_the_tolerance(
            wish in 0_u16..=10_000, now in some(), others in 0_u32..=2_000,
        ) {
            if let Ok(found) = for_share(&now, basis_points(wish), others) {
                prop_assert!(found.canary.iter().chain(&found.baseline).all(|weight| *weight <= MAX_WEIGHT));
                let totals = found.totals(others);
                prop_assert!(totals.all() > 0);
                let (part, total) = (u64::from(totals.canary) * 10_000, u64::from(totals.all()));
                prop_assert!(part <= u64::from(wish) * total);
                let reported = totals.share().basis_points();
                prop_assert!(reported <= wish && wish - reported <= MAX_LOSS_BASIS_POINTS);
            }
        }

        #[test]
        fn no_better_weights_exist(wish in 1_u16..10_000, canary in 0_u32..=256, baseline in 0_u32..=256) {
            let other = pair(canary, baseline).totals(0);
            let below = u64::from(other.canary) * 10_000 <= u64::from(wish) * u64::from(other.all());
            if let Ok(found) = for_share(&pair(0, 1), basis_points(wish), 0) {
                prop_assert!(!below || other.compare(&found.totals(0)) != Ordering::Greater);
            }
        }

        #[test]
        fn on_the_way_the_canary_never_has_more_than_before_or_after(
            now in some(), wish in 0_u16..=10_000, others in 0_u32..=300,
        ) {
            let Ok(wanted) = for_share(&now, basis_points(wish), others) else { return Ok(()) };
            let mut state = now.clone();
            for change in now.changes_to(&wanted) {
                match change.place {
                    Side::Canary => state.canary[change.server] = change.weight,
                    Side::Baseline => state.baseline[change.server] = change.weight,
                }
                let at = |weights: &Weights| weights.totals(others);
                let more_than = |other: &Weights| at(&state).compare(&at(other)) == Ordering::Greater;
                prop_assert!(!(more_than(&now) && more_than(&wanted)), "{now:?} {state:?} {wanted:?}");
                prop_assert!(at(&now).all() == 0 || at(&state).all() > 0, "{now:?} {wanted:?}");
            }
            prop_assert_eq!(state, wanted);
        }
    }
}
