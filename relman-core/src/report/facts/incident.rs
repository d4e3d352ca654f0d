//! Incidents of the service, beside where the release was when they began.

use std::fmt;

use serde::Serialize;

use crate::{
    event::Event,
    report::facts::{Exposure, History, Mark, time},
    unit::{Text, Timestamp, TrafficShare},
};

/// An incident of the service that is released, beside where the release was when it began.
///
/// That it began while users had the new version says nothing of why it began. It says where to look first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IncidentReport {
    /// Who reported it.
    pub source: Text,
    /// Which one it is, as the source names it.
    pub id: Text,
    /// What goes wrong.
    pub title: Text,
    /// How bad it is, in the source's own words; none where it says nothing.
    pub severity: Option<Text>,
    /// Where people read about it.
    pub url: Option<Text>,
    /// When it began, by the source's clock.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Where the release was when it began.
    pub began: IncidentTime,
    /// The share of the traffic that the new version had when it began.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// When it was first recorded, and the record.
    pub seen: Mark,
    /// The record that says that it has ended.
    pub ended: Option<Mark>,
    /// How it stands, as far as the record says.
    pub state: IncidentState,
}

/// How an incident stands, as far as the record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// It fires, and the release follows it.
    Firing,
    /// It has ended.
    Ended,
    /// It fired when the release was over, and nobody has recorded what became of it.
    NotFollowed,
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Firing => "still firing",
            Self::Ended => "ended",
            Self::NotFollowed => "still firing when the release was over; not followed since",
        })
    }
}

/// Where a release was when an incident began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentTime {
    /// No user had the new version yet.
    BeforeUsers,
    /// Some users had it.
    InRollout,
    /// All of the traffic was on it, and it was validated.
    InValidation,
    /// It was being rolled back.
    InRollback,
    /// It was rolled back, or the validation had passed.
    Afterwards,
}

impl IncidentTime {
    /// Where a release was at a moment: as far as the last record before it.
    fn at(history: &History<'_>, at: Timestamp) -> Self {
        let mut place = Self::BeforeUsers;
        for record in history.records.iter().take_while(|record| record.at <= at) {
            place = match &record.event {
                Event::TrafficSet(set) if set.share > TrafficShare::ZERO => place.max(Self::InRollout),
                Event::ValidationStarted(_) => Self::InValidation,
                Event::RollbackStarted(_) => Self::InRollback,
                Event::RollbackConfirmed(_) | Event::ReleaseCompleted(_) => Self::Afterwards,
                _ => place,
            };
        }
        place
    }

    /// Whether users had the new version, and not for good yet.
    pub fn is_exposed(self) -> bool {
        match self {
            Self::InRollout | Self::InValidation | Self::InRollback => true,
            Self::BeforeUsers | Self::Afterwards => false,
        }
    }
}

impl fmt::Display for IncidentTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeUsers => "before users had it",
            Self::InRollout => "during rollout",
            Self::InValidation => "during validation",
            Self::InRollback => "during rollback",
            Self::Afterwards => "afterwards",
        })
    }
}

impl IncidentReport {
    /// Every incident on the record of a release, in the order of the records.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let exposures = Exposure::all(history);
        let mut reports: Vec<Self> = Vec::new();
        for record in history.records {
            match &record.event {
                Event::IncidentReported(seen) => reports.push(Self {
                    source: seen.source.clone(),
                    began: IncidentTime::at(history, seen.incident.started_at),
                    share: share_at(&exposures, seen.incident.started_at),
                    seen: Mark::of(record),
                    ended: seen.incident.ended_at.map(|_| Mark::of(record)),
                    id: seen.incident.id.clone(),
                    title: seen.incident.title.clone(),
                    severity: seen.incident.severity.clone(),
                    url: seen.incident.url.clone(),
                    started_at: seen.incident.started_at,
                    ended_at: seen.incident.ended_at,
                    state: IncidentState::Firing,
                }),
                Event::IncidentEnded(ended) => {
                    let of = |report: &&mut Self| {
                        report.ended.is_none() && report.source == ended.source && report.id == ended.id
                    };
                    if let Some(report) = reports.iter_mut().find(of) {
                        report.ended_at = Some(ended.ended_at.unwrap_or(record.at));
                        report.ended = Some(Mark::of(record));
                    }
                }
                _ => {}
            }
        }
        let over = history.ended().is_some();
        for report in &mut reports {
            report.state = match report.ended {
                Some(_) => IncidentState::Ended,
                None if over => IncidentState::NotFollowed,
                None => IncidentState::Firing,
            };
        }
        reports
    }

    /// The records that tell of it.
    pub fn records(&self) -> impl Iterator<Item = u64> + use<> {
        let seen = self.seen.record;
        let ended = self.ended.map(|ended| ended.record).filter(|ended| *ended != seen);
        [seen].into_iter().chain(ended)
    }
}

fn share_at(exposures: &[Exposure], at: Timestamp) -> TrafficShare {
    let holds = |one: &&Exposure| one.from.at <= at && one.until.is_none_or(|until| at < until.at);
    exposures.iter().rev().find(holds).map_or(TrafficShare::ZERO, |one| one.share)
}

/// `2026-11-23 09:00:00Z, during rollout at 10%: Payments are declined (critical) …`.
impl fmt::Display for IncidentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", time(self.started_at), self.began)?;
        if self.began.is_exposed() {
            write!(f, " at {}", self.share)?;
        }
        write!(f, ": {}", self.title)?;
        if let Some(severity) = &self.severity {
            write!(f, " ({severity})")?;
        }
        write!(f, ", {} {}, #{}", self.source, self.id, self.seen.record)?;
        match (self.state, self.ended_at, self.ended) {
            (_, Some(ended_at), Some(ended)) => write!(f, "; ended {}, #{}", time(ended_at), ended.record),
            (IncidentState::NotFollowed, ..) => write!(f, "; {}", self.state),
            (IncidentState::Firing | IncidentState::Ended, ..) => {
                f.write_str("; STILL FIRING, as far as the record says")
            }
        }
    }
}
