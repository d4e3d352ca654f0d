use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::plain::Plain;
use crate::{
    judge::{Answer, ClassicHistogram, Disbelief, Histogram, HistogramError, Measurement, NativeHistogram},
    unit::{Finite, Timestamp},
};

/// Beyond this, not every integer is a double.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// A real number, as short as it can be written: a whole one without a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Real(Finite);

impl Real {
    /// Reads the bounds of buckets as relman writes them.
    pub(super) fn plain_bounds(text: &mut Plain<'_>) -> Option<Vec<Self>> {
        /// As many as most metrics have.
        const MOST: usize = 16;
        text.expect("[")?;
        let mut bounds = Vec::with_capacity(MOST);
        bounds.push(Self(Finite::new(text.real()?)?));
        while text.has(",") {
            bounds.push(Self(Finite::new(text.real()?)?));
        }
        text.expect("]")?;
        Some(bounds)
    }
}

impl Serialize for Real {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and below 2^53")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = self.0.get();
        if libm::trunc(number).to_bits() == number.to_bits() && number.abs() <= EXACT {
            serializer.serialize_i64(number as i64)
        } else {
            serializer.serialize_f64(number)
        }
    }
}

/// What was answered about one arm: numbers alone for what is usual, the rest by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ArmAnswer {
    /// Requests and errors.
    Pair(u64, u64),
    /// The same, where the entry has no bounds; where it has, the count of each bucket.
    Counts(Vec<u64>),
    /// Everything else.
    Named(Named),
}

/// An answer with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Named {
    Exceedances {
        requests: u64,
        exceedances: u64,
        bound: Real,
    },
    /// Each bucket by its index.
    Native {
        schema: i8,
        zero_threshold: Real,
        zero_count: u64,
        buckets: Vec<(i32, u64)>,
    },
    /// How many were counted, and in which exposure.
    Events(u64, u64),
    Gauge(Real),
    NoData(String),
    /// When the newest sample was taken.
    Stale(Timestamp),
    ProviderError(String),
    NotFinite(String),
    /// What relman records in place of an answer that it does not believe.
    Unbelieved(Disbelief),
}

/// Why the numbers of an answer don't make one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswerable {
    #[error("{0} counts are not those of requests and errors")]
    NotTwo(usize),
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    #[error("the bucket {0} stands there twice")]
    Twice(i32),
}

impl ArmAnswer {
    /// As it is written, with the bounds that it needs.
    pub(super) fn of(answer: &Answer) -> (Self, Option<Vec<Real>>) {
        let named = match answer {
            Answer::Value(Measurement::Counts { requests, errors }) => {
                return (Self::Pair(*requests, *errors), None);
            }
            Answer::Value(Measurement::Histogram(Histogram::Classic(classic))) => {
                let bounds = classic.bounds().iter().copied().map(Real).collect();
                return (Self::Counts(classic.counts().to_vec()), Some(bounds));
            }
            Answer::Value(Measurement::Histogram(Histogram::Native(native))) => Named::Native {
                schema: native.schema(),
                zero_threshold: Real(native.zero_threshold()),
                zero_count: native.zero_count(),
                buckets: native.buckets().iter().map(|(index, count)| (*index, *count)).collect(),
            },
            Answer::Value(Measurement::Exceedances { requests, exceedances, bound }) => {
                Named::Exceedances { requests: *requests, exceedances: *exceedances, bound: Real(*bound) }
            }
            Answer::Value(Measurement::Events { count, exposure }) => Named::Events(*count, *exposure),
            Answer::Value(Measurement::Gauge { value }) => Named::Gauge(Real(*value)),
            Answer::NoData { detail } => Named::NoData(detail.clone()),
            Answer::Stale { newest } => Named::Stale(*newest),
            Answer::ProviderError { detail } => Named::ProviderError(detail.clone()),
            Answer::NotFinite { written } => Named::NotFinite(written.clone()),
            Answer::Unbelieved { why } => Named::Unbelieved(*why),
        };
        (Self::Named(named), None)
    }

    /// Whether it is numbers alone, which say something else where their entry has bounds.
    pub(super) fn is_counts(&self) -> bool {
        matches!(self, Self::Pair(..) | Self::Counts(_))
    }

    /// Reads what relman writes most often; what else there is, by the parser.
    pub(super) fn plain(text: &mut Plain<'_>) -> Option<Self> {
        if !text.has("[") {
            return text.value();
        }
        let first = text.integer()?;
        text.expect(",")?;
        let second = text.integer()?;
        if text.has("]") {
            return Some(Self::Pair(first, second));
        }
        let mut counts = Vec::with_capacity(16);
        counts.extend([first, second]);
        while text.has(",") {
            counts.push(text.integer()?);
        }
        text.expect("]")?;
        Some(Self::Counts(counts))
    }

    /// The answer, in an entry with these bounds.
    pub(super) fn read(self, bounds: Option<&[Real]>) -> Result<Answer, Unanswerable> {
        let classic = |bounds: &[Real], counts| {
            let bounds = bounds.iter().map(|bound| bound.0).collect();
            Ok::<_, Unanswerable>(Histogram::Classic(ClassicHistogram::new(bounds, counts)?))
        };
        let measurement = match (self, bounds) {
            (Self::Pair(first, second), Some(bounds)) => {
                Measurement::Histogram(classic(bounds, vec![first, second])?)
            }
            (Self::Pair(requests, errors), None) => Measurement::Counts { requests, errors },
            (Self::Counts(counts), Some(bounds)) => Measurement::Histogram(classic(bounds, counts)?),
            (Self::Counts(counts), None) => match *counts {
                [requests, errors] => Measurement::Counts { requests, errors },
                _ => return Err(Unanswerable::NotTwo(counts.len())),
            },
            (Self::Named(named), _) => match named {
                Named::Exceedances { requests, exceedances, bound } => {
                    Measurement::Exceedances { requests, exceedances, bound: bound.0 }
                }
                Named::Native { schema, zero_threshold, zero_count, buckets } => {
                    let mut by_index = std::collections::BTreeMap::new();
                    for (index, count) in buckets {
                        if by_index.insert(index, count).is_some() {
                            return Err(Unanswerable::Twice(index));
                        }
                    }
                    let native = NativeHistogram::new(schema, zero_threshold.0, zero_count, by_index)?;
                    Measurement::Histogram(Histogram::Native(native))
                }
                Named::Events(count, exposure) => Measurement::Events { count, exposure },
                Named::Gauge(value) => Measurement::Gauge { value: value.0 },
                Named::NoData(detail) => return Ok(Answer::NoData { detail }),
                Named::Stale(newest) => return Ok(Answer::Stale { newest }),
                Named::ProviderError(detail) => return Ok(Answer::ProviderError { detail }),
                Named::NotFinite(written) => return Ok(Answer::NotFinite { written }),
                Named::Unbelieved(why) => return Ok(Answer::Unbelieved { why }),
            },
        };
        Ok(Answer::Value(measurement))
    }
}

impl Serialize for ArmAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pair(first, second) => (first, second).serialize(serializer),
            Self::Counts(counts) => counts.serialize(serializer),
            Self::Named(named) => named.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ArmAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{MapAccess, SeqAccess, Visitor, value};

        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ArmAnswer;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("counts, or an answer with its name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, counts: A) -> Result<ArmAnswer, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(counts)).map(ArmAnswer::Counts)
            }

            fn visit_map<A: MapAccess<'de>>(self, named: A) -> Result<ArmAnswer, A::Error> {
                Named::deserialize(value::MapAccessDeserializer::new(named)).map(ArmAnswer::Named)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
