//! The validation as text.

use std::fmt;

use crate::{
    report::{
        facts::{CheckRun, Complaint, CoverPeriod, Figure, HoldPeriod, commas, time},
        render::text::layout::{field, list},
        view::ValidationReport,
    },
    unit::Span,
};

impl fmt::Display for ValidationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Validation")?;
        let ended = self.ended.map(|ended| format!(" {ended}")).unwrap_or_default();
        field(f, "outcome", &format!("{}{ended}", self.outcome))?;
        field(f, "began", &self.started.to_string())?;
        let left = if self.left > Span::ZERO { format!(", {} left", self.left) } else { String::new() };
        field(f, "observed", &format!("{} of {}{left}", self.observed, self.length))?;
        field(f, "evaluated", &self.looks.to_string())?;
        f.write_str("\nMeasured\n")?;
        field(f, "uptime", &self.uptime.to_string())?;
        let errors = self.errors.as_ref().map_or("not counted", |errors| errors.said.as_str());
        field(f, "error rate", errors)?;
        for one in &self.performance {
            let said = |figure: &Option<Figure>| {
                figure.as_ref().map_or_else(|| "not measured".to_owned(), |figure| figure.said.clone())
            };
            let text = format!("{}; old version {}", said(&one.canary), said(&one.baseline));
            field(f, one.metric.as_str(), &text)?;
        }
        f.write_str("\nContract\n")?;
        list(
            f,
            "criteria",
            self.criteria.iter().map(|seen| match (&seen.said, seen.mark) {
                (Some(said), Some(mark)) => format!("{said} (#{})", mark.record),
                _ => format!("{}: not evaluated yet", seen.criterion),
            }),
        )?;
        f.write_str("\nCustomers\n")?;
        let complaint = |one: &Complaint| format!("{} {}: {}", one.mark, one.by, one.text);
        list(f, "complaints", self.complaints.iter().map(complaint))?;
        f.write_str("\nIncidents\n")?;
        list(f, "of the service", &self.incidents)?;
        f.write_str("\nChecks\n")?;
        let check = |done: &CheckRun| {
            format!("{} {} by {} {}: {}", done.check, done.outcome, done.by, done.mark, done.evidence)
        };
        list(f, "recorded", self.checks.iter().map(check))?;
        field(f, "missing", &commas(&self.checks_missing))?;
        f.write_str("\nOn call\n")?;
        let cover = |period: &CoverPeriod| {
            format!("{} from {} until {}, {}", period.person, period.from, time(period.until), period.end)
        };
        list(f, "cover", self.cover.iter().map(cover))?;
        field(f, "without cover", &self.uncovered.to_string())?;
        let hold = |period: &HoldPeriod| {
            format!("{} for {} ({}): {}", period.from, period.lasted, period.cause, period.reason)
        };
        list(f, "holds", self.holds.iter().map(hold))
    }
}
