use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    judge::factor::Counts,
    plan::Comparator,
    unit::{Decimal, Ratio},
};

/// A rate over a sliding window of looks against a threshold, once the window has a minimum of requests.
///
/// Compared in integers: a rate at its limit is at its limit. The state is the looks in the window; it is built again from
/// them and from the criterion, and not written down itself.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     judge::{factor::Counts, familiar::{WindowThreshold, WindowVerdict}},
///     plan::Comparator,
///     unit::Decimal,
/// };
///
/// // Over 1 % in the last three looks, on at least 500 requests.
/// let mut window = WindowThreshold::new(Comparator::Above, Decimal::new(1, 0), 3, 500);
/// let look = |requests, errors| Counts::new(requests, errors).expect("fewer errors than requests");
/// assert_eq!(window.observe(look(300, 9)), WindowVerdict::TooFew { have: 300, need: 500 });
/// assert_eq!(window.observe(look(300, 0)), WindowVerdict::Breached);
/// assert_eq!(window.observe(look(300, 0)), WindowVerdict::Clean);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowThreshold {
    comparator: Comparator,
    percent: Decimal,
    looks: usize,
    min_requests: u64,
    window: VecDeque<Counts>,
}

/// What a window says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowVerdict {
    /// The rate is over the threshold.
    Breached,
    /// It is not, on enough requests.
    Clean,
    /// The window has fewer requests than are needed; neither clean nor breached.
    TooFew {
        /// How many there are.
        have: u64,
        /// How many are needed.
        need: u64,
    },
}

impl WindowThreshold {
    /// A threshold in per cent over so many looks, at least one, with at least so many requests in the window, and at
    /// least one: no rate of nothing is clean.
    pub fn new(comparator: Comparator, percent: Decimal, looks: usize, min_requests: u64) -> Self {
        let (looks, min_requests) = (looks.max(1), min_requests.max(1));
        Self { comparator, percent, looks, min_requests, window: VecDeque::new() }
    }

    /// One more look; the oldest leaves the window when it is full.
    pub fn observe(&mut self, look: Counts) -> WindowVerdict {
        if self.window.len() == self.looks {
            self.window.pop_front();
        }
        self.window.push_back(look);
        let sum = self.window.iter().fold(Counts::NONE, |sum, look| sum.plus(*look));
        match Ratio::new(sum.errors(), sum.requests()) {
            Some(rate) if sum.requests() >= self.min_requests => {
                if self.comparator.is_breached_by(rate.cmp_percent(self.percent)) {
                    WindowVerdict::Breached
                } else {
                    WindowVerdict::Clean
                }
            }
            Some(_) | None => WindowVerdict::TooFew { have: sum.requests(), need: self.min_requests },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(requests: u64, errors: u64) -> Counts {
        Counts::new(requests, errors).unwrap()
    }

    #[test]
    fn a_rate_at_its_threshold_is_not_above_it() {
        let mut above = WindowThreshold::new(Comparator::Above, Decimal::new(1, 0), 1, 1);
        let mut at_least = WindowThreshold::new(Comparator::AtLeast, Decimal::new(1, 0), 1, 1);
        assert_eq!(above.observe(look(300, 3)), WindowVerdict::Clean);
        assert_eq!(at_least.observe(look(300, 3)), WindowVerdict::Breached);
    }

    #[test]
    fn no_requests_are_never_clean() {
        let mut window = WindowThreshold::new(Comparator::Above, Decimal::new(1, 0), 0, 0);
        assert_eq!(window.observe(Counts::NONE), WindowVerdict::TooFew { have: 0, need: 1 });
        assert_eq!(window.observe(look(1, 1)), WindowVerdict::Breached);
    }
}
