use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::unit::Finite;

/// How requests are spread over values, in one of the two forms that Prometheus has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Histogram {
    /// Buckets with the bounds that the service chose.
    Classic(ClassicHistogram),
    /// Buckets whose bounds are powers of one base.
    Native(NativeHistogram),
}

/// Why two histograms can't be added up or one can't exist.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// There is one count for each bound and one for what is above the last.
    #[error(
        "{counts} counts do not fit {bounds} bounds: one for each bound and one above the last are needed"
    )]
    CountsDoNotFit {
        /// How many bounds there are.
        bounds: usize,
        /// How many counts there are.
        counts: usize,
    },
    /// Bounds rise strictly.
    #[error("the bound {0} is not above the one before")]
    BoundsDoNotRise(Finite),
    /// A native histogram's schema is between -4 and 8.
    #[error("the schema {0} is not between -4 and 8")]
    UnknownSchema(i8),
    /// Counts of different buckets can't be added up.
    #[error("the histograms have different buckets")]
    DifferentBuckets,
}

impl Histogram {
    /// How many requests were counted.
    pub fn count(&self) -> u64 {
        match self {
            Self::Classic(histogram) => histogram.counts.iter().sum(),
            Self::Native(histogram) => histogram.zero_count + histogram.buckets.values().sum::<u64>(),
        }
    }

    /// Adds the counts of another histogram with the same buckets.
    ///
    /// # Errors
    ///
    /// [`HistogramError::DifferentBuckets`] where bounds, schema or form differ; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), HistogramError> {
        match (self, other) {
            (Self::Classic(mine), Self::Classic(theirs)) if mine.bounds == theirs.bounds => {
                for (mine, theirs) in mine.counts.iter_mut().zip(&theirs.counts) {
                    *mine += theirs;
                }
                Ok(())
            }
            (Self::Native(mine), Self::Native(theirs)) if mine.schema == theirs.schema => {
                mine.zero_count += theirs.zero_count;
                for (index, count) in &theirs.buckets {
                    *mine.buckets.entry(*index).or_default() += count;
                }
                Ok(())
            }
            (Self::Classic(_) | Self::Native(_), _) => Err(HistogramError::DifferentBuckets),
        }
    }

    /// The value below which a share `quantile` of the requests lies, between 0 and 1; none without requests.
    ///
    /// Linear inside a bucket, as Prometheus's `histogram_quantile` has it for classic histograms; a quantile
    /// above the last bound gives the last bound, which is then a lower limit of the true value.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::{judge::{ClassicHistogram, Histogram}, unit::Finite};
    ///
    /// let ms = |value| Finite::new(value).expect("a finite bound");
    /// let histogram = Histogram::Classic(ClassicHistogram::new(vec![ms(100.0), ms(200.0)], vec![50, 50, 0])?);
    /// assert_eq!(histogram.quantile(0.75), Finite::new(150.0));
    /// # Ok::<(), relman_core::judge::HistogramError>(())
    /// ```
    pub fn quantile(&self, quantile: f64) -> Option<Finite> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = quantile.clamp(0.0, 1.0) * total as f64;
        match self {
            Self::Classic(histogram) => at_rank(rank, histogram.spans()),
            Self::Native(histogram) => at_rank(rank, histogram.spans()),
        }
    }
}

/// The value at a rank, given the lower bound, the upper bound (none above the last) and the count of each bucket,
/// rising.
fn at_rank(rank: f64, spans: impl Iterator<Item = (f64, Option<f64>, u64)>) -> Option<Finite> {
    let mut below = 0_u64;
    let mut last = 0.0;
    for (lower, upper, count) in spans {
        let Some(upper) = upper else { break };
        last = upper;
        if (below + count) as f64 >= rank && count > 0 {
            let into = (rank - below as f64) / count as f64;
            return Finite::new(lower + (upper - lower) * into);
        }
        below += count;
    }
    Finite::new(last)
}

/// A histogram with chosen bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawClassic", into = "RawClassic")]
pub struct ClassicHistogram {
    bounds: Vec<Finite>,
    counts: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClassic {
    bounds: Vec<Finite>,
    counts: Vec<u64>,
}

impl ClassicHistogram {
    /// Upper bounds that rise strictly, and the count of each bucket on its own (not cumulative), the last
    /// one for what is above every bound.
    ///
    /// # Errors
    ///
    /// [`HistogramError`] where counts and bounds do not fit or the bounds do not rise.
    pub fn new(bounds: Vec<Finite>, counts: Vec<u64>) -> Result<Self, HistogramError> {
        if counts.len() != bounds.len() + 1 {
            return Err(HistogramError::CountsDoNotFit { bounds: bounds.len(), counts: counts.len() });
        }
        if let Some(pair) = bounds.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(HistogramError::BoundsDoNotRise(pair[1]));
        }
        Ok(Self { bounds, counts })
    }

    /// The upper bounds.
    pub fn bounds(&self) -> &[Finite] {
        &self.bounds
    }

    /// The count of each bucket, and last of what is above every bound.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The same to write to, for a source that fills the same buckets again and again.
    pub fn counts_mut(&mut self) -> &mut [u64] {
        &mut self.counts
    }

    fn spans(&self) -> impl Iterator<Item = (f64, Option<f64>, u64)> {
        let uppers = self.bounds.iter().map(|bound| Some(bound.get())).chain([None]);
        let lowers = [0.0].into_iter().chain(self.bounds.iter().map(|bound| bound.get()));
        let spans = lowers.zip(uppers).zip(&self.counts);
        spans.map(|((lower, upper), count)| (lower.min(upper.unwrap_or(lower)), upper, *count))
    }
}

impl TryFrom<RawClassic> for ClassicHistogram {
    type Error = HistogramError;

    fn try_from(raw: RawClassic) -> Result<Self, HistogramError> {
        Self::new(raw.bounds, raw.counts)
    }
}

impl From<ClassicHistogram> for RawClassic {
    fn from(histogram: ClassicHistogram) -> Self {
        Self { bounds: histogram.bounds, counts: histogram.counts }
    }
}

/// A histogram whose bucket `i` reaches from `2^((i-1)·2^-schema)` to `2^(i·2^-schema)`, as Prometheus's native
/// histograms have it. Values are not negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawNative", into = "RawNative")]
pub struct NativeHistogram {
    schema: i8,
    zero_threshold: Finite,
    zero_count: u64,
    buckets: BTreeMap<i32, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNative {
    schema: i8,
    zero_threshold: Finite,
    zero_count: u64,
    buckets: BTreeMap<i32, u64>,
}

impl NativeHistogram {
    /// A histogram of that resolution: the count at or below `zero_threshold`, and a count for each bucket index.
    ///
    /// # Errors
    ///
    /// [`HistogramError::UnknownSchema`] outside -4 to 8.
    pub fn new(
        schema: i8,
        zero_threshold: Finite,
        zero_count: u64,
        buckets: BTreeMap<i32, u64>,
    ) -> Result<Self, HistogramError> {
        if !(-4..=8).contains(&schema) {
            return Err(HistogramError::UnknownSchema(schema));
        }
        Ok(Self { schema, zero_threshold, zero_count, buckets })
    }

    /// The resolution: each doubling of the value is 2^schema buckets.
    pub fn schema(&self) -> i8 {
        self.schema
    }

    /// Up to which value a request counts as zero.
    pub(crate) fn zero_threshold(&self) -> Finite {
        self.zero_threshold
    }

    /// The count at or below the zero threshold.
    pub fn zero_count(&self) -> u64 {
        self.zero_count
    }

    /// The counts by bucket index.
    pub fn buckets(&self) -> &BTreeMap<i32, u64> {
        &self.buckets
    }

    fn spans(&self) -> impl Iterator<Item = (f64, Option<f64>, u64)> {
        let zero = (0.0, Some(self.zero_threshold.get()), self.zero_count);
        let span = |(index, count): (&i32, &u64)| (self.bound(*index - 1), Some(self.bound(*index)), *count);
        [zero].into_iter().chain(self.buckets.iter().map(span))
    }

    /// The upper bound of a bucket.
    pub(super) fn bound(&self, index: i32) -> f64 {
        libm::exp2(f64::from(index) * libm::exp2(-f64::from(self.schema)))
    }
}

impl TryFrom<RawNative> for NativeHistogram {
    type Error = HistogramError;

    fn try_from(raw: RawNative) -> Result<Self, HistogramError> {
        Self::new(raw.schema, raw.zero_threshold, raw.zero_count, raw.buckets)
    }
}

impl From<NativeHistogram> for RawNative {
    fn from(histogram: NativeHistogram) -> Self {
        Self {
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            zero_count: histogram.zero_count,
            buckets: histogram.buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finite(values: &[f64]) -> Vec<Finite> {
        values.iter().map(|value| Finite::new(*value).unwrap()).collect()
    }

    #[test]
    fn a_quantile_above_every_bound_is_the_last_bound() {
        let histogram = Histogram::Classic(ClassicHistogram::new(finite(&[10.0]), vec![1, 99]).unwrap());
        assert_eq!(histogram.quantile(0.99), Finite::new(10.0));
        let empty = Histogram::Classic(ClassicHistogram::new(finite(&[10.0]), vec![0, 0]).unwrap());
        assert_eq!(empty.quantile(0.99), None);
    }

    #[test]
    fn native_buckets_lie_between_powers() {
        let histogram = NativeHistogram::new(0, finite(&[0.0])[0], 0, BTreeMap::from([(3, 10)])).unwrap();
        assert_eq!(Histogram::Native(histogram).quantile(0.5), Finite::new(6.0));
    }

    #[test]
    fn histograms_with_different_buckets_are_not_added_up() {
        let mut one = Histogram::Classic(ClassicHistogram::new(finite(&[10.0]), vec![1, 2]).unwrap());
        let same = one.clone();
        one.merge(&same).unwrap();
        assert_eq!(one.count(), 6);
        let other = Histogram::Classic(ClassicHistogram::new(finite(&[20.0]), vec![1, 2]).unwrap());
        assert_eq!(one.merge(&other), Err(HistogramError::DifferentBuckets));
        assert_eq!(one.count(), 6);
    }

    #[test]
    fn counts_that_do_not_fit_are_refused() {
        assert!(ClassicHistogram::new(finite(&[10.0]), vec![1]).is_err());
        assert!(ClassicHistogram::new(finite(&[10.0, 10.0]), vec![1, 2, 3]).is_err());
        assert!(serde_json::from_str::<Histogram>(r#"{"classic":{"bounds":[1],"counts":[1]}}"#).is_err());
    }
}
