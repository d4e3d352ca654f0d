use std::fmt;

use serde::Serialize;

use crate::{
    event::{CheckOutcome, Event, Gate},
    judge::Arm,
    report::facts::{
        CheckRun, Complaint, CoverPeriod, CoverSlot, CriterionResult, ERROR_RATE, EvaluationTally, Figure,
        Heading, History, HoldPeriod, IncidentReport, Mark, MetricSums, Performance, Uptime,
    },
    unit::{CheckName, MetricName, Span, Timestamp},
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
    /// The looks and their results.
    pub looks: EvaluationTally,
    /// How much of the time the new version answered.
    pub uptime: Uptime,
    /// Requests to the new version that failed, by `error_rate`; not counted, if absent.
    pub errors: Option<Figure>,
    /// Every metric beside the version that was replaced.
    pub performance: Vec<Performance>,
    /// Every criterion of the contract, with its last verdict.
    pub criteria: Vec<CriterionResult>,
    /// What customers said since the release met them.
    pub complaints: Vec<Complaint>,
    /// Incidents of the service since production was entered, with where the release was when they began.
    pub incidents: Vec<IncidentReport>,
    /// The checks of the validation gate that were recorded: user flows and others.
    pub checks: Vec<CheckRun>,
    /// The checks that have not passed.
    pub checks_missing: Vec<CheckName>,
    /// Who was on call.
    pub cover: Vec<CoverPeriod>,
    /// How long of the validation nobody was.
    #[serde(rename = "uncovered_ms")]
    pub uncovered: Span,
    /// When it stood still.
    pub holds: Vec<HoldPeriod>,
}

/// How a validation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidationOutcome {
    /// It is under way.
    Running,
    /// It has passed.
    Passed,
    /// The release was rolled back in it.
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
        let (mut looks, mut uptime) = (EvaluationTally::default(), Uptime::default());
        for record in after {
            if let Event::Evaluated(look) = &record.event {
                looks.add(record, look);
                uptime.add(look);
            }
        }
        let (sums, rollout) = (MetricSums::of(after), MetricSums::of(before));
        let performance = |metric: MetricName| Performance {
            canary: sums.figure(&metric, Arm::Canary),
            baseline: rollout.figure(&metric, Arm::Baseline),
            metric,
        };
        let error_rate = history.release.watched().into_iter().find(|metric| metric.as_str() == ERROR_RATE);
        let cover = CoverPeriod::all(history);
        let checks = CheckRun::of_gate(history, Gate::Validation);
        let in_validation = |hold: &HoldPeriod| hold.until.is_none_or(|until| until.at > record.at);
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
            criteria: CriterionResult::all(history, after),
            complaints: Complaint::all(history),
            incidents: IncidentReport::all(history),
            checks_missing: missing(history, &checks),
            checks,
            uncovered: CoverSlot::uncovered(&CoverSlot::between(&cover, Mark::of(record), until)),
            cover,
            holds: HoldPeriod::all(history).into_iter().filter(in_validation).collect(),
        })
    }
}

/// The checks of the gate whose newest outcome is not a pass.
fn missing(history: &History<'_>, done: &[CheckRun]) -> Vec<CheckName> {
    let passed = |name: &CheckName| {
        let newest = done.iter().rev().find(|done| done.check == *name);
        newest.is_some_and(|done| done.outcome == CheckOutcome::Passed)
    };
    history.release.checks_asked(Gate::Validation).into_iter().filter(|name| !passed(name)).collect()
}
