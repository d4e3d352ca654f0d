//! Rank sums of two samples, one of them shifted.

use crate::unit::Finite;

/// Two samples in rising order: ranks need no more, and a shift keeps the order.
pub(super) struct Sorted {
    pub(super) experiment: Vec<f64>,
    pub(super) control: Vec<f64>,
}

/// What the ranks of both samples together come to.
pub(super) struct RankSums {
    /// The Mann-Whitney statistic of the experiment: how many pairs it wins, a tie counting half.
    pub(super) wins: f64,
    /// `Σ (t³ − t)` over groups of `t` tied values.
    pub(super) ties: f64,
}

impl Sorted {
    pub(super) fn new(experiment: &[Finite], control: &[Finite]) -> Self {
        let sorted = |sample: &[Finite]| {
            let mut values: Vec<f64> = sample.iter().map(|value| value.get()).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        Self { experiment: sorted(experiment), control: sorted(control) }
    }

    /// The sizes of both.
    pub(super) fn sizes(&self) -> (f64, f64) {
        (self.experiment.len() as f64, self.control.len() as f64)
    }

    /// The range of shifts that any pair of values asks for.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.experiment.first()?, self.experiment.last()?);
        Some((first - self.control.last()?, last - self.control.first()?))
    }

    /// Rank sums with the experiment shifted down by `shift`, by merging: tied values share their mean rank.
    #[expect(clippy::float_cmp, reason = "ties are values that are the very same")]
    pub(super) fn rank_sums(&self, shift: f64) -> RankSums {
        let (mut mine, mut theirs) = (0, 0);
        let (mut rank_sum, mut ties) = (0.0, 0.0);
        let value_of = |index: usize| self.experiment.get(index).map(|value| value - shift);
        loop {
            let next = match (value_of(mine), self.control.get(theirs).copied()) {
                (None, None) => break,
                (Some(value), None) | (None, Some(value)) => value,
                (Some(one), Some(other)) => f64::min(one, other),
            };
            let before = (mine + theirs) as f64;
            let (mine_before, theirs_before) = (mine, theirs);
            while value_of(mine).is_some_and(|value| value == next) {
                mine += 1;
            }
            while self.control.get(theirs).is_some_and(|value| *value == next) {
                theirs += 1;
            }
            let equal = (mine - mine_before + theirs - theirs_before) as f64;
            rank_sum += (mine - mine_before) as f64 * (before + f64::midpoint(1.0, equal));
            ties += equal * equal * equal - equal;
        }
        let (m, _) = self.sizes();
        RankSums { wins: rank_sum - m * (m + 1.0) / 2.0, ties }
    }

    /// The deviation of the statistic from its mean, in standard deviations with the correction for ties, less the
    /// correction for continuity where one is asked for; `None` where all values are tied.
    pub(super) fn z(&self, shift: f64, continuity: Continuity) -> Option<f64> {
        let (m, n) = self.sizes();
        let RankSums { wins, ties } = self.rank_sums(shift);
        let deviation = wins - m * n / 2.0;
        let both = m + n;
        let variance = (m * n / 12.0) * ((both + 1.0) - ties / (both * (both - 1.0)));
        if variance.is_nan() || variance <= 0.0 {
            return None;
        }
        let correction = match continuity {
            Continuity::Corrected if deviation > 0.0 => 0.5,
            Continuity::Corrected if deviation < 0.0 => -0.5,
            Continuity::Corrected | Continuity::Plain => 0.0,
        };
        Some((deviation - correction) / variance.sqrt())
    }
}

/// Whether half a step is taken off because the statistic jumps.
#[derive(Clone, Copy)]
pub(super) enum Continuity {
    Corrected,
    Plain,
}

/// In how many ways samples of `m` and `n` different values give each statistic from 0 to `m·n`.
///
/// The coefficients of the Gaussian binomial `Π_{i=1..m} (1 − q^(n+i)) / (1 − q^i)` (Mann and Whitney 1947). Exact in
/// integers for samples below fifty: the greatest sum, 98 over 49, is below 2⁹⁵.
pub(super) fn ways(m: usize, n: usize) -> Vec<u128> {
    let top = m * n;
    let mut ways = vec![0_i128; top + 1];
    ways[0] = 1;
    for i in 1..=m {
        for index in (n + i..=top).rev() {
            ways[index] -= ways[index - (n + i)];
        }
        for index in i..=top {
            ways[index] += ways[index - i];
        }
    }
    ways.into_iter().map(i128::unsigned_abs).collect()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the very same number is meant")]
mod tests {
    use super::*;

    fn sorted(experiment: &[f64], control: &[f64]) -> Sorted {
        let finite = |values: &[f64]| -> Vec<Finite> {
            values.iter().map(|value| Finite::new(*value).unwrap()).collect()
        };
        Sorted::new(&finite(experiment), &finite(control))
    }

    #[test]
    fn ties_share_their_mean_rank() {
        // Ranks: 1, 3, 3, 3, 5; the experiment has 3 + 3 + 5.
        let sums = sorted(&[2.0, 2.0, 9.0], &[1.0, 2.0]).rank_sums(0.0);
        assert_eq!(sums.wins, 11.0 - 6.0);
        assert_eq!(sums.ties, 24.0);
    }

    #[test]
    fn the_ways_are_those_of_the_tables() {
        assert_eq!(ways(2, 2), [1, 1, 2, 1, 1]);
        assert_eq!(ways(2, 3), [1, 1, 2, 2, 2, 1, 1]);
        // 98 over 49.
        assert_eq!(ways(49, 49).iter().sum::<u128>(), 25_477_612_258_980_856_902_730_428_600);
        assert_eq!(ways(4, 7), ways(7, 4));
    }

    #[test]
    fn all_values_tied_have_no_deviation() {
        assert_eq!(sorted(&[2.0, 2.0], &[1.0]).z(1.0, Continuity::Plain), None);
        assert!(sorted(&[2.0, 2.0], &[1.0]).z(0.0, Continuity::Plain).is_some());
    }
}
