use super::{Answer, Measurement};

/// Measurements of one metric and one arm, added up over several looks.
///
/// Counts and histograms add up; of a gauge the newest value counts.
///
/// # Examples
///
/// ```
/// use relman_core::judge::{Answer, Measurement, Pool};
///
/// let mut pool = Pool::default();
/// pool.add(&Measurement::Counts { requests: 60, errors: 1 });
/// pool.add(&Measurement::Counts { requests: 40, errors: 0 });
/// assert_eq!(pool.answer(), Some(Answer::Value(Measurement::Counts { requests: 100, errors: 1 })));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pool(
    /// Only ever a value.
    Option<Answer>,
);

impl Pool {
    /// Adds one more look. A measurement of another shape than the ones before starts anew: the query was changed.
    pub fn add(&mut self, next: &Measurement) {
        let merged = match &mut self.0 {
            Some(Answer::Value(sum)) => merge(sum, next),
            _ => false,
        };
        if !merged {
            self.0 = Some(Answer::Value(next.clone()));
        }
    }

    /// What the looks amount to; nothing if there were none.
    pub fn answer(&self) -> Option<Answer> {
        self.0.clone()
    }

    /// The same without a copy, for a judge that is asked again and again.
    pub fn as_answer(&self) -> Option<&Answer> {
        self.0.as_ref()
    }

    /// What the looks amount to, as a measurement.
    pub fn measurement(&self) -> Option<&Measurement> {
        self.0.as_ref().and_then(Answer::measurement)
    }

    /// Whether nothing was added since the last decided verdict.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Forgets what was added, except for events, which a limit counts over the whole step.
    pub fn decided(&mut self) {
        if !matches!(self.0, Some(Answer::Value(Measurement::Events { .. }))) {
            self.0 = None;
        }
    }
}

/// Adds `next` to `sum`; whether the two have the same shape.
fn merge(sum: &mut Measurement, next: &Measurement) -> bool {
    match (sum, next) {
        (
            Measurement::Counts { requests, errors },
            Measurement::Counts { requests: more_requests, errors: more_errors },
        ) => {
            *requests = requests.saturating_add(*more_requests);
            *errors = errors.saturating_add(*more_errors);
            true
        }
        (
            Measurement::Exceedances { requests, exceedances, bound },
            Measurement::Exceedances { requests: more_requests, exceedances: more, bound: same },
        ) if bound == same => {
            *requests = requests.saturating_add(*more_requests);
            *exceedances = exceedances.saturating_add(*more);
            true
        }
        (Measurement::Histogram(sum), Measurement::Histogram(next)) => sum.merge(next).is_ok(),
        (
            Measurement::Events { count, exposure },
            Measurement::Events { count: more, exposure: more_exposure },
        ) => {
            *count = count.saturating_add(*more);
            *exposure = exposure.saturating_add(*more_exposure);
            true
        }
        (
            Measurement::Counts { .. }
            | Measurement::Exceedances { .. }
            | Measurement::Histogram(_)
            | Measurement::Events { .. }
            | Measurement::Gauge { .. },
            _,
        ) => false,
    }
}
