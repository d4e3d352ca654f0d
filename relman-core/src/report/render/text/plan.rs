//! Plan and schedule as text.

use std::fmt::{self, Write as _};

use crate::{
    machine::EndedAs,
    plan::PerformanceImpact,
    report::{
        facts::{commas, counted, time, whole},
        render::text::layout::{field, list, wrapped},
        view::{PlanReport, Schedule},
    },
    unit::Span,
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
        list(f, "because", self.risk.sentences())?;
        f.write_str("\nRollback contract: a breach of any one of these rolls the release back\n")?;
        list(f, "criteria", &self.criteria)?;
        if let Some(way_back) = &self.way_back {
            field(f, "way back", &format!("NONE after {}: {}", way_back.none_after, way_back.reason))?;
            field(f, "instead", way_back.instead.as_str())?;
        }
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
            format!("every {}; a verdict needs at least {} requests", self.look_every, self.min_requests);
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

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Schedule")?;
        let start = match self.started {
            Some(mark) => format!("The rollout began {mark}. Track {}.", self.track),
            None => format!(
                "The rollout has not begun; planned times count from its start. Track {}.",
                self.track
            ),
        };
        wrapped(f, "", &start)?;
        writeln!(
            f,
            "\n  step share  {:<8} {:<20}  {:<8} {:>5} {:<8} state",
            "planned", "planned start", "baked", "evals", "held"
        )?;
        for step in &self.steps {
            let start = step.planned_start.map_or_else(|| format!("+ {}", step.planned_after), time);
            writeln!(
                f,
                "  {:>4} {:>5}  {:<8} {start:<20}  {:<8} {:>5} {:<8} {}",
                step.number, step.share, step.planned_bake, step.baked, step.looks, step.held, step.end
            )?;
            if let Some(started) = step.started {
                let end = step.ended.map(|ended| format!(", ended {ended}")).unwrap_or_default();
                writeln!(f, "              began {started}{end}")?;
            }
            if step.undriven > Span::ZERO {
                writeln!(f, "              NOBODY DROVE IT for {}", whole(step.undriven))?;
            }
        }
        writeln!(f, "\nCheckpoints: evaluated every {}", self.look_every)?;
        field(f, "watched", &commas(&self.watched))?;
        for checkpoint in &self.checkpoints {
            let planned = checkpoint.planned.map_or_else(
                || format!("+ {}", checkpoint.planned_after),
                |at| format!("planned {}", time(at)),
            );
            let looks = match checkpoint.looks.looks {
                0 => format!("{} evaluations planned", checkpoint.planned_looks),
                _ => format!("{} planned, {}", checkpoint.planned_looks, checkpoint.looks),
            };
            let passed = checkpoint.passed.map(|mark| format!("; passed {mark}")).unwrap_or_default();
            field(f, &checkpoint.gate.to_string(), &format!("{planned}; {looks}{passed}"))?;
        }
        f.write_str("\n")?;
        writeln!(f, "  planned total   {}, including validation", self.planned_total)?;
        self.write_end(f)
    }
}

impl Schedule {
    fn write_end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ended, self.expected_end) {
            (Some(ended), _) => {
                let looks =
                    counted(self.steps.iter().map(|step| step.looks).sum(), "evaluation", "evaluations");
                let took = match self.started {
                    Some(started) => {
                        format!(", {} after the rollout began, {looks}", ended.mark.at.since(started.at))
                    }
                    None => String::new(),
                };
                let how = match ended.how {
                    EndedAs::Completed => "completed",
                    EndedAs::RolledBack => "rolled back",
                    EndedAs::Aborted => "aborted",
                };
                wrapped(f, "  ended           ", &format!("{how} {}{took}", ended.mark))
            }
            (None, Some(end)) => {
                writeln!(f, "  left            {}", self.left)?;
                writeln!(f, "  ends            {} at the earliest", time(end))
            }
            (None, None) if self.left > Span::ZERO => {
                writeln!(f, "  ends            {} after approval and staging, at the earliest", self.left)
            }
            (None, None) => writeln!(f, "  ends            once zero traffic is confirmed"),
        }
    }
}
