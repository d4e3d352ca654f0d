use std::{collections::BTreeSet, sync::Arc};

use relman_core::{
    event::{Event, Record},
    plan::{Criterion, Plan, RiskAssessment, RollbackContract},
    policy::{Policy, Step, Track},
    unit::{Actor, MetricName, TrackName},
};

/// The plan and the policy in force, as the records up to some point say it, and who stands behind them.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    pub(super) plan: Arc<Plan>,
    pub(super) policy: Arc<Policy>,
    pub(super) risk: RiskAssessment,
    pub(super) track: TrackName,
    pub(super) authors: BTreeSet<Actor>,
    pub(super) approvers: Vec<Actor>,
    /// The record that holds the plan.
    pub(super) record: u64,
}

impl InForce {
    /// What is in force after one more record.
    pub(super) fn follow(current: &mut Option<Self>, record: &Record) {
        let (plan, policy, risk, track) = match &record.event {
            Event::PlanRecorded(new) => (&new.plan, &new.policy, &new.risk, &new.track),
            Event::PlanRevised(new) => (&new.plan, &new.policy, &new.risk, &new.track),
            Event::PlanApproved(_) => {
                if let Some(in_force) = current {
                    in_force.approvers.push(record.by.clone());
                }
                return;
            }
            _ => return,
        };
        let mut authors = current.take().map(|before| before.authors).unwrap_or_default();
        authors.insert(record.by.clone());
        *current = Some(Self {
            plan: plan.clone(),
            policy: policy.clone(),
            risk: risk.clone(),
            track: track.clone(),
            authors,
            approvers: Vec::new(),
            record: record.seq,
        });
    }

    pub(super) fn track(&self) -> Option<&Track> {
        self.policy.track(&self.track)
    }

    pub(super) fn step(&self, number: u32) -> Option<Step> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.track()?.steps().get(index).copied()
    }

    pub(super) fn criteria(&self) -> &[Criterion] {
        self.plan.contract().map_or(&[], RollbackContract::criteria)
    }

    /// What has to be measured in every look. Complaints are counted in the record itself.
    pub(super) fn watched(&self) -> BTreeSet<MetricName> {
        let mut watched = self.policy.watch().clone();
        watched.extend(self.plan.watch().iter().cloned());
        watched.extend(self.criteria().iter().map(|criterion| criterion.metric.clone()));
        watched.retain(is_measured);
        watched
    }
}

/// Whether a metric comes from a source of metrics.
pub(super) fn is_measured(metric: &MetricName) -> bool {
    metric.as_str() != "complaints"
}
