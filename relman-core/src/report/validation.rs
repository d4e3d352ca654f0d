use std::fmt;

use serde::Serialize;

use super::{
    CheckDone, CoverSpell, Figure, Heading, History, HoldSpell, IncidentReport, LookTally, Mark, Performance,
    layout::{commas, field, list, time},
    measured::Sums,
};
use crate::{
    event::{CheckOutcome, Event, Gate, LookTaken, Record},
    judge::{Arm, Measurement, Outcome},
    plan::{Criterion, RollbackContract},
    unit::{Actor, CheckName, MetricName, Ratio, Span, Text, Timestamp},
};

/// How the validation goes or went: 24 hours with all of the traffic on the new version.
///
/// Measured is what the looks of the validation amount to. At 100 % no traffic is left for a baseline, so the version
/// that was replaced stands beside it as it was measured during the rollout.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ValidationReport {
    /// The release.
    pub heading: Heading,
    /// When it began, and the record.
    pub started: Mark,
    /// How it ended, or that it has not.
    pub outcome: ValidationOutcome,
    /// When it ended, and the record; not yet, if absent.
    pub ended: Option<Mark>,
    /// How long it has to be observed.
    #[serde(rename = "length_ms")]
    pub length: Span,
    /// How long it was observed under cover, on fresh data.
    #[serde(rename = "observed_ms")]
    pub observed: Span,
    /// What is left of it; nothing where it has ended.
    #[serde(rename = "left_ms")]
    pub left: Span,
    /// The looks, and what they came to.
    pub looks: LookTally,
    /// How much of the time the new version answered.
    pub uptime: Uptime,
    /// Requests to the new version that failed, by `error_rate`; not counted, if absent.
    pub errors: Option<Figure>,
    /// Every metric beside the version that was replaced.
    pub performance: Vec<Performance>,
    /// Every criterion of the contract, with its last verdict.
    pub criteria: Vec<CriterionSeen>,
    /// What customers said since the release met them.
    pub complaints: Vec<ComplaintMade>,
    /// Incidents of the service since production was entered, with where the release was when they began.
    pub incidents: Vec<IncidentReport>,
    /// The checks of the validation gate that were recorded: user flows and others.
    pub checks: Vec<CheckDone>,
    /// The checks that have not passed.
    pub checks_missing: Vec<CheckName>,
    /// Who was on call.
    pub cover: Vec<CoverSpell>,
    /// How long of the validation nobody was.
    #[serde(rename = "uncovered_ms")]
    pub uncovered: Span,
    /// When it stood still.
    pub holds: Vec<HoldSpell>,
}

/// How a validation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidationOutcome {
    /// It is under way.
    Running,
    /// It has passed.
    Passed,
    /// The release was taken back in it.
    RolledBack,
}

impl fmt::Display for ValidationOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "under way",
            Self::Passed => "passed",
            Self::RolledBack => "ROLLED BACK",
        })
    }
}

/// How much of the time the new version answered, by the requests that were counted.
///
/// A window in which a request succeeded is up, one in which every request failed is down. A window without a request,
/// or without a measurement, is neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Uptime {
    /// How long it was up.
    #[serde(rename = "up_ms")]
    pub up: Span,
    /// How long it was down.
    #[serde(rename = "down_ms")]
    pub down: Span,
    /// How long nobody knows.
    #[serde(rename = "unknown_ms")]
    pub unknown: Span,
}

impl Uptime {
    /// The part of the known time in which it was up; none where nothing is known.
    pub fn ratio(&self) -> Option<Ratio> {
        let (up, down) = (self.up.as_millis(), self.down.as_millis());
        Ratio::new(up, up.saturating_add(down))
    }

    fn add(&mut self, look: &LookTaken) {
        let length = look.window.length();
        let counts = look.observations.iter().filter(|seen| seen.arm == Arm::Canary).filter_map(|seen| {
            match seen.answer.measurement()? {
                Measurement::Counts { requests, errors } if *requests > 0 => Some(errors < requests),
                _ => None,
            }
        });
        let place = match counts.reduce(|one, other| one || other) {
            Some(true) => &mut self.up,
            Some(false) => &mut self.down,
            None => &mut self.unknown,
        };
        *place = *place + length;
    }
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ratio() {
            Some(ratio) => write!(f, "{ratio} ({} up, {} down", self.up, self.down)?,
            None => f.write_str("not known (no requests were counted")?,
        }
        if self.unknown > Span::ZERO { write!(f, ", {} not known)", self.unknown) } else { f.write_str(")") }
    }
}

/// A criterion of the contract, with its last verdict in the validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CriterionSeen {
    /// The criterion.
    pub criterion: Criterion,
    /// What the last look said of it; none before the first.
    pub said: Option<String>,
    /// Whether it was clean in the last look.
    pub clean: bool,
    /// The last look, and its record.
    pub mark: Option<Mark>,
    /// The records of the looks in which it was breached.
    pub breached: Vec<u64>,
}

/// A complaint on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplaintMade {
    /// What the customer said.
    pub text: Text,
    /// Who recorded it.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
}

impl ComplaintMade {
    pub(super) fn all(history: &History<'_>) -> Vec<Self> {
        let complaint = |record: &Record| match &record.event {
            Event::ComplaintRecorded(complaint) => {
                let (text, by) = (complaint.text.clone(), record.by.clone());
                Some(Self { text, by, mark: Mark::of(record) })
            }
            _ => None,
        };
        history.records.iter().filter_map(complaint).collect()
    }
}

impl ValidationReport {
    /// The validation of a release; none before all of the traffic is on it.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let (index, record, length) =
            history.records.iter().enumerate().find_map(|(index, record)| match &record.event {
                Event::ValidationStarted(started) => Some((index, record, started.length)),
                _ => None,
            })?;
        let (before, after) = history.records.split_at(index);
        let end = after.iter().find_map(|record| match &record.event {
            Event::ReleaseCompleted(_) => Some((ValidationOutcome::Passed, Mark::of(record))),
            Event::RollbackStarted(_) => Some((ValidationOutcome::RolledBack, Mark::of(record))),
            _ => None,
        });
        let until: Timestamp = end.map_or(history.now, |(_, mark)| mark.at);
        let (mut looks, mut uptime) = (LookTally::default(), Uptime::default());
        for record in after {
            if let Event::LookTaken(look) = &record.event {
                looks.add(record, look);
                uptime.add(look);
            }
        }
        let (sums, rollout) = (Sums::of(after), Sums::of(before));
        let performance = |metric: MetricName| Performance {
            canary: sums.figure(&metric, Arm::Canary),
            baseline: rollout.figure(&metric, Arm::Baseline),
            metric,
        };
        let error_rate = history.release.watched().into_iter().find(|metric| metric.as_str() == "error_rate");
        let cover = CoverSpell::all(history);
        let checks = CheckDone::of_gate(history, Gate::Validation);
        let in_validation = |spell: &HoldSpell| spell.until.is_none_or(|until| until.at > record.at);
        Some(Self {
            heading: Heading::of(history),
            started: Mark::of(record),
            outcome: end.map_or(ValidationOutcome::Running, |(outcome, _)| outcome),
            ended: end.map(|(_, mark)| mark),
            length,
            observed: looks.counted,
            left: if end.is_some() { Span::ZERO } else { length.saturating_sub(looks.counted) },
            looks,
            uptime,
            errors: error_rate.and_then(|metric| sums.figure(&metric, Arm::Canary)),
            performance: history.release.watched().into_iter().map(performance).collect(),
            criteria: criteria(history, after),
            complaints: ComplaintMade::all(history),
            incidents: IncidentReport::all(history),
            checks_missing: missing(history, &checks),
            checks,
            uncovered: CoverSpell::uncovered(&cover, record.at, until),
            cover,
            holds: HoldSpell::all(history).into_iter().filter(in_validation).collect(),
        })
    }
}

/// The checks of the gate whose newest outcome is not a pass.
fn missing(history: &History<'_>, done: &[CheckDone]) -> Vec<CheckName> {
    let passed = |name: &CheckName| {
        let newest = done.iter().rev().find(|done| done.check == *name);
        newest.is_some_and(|done| done.outcome == CheckOutcome::Passed)
    };
    history.release.checks_asked(Gate::Validation).into_iter().filter(|name| !passed(name)).collect()
}

fn criteria(history: &History<'_>, after: &[Record]) -> Vec<CriterionSeen> {
    let contract = history.release.plan().and_then(|plan| plan.contract());
    let of_contract = contract.map(RollbackContract::criteria).unwrap_or_default();
    let seen = |criterion: &Criterion| {
        let mut seen = CriterionSeen {
            criterion: criterion.clone(),
            said: None,
            clean: false,
            mark: None,
            breached: Vec::new(),
        };
        for record in after {
            let Event::LookTaken(look) = &record.event else { continue };
            let Some(verdict) = look.verdicts.iter().find(|one| one.criterion == *criterion) else {
                continue;
            };
            seen.said = Some(verdict.to_string());
            seen.clean = verdict.outcome == Outcome::Pass;
            seen.mark = Some(Mark::of(record));
            if verdict.outcome == Outcome::Fail {
                seen.breached.push(record.seq);
            }
        }
        seen
    };
    of_contract.iter().map(seen).collect()
}

impl fmt::Display for ValidationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Validation")?;
        let ended = self.ended.map(|ended| format!(" {ended}")).unwrap_or_default();
        field(f, "outcome", &format!("{}{ended}", self.outcome))?;
        field(f, "began", &self.started.to_string())?;
        let left = if self.left > Span::ZERO { format!(", {} left", self.left) } else { String::new() };
        field(f, "observed", &format!("{} of {}{left}", self.observed, self.length))?;
        field(f, "looks", &self.looks.to_string())?;
        f.write_str("\nMeasured\n")?;
        field(f, "uptime", &self.uptime.to_string())?;
        let errors = self.errors.as_ref().map_or("not counted", |errors| errors.said.as_str());
        field(f, "error rate", errors)?;
        for one in &self.performance {
            let said = |figure: &Option<Figure>| {
                figure.as_ref().map_or_else(|| "not measured".to_owned(), |figure| figure.said.clone())
            };
            let text = format!("{}; replaced version {}", said(&one.canary), said(&one.baseline));
            field(f, one.metric.as_str(), &text)?;
        }
        f.write_str("\nContract\n")?;
        list(
            f,
            "criteria",
            self.criteria.iter().map(|seen| match (&seen.said, seen.mark) {
                (Some(said), Some(mark)) => format!("{said} (#{})", mark.record),
                _ => format!("{}: not judged yet", seen.criterion),
            }),
        )?;
        f.write_str("\nCustomers\n")?;
        let complaint = |one: &ComplaintMade| format!("{} {}: {}", one.mark, one.by, one.text);
        list(f, "complaints", self.complaints.iter().map(complaint))?;
        f.write_str("\nIncidents\n")?;
        list(f, "of the service", &self.incidents)?;
        f.write_str("\nChecks\n")?;
        let check = |done: &CheckDone| {
            format!("{} {} by {} {}: {}", done.check, done.outcome, done.by, done.mark, done.evidence)
        };
        list(f, "recorded", self.checks.iter().map(check))?;
        field(f, "missing", &commas(&self.checks_missing))?;
        f.write_str("\nOn call\n")?;
        let cover = |spell: &CoverSpell| {
            format!("{} from {} until {}, {}", spell.person, spell.from, time(spell.until), spell.end)
        };
        list(f, "cover", self.cover.iter().map(cover))?;
        field(f, "without cover", &self.uncovered.to_string())?;
        let hold = |spell: &HoldSpell| {
            format!("{} for {} ({}): {}", spell.from, spell.lasted, spell.cause, spell.reason)
        };
        list(f, "holds", self.holds.iter().map(hold))
    }
}
