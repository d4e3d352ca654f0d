//! What a rollback rests on, how long it took, and who was harmed before it.

use serde::Serialize;

use crate::{
    event::{ContractBreached, Event, HoldCause, Record, RollbackStarted, RollbackTrigger},
    judge::{Observation, Outcome, Verdict},
    plan::Criterion,
    report::facts::{Exposure, History, Mark, MetricSums},
    unit::{MetricName, Span, Timestamp, TrafficShare},
};

/// How long it took to notice that something is wrong, to decide, and to revert.
///
/// - **to detect**: from the moment at which it is likely to have begun to the record that shows it: the breach, the hold
///   for missing data, or the person's decision;
/// - **to decide**: from there to the rollback;
/// - **to revert**: from there to traffic at zero, confirmed by observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RollbackTimes {
    /// When it is likely to have begun, as far as the record says: the likely start of the regression where evidence
    /// was weighed, the beginning of the first look that the trigger rests on, or the first complaint. Unknown, if absent.
    pub began: Option<Timestamp>,
    /// When it was noticed, and the record.
    pub detected: Mark,
    /// How long that took.
    #[serde(rename = "detect_ms")]
    pub detect: Option<Span>,
    /// From there to the rollback.
    #[serde(rename = "decide_ms")]
    pub decide: Span,
    /// From there to traffic confirmed at zero; not yet, if absent.
    #[serde(rename = "revert_ms")]
    pub revert: Option<Span>,
}

impl RollbackTimes {
    /// The times of a rollback, with the place among the records before it at which its story begins.
    pub(in crate::report) fn of(
        before: &[Record],
        story: usize,
        record: &Record,
        started: &RollbackStarted,
    ) -> Self {
        let since = &before[story..];
        let last = |fits: fn(&Event) -> bool| since.iter().rev().find(|record| fits(&record.event));
        let (began, detected) = match &started.trigger {
            RollbackTrigger::Criterion { .. } => {
                let breach = last(|event| matches!(event, Event::ContractBreached(_)));
                let likely = breach.and_then(likely_start);
                (likely.or_else(|| since.first().map(|first| begin(before, first))), breach)
            }
            RollbackTrigger::Unmeasured { .. } => {
                let hold = since.iter().find(|record| {
                    matches!(&record.event, Event::HoldPlaced(placed) if placed.cause == HoldCause::Unmeasured)
                });
                let look = last(|event| matches!(event, Event::Evaluated(_)));
                (since.first().map(|first| begin(before, first)), hold.or(look))
            }
            RollbackTrigger::Manual { .. } => (None, None),
        };
        let (detected, started) = (Mark::of(detected.unwrap_or(record)), Mark::of(record));
        Self {
            began,
            detected,
            detect: began.map(|began| detected.at.since(began)),
            decide: started.at.since(detected.at),
            revert: None,
        }
    }

    /// From the likely beginning, or from when it was noticed, to traffic confirmed at zero.
    pub fn in_all(&self) -> Option<Span> {
        self.revert.map(|revert| self.detect.unwrap_or(Span::ZERO) + self.decide + revert)
    }
}

/// When a regression is likely to have begun, where evidence was weighed.
fn likely_start(breach: &Record) -> Option<Timestamp> {
    match &breach.event {
        Event::ContractBreached(ContractBreached { verdict }) => {
            verdict.strength.and_then(|strength| strength.since)
        }
        _ => None,
    }
}

/// When what a record shows began: a look shows its window, and a complaint that is one too many began with the first.
fn begin(before: &[Record], record: &Record) -> Timestamp {
    match &record.event {
        Event::Evaluated(look) => look.window.from,
        Event::ComplaintRecorded(_) => {
            let first = before.iter().find(|record| matches!(record.event, Event::ComplaintRecorded(_)));
            first.map_or(record.at, |first| first.at)
        }
        _ => record.at,
    }
}

/// Who was harmed before a release was rolled back, as far as the record says.
///
/// The record counts the requests that a metrics source counted, and complaints. It does not know users: how many of
/// them stand behind the requests is for people to find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Harm {
    /// Which share of the traffic the new version had, and how long.
    pub exposures: Vec<Exposure>,
    /// How long it had any traffic.
    #[serde(rename = "exposed_ms")]
    pub exposed: Span,
    /// The widest share.
    #[serde(rename = "widest_bp")]
    pub widest: TrafficShare,
    /// Requests to the new version that were counted, by metric; the same requests may be behind several metrics.
    pub requests: Vec<RequestsHarmed>,
    /// Complaints on the record.
    pub complaints: Vec<Mark>,
}

/// Requests to the new version, and those of them that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestsHarmed {
    /// The metric that counted them.
    pub metric: MetricName,
    /// All that were counted.
    pub requests: u64,
    /// Those that failed, or were above the bound.
    pub harmed: u64,
    /// The first record that it rests on.
    pub first_record: u64,
    /// The last record that it rests on.
    pub last_record: u64,
}

impl Harm {
    /// The harm that was done before a record: the rollback.
    pub(in crate::report) fn of(history: &History<'_>, rollback: &Record) -> Self {
        let exposures = Exposure::all(history);
        let before = history.records.iter().filter(|record| record.seq < rollback.seq);
        let requests = MetricSums::of(before)
            .counted()
            .map(|(metric, figure)| RequestsHarmed {
                metric: metric.clone(),
                requests: figure.requests.unwrap_or_default(),
                harmed: figure.part.unwrap_or_default(),
                first_record: figure.first_record,
                last_record: figure.last_record,
            })
            .collect();
        let complaint =
            |record: &Record| matches!(record.event, Event::ComplaintRecorded(_)).then(|| Mark::of(record));
        Self {
            exposed: exposures.iter().fold(Span::ZERO, |sum, exposure| sum + exposure.lasted),
            widest: exposures.iter().map(|exposure| exposure.share).max().unwrap_or(TrafficShare::ZERO),
            exposures,
            requests,
            complaints: history.records.iter().filter_map(complaint).collect(),
        }
    }
}

/// What the trigger of a rollback rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RollbackEvidence {
    /// The records that hold it: looks, complaints or a hold, and the breach.
    pub records: Vec<u64>,
    /// The verdict with its numbers; none where no criterion was judged.
    pub verdict: Option<Verdict>,
    /// What the metrics source answered: on the criterion's metric in every look that the verdict rests on, or what it
    /// could not answer.
    pub observations: Vec<Observation>,
}

/// Where the story of a rollback begins: at the first look that the breach rests on or the complaint that made it, at
/// the look that a hold without end followed, or at the rollback itself.
pub(in crate::report) fn breach(before: &[Record], started: &RollbackStarted) -> usize {
    let last = |fits: fn(&Event) -> bool| before.iter().rposition(|record| fits(&record.event));
    let is_look = |event: &Event| matches!(event, Event::Evaluated(_));
    let found = match &started.trigger {
        RollbackTrigger::Criterion { criterion, .. } => {
            last(|event| matches!(event, Event::Evaluated(_) | Event::ComplaintRecorded(_)))
                .map(|found| first_of_pool(before, found, criterion))
        }
        RollbackTrigger::Unmeasured { held, .. } if *held == Span::ZERO => last(is_look),
        RollbackTrigger::Unmeasured { .. } => last(|event| matches!(event, Event::HoldPlaced(_)))
            .and_then(|hold| before[..hold].iter().rposition(|record| is_look(&record.event))),
        RollbackTrigger::Manual { .. } => None,
    };
    found.unwrap_or(before.len())
}

/// The first of the looks that were judged together: those since the likely start, where there is one, or those at the
/// same step since the criterion was last decided.
fn first_of_pool(records: &[Record], last: usize, criterion: &Criterion) -> usize {
    let Event::Evaluated(deciding) = &records[last].event else {
        return last;
    };
    let verdict = deciding.verdicts.iter().find(|verdict| verdict.criterion == *criterion);
    let strength = verdict.and_then(|verdict| verdict.strength);
    if let Some(since) = strength.and_then(|strength| strength.since) {
        let is_since = |record: &Record| match &record.event {
            Event::Evaluated(look) => look.window.from >= since,
            _ => false,
        };
        return records[..last].iter().position(is_since).unwrap_or(last);
    }
    let mut first = last;
    for (index, record) in records[..last].iter().enumerate().rev() {
        let Event::Evaluated(look) = &record.event else {
            continue;
        };
        let verdict = look.verdicts.iter().find(|verdict| verdict.criterion == *criterion);
        let undecided = verdict.is_some_and(|verdict| matches!(verdict.outcome, Outcome::Undecided(_)));
        if look.step != deciding.step || !undecided {
            break;
        }
        first = index;
    }
    first
}

pub(in crate::report) fn evidence(from_breach: &[Record], started: &RollbackStarted) -> RollbackEvidence {
    let mut evidence = RollbackEvidence { records: Vec::new(), verdict: None, observations: Vec::new() };
    for record in from_breach {
        match &record.event {
            Event::Evaluated(look) => {
                let tells = |observation: &&Observation| match &started.trigger {
                    RollbackTrigger::Criterion { criterion, .. } => observation.metric == criterion.metric,
                    // Later looks of the same outage say the same again.
                    RollbackTrigger::Unmeasured { .. } => {
                        evidence.records.is_empty() && observation.answer.missing().is_some()
                    }
                    RollbackTrigger::Manual { .. } => false,
                };
                let answers: Vec<Observation> = look.observations.iter().filter(tells).cloned().collect();
                if !answers.is_empty() {
                    evidence.records.push(record.seq);
                    evidence.observations.extend(answers);
                }
            }
            Event::ComplaintRecorded(_) | Event::HoldPlaced(_) => evidence.records.push(record.seq),
            Event::ContractBreached(breached) => {
                evidence.records.push(record.seq);
                evidence.verdict = Some(Verdict::clone(&breached.verdict));
            }
            _ => {}
        }
    }
    evidence
}
