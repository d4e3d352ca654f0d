//! What there is to learn and to do, as text: retrospective, open items and delivery metrics.

use std::fmt;

use crate::{
    event::LessonKind,
    judge::significant,
    report::{
        facts::{ActionItemState, counted, time},
        render::text::layout::{field, list, wrapped},
        view::{DeliveryMetrics, Lesson, OpenItems, Retrospective, Spread},
    },
    unit::Ratio,
};

impl fmt::Display for Retrospective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Retrospective")?;
        let ended =
            self.ended.map_or_else(|| "not yet".to_owned(), |ended| format!("{} {}", ended.how, ended.mark));
        field(f, "ended", &ended)?;
        let figures = &self.figures;
        let production = figures.in_production.map_or_else(
            || "not reached".to_owned(),
            |spent| format!("{spent}, {} planned", figures.planned),
        );
        field(f, "in production", &production)?;
        field(f, "overall", &format!("{} in {} records", figures.lasted, figures.records))?;
        for section in &self.sections {
            let title = match section.about {
                LessonKind::WentWell => "What went well",
                LessonKind::WentBadly => "What went badly",
                LessonKind::Lucky => "Where we were lucky",
            };
            writeln!(f, "\n{title}")?;
            list(f, "on the record", &section.facts)?;
            list(f, "ask", &section.questions)?;
            let lesson =
                |lesson: &Lesson| format!("{} ({}, #{})", lesson.text, lesson.by, lesson.mark.record);
            list(f, "lessons", section.lessons.iter().map(lesson))?;
        }
        f.write_str("\nAction items\n")?;
        list(f, "items", &self.action_items)
    }
}

impl fmt::Display for OpenItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.post_mortems.is_empty() && self.action_items.is_empty() {
            return wrapped(f, "", &format!("No open items, as of {}", time(self.as_of)));
        }
        wrapped(f, "", &format!("Open items, as of {}", time(self.as_of)))?;
        for open in self.overdue() {
            wrapped(f, "  ", &format!("{}: action item {}", open.release, open.item))?;
        }
        for open in &self.post_mortems {
            wrapped(f, "  ", &format!("{}: post-mortem {}", open.release, open.post_mortem))?;
        }
        for open in self.action_items.iter().filter(|open| open.item.state == ActionItemState::Open) {
            wrapped(f, "  ", &format!("{}: action item {}", open.release, open.item))?;
        }
        Ok(())
    }
}

impl fmt::Display for DeliveryMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (time(self.window.from), time(self.window.until));
        wrapped(f, "", &format!("Delivery metrics, {from} to {until}"))?;
        wrapped(f, "", &format!("Defined as in {}; drills do not count", self.source))?;
        let per_week = self
            .deployments_per_week
            .map(|rate| format!(", {} a week", significant(rate.get())))
            .unwrap_or_default();
        let deployments = counted(self.deployments, "deployment", "deployments");
        field(f, "frequency", &format!("{deployments}{per_week}"))?;
        let spread =
            |spread: Option<Spread>| spread.map_or_else(|| "none".to_owned(), |spread| spread.to_string());
        field(f, "between", &spread(self.between_deployments))?;
        field(f, "lead time", &format!("{}, from the plan to all traffic", spread(self.lead_time)))?;
        let failed = match Ratio::new(self.failed_deployments, self.deployments) {
            Some(ratio) => {
                format!("{ratio} ({} of {} rolled back)", self.failed_deployments, self.deployments)
            }
            None => "no deployments".to_owned(),
        };
        field(f, "change fails", &failed)?;
        field(f, "recovery", &spread(self.recovery_time))?;
        field(
            f,
            "excluded",
            &format!(
                "{} and {}",
                counted(self.drills, "drill", "drills"),
                counted(
                    self.not_deployed,
                    "release not deployed in that time",
                    "releases not deployed in that time"
                )
            ),
        )?;
        if !self.contributions.is_empty() {
            f.write_str("\nReleases\n")?;
        }
        for one in &self.contributions {
            let deployed = one.deployed.map_or_else(String::new, |mark| format!("deployed {mark}"));
            let lead = match (one.lead_time, one.everywhere) {
                (Some(lead), Some(mark)) => format!(", lead time {lead} (#{})", mark.record),
                _ => String::new(),
            };
            let failure = one.failure.as_ref().map(|failure| {
                let recovery = failure.recovery.map_or_else(
                    || "not recovered yet".to_owned(),
                    |recovery| format!("recovered in {recovery}"),
                );
                format!(", rolled back {}, {recovery}: {}", failure.started, failure.trigger)
            });
            wrapped(f, "  ", &format!("{}: {deployed}{lead}{}", one.release, failure.unwrap_or_default()))?;
        }
        Ok(())
    }
}
