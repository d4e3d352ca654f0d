//! Latency quantiles as rates: how many requests were above a boundary of the histogram.
//!
//! `latency_p99 > 2x baseline` says that more than 1 % of the canary's requests take longer than `2q`, `q` the
//! baseline's p99. Counted at a boundary between buckets that is a rate against a limit of 1 %
//! ([`RateLimit`](crate::judge::factor::RateLimit)), exact and without a guess about how requests lie inside a bucket.
//!
//! Beside the rule itself, the shares above a few boundaries near the baseline's p95 to p99, compared with the
//! concurrent baseline ([`RateAgainstBaseline`](crate::judge::factor::RateAgainstBaseline)), find a true slow-down much
//! sooner: 2.4 minutes in place of 53, for ×2.2 at 100 requests a second.
//!
//! A boundary has to be chosen from what was measured **before** the intervals that are judged with it: the baseline of
//! the time before, or the looks so far. Chosen from the data it judges, it would be tuned to them.

use serde::{Deserialize, Serialize};

use super::{ClassicHistogram, Counts, Histogram, NativeHistogram};
use crate::unit::Finite;

/// A boundary between buckets that stands for a latency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boundary {
    /// The boundary, in the unit of the metric.
    pub at: Finite,
    /// The latency that was asked for.
    pub wanted: Finite,
}

impl Boundary {
    /// Whether the boundary is just what was asked for; if not, it is the next one above, and the verdict says so.
    pub fn is_exact(self) -> bool {
        self.at == self.wanted
    }
}

/// The shares of the baseline's requests above the boundaries that are watched beside the rule: its p95, p97.5 and p99.
const WATCHED_SHARES: [f64; 3] = [0.05, 0.025, 0.01];

impl Histogram {
    /// The boundary that stands for `factor` times the quantile of this histogram, which is the baseline's; none without
    /// requests, or with none of the boundaries high enough.
    ///
    /// - In a native histogram the quantile is the upper end of its bucket, and twice that is exactly `2^schema`
    ///   buckets further; with other factors, and in a classic histogram, it is the next boundary at or above.
    /// - In a classic histogram the quantile is found as Prometheus finds it, linear inside its bucket.
    ///
    /// The boundary is never below what was asked for: a canary is not accused of what the data can't tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use relman_core::{judge::{Histogram, NativeHistogram}, unit::Finite};
    ///
    /// let ms = |value| Finite::new(value).expect("a finite bound");
    /// // Eight buckets to a doubling; all requests in the bucket that ends at 128 ms.
    /// let baseline = NativeHistogram::new(3, ms(0.001), 0, BTreeMap::from([(56, 1_000)]))?;
    /// let boundary = Histogram::Native(baseline).boundary_for(0.99, 2.0).expect("requests were counted");
    /// assert_eq!(boundary.at, ms(256.0));
    /// assert!(boundary.is_exact());
    /// # Ok::<(), relman_core::judge::HistogramError>(())
    /// ```
    pub fn boundary_for(&self, quantile: f64, factor: f64) -> Option<Boundary> {
        let base = self.quantile_for_boundaries(quantile)?;
        self.boundary_at(Finite::new(base.get() * factor)?)
    }

    /// The boundary that stands for a fixed latency, as in `latency_p95 > 300ms`: the next one at or above; none where
    /// there is none.
    pub fn boundary_at(&self, wanted: Finite) -> Option<Boundary> {
        match self {
            Self::Classic(histogram) => classic_at_or_above(histogram, wanted),
            Self::Native(histogram) => native_at_or_above(histogram, wanted),
        }
    }

    /// Two or three boundaries near the p95 to p99 of this histogram, which is the baseline's, rising: for each of 5, 2.5
    /// and 1 % the lowest boundary with no more than that part of the requests above it.
    ///
    /// Fewer where buckets are wide, and none without requests; never one that nothing is above, since that could only
    /// ever be compared with nothing.
    pub fn watched_boundaries(&self) -> Vec<Finite> {
        let total = self.count();
        let mut chosen: Vec<Finite> = Vec::new();
        for share in WATCHED_SHARES {
            let allowed = share * total as f64;
            let found = self.boundaries().into_iter().find(|(_, above)| *above as f64 <= allowed);
            if let Some((at, above)) = found
                && above > 0
                && chosen.last() != Some(&at)
            {
                chosen.push(at);
            }
        }
        chosen
    }

    /// The highest boundary at or below a value; none where there is none.
    pub(in crate::judge) fn boundary_at_or_below(&self, wanted: Finite) -> Option<Finite> {
        match self {
            Self::Classic(histogram) => {
                histogram.bounds().iter().copied().take_while(|bound| *bound <= wanted).last()
            }
            Self::Native(histogram) => {
                let above = native_index_at_or_above(histogram, wanted)?;
                let at = if histogram.bound(above) > wanted.get() { above.checked_sub(1)? } else { above };
                Finite::new(histogram.bound(at))
            }
        }
    }

    /// The value that stands for a quantile of the baseline wherever boundaries are chosen by it: in a native histogram
    /// the upper end of its bucket.
    pub(in crate::judge) fn quantile_for_boundaries(&self, quantile: f64) -> Option<Finite> {
        match self {
            Self::Classic(_) => self.quantile(quantile),
            Self::Native(histogram) => {
                let rank = quantile.clamp(0.0, 1.0) * self.count() as f64;
                Finite::new(native_quantile_bound(histogram, rank)?)
            }
        }
    }

    /// How many requests were counted and how many of them are above a boundary; none if it is no boundary here.
    ///
    /// A boundary of a native histogram is one of every finer resolution, too.
    #[expect(clippy::float_cmp, reason = "a boundary is one by being the very same number")]
    pub fn exceedances(&self, at: Finite) -> Option<Counts> {
        let above: u64 = match self {
            Self::Classic(histogram) => {
                let index = histogram.bounds().iter().position(|bound| *bound == at)?;
                histogram.counts().get(index + 1..)?.iter().sum()
            }
            Self::Native(histogram) => {
                let index = native_index_at_or_above(histogram, at)?;
                if histogram.bound(index) != at.get() {
                    return None;
                }
                histogram.buckets().range(index.checked_add(1)?..).map(|(_, count)| count).sum()
            }
        };
        Counts::new(self.count(), above)
    }

    /// Every boundary with the number of requests above it, rising; of a native histogram those of its buckets.
    pub(in crate::judge) fn boundaries(&self) -> Vec<(Finite, u64)> {
        let mut above = self.count();
        match self {
            Self::Classic(histogram) => {
                let buckets = histogram.bounds().iter().zip(histogram.counts());
                let after = buckets.map(|(bound, count)| {
                    above -= count;
                    (*bound, above)
                });
                after.collect()
            }
            Self::Native(histogram) => {
                above -= histogram.zero_count();
                let after = histogram.buckets().iter().filter_map(|(index, count)| {
                    above -= count;
                    Some((Finite::new(histogram.bound(*index))?, above))
                });
                after.collect()
            }
        }
    }
}

fn classic_at_or_above(histogram: &ClassicHistogram, wanted: Finite) -> Option<Boundary> {
    let at = histogram.bounds().iter().copied().find(|bound| *bound >= wanted)?;
    Some(Boundary { at, wanted })
}

fn native_at_or_above(histogram: &NativeHistogram, wanted: Finite) -> Option<Boundary> {
    let index = native_index_at_or_above(histogram, wanted)?;
    Some(Boundary { at: Finite::new(histogram.bound(index))?, wanted })
}

/// The upper end of the bucket that the request of this rank lies in.
fn native_quantile_bound(histogram: &NativeHistogram, rank: f64) -> Option<f64> {
    let mut below = histogram.zero_count();
    for (index, count) in histogram.buckets() {
        below += count;
        if below as f64 >= rank && *count > 0 {
            return Some(histogram.bound(*index));
        }
    }
    None
}

/// The index of the lowest bucket that ends at or above a value; none for values that are not positive.
fn native_index_at_or_above(histogram: &NativeHistogram, wanted: Finite) -> Option<i32> {
    let wanted = wanted.get();
    if wanted <= 0.0 {
        return None;
    }
    // The logarithm may be off by a rounding either way: the bounds themselves decide.
    let guess = (libm::log2(wanted) * libm::exp2(f64::from(histogram.schema()))).ceil();
    #[expect(clippy::cast_possible_truncation, reason = "at most 1074 · 2⁸ from zero")]
    let guess = guess as i32;
    (guess.checked_sub(1)?..=guess.checked_add(1)?).find(|index| histogram.bound(*index) >= wanted)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the very same number is meant")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn ms(value: f64) -> Finite {
        Finite::new(value).unwrap()
    }

    fn classic(bounds: &[f64], counts: &[u64]) -> Histogram {
        let bounds = bounds.iter().copied().map(ms).collect();
        Histogram::Classic(ClassicHistogram::new(bounds, counts.to_vec()).unwrap())
    }

    fn native(schema: i8, buckets: &[(i32, u64)]) -> Histogram {
        let buckets = buckets.iter().copied().collect::<BTreeMap<_, _>>();
        Histogram::Native(NativeHistogram::new(schema, ms(1e-9), 5, buckets).unwrap())
    }

    #[test]
    fn a_classic_boundary_is_the_next_above_and_says_so() {
        // The p99 lies at 190 ms: 90 of 100 requests of the second bucket are below it.
        let baseline = classic(&[100.0, 200.0, 300.0, 400.0, 500.0], &[900, 100, 0, 0, 0, 0]);
        let boundary = baseline.boundary_for(0.99, 2.0).unwrap();
        assert_eq!(boundary, Boundary { at: ms(400.0), wanted: ms(380.0) });
        assert!(!boundary.is_exact());
        assert!(baseline.boundary_at(ms(300.0)).unwrap().is_exact());
        assert_eq!(baseline.boundary_for(0.99, 3.0), None, "570 ms is above every bound");
        assert_eq!(classic(&[1.0], &[0, 0]).boundary_for(0.99, 2.0), None, "no requests, no quantile");
    }

    #[test]
    fn a_doubling_is_exact_in_native_buckets_of_any_resolution() {
        for schema in 0..=8_i8 {
            for index in [-700, -31, 0, 1, 17, 90] {
                let baseline = native(schema, &[(index, 1_000)]);
                let boundary = baseline.boundary_for(0.99, 2.0).unwrap();
                assert!(boundary.is_exact(), "{schema}, {index}: {boundary:?}");
                let Histogram::Native(native) = &baseline else { unreachable!() };
                let further = index + (1 << schema);
                assert_eq!(boundary.at.get(), native.bound(further));
            }
        }
    }

    #[test]
    fn wide_native_buckets_give_the_next_boundary() {
        // Bounds are powers of 16: from 16, twice is 32, and the next boundary 256.
        let baseline = native(-2, &[(1, 1_000)]);
        assert_eq!(baseline.boundary_for(0.99, 2.0), Some(Boundary { at: ms(256.0), wanted: ms(32.0) }));
        assert_eq!(baseline.boundary_at(ms(-1.0)), None);
    }

    #[test]
    fn exceedances_are_counted_at_boundaries_alone() {
        let histogram = classic(&[100.0, 200.0], &[10, 5, 2]);
        assert_eq!(histogram.exceedances(ms(100.0)), Counts::new(17, 7));
        assert_eq!(histogram.exceedances(ms(200.0)), Counts::new(17, 2));
        assert_eq!(histogram.exceedances(ms(150.0)), None);
        let coarse = native(0, &[(1, 10), (3, 4), (4, 1)]);
        assert_eq!(coarse.exceedances(ms(2.0)), Counts::new(20, 5));
        assert_eq!(coarse.exceedances(ms(4.0)), Counts::new(20, 5), "an empty bucket has a boundary, too");
        assert_eq!(coarse.exceedances(ms(3.0)), None);
        // Four buckets to a doubling: index 4 ends at 2, as index 1 did.
        let fine = native(2, &[(4, 10), (5, 1)]);
        assert_eq!(fine.exceedances(ms(2.0)), Counts::new(16, 1));
    }

    #[test]
    fn watched_boundaries_lie_near_the_tail_and_are_never_empty() {
        let baseline = classic(&[50.0, 80.0, 100.0, 150.0, 250.0], &[500, 420, 45, 20, 10, 5]);
        // Above 100 ms are 3.5 %, above 150 ms 1.5 %, above 250 ms half a per cent.
        assert_eq!(baseline.watched_boundaries(), [ms(100.0), ms(150.0), ms(250.0)]);
        let coarse = classic(&[100.0, 1_000.0], &[900, 100, 0]);
        assert_eq!(coarse.watched_boundaries(), [], "above 1 s there is nothing to compare with");
        assert_eq!(classic(&[100.0], &[0, 0]).watched_boundaries(), []);
        let fine = native(0, &[(1, 940), (2, 20), (3, 20), (4, 10), (5, 5)]);
        assert_eq!(fine.watched_boundaries(), [ms(4.0), ms(8.0), ms(16.0)]);
    }
}
