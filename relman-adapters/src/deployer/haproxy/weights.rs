use std::cmp::{Ordering, Reverse};

use relman_core::unit::TrafficShare;

/// The largest weight that HAProxy takes.
const MAX_WEIGHT: u32 = 256;

/// What two weights that are easy to read add up to, wherever the share can be written so: 1 and 99 for 1 %.
pub(super) const READABLE_TOTAL: u32 = 100;

/// How much less than what was asked for a share may be, in basis points. A share that can only be set with a
/// larger loss is refused: an observed share then never differs by more from the one that was set, and a change
/// made behind relman's back is found even where it is small.
pub(super) const MAX_LOSS_BASIS_POINTS: u16 = 10;

/// The weights of the canary and of the baseline, each 0 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) canary: u32,
    pub(super) baseline: u32,
}

/// Why a share can't be set by weights: what would be possible instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unrepresentable {
    /// It is smaller than the smallest one, which is given.
    TooSmall(TrafficShare),
    /// The nearest possible one below, which is given, is too far away.
    TooFar(TrafficShare),
}

impl Weights {
    /// The weights that give the canary this share or the nearest possible one below, while other servers of the
    /// backend hold `others` together.
    ///
    /// As many weights as possible stay as they are: going back to nothing is a single command, and so are most
    /// steps forward.
    pub(super) fn for_share(share: TrafficShare, now: Self, others: u32) -> Result<Self, Unrepresentable> {
        let keep = |weight: u32| if weight > 0 { weight } else { READABLE_TOTAL };
        if share == TrafficShare::ZERO {
            return Ok(Self { canary: 0, baseline: keep(now.baseline) });
        }
        if share == TrafficShare::FULL && others == 0 {
            return Ok(Self { canary: keep(now.canary), baseline: 0 });
        }
        let wish = u32::from(share.basis_points());
        let possible = (1..=MAX_WEIGHT).filter_map(|canary| {
            // canary / (canary + baseline + others) <= wish / 10,000, solved for the baseline.
            let total = (canary * 10_000).div_ceil(wish);
            let baseline = total.saturating_sub(canary + others);
            (baseline <= MAX_WEIGHT).then_some(Self { canary, baseline })
        });
        let best = possible.max_by(|a, b| {
            a.compare_share(*b, others).then_with(|| a.convenience(now).cmp(&b.convenience(now)))
        });
        let Some(best) = best else {
            let smallest = Self { canary: 1, baseline: MAX_WEIGHT };
            return Err(Unrepresentable::TooSmall(smallest.share(others)));
        };
        let reached = best.share(others);
        if reached.distance(share) > MAX_LOSS_BASIS_POINTS {
            return Err(Unrepresentable::TooFar(reached));
        }
        Ok(best)
    }

    /// Which of several weights with the same share to take: the greater, the better.
    ///
    /// The baseline's weight is kept where it can be, raised where it can't, and lowered where nothing else is
    /// left. HAProxy 2.6 evens a lowered weight out over the turn that is under way: from 10:90 to 50:50 the
    /// canary got 73 of the next 100 requests, from 1:99 to 90:10 more than its share for a thousand. Where the
    /// baseline's weight stays or grows, it never was more than one request ahead.
    fn convenience(self, now: Self) -> (u8, Reverse<u32>) {
        let raised = self.baseline.saturating_sub(now.baseline);
        let lowered = now.baseline.saturating_sub(self.baseline);
        let rank = if lowered > 0 {
            0
        } else if raised == 0 {
            3
        } else if self.canary + self.baseline == READABLE_TOTAL {
            2
        } else {
            1
        };
        (rank, Reverse(raised + lowered))
    }

    /// The canary's share in basis points, rounded up, so that a little is never reported as nothing and a share
    /// that was rounded down to weights is never reported above the wish; less than all where the others get any.
    /// Nothing where nobody has weight.
    pub(super) fn share(self, others: u32) -> TrafficShare {
        let total = self.total(others);
        if self.canary == 0 || total == 0 {
            return TrafficShare::ZERO;
        }
        if self.canary == total {
            return TrafficShare::FULL;
        }
        let basis_points = (u64::from(self.canary) * 10_000).div_ceil(u64::from(total)).min(9_999);
        u16::try_from(basis_points)
            .ok()
            .and_then(|basis_points| TrafficShare::try_from(basis_points).ok())
            .expect("at most 9,999 basis points are a share")
    }

    /// How the canary's share compares to that of other weights, exactly.
    pub(super) fn compare_share(self, other: Self, others: u32) -> Ordering {
        let product = |a: Self, b: Self| u64::from(a.canary) * u64::from(b.total(others));
        // Where nobody has weight the canary gets nothing: without this, 0/0 would equal everything.
        match (self.total(others), other.total(others)) {
            (0, _) if other.canary == 0 => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) if self.canary == 0 => Ordering::Equal,
            (_, 0) => Ordering::Greater,
            _ => product(self, other).cmp(&product(other, self)),
        }
    }

    /// All weight of the backend.
    pub(super) fn total(self, others: u32) -> u32 {
        self.canary + self.baseline + others
    }

    /// The changes that lead from these weights to the wanted ones, in an order in which the canary has at no
    /// moment more than at the beginning or at the end, and some server has weight all the time.
    pub(super) fn changes_to(self, wanted: Self) -> Vec<Change> {
        let canary = (self.canary != wanted.canary).then_some(Change::Canary(wanted.canary));
        let baseline = (self.baseline != wanted.baseline).then_some(Change::Baseline(wanted.baseline));
        // Down with the canary first, up with it last; but from or to nothing at all, whoever gains weight first.
        let canary_first = if wanted.canary <= self.canary {
            wanted.canary + self.baseline > 0
        } else {
            self.canary + wanted.baseline == 0
        };
        let order = if canary_first { [canary, baseline] } else { [baseline, canary] };
        order.into_iter().flatten().collect()
    }
}

/// One weight to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Canary(u32),
    Baseline(u32),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FROM_FILE: Weights = weights(0, 1);

    const fn weights(canary: u32, baseline: u32) -> Weights {
        Weights { canary, baseline }
    }

    fn basis_points(basis_points: u16) -> TrafficShare {
        TrafficShare::try_from(basis_points).unwrap()
    }

    #[test]
    fn the_usual_shares_are_exact() {
        for (share, expected) in [
            ("0%", weights(0, 1)),
            ("0.5%", weights(1, 199)),
            ("1%", weights(1, 99)),
            ("5%", weights(5, 95)),
            ("10%", weights(10, 90)),
            ("12.5%", weights(1, 7)),
            ("25%", weights(25, 75)),
            ("50%", weights(1, 1)),
            ("100%", weights(100, 0)),
        ] {
            let wish: TrafficShare = share.parse().unwrap();
            let found = Weights::for_share(wish, FROM_FILE, 0).unwrap();
            assert_eq!(found, expected, "{share}");
            assert_eq!(found.share(0), wish, "{share}");
        }
    }

    #[test]
    fn the_baseline_keeps_its_weight_or_gains_some_where_that_is_possible() {
        for (now, share, expected) in [
            (weights(1, 99), "10%", weights(11, 99)),
            (weights(11, 99), "50%", weights(99, 99)),
            (weights(99, 99), "100%", weights(99, 0)),
            (weights(99, 99), "1%", weights(1, 99)),
            (weights(1, 99), "5%", weights(6, 114)),
            (weights(6, 114), "10%", weights(13, 117)),
            (weights(99, 0), "10%", weights(10, 90)),
            // Nothing else is left: three times 99 is more than a weight can be.
            (weights(99, 99), "75%", weights(255, 85)),
        ] {
            assert_eq!(Weights::for_share(share.parse().unwrap(), now, 0), Ok(expected), "{now:?} {share}");
        }
    }

    #[test]
    fn what_weights_can_not_say_is_refused_with_what_they_can() {
        let refusal = |bp| Weights::for_share(basis_points(bp), FROM_FILE, 0).unwrap_err();
        assert_eq!(refusal(1), Unrepresentable::TooSmall(basis_points(39)));
        assert_eq!(refusal(38), Unrepresentable::TooSmall(basis_points(39)));
        assert_eq!(Weights::for_share(basis_points(39), FROM_FILE, 0), Ok(weights(1, 256)));
        assert_eq!(refusal(9_999), Unrepresentable::TooFar(basis_points(9_962)));
        let refused: Vec<u16> =
            (1..10_000).filter(|bp| Weights::for_share(basis_points(*bp), FROM_FILE, 0).is_err()).collect();
        let expected: Vec<u16> = (1..39).chain(9_973..10_000).collect();
        assert_eq!(refused, expected);
    }

    #[test]
    fn everything_is_refused_while_others_have_weight() {
        assert_eq!(
            Weights::for_share(TrafficShare::FULL, FROM_FILE, 100),
            Err(Unrepresentable::TooFar(basis_points(7_192)))
        );
        assert_eq!(Weights::for_share(TrafficShare::percent(1), FROM_FILE, 99), Ok(weights(2, 99)));
    }

    #[test]
    fn a_little_is_never_reported_as_nothing_or_nearly_everything_as_all() {
        assert_eq!(weights(1, 256).share(100_000), basis_points(1));
        assert_eq!(weights(256, 1).share(0), basis_points(9_962));
        assert_eq!(weights(1_000_000, 1).share(0), basis_points(9_999));
        assert_eq!(weights(0, 0).share(0), TrafficShare::ZERO);
    }

    #[test]
    fn going_back_from_a_step_is_one_command() {
        let now = weights(10, 90);
        let none = Weights::for_share(TrafficShare::ZERO, now, 0).unwrap();
        assert_eq!(now.changes_to(none), [Change::Canary(0)]);
        let now = weights(100, 0);
        let none = Weights::for_share(TrafficShare::ZERO, now, 0).unwrap();
        assert_eq!(now.changes_to(none), [Change::Baseline(100), Change::Canary(0)]);
    }

    proptest! {
        #[test]
        fn a_share_is_never_exceeded_and_the_loss_is_within_the_tolerance(
            wish in 0_u16..=10_000, canary in 0_u32..=256, baseline in 0_u32..=256, others in 0_u32..=2_000,
        ) {
            if let Ok(found) = Weights::for_share(basis_points(wish), weights(canary, baseline), others) {
                prop_assert!(found.canary <= MAX_WEIGHT && found.baseline <= MAX_WEIGHT);
                prop_assert!(found.total(others) > 0);
                let (part, total) = (u64::from(found.canary) * 10_000, u64::from(found.total(others)));
                prop_assert!(part <= u64::from(wish) * total);
                let reported = found.share(others).basis_points();
                prop_assert!(reported <= wish && wish - reported <= MAX_LOSS_BASIS_POINTS);
            }
        }

        #[test]
        fn no_better_weights_exist(wish in 1_u16..10_000, canary in 0_u32..=256, baseline in 0_u32..=256) {
            let other = weights(canary, baseline);
            let below = u64::from(other.canary) * 10_000 <= u64::from(wish) * u64::from(other.total(0));
            if let Ok(found) = Weights::for_share(basis_points(wish), FROM_FILE, 0) {
                prop_assert!(!below || other.compare_share(found, 0) != Ordering::Greater);
            }
        }

        #[test]
        fn on_the_way_the_canary_never_has_more_than_before_or_after(
            now in (0_u32..=256, 0_u32..=256), wish in 0_u16..=10_000, others in 0_u32..=300,
        ) {
            let now = weights(now.0, now.1);
            let Ok(wanted) = Weights::for_share(basis_points(wish), now, others) else { return Ok(()) };
            let mut state = now;
            for change in now.changes_to(wanted) {
                match change {
                    Change::Canary(weight) => state.canary = weight,
                    Change::Baseline(weight) => state.baseline = weight,
                }
                let more_than = |other| state.compare_share(other, others) == Ordering::Greater;
                prop_assert!(!(more_than(now) && more_than(wanted)), "{now:?} {state:?} {wanted:?}");
                prop_assert!(state.total(others) > 0, "{now:?} {wanted:?}");
            }
            prop_assert_eq!(state, wanted);
        }
    }
}
