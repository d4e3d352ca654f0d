use serde::{Deserialize, Serialize};

use super::{
    interval::{Procedure, SampleError, Shift, shift},
    ranks::Sorted,
};
use crate::unit::Finite;

/// Which change of a metric is a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A higher value is bad: errors, latency.
    Increase,
    /// A lower value is bad: successes.
    Decrease,
    /// Either is.
    #[default]
    Either,
}

/// How the size of a difference is measured, beside its significance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EffectSize {
    /// [`mean_ratio`]; 1 is no difference.
    #[default]
    MeanRatio,
    /// [`cles`]; ½ is no difference.
    Cles,
}

impl EffectSize {
    /// The size of no difference: what Kayenta allows unless told otherwise.
    pub const fn of_no_difference(self) -> f64 {
        match self {
            Self::MeanRatio => 1.0,
            Self::Cles => 0.5,
        }
    }

    fn of(self, experiment: &[Finite], control: &[Finite]) -> Option<f64> {
        match self {
            Self::MeanRatio => mean_ratio(experiment, control),
            Self::Cles => cles(experiment, control),
        }
    }
}

/// The mean of the experiment over the mean of the control; unknown where a sample is empty or a mean is zero, as in
/// Kayenta.
pub fn mean_ratio(experiment: &[Finite], control: &[Finite]) -> Option<f64> {
    let mean = |sample: &[Finite]| {
        let mut sum = 0.0;
        for value in sample {
            sum += value.get();
        }
        sum / sample.len() as f64
    };
    let ratio = mean(experiment) / mean(control);
    (ratio.is_finite() && ratio != 0.0).then_some(ratio)
}

/// The common-language effect size: the share of pairs in which the experiment has the higher value, a tie counting half
/// (Vargha and Delaney 2000); unknown where a sample is empty.
pub fn cles(experiment: &[Finite], control: &[Finite]) -> Option<f64> {
    let samples = Sorted::new(experiment, control);
    let (m, n) = samples.sizes();
    samples.range().map(|_| samples.rank_sums(0.0).wins / (m * n))
}

/// Kayenta's classification of one metric.
///
/// # Examples
///
/// ```
/// use relman_core::{judge::kayenta::{Label, MannWhitneyRule}, unit::Finite};
///
/// let sample = |values: &[f64]| -> Vec<Finite> {
///     values.iter().map(|value| Finite::new(*value).expect("a finite value")).collect()
/// };
/// let baseline = sample(&[10.0, 11.0, 12.0, 10.5, 11.5, 10.2, 11.1, 10.9, 11.7, 10.6]);
/// let slower = sample(&[20.0, 21.0, 22.0, 20.5, 21.5, 20.2, 21.1, 20.9, 21.7, 20.6]);
/// let rule = MannWhitneyRule::default();
/// assert_eq!(rule.classify(&slower, &baseline)?.label, Label::High);
/// assert_eq!(rule.classify(&baseline, &baseline)?.label, Label::Pass);
/// assert_eq!(rule.classify(&[], &baseline)?.label, Label::NoData);
/// # Ok::<(), relman_core::judge::kayenta::SampleError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MannWhitneyRule {
    /// The confidence of the interval; 0.98.
    pub confidence: f64,
    /// The part of the estimate that the near end of the interval has to be beyond; 0.25.
    pub tolerance: f64,
    /// Which change is a bad one.
    pub direction: Direction,
    /// How the interval is found.
    pub procedure: Procedure,
    /// How the size of the difference is measured.
    pub effect_size: EffectSize,
    /// An effect size at or below this is low.
    pub allowed_decrease: f64,
    /// An effect size at or above this is high.
    pub allowed_increase: f64,
}

impl Default for MannWhitneyRule {
    /// As Kayenta's judge: confidence 0.98, tolerance 0.25, either direction, mean ratio, any difference.
    fn default() -> Self {
        Self {
            confidence: 0.98,
            tolerance: 0.25,
            direction: Direction::Either,
            procedure: Procedure::Kayenta,
            effect_size: EffectSize::MeanRatio,
            allowed_decrease: 1.0,
            allowed_increase: 1.0,
        }
    }
}

/// What a metric is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Neither high nor low.
    Pass,
    /// Higher than the baseline.
    High,
    /// Lower than the baseline.
    Low,
    /// A sample is empty. Kayenta can be told to take this for a pass; relman never does.
    NoData,
}

/// A metric's label with the numbers behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Classification {
    /// The label.
    pub label: Label,
    /// The shift; none where the samples hold the same values or one is empty, for which no test is needed.
    pub shift: Option<Shift>,
    /// The effect size; none where it can't be worked out.
    pub effect: Option<Finite>,
}

impl MannWhitneyRule {
    /// The same rule with another effect size, which allows any difference, as Kayenta's configuration does.
    #[must_use]
    pub fn with_effect_size(self, effect_size: EffectSize) -> Self {
        let none = effect_size.of_no_difference();
        Self { effect_size, allowed_decrease: none, allowed_increase: none, ..self }
    }

    /// Classifies the canary's values against the baseline's.
    ///
    /// High where `ci_low > tolerance · |estimate|`, low where `ci_high < −tolerance · |estimate|`, each only in a
    /// direction that matters, and only if the effect size is beyond what is allowed; an effect size that can't be
    /// worked out does not count. Samples that hold the same values pass, and so do samples that hold one value only.
    ///
    /// # Errors
    ///
    /// [`SampleError`] for a confidence that is not a probability, and for values whose differences overflow.
    pub fn classify(&self, experiment: &[Finite], control: &[Finite]) -> Result<Classification, SampleError> {
        let effect = self.effect_size.of(experiment, control).and_then(Finite::new);
        let samples = Sorted::new(experiment, control);
        let Some((least, greatest)) = samples.range() else {
            return Ok(Classification { label: Label::NoData, shift: None, effect: None });
        };
        let all_one = least == 0.0 && greatest == 0.0;
        if samples.experiment == samples.control || all_one {
            return Ok(Classification { label: Label::Pass, shift: None, effect });
        }
        let shift = shift(experiment, control, self.confidence, self.procedure)?;
        let bound = self.tolerance * shift.estimate.get().abs();
        let beyond = |is_beyond: &dyn Fn(f64) -> bool| effect.is_none_or(|effect| is_beyond(effect.get()));
        let watches_high = matches!(self.direction, Direction::Increase | Direction::Either);
        let watches_low = matches!(self.direction, Direction::Decrease | Direction::Either);
        let label = if watches_high
            && shift.ci_low.get() > bound
            && beyond(&|effect| effect >= self.allowed_increase)
        {
            Label::High
        } else if watches_low
            && shift.ci_high.get() < -bound
            && beyond(&|effect| effect <= self.allowed_decrease)
        {
            Label::Low
        } else {
            Label::Pass
        };
        Ok(Classification { label, shift: Some(shift), effect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Vec<Finite> {
        values.iter().map(|value| Finite::new(*value).unwrap()).collect()
    }

    fn spread(around: f64) -> Vec<Finite> {
        sample(&[-0.9, -0.4, -0.2, 0.0, 0.1, 0.3, 0.5, 0.8, 1.0, 1.2].map(|offset| around + offset))
    }

    #[test]
    fn each_direction_is_watched_by_itself() {
        let (low, high) = (spread(10.0), spread(20.0));
        let label = |direction, experiment: &[Finite], control: &[Finite]| {
            MannWhitneyRule { direction, ..MannWhitneyRule::default() }
                .classify(experiment, control)
                .unwrap()
                .label
        };
        assert_eq!(label(Direction::Either, &high, &low), Label::High);
        assert_eq!(label(Direction::Either, &low, &high), Label::Low);
        assert_eq!(label(Direction::Decrease, &high, &low), Label::Pass);
        assert_eq!(label(Direction::Increase, &low, &high), Label::Pass);
    }

    #[test]
    fn the_boundaries_are_strict_for_the_interval_and_not_for_the_effect() {
        // Constant samples: interval and estimate are the difference, 2.
        let (x, y) = (sample(&[3.0; 5]), sample(&[1.0; 5]));
        let label = |rule: MannWhitneyRule| rule.classify(&x, &y).unwrap().label;
        let rule = MannWhitneyRule::default();
        assert_eq!(label(MannWhitneyRule { tolerance: 1.0, ..rule }), Label::Pass, "2 > 1·2 is false");
        assert_eq!(label(MannWhitneyRule { tolerance: 0.999, ..rule }), Label::High);
        assert_eq!(label(MannWhitneyRule { allowed_increase: 3.0, ..rule }), Label::High, "3 ≥ 3");
        assert_eq!(label(MannWhitneyRule { allowed_increase: 3.001, ..rule }), Label::Pass);
    }

    #[test]
    fn an_effect_that_can_not_be_worked_out_does_not_count() {
        let (x, y) = (sample(&[3.0; 5]), sample(&[0.0; 5]));
        let found = MannWhitneyRule { allowed_increase: 9.0, ..MannWhitneyRule::default() }.classify(&x, &y);
        assert_eq!(found.map(|found| (found.label, found.effect)), Ok((Label::High, None)));
    }

    #[test]
    fn effect_sizes_are_those_of_their_definitions() {
        let (x, y) = (sample(&[2.0, 4.0]), sample(&[1.0, 2.0, 3.0]));
        assert_eq!(mean_ratio(&x, &y), Some(1.5));
        // 2 beats 1 and ties 2; 4 beats all: 4.5 of 6 pairs.
        assert_eq!(cles(&x, &y), Some(0.75));
        assert_eq!((mean_ratio(&[], &y), cles(&x, &[])), (None, None));
        let rule = MannWhitneyRule::default().with_effect_size(EffectSize::Cles);
        assert_eq!((rule.allowed_increase, rule.allowed_decrease), (0.5, 0.5));
    }

    #[test]
    fn values_that_are_all_one_pass() {
        let rule = MannWhitneyRule::default();
        let found = rule.classify(&sample(&[5.0; 3]), &sample(&[5.0; 8])).unwrap();
        assert_eq!((found.label, found.shift), (Label::Pass, None));
        // The same values in another order.
        let found = rule.classify(&sample(&[1.0, 2.0]), &sample(&[2.0, 1.0])).unwrap();
        assert_eq!((found.label, found.shift), (Label::Pass, None));
    }
}
