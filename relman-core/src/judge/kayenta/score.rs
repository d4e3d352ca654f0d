use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Label;

/// How much depends on a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// It counts in its groups; without data it counts in none.
    #[default]
    Ordinary,
    /// It counts in its groups; without data it counts as failed (Kayenta's `mustHaveData`).
    Required,
    /// Unless it passes, the whole fails (Kayenta's `critical`).
    Critical,
}

/// A metric that was classified, with where it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MetricResult {
    /// The name of the metric.
    pub name: String,
    /// The groups that it counts in; one in none counts nowhere, unless it is critical.
    pub groups: BTreeSet<String>,
    /// What it was found to be.
    pub label: Label,
    /// How much depends on it.
    pub criticality: Criticality,
}

impl MetricResult {
    /// A metric on which no more depends than on any other, in one group.
    pub fn new(name: impl Into<String>, group: impl Into<String>, label: Label) -> Self {
        let (name, groups) = (name.into(), [group.into()].into());
        Self { name, groups, label, criticality: Criticality::Ordinary }
    }
}

/// From which summary score on a canary passes, and from which it is marginal: 75 and 50 unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreThresholds {
    /// A score of this or more passes.
    pub pass: f64,
    /// A score of this or more, and less than `pass`, is marginal.
    pub marginal: f64,
}

impl Default for ScoreThresholds {
    fn default() -> Self {
        Self { pass: 75.0, marginal: 50.0 }
    }
}

impl ScoreThresholds {
    /// What a score amounts to: `score ≥ pass`, `pass > score ≥ marginal`, or below.
    pub fn grade(self, score: f64) -> Grade {
        if score >= self.pass {
            Grade::Pass
        } else if score >= self.marginal {
            Grade::Marginal
        } else {
            Grade::Fail
        }
    }
}

/// What a score amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Below both thresholds.
    Fail,
    /// Between them; goes on while others follow, and does not end a rollout.
    Marginal,
    /// At or above the threshold of a pass.
    Pass,
}

/// The score of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GroupScore {
    /// The part of its metrics that passed, of 100; none where none was measured.
    pub score: Option<f64>,
    /// The part of the summary that it makes up, of 100.
    pub weight: f64,
}

/// The score of the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Summary {
    /// Of 100, rounded to two decimals; 0 where a critical metric did not pass or too little was measured.
    pub score: f64,
    /// What that amounts to.
    pub grade: Grade,
    /// Each group by name.
    pub groups: BTreeMap<String, GroupScore>,
    /// Critical metrics that did not pass, by name.
    pub critical: Vec<String>,
    /// Metrics without data, by name. A gate of relman does not pass while there are any.
    pub unmeasured: Vec<String>,
}

/// From this part of metrics without data on, of 100, the whole fails.
const TOO_MUCH_UNMEASURED: f64 = 50.0;

/// Adds classified metrics up to a score, as Kayenta's weighted-sum scorer does.
///
/// - The score of a group is `100 · passed / (passed + high + low + required but missing)`.
/// - The summary is `Σ score · weight / 100` over the groups, rounded to two decimals, half up. Groups without a weight
///   share what the weights leave of 100 evenly. A group without any measurement counts as 100 there; it is listed
///   under [`Summary::unmeasured`], so that nobody takes it for clean.
/// - A critical metric that did not pass makes the score 0, and so do half of the metrics or more without data.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use relman_core::judge::kayenta::{Grade, Label, MetricResult, ScoreThresholds, summarise};
///
/// let metrics = [
///     MetricResult::new("latency_p50", "latency", Label::Pass),
///     MetricResult::new("latency_p99", "latency", Label::High),
///     MetricResult::new("error_rate", "errors", Label::Pass),
/// ];
/// let weights = BTreeMap::from([("errors".to_owned(), 50.0)]);
/// let summary = summarise(&metrics, &weights, ScoreThresholds::default());
/// assert_eq!((summary.score, summary.grade), (75.0, Grade::Pass));
/// ```
pub fn summarise(
    metrics: &[MetricResult],
    group_weights: &BTreeMap<String, f64>,
    thresholds: ScoreThresholds,
) -> Summary {
    let names = |which: &dyn Fn(&&MetricResult) -> bool| -> Vec<String> {
        metrics.iter().filter(which).map(|metric| metric.name.clone()).collect()
    };
    let critical =
        names(&|metric| metric.criticality == Criticality::Critical && metric.label != Label::Pass);
    let unmeasured = names(&|metric| metric.label == Label::NoData);
    let groups = group_scores(metrics, group_weights);
    // A required metric without data is a failure of its own and not counted here, as in Kayenta.
    let without_data = metrics
        .iter()
        .filter(|metric| metric.label == Label::NoData && metric.criticality != Criticality::Required)
        .count();
    let too_little = without_data as f64 / metrics.len() as f64 * 100.0 >= TOO_MUCH_UNMEASURED;
    let score = if metrics.is_empty() || !critical.is_empty() || too_little {
        0.0
    } else {
        let mut sum = 0.0;
        for group in groups.values() {
            sum += group.score.unwrap_or(100.0) * (group.weight / 100.0);
        }
        (sum * 100.0 + 0.5).floor() / 100.0
    };
    Summary { score, grade: thresholds.grade(score), groups, critical, unmeasured }
}

fn group_scores(
    metrics: &[MetricResult],
    group_weights: &BTreeMap<String, f64>,
) -> BTreeMap<String, GroupScore> {
    let names: BTreeSet<&String> = metrics.iter().flat_map(|metric| &metric.groups).collect();
    let mut left = 100.0;
    for weight in group_weights.values() {
        left -= weight;
    }
    let unweighted = names.iter().filter(|name| !group_weights.contains_key(**name)).count();
    let evenly = left / unweighted.max(1) as f64;
    let scored = names.into_iter().map(|name| {
        let (mut passed, mut all) = (0_u32, 0_u32);
        for metric in metrics.iter().filter(|metric| metric.groups.contains(name)) {
            let counts = match metric.label {
                Label::Pass | Label::High | Label::Low => true,
                Label::NoData => metric.criticality == Criticality::Required,
            };
            all += u32::from(counts);
            passed += u32::from(metric.label == Label::Pass);
        }
        let score = (all > 0).then(|| f64::from(passed) / f64::from(all) * 100.0);
        (name.clone(), GroupScore { score, weight: group_weights.get(name).copied().unwrap_or(evenly) })
    });
    scored.collect()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the very same number is meant")]
mod tests {
    use super::{
        Grade::{Fail, Marginal, Pass},
        *,
    };

    fn metric(name: &str, group: &str, label: Label, criticality: Criticality) -> MetricResult {
        MetricResult { name: name.to_owned(), groups: [group.to_owned()].into(), label, criticality }
    }

    fn score(metrics: &[MetricResult], weights: &[(&str, f64)]) -> Summary {
        let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        summarise(metrics, &weights, ScoreThresholds::default())
    }

    #[test]
    fn the_thresholds_belong_to_the_better_side() {
        let thresholds = ScoreThresholds::default();
        let grades = [100.0, 75.0, 74.99, 50.0, 49.99, 0.0].map(|score| thresholds.grade(score));
        assert_eq!(grades, [Pass, Pass, Marginal, Marginal, Fail, Fail]);
    }

    #[test]
    fn groups_without_a_weight_share_what_is_left() {
        let ordinary = Criticality::Ordinary;
        let metrics = [
            metric("a", "one", Label::Pass, ordinary),
            metric("b", "two", Label::High, ordinary),
            metric("c", "three", Label::Pass, ordinary),
        ];
        let summary = score(&metrics, &[("one", 40.0)]);
        assert_eq!(summary.groups["two"].weight, 30.0);
        assert_eq!((summary.score, summary.grade), (70.0, Grade::Marginal));
        // A third each: two of three, rounded to two decimals.
        assert_eq!(score(&metrics, &[]).score, 66.67);
    }

    #[test]
    fn a_critical_metric_decides_alone() {
        let mut metrics = vec![metric("a", "one", Label::Low, Criticality::Critical)];
        metrics.extend((0..9).map(|n| metric(&n.to_string(), "one", Label::Pass, Criticality::Ordinary)));
        let summary = score(&metrics, &[]);
        assert_eq!((summary.score, summary.grade), (0.0, Grade::Fail));
        assert_eq!(summary.critical, ["a"]);
        metrics[0].label = Label::NoData;
        assert_eq!(score(&metrics, &[]).critical, ["a"], "not measured is not passed");
    }

    #[test]
    fn what_was_not_measured_is_listed_and_half_of_it_fails() {
        let ordinary = Criticality::Ordinary;
        let metrics = [
            metric("a", "one", Label::Pass, ordinary),
            metric("b", "one", Label::Pass, ordinary),
            metric("c", "two", Label::NoData, ordinary),
        ];
        let summary = score(&metrics, &[]);
        assert_eq!((summary.score, summary.groups["two"].score), (100.0, None));
        assert_eq!(summary.unmeasured, ["c"]);
        let summary = score(&metrics[1..], &[]);
        assert_eq!((summary.score, summary.grade), (0.0, Grade::Fail));
        assert_eq!(score(&[], &[]).grade, Grade::Fail, "no metrics are no pass");
    }

    #[test]
    fn a_required_metric_without_data_counts_as_failed() {
        let metrics = [
            metric("a", "one", Label::Pass, Criticality::Ordinary),
            metric("b", "one", Label::NoData, Criticality::Required),
        ];
        assert_eq!(score(&metrics, &[]).score, 50.0);
    }
}
