use std::fmt;

use serde::Serialize;

use super::{
    Harm, Heading, History, IncidentReport, Mark, RollbackTimes, TimelineEntry,
    layout::{field, list, wrapped},
    timeline::{collapse, write_rows},
};
use crate::{
    event::{EffectFailed, Event, PostMortemCause, Record, RollbackStarted, RollbackTrigger},
    judge::{Observation, Outcome, Verdict},
    machine::Effect,
    plan::Criterion,
    unit::{Actor, Span, Text, TrafficShare},
};

/// Why a release was taken back, how long that took, and what caused it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollbackLog {
    /// The release.
    pub heading: Heading,
    /// When it began, and the record.
    pub started: Mark,
    /// Who started it.
    pub by: Actor,
    /// What triggered it: the exact criterion, the observed value and the threshold; or what was not measured; or the
    /// words of a person.
    pub trigger: RollbackTrigger,
    /// What the trigger rests on.
    pub evidence: RollbackEvidence,
    /// The share of the traffic that the new version had.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// When the deployer had set zero traffic, the last time; not yet, if absent.
    pub zero_set: Option<AfterStart>,
    /// When the platform first showed zero traffic in the row that confirmed it; not yet, if absent.
    pub zero_seen: Option<AfterStart>,
    /// When zero traffic was confirmed: how long the revert took. Not yet, if absent.
    pub confirmed: Option<AfterStart>,
    /// How often zero traffic was asked for: once, and again after every failure.
    pub attempts: u32,
    /// What went wrong on the way.
    pub failures: Vec<FailedAttempt>,
    /// How long it took to notice, to decide and to revert.
    pub times: RollbackTimes,
    /// Who was harmed, as far as the record says.
    pub harm: Harm,
    /// Incidents of the service on the record, with where the release was when they began.
    pub incidents: Vec<IncidentReport>,
    /// The version that the traffic went back to.
    pub back_on: Option<Text>,
    /// How things are now.
    pub status: RollbackStatus,
    /// What caused it, from the post-mortem; not filed yet, if absent.
    pub root_cause: Option<RootCause>,
    /// What happened, from the first record of the evidence on.
    pub timeline: Vec<TimelineEntry>,
}

/// What the trigger of a rollback rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollbackEvidence {
    /// The records that hold it: looks, complaints or a hold, and the breach.
    pub records: Vec<u64>,
    /// The verdict with its numbers; none where no criterion was judged.
    pub verdict: Option<Verdict>,
    /// What the metrics source answered: on the criterion's metric in every look that the verdict rests on, or what it
    /// could not answer.
    pub observations: Vec<Observation>,
}

/// A moment of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AfterStart {
    /// When, and the record.
    pub mark: Mark,
    /// How long after the rollback began.
    #[serde(rename = "after_ms")]
    pub after: Span,
}

impl fmt::Display for AfterStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {}, {}", self.after, self.mark)
    }
}

/// Something that went wrong on the way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedAttempt {
    /// When, and the record.
    pub mark: Mark,
    /// What.
    pub detail: String,
}

/// How a rollback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackStatus {
    /// The deployer has not set zero traffic yet.
    Requested,
    /// It has, and observation has not confirmed it yet.
    Confirming,
    /// Zero traffic is confirmed by observation.
    Confirmed,
    /// It is confirmed, the post-mortem is filed and the release is closed.
    Closed,
}

impl fmt::Display for RollbackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Requested => "NOT BACK YET: zero traffic is asked for and not set",
            Self::Confirming => "NOT CONFIRMED YET: zero traffic is set, and observation has to confirm it",
            Self::Confirmed => "back: zero traffic is confirmed by observation",
            Self::Closed => "back and closed: zero traffic was confirmed by observation",
        })
    }
}

/// What caused a rollback, from its post-mortem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootCause {
    /// The cause.
    pub root_cause: Text,
    /// What happened and what was learnt.
    pub summary: Text,
    /// Where the whole text is.
    pub link: Option<Text>,
    /// Who filed it.
    pub by: Actor,
    /// When, and the record.
    pub filed: Mark,
}

impl RootCause {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        field(f, "root cause", self.root_cause.as_str())?;
        field(f, "summary", self.summary.as_str())?;
        if let Some(link) = &self.link {
            field(f, "link", link.as_str())?;
        }
        field(f, "filed", &format!("{} by {}", self.filed, self.by))
    }
}

impl RollbackLog {
    /// The log of a rollback; none where there was none.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let (index, record, started) =
            history.records.iter().enumerate().find_map(|(index, record)| match &record.event {
                Event::RollbackStarted(started) => Some((index, record, started)),
                _ => None,
            })?;
        let (before, after) = history.records.split_at(index);
        let breach = breach(before, started);
        let mut log = Self {
            heading: Heading::of(history),
            started: Mark::of(record),
            by: record.by.clone(),
            trigger: started.trigger.clone(),
            evidence: evidence(&before[breach..], started),
            share: started.share,
            zero_set: None,
            zero_seen: None,
            confirmed: None,
            attempts: 1,
            failures: Vec::new(),
            times: RollbackTimes::of(before, breach, record, started),
            harm: Harm::of(history, record),
            incidents: IncidentReport::all(history),
            back_on: history.release.plan().map(|plan| plan.scope().replaces.clone()),
            status: RollbackStatus::Requested,
            root_cause: None,
            timeline: history.records[breach..].iter().map(TimelineEntry::of).collect(),
        };
        let mut number = None;
        for record in after {
            log.push(record, &mut number);
        }
        Some(log)
    }

    fn push(&mut self, record: &Record, post_mortem: &mut Option<u32>) {
        let mark = Mark::of(record);
        let after = AfterStart { mark, after: mark.at.since(self.started.at) };
        match &record.event {
            Event::TrafficSet(_) => {
                self.zero_set = Some(after);
                self.status = RollbackStatus::Confirming;
            }
            Event::EffectFailed(failed) if is_the_way_back(failed) => {
                self.attempts += 1;
                let detail = format!("failed to {}: {}", failed.what, failed.detail);
                self.failures.push(FailedAttempt { mark, detail });
            }
            Event::RollbackUnconfirmed(unconfirmed) => {
                self.attempts += 1;
                self.zero_seen = None;
                self.status = RollbackStatus::Requested;
                let detail = format!("not confirmed: {}", unconfirmed.detail);
                self.failures.push(FailedAttempt { mark, detail });
            }
            Event::ZeroTrafficObserved(zero) if zero.times == 1 => self.zero_seen = Some(after),
            Event::RollbackConfirmed(_) => {
                self.confirmed = Some(after);
                self.times.revert = Some(after.after);
                self.status = RollbackStatus::Confirmed;
            }
            Event::PostMortemOpened(opened) if opened.about == PostMortemCause::Rollback => {
                *post_mortem = Some(opened.number);
            }
            Event::PostMortemFiled(filed) if Some(filed.number) == *post_mortem => {
                self.root_cause = Some(RootCause {
                    root_cause: filed.root_cause.clone(),
                    summary: filed.summary.clone(),
                    link: filed.link.clone(),
                    by: record.by.clone(),
                    filed: mark,
                });
            }
            Event::ReleaseClosed(_) => self.status = RollbackStatus::Closed,
            _ => {}
        }
    }
}

/// Whether what failed was to set zero traffic, and not a message.
fn is_the_way_back(failed: &EffectFailed) -> bool {
    failed.what == Effect::SetTraffic { share: TrafficShare::ZERO }.to_string()
}

/// Where the story of a rollback begins: at the first look that the breach rests on or the complaint that made it, at
/// the look that a hold without end followed, or at the rollback itself.
fn breach(before: &[Record], started: &RollbackStarted) -> usize {
    let last = |fits: fn(&Event) -> bool| before.iter().rposition(|record| fits(&record.event));
    let is_look = |event: &Event| matches!(event, Event::LookTaken(_));
    let found = match &started.trigger {
        RollbackTrigger::Criterion { criterion, .. } => {
            last(|event| matches!(event, Event::LookTaken(_) | Event::ComplaintRecorded(_)))
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
    let Event::LookTaken(deciding) = &records[last].event else {
        return last;
    };
    let verdict = deciding.verdicts.iter().find(|verdict| verdict.criterion == *criterion);
    let strength = verdict.and_then(|verdict| verdict.strength);
    if let Some(since) = strength.and_then(|strength| strength.since) {
        let is_since = |record: &Record| match &record.event {
            Event::LookTaken(look) => look.window.from >= since,
            _ => false,
        };
        return records[..last].iter().position(is_since).unwrap_or(last);
    }
    let mut first = last;
    for (index, record) in records[..last].iter().enumerate().rev() {
        let Event::LookTaken(look) = &record.event else {
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

fn evidence(from_breach: &[Record], started: &RollbackStarted) -> RollbackEvidence {
    let mut evidence = RollbackEvidence { records: Vec::new(), verdict: None, observations: Vec::new() };
    for record in from_breach {
        match &record.event {
            Event::LookTaken(look) => {
                let tells = |observation: &&Observation| match &started.trigger {
                    RollbackTrigger::Criterion { criterion, .. } => observation.metric == criterion.metric,
                    // Later looks of the same outage say the same again.
                    RollbackTrigger::Unmeasured { .. } => {
                        evidence.records.is_empty() && observation.answer.missing().is_some()
                    }
                    RollbackTrigger::Manual { .. } => false,
                };
                let told: Vec<Observation> = look.observations.iter().filter(tells).cloned().collect();
                if !told.is_empty() {
                    evidence.records.push(record.seq);
                    evidence.observations.extend(told);
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

impl fmt::Display for RollbackLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Rollback log")?;
        field(f, "status", &self.status.to_string())?;
        field(f, "began", &format!("{} by {}, from {} of the traffic", self.started, self.by, self.share))?;
        self.write_trigger(f)?;
        f.write_str("\nThe way back\n")?;
        let moment = |moment: Option<AfterStart>| {
            moment.map_or_else(|| "NOT YET".to_owned(), |moment| moment.to_string())
        };
        field(f, "zero set", &moment(self.zero_set))?;
        field(f, "zero seen", &moment(self.zero_seen))?;
        field(f, "confirmed", &moment(self.confirmed))?;
        field(f, "attempts", &self.attempts.to_string())?;
        list(f, "failures", self.failures.iter().map(|failed| format!("{} {}", failed.mark, failed.detail)))?;
        self.times.write(f)?;
        self.harm.write(f)?;
        if !self.incidents.is_empty() {
            f.write_str("\nIncidents\n")?;
            list(f, "of the service", &self.incidents)?;
        }
        f.write_str("\nRoot cause\n")?;
        match &self.root_cause {
            Some(cause) => cause.write(f)?,
            None => field(f, "root cause", "not filed yet")?,
        }
        f.write_str("\nFrom the breach on\n")?;
        write_rows(f, &collapse(&self.timeline))
    }
}

impl RollbackLog {
    pub(super) fn write_trigger(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nTrigger\n")?;
        match &self.trigger {
            RollbackTrigger::Criterion { criterion, observed, threshold } => {
                field(f, "criterion", &criterion.to_string())?;
                field(f, "observed", observed)?;
                field(f, "threshold", threshold)?;
            }
            RollbackTrigger::Unmeasured { reason, held } => {
                field(f, "not measured", reason.as_str())?;
                field(f, "held for", &held.to_string())?;
            }
            RollbackTrigger::Manual { reason, .. } => field(f, "by hand", reason.as_str())?,
        }
        if self.evidence.records.is_empty() {
            return Ok(());
        }
        let records: Vec<String> = self.evidence.records.iter().map(|record| format!("#{record}")).collect();
        field(f, "evidence", &format!("records {}", records.join(", ")))?;
        if let Some(verdict) = &self.evidence.verdict {
            wrapped(f, "    - ", &verdict.to_string())?;
        }
        self.evidence.observations.iter().try_for_each(|observation| {
            let Observation { metric, arm, window, source, answer } = observation;
            wrapped(f, "    - ", &format!("{metric} of the {arm}: {answer} ({source}, {window})"))
        })
    }
}
