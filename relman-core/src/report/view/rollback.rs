use std::fmt;

use serde::{Serialize, Serializer};

use crate::{
    event::{EffectFailed, Event, Record, RollbackTrigger, Task, ZeroBy},
    report::{
        facts::{
            Harm, Heading, History, IncidentReport, Mark, RollbackEvidence, RollbackTimes, RootCause, breach,
            evidence,
        },
        view::{TimelineEntry, TimelineRow, timeline::collapse},
    },
    unit::{Actor, Span, Text, TrafficShare},
};

/// Why a release was rolled back, how long that took, and what caused it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RollbackLog {
    /// The release.
    pub heading: Heading,
    /// When it began, and the record.
    pub started: Mark,
    /// Who started it.
    pub by: Actor,
    /// What triggered it: the exact criterion, the observed value and the threshold; or what was not measured; or the
    /// words of a person.
    #[serde(serialize_with = "in_words")]
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
    /// What that rests on; not told, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<ZeroBy>,
    /// When users were first seen who are pinned to the new version; none were, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<AfterStart>,
    /// When they were cut off; they were not, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<AfterStart>,
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

/// A moment of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
#[non_exhaustive]
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
            Self::Requested => "NOT BACK YET: zero traffic requested, not set yet",
            Self::Confirming => "NOT CONFIRMED YET: zero traffic set, waiting for observation to confirm it",
            Self::Confirmed => "rolled back: zero traffic confirmed by observation",
            Self::Closed => "rolled back and closed: zero traffic confirmed by observation",
        })
    }
}

impl RollbackLog {
    /// The timeline in lines: runs of looks that found nothing new are one row.
    pub fn rows(&self) -> Vec<TimelineRow> {
        collapse(&self.timeline)
    }

    /// The log of a rollback; none where there was none.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let (index, record, started) =
            history.records.iter().enumerate().find_map(|(index, record)| match &record.event {
                Event::RollbackStarted(started) => Some((index, record, started)),
                _ => None,
            })?;
        let (before, after) = history.records.split_at(index);
        let breach = breach(before, started);
        let first = history.records[breach].seq;
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
            confirmed_by: None,
            pinned: None,
            cut: None,
            attempts: 1,
            failures: Vec::new(),
            times: RollbackTimes::of(before, breach, record, started),
            harm: Harm::of(history, record),
            incidents: IncidentReport::all(history),
            back_on: history.release.plan().map(|plan| plan.scope().replaces.clone()),
            status: RollbackStatus::Requested,
            root_cause: RootCause::of_rollback(history),
            timeline: TimelineEntry::all(history, |record| record.seq >= first),
        };
        for record in after {
            log.push(record);
        }
        Some(log)
    }

    fn push(&mut self, record: &Record) {
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
                let detail = format!("not confirmed: {}", unconfirmed.shown);
                self.failures.push(FailedAttempt { mark, detail });
            }
            Event::ZeroTrafficObserved(zero) if zero.times == 1 => self.zero_seen = Some(after),
            Event::PinnedUsersObserved(_) => {
                self.zero_seen = None;
                self.pinned.get_or_insert(after);
            }
            Event::PinnedUsersCut(_) => {
                self.attempts += 1;
                self.cut = Some(after);
            }
            Event::RollbackConfirmed(confirmed) => {
                self.confirmed = Some(after);
                self.confirmed_by = confirmed.by;
                self.times.revert = Some(after.after);
                self.status = RollbackStatus::Confirmed;
            }
            Event::ReleaseClosed(_) => self.status = RollbackStatus::Closed,
            _ => {}
        }
    }
}

/// Reports say in words what a record says in codes.
fn in_words<S: Serializer>(trigger: &RollbackTrigger, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum InWords<'a> {
        Unmeasured {
            reason: String,
            #[serde(rename = "held_ms")]
            held: Span,
        },
        #[serde(untagged)]
        AsRecorded(&'a RollbackTrigger),
    }

    match trigger {
        RollbackTrigger::Unmeasured { reason, held } => {
            InWords::Unmeasured { reason: reason.to_string(), held: *held }
        }
        RollbackTrigger::Criterion { .. } | RollbackTrigger::Manual { .. } => InWords::AsRecorded(trigger),
    }
    .serialize(serializer)
}

/// Whether what failed was to set zero traffic, and not a message.
fn is_the_way_back(failed: &EffectFailed) -> bool {
    // In version 1 of the record it is a sentence.
    failed.what.to_string() == Task::SetTraffic { share: TrafficShare::ZERO }.to_string()
}
