use std::collections::BTreeMap;

use relman_core::unit::{Span, Timestamp};
use serde::Serialize;

use super::{
    Case, Estimate, Kind, Share, Spread, figure,
    run::Setting,
    setup::Setup,
    trial::{Cause, End, Trial},
};

/// What a lab has found.
///
/// Prints as a text table, serialises for programs, and with the feature `html` makes a page of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How often each policy was tried in each world.
    pub trials: u32,
    /// The seed.
    pub seed: u64,
    /// When the releases got their first traffic.
    pub start: Timestamp,
    /// How sure the intervals are: 0.95 for 95 of 100.
    pub confidence: f64,
    /// The criteria of the rollback contract.
    pub criteria: Vec<String>,
    /// The policies, in the order in which they were given.
    pub policies: Vec<Contestant>,
    /// The worlds, in the order in which they were given.
    pub worlds: Vec<WorldReport>,
}

/// A policy that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contestant {
    /// How it is called in this report: its name, with a number where that is not its alone.
    pub label: String,
    /// The version of the policy.
    pub version: String,
    /// The track that was taken.
    pub track: String,
    /// The steps of the track, such as `1% 30m`.
    pub steps: Vec<String>,
    /// How long a release takes that nothing delays.
    #[serde(rename = "planned_ms")]
    pub planned: Span,
    /// Metrics that the policy or the plan watches and that are not simulated: the lab takes it that they are there.
    pub taken_as_there: Vec<String>,
}

/// What was found in one world.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorldReport {
    /// The name of the world.
    pub name: String,
    /// What is wrong in it.
    pub kind: Kind,
    /// How much of that.
    pub size: String,
    /// What became of the releases, for each policy in the order of [`Report::policies`].
    pub policies: Vec<Finding>,
}

/// What became of the releases of one policy in one world.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The share that was rolled back. With a healthy version each of them is a mistake.
    pub rolled_back: Share,
    /// The share that completed. With a bad version each of them is one.
    pub completed: Share,
    /// The share that was still under way after two weeks: too few requests to decide, or metrics missing for good.
    pub unfinished: Share,
    /// What rolled them back, and how often: a criterion, or `unmeasured`.
    pub triggers: BTreeMap<String, u64>,
    /// Hours from the first exposure to the end, of those that completed.
    pub hours_to_complete: Option<Spread>,
    /// What became of the regression; nothing for a healthy version.
    pub regression: Option<Detection>,
    /// How this differs from the first policy, trial by trial on the same random numbers; nothing for the first.
    pub beside_the_first: Option<Difference>,
}

/// What became of a regression.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Detection {
    /// The share that was rolled back before the regression showed: a mistake, though a lucky one.
    pub before_onset: Share,
    /// Of the releases that lived to see the regression show, the share that was rolled back afterwards.
    pub detected: Share,
    /// Minutes from the moment it showed to the breach, of those that were detected.
    pub minutes_to_detect: Option<Spread>,
    /// Minutes from the moment it showed until zero traffic was confirmed by observation, of those.
    pub minutes_to_zero: Option<Spread>,
    /// Requests that failed, or took longer than 99 of 100 of a healthy version, beyond those that would have with a
    /// healthy one: of every release that lived to see it, detected or not.
    pub requests_harmed: Option<Spread>,
    /// Users who met at least one of those.
    pub users_harmed: Option<Spread>,
}

/// How a policy differs from the first one, with the interval of paired differences: that of Agresti and Min (2005) for
/// a share, the normal one for a mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// By how much the share rolled back is higher (between -1 and 1).
    pub rolled_back: Estimate,
    /// By how much more requests are harmed by a release on average.
    pub requests_harmed: Estimate,
    /// By how much more users are harmed by a release on average.
    pub users_harmed: Estimate,
}

impl Report {
    pub(super) fn of(setting: &Setting<'_>, setups: &[Setup], tried: &[Vec<Vec<Trial>>]) -> Self {
        let contract = setting.plan.contract();
        let criteria = contract.map_or(&[][..], |contract| contract.criteria());
        let criteria: Vec<String> = criteria.iter().map(ToString::to_string).collect();
        let worlds = setting.worlds.iter().zip(tried).map(|(case, tried)| {
            let first = tried.first().map_or(&[][..], Vec::as_slice);
            let finding = |(index, trials): (usize, &Vec<Trial>)| {
                let mut finding = Finding::of(case, trials, &criteria);
                finding.beside_the_first = (index > 0).then(|| Difference::of(first, trials));
                finding
            };
            let policies = tried.iter().enumerate().map(finding).collect();
            WorldReport { name: case.name.clone(), kind: case.kind, size: case.size.clone(), policies }
        });
        Self {
            trials: setting.trials,
            seed: setting.seed,
            start: setting.start,
            confidence: figure::CONFIDENCE,
            worlds: worlds.collect(),
            policies: contestants(setting, setups),
            criteria,
        }
    }
}

fn contestants(setting: &Setting<'_>, setups: &[Setup]) -> Vec<Contestant> {
    let names: Vec<String> = setting.policies.iter().map(|policy| policy.name().to_string()).collect();
    let label = |index: usize| {
        let name = &names[index];
        let alone = names.iter().filter(|other| *other == name).count() == 1;
        if alone { name.clone() } else { format!("{name} ({})", index + 1) }
    };
    let pairs = setting.policies.iter().zip(setups).enumerate();
    let contestant = |(index, (policy, setup)): (usize, (&std::sync::Arc<_>, &Setup))| {
        let policy: &relman_core::policy::Policy = policy;
        Contestant {
            label: label(index),
            version: policy.version().to_string(),
            track: setup.track.to_string(),
            steps: setup.steps.iter().map(|step| format!("{} {}", step.share, step.bake)).collect(),
            planned: setup.planned(),
            taken_as_there: setup.taken_as_there().map(ToString::to_string).collect(),
        }
    };
    pairs.map(contestant).collect()
}

impl Finding {
    fn of(case: &Case, trials: &[Trial], criteria: &[String]) -> Self {
        let all = trials.len() as u64;
        let count = |wanted: fn(&Trial) -> bool| trials.iter().filter(|trial| wanted(trial)).count() as u64;
        let mut triggers = BTreeMap::new();
        for trial in trials {
            let trigger = match trial.end {
                End::RolledBack(Cause::Criterion(index)) => criteria.get(index).cloned().unwrap_or_default(),
                End::RolledBack(Cause::Unmeasured) => "unmeasured".to_owned(),
                End::Completed | End::Unfinished => continue,
            };
            *triggers.entry(trigger).or_default() += 1;
        }
        let completed = trials.iter().filter(|trial| trial.end == End::Completed);
        Self {
            rolled_back: Share::of(count(Trial::is_rolled_back), all),
            completed: Share::of(count(|trial| trial.end == End::Completed), all),
            unfinished: Share::of(count(|trial| trial.end == End::Unfinished), all),
            triggers,
            hours_to_complete: Spread::of(completed.map(|trial| minutes(trial.at) / 60.0).collect()),
            regression: (!case.kind.is_healthy()).then(|| Detection::of(trials)),
            beside_the_first: None,
        }
    }
}

impl Detection {
    fn of(trials: &[Trial]) -> Self {
        let lived: Vec<(&Trial, Span)> =
            trials.iter().filter_map(|trial| trial.onset.map(|onset| (trial, onset))).collect();
        let early = trials.iter().filter(|trial| trial.onset.is_none() && trial.is_rolled_back()).count();
        let detected: Vec<&(&Trial, Span)> =
            lived.iter().filter(|(trial, _)| trial.is_rolled_back()).collect();
        let until = |end: fn(&Trial) -> Span| {
            let after = |(trial, onset): &&(&Trial, Span)| minutes(end(trial).saturating_sub(*onset));
            Spread::of(detected.iter().copied().map(|pair| after(&pair)).collect())
        };
        let harm = |of: fn(&Trial) -> f64| Spread::of(lived.iter().map(|(trial, _)| of(trial)).collect());
        Self {
            before_onset: Share::of(early as u64, trials.len() as u64),
            detected: Share::of(detected.len() as u64, lived.len() as u64),
            minutes_to_detect: until(|trial| trial.at),
            minutes_to_zero: until(|trial| trial.zero_at),
            requests_harmed: harm(|trial| trial.requests_harmed),
            users_harmed: harm(|trial| trial.users_harmed),
        }
    }
}

impl Difference {
    fn of(first: &[Trial], second: &[Trial]) -> Self {
        let paired = |of: fn(&Trial) -> f64| {
            let differences: Vec<f64> =
                first.iter().zip(second).map(|(first, second)| of(second) - of(first)).collect();
            figure::mean(&differences)
        };
        Self {
            rolled_back: figure::paired_share(
                first
                    .iter()
                    .zip(second)
                    .map(|(first, second)| (first.is_rolled_back(), second.is_rolled_back())),
            ),
            requests_harmed: paired(|trial| trial.requests_harmed),
            users_harmed: paired(|trial| trial.users_harmed),
        }
    }
}

impl Trial {
    fn is_rolled_back(&self) -> bool {
        matches!(self.end, End::RolledBack(_))
    }
}

fn minutes(span: Span) -> f64 {
    span.as_millis() as f64 / 60_000.0
}
