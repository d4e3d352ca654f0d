//! How a release turned out, as text: validation, rollback log and post-mortems.

use std::fmt;

use crate::{
    event::RollbackTrigger,
    judge::Observation,
    report::{
        facts::{
            CheckRun, CoverPeriod, Figure, Harm, HoldPeriod, RollbackTimes, RootCause, commas, numbers, time,
        },
        render::text::{
            layout::{field, list, wrapped},
            timeline::write_rows,
        },
        view::{AfterStart, PostMortemReport, RollbackLog, ValidationReport, collapse},
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
        list(f, "complaints", &self.complaints)?;
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

impl fmt::Display for RollbackLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Rollback log")?;
        field(f, "status", &self.status.to_string())?;
        field(f, "began", &format!("{} by {}, at {} of traffic", self.started, self.by, self.share))?;
        self.write_trigger(f)?;
        f.write_str("\nProgress\n")?;
        let moment = |moment: Option<AfterStart>| {
            moment.map_or_else(|| "NOT YET".to_owned(), |moment| moment.to_string())
        };
        field(f, "zero set", &moment(self.zero_set))?;
        field(f, "zero observed", &moment(self.zero_seen))?;
        if let Some(pinned) = self.pinned {
            field(f, "pinned users", &format!("seen {pinned}"))?;
        }
        if let Some(cut) = self.cut {
            field(f, "cut off", &cut.to_string())?;
        }
        let by = self.confirmed_by.map_or_else(String::new, |by| format!(", {by}"));
        field(f, "confirmed", &format!("{}{by}", moment(self.confirmed)))?;
        field(f, "attempts", &self.attempts.to_string())?;
        list(f, "failures", self.failures.iter().map(|failed| format!("{} {}", failed.mark, failed.detail)))?;
        self.times.write(f)?;
        self.harm.write(f)?;
        if !self.incidents.is_empty() {
            f.write_str("\nIncidents\n")?;
            list(f, "of the service", &self.incidents)?;
        }
        f.write_str("\nPost-mortem\n")?;
        match &self.root_cause {
            Some(cause) => cause.write(f)?,
            None => field(f, "root cause", "not filed yet")?,
        }
        f.write_str("\nTimeline from the breach on\n")?;
        write_rows(f, &collapse(&self.timeline))
    }
}

impl RollbackLog {
    pub(in crate::report) fn write_trigger(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nTrigger\n")?;
        match &self.trigger {
            RollbackTrigger::Criterion { criterion, observed, threshold } => {
                field(f, "criterion", &criterion.to_string())?;
                field(f, "observed", observed)?;
                field(f, "limit", threshold)?;
            }
            RollbackTrigger::Unmeasured { reason, held } => {
                field(f, "not measured", &reason.to_string())?;
                field(f, "held for", &held.to_string())?;
            }
            RollbackTrigger::Manual { reason, .. } => field(f, "by hand", reason.as_str())?,
        }
        if self.evidence.records.is_empty() {
            return Ok(());
        }
        field(f, "evidence", &format!("records {}", numbers(&self.evidence.records)))?;
        if let Some(verdict) = &self.evidence.verdict {
            wrapped(f, "    - ", &verdict.to_string())?;
        }
        self.evidence.observations.iter().try_for_each(|observation| {
            let Observation { metric, arm, window, source, answer } = observation;
            wrapped(f, "    - ", &format!("{metric} of the {arm}: {answer} ({source}, {window})"))
        })
    }
}

impl RollbackTimes {
    pub(in crate::report) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nHow long it took\n")?;
        let detect = match (self.detect, self.began) {
            (Some(detect), Some(began)) => {
                format!("{detect}, from {} to {}", time(began), self.detected)
            }
            (Some(_) | None, _) => format!("unknown; noticed {}", self.detected),
        };
        field(f, "to detect", &detect)?;
        field(f, "to decide", &self.decide.to_string())?;
        field(f, "to revert", &self.revert.map_or_else(|| "NOT YET".to_owned(), |revert| revert.to_string()))
    }
}

impl Harm {
    pub(in crate::report) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nHarm on the record\n")?;
        let exposed = format!("for {}, to at most {} of traffic", self.exposed, self.widest);
        field(f, "exposed", &exposed)?;
        let requests = self.requests.iter().map(|seen| {
            format!(
                "{} of {} went wrong by {} (#{} to #{})",
                seen.harmed, seen.requests, seen.metric, seen.first_record, seen.last_record
            )
        });
        list(f, "requests", requests)?;
        let complaints: Vec<u64> = self.complaints.iter().map(|mark| mark.record).collect();
        let complaints = match complaints.len() {
            0 => "none".to_owned(),
            count => format!("{count} ({})", numbers(&complaints)),
        };
        field(f, "complaints", &complaints)?;
        field(f, "users", "not recorded")
    }
}

impl RootCause {
    pub(in crate::report) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        field(f, "root cause", self.root_cause.as_str())?;
        field(f, "summary", self.summary.as_str())?;
        if let Some(link) = &self.link {
            field(f, "link", link.as_str())?;
        }
        field(f, "filed", &format!("{} by {}", self.filed, self.by))
    }
}

impl fmt::Display for PostMortemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, &format!("Post-mortem {}", self.number))?;
        field(f, "about", &format!("{}, {}", self.about, self.opened))?;
        if let Some(ended) = self.ended {
            field(f, "ended", &format!("{} {}", ended.how, ended.mark))?;
        }
        f.write_str("\nFindings\n")?;
        match &self.filed {
            Some(cause) => cause.write(f)?,
            None => field(f, "root cause", "not filed yet")?,
        }
        if let Some(granted) = &self.overridden {
            f.write_str("\nOverride\n")?;
            field(f, "by", &format!("{} {}", granted.by, granted.mark))?;
            if granted.freezes.is_empty() {
                field(f, "checks", &commas(&granted.checks))?;
            } else {
                list(f, "freezes", &granted.freezes)?;
            }
            list(f, "because", &granted.because)?;
            if let Some(expires_at) = granted.expires_at {
                field(f, "expires", &time(expires_at))?;
            }
            let check = |done: &CheckRun| {
                format!("{} {} by {} {}: {}", done.check, done.outcome, done.by, done.mark, done.evidence)
            };
            list(f, "recorded", self.checks.iter().map(check))?;
        }
        if let Some(rollback) = &self.rollback {
            rollback.write_trigger(f)?;
            rollback.times.write(f)?;
            rollback.harm.write(f)?;
        }
        f.write_str("\nAction items\n")?;
        list(f, "items", &self.action_items)?;
        if self.filed.is_none() {
            f.write_str("\nQuestions for the authors\n")?;
            list(f, "ask", &self.questions)?;
        }
        f.write_str("\nWhat happened\n")?;
        write_rows(f, &self.timeline)
    }
}
