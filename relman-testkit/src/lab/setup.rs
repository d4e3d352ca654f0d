use std::collections::BTreeSet;

use relman_core::{
    judge::Judge,
    plan::{Criterion, Plan, RollbackContract, Threshold},
    policy::{NoDataRules, Policy, Step, Track},
    unit::{MetricName, Span, TrackName},
};

use super::LabError;
use crate::world::metrics::Kind;

/// The metric that relman counts itself, from recorded complaints.
const COMPLAINTS: &str = "complaints";

/// What a policy and a plan ask of a release, laid out for a trial.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) track: TrackName,
    pub(super) steps: Vec<Step>,
    pub(super) look_every: Span,
    /// A judge who has seen nothing yet.
    pub(super) judge: Judge,
    pub(super) rules: Vec<Rule>,
    /// The metrics without which the release holds, in the canary, and in the baseline where a criterion compares.
    pub(super) watched: BTreeSet<MetricName>,
    pub(super) no_data: NoDataRules,
    /// How long after the traffic is gone that is confirmed.
    pub(super) confirmed_after: Span,
    pub(super) draws: Draws,
}

/// One criterion of the contract.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) criterion: Criterion,
    pub(super) about: About,
    pub(super) compares: bool,
}

/// What a criterion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// What users say, over the whole release.
    Complaints,
    /// What is measured.
    Metric(Kind),
}

/// What the contract has to know at a look. The rest is not drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Draws {
    pub(super) canary: Wanted,
    pub(super) baseline: Wanted,
    pub(super) complaints: bool,
}

/// What has to be known of an arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) errors: bool,
    pub(super) log_errors: bool,
    pub(super) latencies: bool,
}

impl Setup {
    /// Lays out the track that a plan takes under a policy, or the one that is named.
    pub(super) fn of(policy: &Policy, plan: &Plan, named: Option<&TrackName>) -> Result<Self, LabError> {
        let fail = |problem: String| LabError::Policy { policy: policy.name().to_string(), problem };
        let (track, steps) = match named {
            None => {
                let risk = policy.assess(plan);
                policy.track_for(plan, &risk).map_err(|error| fail(error.to_string()))?
            }
            Some(name) => {
                let known: Vec<&str> = policy.tracks().keys().map(TrackName::as_str).collect();
                let known = known.join(", ");
                let none = || fail(format!("there is no track `{name}`; this policy has {known}"));
                (name.clone(), policy.track(name).ok_or_else(none)?)
            }
        };
        let contract = plan.contract().ok_or(LabError::NoContract)?;
        let rules = contract.criteria().iter().map(Rule::of).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(track, steps, policy, plan, contract, rules))
    }

    fn new(
        name: TrackName,
        track: &Track,
        policy: &Policy,
        plan: &Plan,
        contract: &RollbackContract,
        rules: Vec<Rule>,
    ) -> Self {
        let mut watched = policy.watch().clone();
        watched.extend(plan.watch().iter().cloned());
        watched.extend(contract.metrics());
        watched.retain(|metric| metric.as_str() != COMPLAINTS);
        let confirmations = policy.rollback().confirmations;
        let more = u64::from(confirmations.saturating_sub(1));
        Self {
            track: name,
            steps: track.steps().to_vec(),
            look_every: track.look_every(),
            judge: Judge::new(
                contract.criteria(),
                policy.judging(),
                track.planned_looks(),
                track.min_requests(),
            ),
            draws: Draws::of(&rules),
            rules,
            watched,
            no_data: policy.no_data().clone(),
            confirmed_after: policy.rollback().confirm_every.times(more),
        }
    }

    /// How long a release takes that nothing delays.
    pub(super) fn planned(&self) -> Span {
        self.steps.iter().fold(Span::ZERO, |sum, step| sum + step.bake)
    }

    /// The watched metrics that no world has: the lab takes it that they are there.
    pub(super) fn taken_as_there(&self) -> impl Iterator<Item = &MetricName> {
        self.watched.iter().filter(|metric| Kind::of(metric).is_none())
    }
}

impl Rule {
    fn of(criterion: &Criterion) -> Result<Self, LabError> {
        let about = if criterion.metric.as_str() == COMPLAINTS {
            About::Complaints
        } else {
            let kind = Kind::of(&criterion.metric);
            About::Metric(kind.ok_or_else(|| LabError::NotSimulated(criterion.clone()))?)
        };
        let compares = matches!(criterion.threshold, Threshold::Baseline { .. });
        Ok(Self { criterion: criterion.clone(), about, compares })
    }
}

impl Draws {
    fn of(rules: &[Rule]) -> Self {
        let mut draws = Self::default();
        for rule in rules {
            match rule.about {
                About::Complaints => draws.complaints = true,
                About::Metric(kind) => {
                    draws.canary.want(kind);
                    if rule.compares {
                        draws.baseline.want(kind);
                    }
                }
            }
        }
        draws
    }
}

impl Wanted {
    fn want(&mut self, kind: Kind) {
        match kind {
            Kind::Errors => self.errors = true,
            // Every failed request logs an error.
            Kind::LogErrors => (self.errors, self.log_errors) = (true, true),
            Kind::Latency => self.latencies = true,
        }
    }

    pub(super) fn anything(self) -> bool {
        self.errors || self.log_errors || self.latencies
    }
}
