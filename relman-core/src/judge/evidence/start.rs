use serde::{Deserialize, Serialize};

/// The part of the whole weight that is kept for time beyond the plan.
pub const BEYOND_PLAN: f64 = 0.05;

/// The part of what is left for time beyond the plan that each further interval takes.
pub const SPENT_BEYOND: f64 = 0.02;

/// How belief about when a regression starts is spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Half on the starts of the steps in equal parts, half evenly over the steps and uniformly inside each; of both
    /// 95 %, so that 5 % stay for time beyond the plan. A release breaks most often where its exposure grows.
    #[default]
    Steps,
    /// Everything on the first interval: the test with a known start (Wald 1945). The quickest where a version is bad
    /// from its first minute, and hours late where a leak begins later.
    First,
    /// The same on each planned interval, and nothing beyond the plan.
    Uniform,
}

/// Where an interval lies in the plan, both counted from 0 and among the intervals that were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The step.
    pub step: u32,
    /// The interval inside the step.
    pub index: u32,
}

/// The weights `w_t` on the starts of a regression: known in advance, never negative, together at most 1.
///
/// A weight depends on the place in the plan alone, never on what was measured; otherwise the evidence would be
/// tuned to the data and its promise void.
///
/// # Examples
///
/// ```
/// use relman_core::judge::evidence::{Position, Scheme, StartWeights};
///
/// // Two steps, of 10 and of 40 intervals.
/// let weights = StartWeights::new(Scheme::Steps, vec![10, 40]);
/// let at = |step, index| weights.planned(Position { step, index }).expect("a planned interval");
/// assert!((at(0, 1) - 0.95 / 4.0 / 10.0).abs() < 1e-15);
/// assert!((at(1, 0) - (0.95 / 4.0 + 0.95 / 4.0 / 40.0)).abs() < 1e-15);
/// assert_eq!(weights.planned(Position { step: 0, index: 10 }), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartWeights {
    scheme: Scheme,
    /// How many intervals each step is planned to have.
    planned: Vec<u32>,
}

impl StartWeights {
    /// Weights for a plan: how many intervals each step is planned to have, in order. Steps without intervals get
    /// nothing.
    pub fn new(scheme: Scheme, planned: Vec<u32>) -> Self {
        Self { scheme, planned }
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// How many intervals each step is planned to have.
    pub fn intervals(&self) -> &[u32] {
        &self.planned
    }

    /// The weight of an interval of the plan; none beyond the plan, where the weight follows from what is left.
    pub fn planned(&self, at: Position) -> Option<f64> {
        let intervals = self.planned.get(usize::try_from(at.step).ok()?).copied()?;
        if at.index >= intervals {
            return None;
        }
        let first_step = self.planned.iter().position(|intervals| *intervals > 0)?;
        let is_first = usize::try_from(at.step).ok()? == first_step && at.index == 0;
        Some(match self.scheme {
            Scheme::Steps => {
                let steps = self.planned.iter().filter(|intervals| **intervals > 0).count();
                let half = (1.0 - BEYOND_PLAN) / 2.0 / steps as f64;
                let inside = half / f64::from(intervals);
                if at.index == 0 { half + inside } else { inside }
            }
            Scheme::First => f64::from(u8::from(is_first)),
            Scheme::Uniform => {
                let all: u64 = self.planned.iter().copied().map(u64::from).sum();
                1.0 / all as f64
            }
        })
    }

    /// What is kept for time beyond the plan, before any of it is spent.
    pub fn reserve(&self) -> f64 {
        match self.scheme {
            Scheme::Steps => BEYOND_PLAN,
            Scheme::First | Scheme::Uniform => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(weights: &StartWeights) -> f64 {
        let steps = weights.planned.iter().enumerate();
        let positions = steps.flat_map(|(step, intervals)| {
            (0..*intervals).map(move |index| Position { step: u32::try_from(step).unwrap(), index })
        });
        positions.map(|at| weights.planned(at).unwrap()).sum()
    }

    #[test]
    fn the_plan_and_what_is_kept_come_to_one() {
        for scheme in [Scheme::Steps, Scheme::First, Scheme::Uniform] {
            for plan in [vec![30, 120, 240, 1440], vec![1], vec![0, 3, 0, 2]] {
                let weights = StartWeights::new(scheme, plan);
                let whole = spent(&weights) + weights.reserve();
                assert!((whole - 1.0).abs() < 1e-12, "{scheme:?}: {whole}");
            }
        }
    }

    #[test]
    fn a_step_that_is_not_planned_has_no_weight_of_its_own() {
        let weights = StartWeights::new(Scheme::Steps, vec![5]);
        assert_eq!(weights.planned(Position { step: 1, index: 0 }), None);
        assert_eq!(StartWeights::new(Scheme::First, vec![]).planned(Position::default()), None);
    }

    #[test]
    fn the_first_interval_of_all_has_everything() {
        let weights = StartWeights::new(Scheme::First, vec![0, 2, 2]);
        assert_eq!(weights.planned(Position { step: 1, index: 0 }), Some(1.0));
        assert_eq!(weights.planned(Position { step: 2, index: 0 }), Some(0.0));
    }
}
