//! The plan as text.

use std::fmt::{self, Write as _};

use crate::{
    plan::PerformanceImpact,
    report::{
        facts::{commas, time},
        render::text::layout::{field, list},
        view::PlanReport,
    },
};

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
        f.write_str("\nRollback contract: a breach of any one of these rolls the release back\n")?;
        list(f, "criteria", &self.criteria)?;
        field(f, "watched", &commas(&self.watched))?;
        self.write_track(f)?;
        self.write_gates(f)?;
        f.write_str("\nNotifications\n")?;
        list(
            f,
            "planned",
            self.communication.iter().map(|notice| {
                format!("{} via {}: {}", notice.audience, notice.channel, commas(&notice.moments))
            }),
        )?;
        if self.told.is_empty() {
            return Ok(());
        }
        list(f, "sent", &self.told)
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
            let text =
                format!("{} of traffic stays on the old version until the release completes", self.hold_back);
            field(f, "hold-back", &text)?;
        }
        let evaluated =
            format!("every {}, on at least {} requests for a verdict", self.look_every, self.min_requests);
        field(f, "evaluated", &evaluated)
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
