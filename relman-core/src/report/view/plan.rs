use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    event::{Event, Gate},
    plan::{Criterion, Notice, RiskAssessment, RollbackContract, Scope, WayBack},
    report::facts::{GateReport, Heading, History, Mark, NoticeOutcome},
    unit::{Actor, CheckName, MetricName, Role, Span, Text, TrackName, TrafficShare},
};

/// What is to be released, by which rules, and who has approved it.
///
/// The plan and the policy in force: those of the last record that holds a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanReport {
    /// The release.
    pub heading: Heading,
    /// The record that holds the plan in force.
    pub recorded: Mark,
    /// How often the plan was changed since it was first recorded.
    pub revisions: u64,
    /// Who wrote the plan, or changed it.
    pub authors: BTreeSet<Actor>,
    /// What changes.
    pub scope: Scope,
    /// The risk, with the reasons for it.
    pub risk: RiskAssessment,
    /// The criteria of the rollback contract; none where there is no contract yet.
    pub criteria: Vec<Criterion>,
    /// Up to which share the change can be taken back, and what is done instead beyond it; nothing where it always can.
    pub way_back: Option<WayBack>,
    /// The metrics that are watched in every step.
    pub watched: BTreeSet<MetricName>,
    /// Who is notified, through which channel, and when.
    pub communication: Vec<Notice>,
    /// The notices that went out so far, or could not.
    pub told: Vec<NoticeOutcome>,
    /// The track that the release takes.
    pub track: TrackName,
    /// The steps of the track; the last one is the validation.
    pub steps: Vec<PlannedStep>,
    /// The time between two looks at the metrics.
    #[serde(rename = "look_every_ms")]
    pub look_every: Span,
    /// The part of the traffic that stays on the old version until the release is complete.
    #[serde(rename = "hold_back_bp", skip_serializing_if = "TrafficShare::is_zero")]
    pub hold_back: TrafficShare,
    /// How many requests a verdict rests on at least.
    pub min_requests: u64,
    /// Every gate: what it asks for, and what came of it so far.
    pub gates: Vec<GateReport>,
    /// The checks that the staging gate asks for.
    pub staging_checks: Vec<CheckName>,
    /// The checks that the validation gate asks for.
    pub validation_checks: Vec<CheckName>,
    /// What a person who signs the manual QA confirms; none where the staging gate does not ask for it.
    pub qa_checklist: Vec<Text>,
    /// How many people have to approve.
    pub approvals_needed: u32,
    /// Who has approved the plan in force.
    pub approvals: Vec<ApprovalGiven>,
    /// The name of the policy in force.
    pub policy: Text,
    /// Its version.
    pub policy_version: Text,
}

/// One step of a track, as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedStep {
    /// The number, from 1.
    pub number: u32,
    /// The share of the traffic that the new version gets.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// How long it is observed at least.
    #[serde(rename = "bake_ms")]
    pub bake: Span,
}

/// An approval of the plan in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApprovalGiven {
    /// Who.
    pub by: Actor,
    /// In which roles.
    pub roles: BTreeSet<Role>,
    /// When, and the record.
    pub mark: Mark,
}

impl PlanReport {
    /// The plan of a release; none before one is recorded.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let release = history.release;
        let (plan, policy, risk) = (release.plan()?, release.policy()?, release.risk()?);
        let (track_name, track) = release.track()?;
        let is_plan = |event: &Event| matches!(event, Event::PlanRecorded(_) | Event::PlanRevised(_));
        let recorded = history.last(is_plan)?;
        let staging_checks = release.checks_asked(Gate::Staging);
        let asks_for_qa =
            staging_checks.iter().any(|check| check.as_str() == crate::policy::floors::MANUAL_QA);
        Some(Self {
            heading: Heading::of(history),
            recorded: Mark::of(recorded),
            revisions: history
                .records
                .iter()
                .filter(|record| matches!(record.event, Event::PlanRevised(_)))
                .count() as u64,
            authors: release.authors(),
            scope: plan.scope().clone(),
            risk: risk.clone(),
            criteria: plan.contract().map(RollbackContract::criteria).unwrap_or_default().to_vec(),
            way_back: release.way_back(),
            watched: release.watched(),
            communication: plan.communication().notices.clone(),
            told: NoticeOutcome::all(history),
            gates: GateReport::all(history),
            track: track_name.clone(),
            steps: (1..)
                .zip(track.steps())
                .map(|(number, step)| PlannedStep { number, share: step.share, bake: step.bake })
                .collect(),
            hold_back: track.hold_back(),
            look_every: track.look_every(),
            min_requests: track.min_requests(),
            validation_checks: release.checks_asked(Gate::Validation),
            qa_checklist: if asks_for_qa { policy.qa_checklist().to_vec() } else { Vec::new() },
            staging_checks,
            approvals_needed: policy.approvals_for(plan, risk.level),
            approvals: approvals(history, recorded.seq),
            policy: policy.name().clone(),
            policy_version: policy.version().clone(),
        })
    }
}

/// The approvals of the plan that one record holds.
fn approvals(history: &History<'_>, plan_record: u64) -> Vec<ApprovalGiven> {
    history
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::PlanApproved(approved) if approved.plan_record == plan_record => Some(ApprovalGiven {
                by: record.by.clone(),
                roles: approved.roles.clone(),
                mark: Mark::of(record),
            }),
            _ => None,
        })
        .collect()
}
