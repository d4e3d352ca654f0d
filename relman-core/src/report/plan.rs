use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use serde::Serialize;

use super::{
    GateReport, Heading, History, Mark, Told,
    layout::{commas, field, list, time},
};
use crate::{
    event::{Event, Gate},
    plan::{Criterion, Notice, PerformanceImpact, RiskAssessment, RollbackContract, Scope},
    unit::{Actor, CheckName, MetricName, Role, Span, Text, TrackName, TrafficShare},
};

/// What is to be released, by which rules, and who has approved it.
///
/// The plan and the policy in force: those of the last record that holds a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// The metrics that are watched in every step.
    pub watched: BTreeSet<MetricName>,
    /// Who is told, through which channel, at which moments.
    pub communication: Vec<Notice>,
    /// Who was told so far, or could not be told.
    pub told: Vec<Told>,
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

/// Somebody's approval of the plan in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
            watched: release.watched(),
            communication: plan.communication().notices.clone(),
            told: Told::all(history),
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
            approvals_needed: policy.approvals(risk.level),
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

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Plan")?;
        let mut plan = format!("{} by {}", self.recorded, commas(&self.authors));
        if self.revisions > 0 {
            write!(plan, ", revision {}", self.revisions)?;
        }
        field(f, "plan", &plan)?;
        field(f, "policy", &format!("{}, version {}", self.policy, self.policy_version))?;
        self.write_scope(f)?;
        f.write_str("\nRisk\n")?;
        field(f, "level", &self.risk.level.to_string())?;
        list(f, "because", &self.risk.reasons)?;
        f.write_str("\nRollback contract: any one of these that holds takes the release back\n")?;
        list(f, "criteria", &self.criteria)?;
        field(f, "watched", &commas(&self.watched))?;
        self.write_track(f)?;
        self.write_gates(f)?;
        f.write_str("\nWho is told\n")?;
        list(
            f,
            "notices",
            self.communication.iter().map(|notice| {
                format!("{} through {}: {}", notice.audience, notice.channel, commas(&notice.moments))
            }),
        )?;
        if self.told.is_empty() {
            return Ok(());
        }
        list(f, "so far", &self.told)
    }
}

impl PlanReport {
    fn write_scope(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = &self.scope;
        f.write_str("\nScope\n")?;
        field(f, "service", scope.service.as_str())?;
        field(f, "summary", scope.summary.as_str())?;
        let digest = scope.artifact.digest.as_ref().map(|digest| format!(" ({digest})")).unwrap_or_default();
        field(f, "artifact", &format!("{}{digest}, replaces {}", scope.artifact, scope.replaces))?;
        let performance = match scope.performance {
            PerformanceImpact::Neutral => "performance-neutral",
            PerformanceImpact::Sensitive => "performance-sensitive",
        };
        field(f, "audience", &format!("{}, {performance}", scope.audience))?;
        field(f, "touches", &commas(&scope.touches))?;
        list(f, "links", &scope.links)
    }

    fn write_track(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nTrack {}", self.track)?;
        for step in &self.steps {
            let last = if step.number as usize == self.steps.len() { ", the validation" } else { "" };
            let text = format!("{:>5} for {}{last}", step.share, step.bake);
            field(f, &format!("step {}", step.number), &text)?;
        }
        if !self.hold_back.is_zero() {
            let text = format!("{} stays on the old version until the release is complete", self.hold_back);
            field(f, "held back", &text)?;
        }
        let looks = format!("every {}, {} requests for a verdict", self.look_every, self.min_requests);
        field(f, "looks", &looks)
    }

    fn write_gates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nGates\n")?;
        let approvals = format!("{} of {} approvals", self.approvals.len(), self.approvals_needed);
        field(f, "plan", &approvals)?;
        for given in &self.approvals {
            let (at, record) = (time(given.mark.at), given.mark.record);
            field(f, "", &format!("{} ({}) {at} #{record}", given.by, commas(&given.roles)))?;
        }
        field(f, "staging", &commas(&self.staging_checks))?;
        if !self.qa_checklist.is_empty() {
            list(f, "qa checklist", &self.qa_checklist)?;
        }
        field(f, "validation", &format!("{}, on-call cover", commas(&self.validation_checks)))
    }
}
