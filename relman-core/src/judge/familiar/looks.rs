//! Counts of failed looks, and a rate over the last few looks.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    judge::observation::Counts,
    plan::Comparator,
    unit::{Decimal, Ratio},
};

/// One look at a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Measured, and clean.
    Clean,
    /// Measured, and over the threshold.
    Failed,
    /// Not measured, or on too little data. It neither counts as failed nor ends a row of failed looks: what was not
    /// measured is not clean.
    Unmeasured,
}

/// How many failed looks are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// So many in a row.
    InARow {
        /// How many.
        failed: u32,
    },
    /// So many among the last few that were measured.
    OfTheLast {
        /// How many.
        failed: u32,
        /// Among how many.
        looks: u32,
    },
    /// So many in all, however far apart.
    InAll {
        /// How many.
        failed: u32,
    },
}

/// Counts failed looks until there are too many.
///
/// # Examples
///
/// ```
/// use relman_core::judge::familiar::{FailedLooks, Look};
///
/// let mut looks = FailedLooks::in_a_row(3);
/// let failed: Vec<bool> = [Look::Failed, Look::Failed, Look::Clean, Look::Failed, Look::Failed, Look::Failed]
///     .into_iter()
///     .map(|look| looks.observe(look))
///     .collect();
/// assert_eq!(failed, [false, false, false, false, false, true]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedLooks {
    rule: Rule,
    in_a_row: u32,
    in_all: u32,
    /// The last measured looks, as many as the rule goes back; true where one failed.
    last: VecDeque<bool>,
}

impl FailedLooks {
    /// Too many are so many in a row; at least one.
    pub fn in_a_row(failed: u32) -> Self {
        Self::new(Rule::InARow { failed })
    }

    /// Too many are so many among the last `looks` that were measured; before there were that many looks, among all.
    pub fn of_the_last(failed: u32, looks: u32) -> Self {
        Self::new(Rule::OfTheLast { failed, looks })
    }

    /// Too many are so many in all: `total(5)` is the fifth failed look.
    pub fn total(failed: u32) -> Self {
        Self::new(Rule::InAll { failed })
    }

    /// Nothing seen yet, for a rule.
    pub fn new(rule: Rule) -> Self {
        Self { rule, in_a_row: 0, in_all: 0, last: VecDeque::new() }
    }

    /// One more look; whether there are too many failed ones now. A rule that asks for none asks for one.
    pub fn observe(&mut self, look: Look) -> bool {
        let failed = match look {
            Look::Clean => false,
            Look::Failed => true,
            Look::Unmeasured => return self.too_many(),
        };
        self.in_a_row = if failed { self.in_a_row.saturating_add(1) } else { 0 };
        self.in_all = self.in_all.saturating_add(u32::from(failed));
        if let Rule::OfTheLast { looks, .. } = self.rule {
            self.last.push_back(failed);
            while self.last.len() as u64 > u64::from(looks.max(1)) {
                self.last.pop_front();
            }
        }
        self.too_many()
    }

    /// Whether there are too many failed looks.
    pub fn too_many(&self) -> bool {
        match self.rule {
            Rule::InARow { failed } => self.in_a_row >= failed.max(1),
            Rule::OfTheLast { failed, .. } => {
                self.last.iter().filter(|failed| **failed).count() as u64 >= u64::from(failed.max(1))
            }
            Rule::InAll { failed } => self.in_all >= failed.max(1),
        }
    }
}

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
    use super::{
        Look::{Clean, Failed, Unmeasured},
        *,
    };

    fn at(mut looks: FailedLooks, seen: &[Look]) -> Option<usize> {
        seen.iter().position(|look| looks.observe(*look))
    }

    #[test]
    fn a_look_without_data_neither_fails_nor_clears() {
        assert_eq!(at(FailedLooks::in_a_row(2), &[Failed, Unmeasured, Failed]), Some(2));
        assert_eq!(at(FailedLooks::in_a_row(1), &[Unmeasured; 9]), None);
        assert_eq!(at(FailedLooks::in_a_row(2), &[Failed, Clean, Failed]), None);
    }

    #[test]
    fn old_failures_leave_the_window() {
        let seen = [Failed, Clean, Clean, Failed, Failed];
        assert_eq!(at(FailedLooks::of_the_last(3, 4), &seen), None);
        assert_eq!(at(FailedLooks::of_the_last(3, 5), &seen), Some(4));
        assert_eq!(at(FailedLooks::of_the_last(2, 4), &seen), Some(3));
        assert_eq!(at(FailedLooks::of_the_last(1, 0), &seen), Some(0), "a window is of one look at least");
    }

    #[test]
    fn the_fifth_failed_look_is_the_fifth_however_far_apart() {
        let mut seen = vec![Clean; 50];
        for index in [3, 9, 20, 30, 44] {
            seen[index] = Failed;
        }
        assert_eq!(at(FailedLooks::total(5), &seen), Some(44));
        assert_eq!(at(FailedLooks::total(0), &seen), Some(3), "no rule fails on nothing");
    }

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
