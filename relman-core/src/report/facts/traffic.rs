//! Where the traffic was: what was set, and what the platform showed.

use serde::Serialize;

use crate::{
    event::{Event, ObservedExposure, Reached, Record},
    report::facts::{History, Mark},
    unit::{Span, Text, TrafficShare},
};

/// A time in which the new version had some share of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exposure {
    /// The share of the traffic, as it was set or found.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// Since when, and the record.
    pub from: Mark,
    /// Until when, and the record; still so, if absent.
    pub until: Option<Mark>,
    /// How long, up to now where it has not ended.
    #[serde(rename = "lasted_ms")]
    pub lasted: Span,
}

impl Exposure {
    /// The shares above zero that the new version had, in the order of the records.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let mut exposures: Vec<Self> = Vec::new();
        for record in history.records {
            let share = match &record.event {
                Event::TrafficSet(set) => set.share,
                Event::TrafficDrifted(drifted) => drifted.observed,
                Event::ZeroTrafficObserved(_) => TrafficShare::ZERO,
                _ => continue,
            };
            let mark = Mark::of(record);
            if let Some(open) = exposures.last_mut().filter(|one| one.until.is_none()) {
                if open.share == share {
                    continue;
                }
                open.until = Some(mark);
                open.lasted = mark.at.since(open.from.at);
            }
            if share > TrafficShare::ZERO {
                exposures.push(Self { share, from: mark, until: None, lasted: Span::ZERO });
            }
        }
        if let Some(open) = exposures.last_mut().filter(|one| one.until.is_none()) {
            open.lasted = history.now.since(open.from.at);
        }
        exposures
    }
}

/// What the platform showed when the traffic was last observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ObservedShare {
    /// The share of the new version; absent where the platform could not tell.
    #[serde(rename = "share_bp")]
    pub share: Option<TrafficShare>,
    /// What the platform said, or why it could not tell.
    pub detail: Option<Text>,
    /// When, and the record.
    pub mark: Mark,
}

impl ObservedShare {
    /// What a record says about where the platform showed the traffic.
    pub(in crate::report) fn of(record: &Record) -> Option<Self> {
        let (share, detail) = match &record.event {
            Event::Evaluated(look) => match &look.exposure {
                ObservedExposure::Seen { share_bp } => (Some(*share_bp), None),
                ObservedExposure::Unknown { detail } => (None, Some(detail.clone())),
            },
            Event::TrafficDrifted(drifted) => (Some(drifted.observed), None),
            Event::ZeroTrafficObserved(zero) => (Some(TrafficShare::ZERO), Some(zero.detail.clone())),
            Event::PinnedUsersObserved(pinned) => {
                let reached = Reached { more: pinned.more, sessions: pinned.sessions };
                (Some(TrafficShare::ZERO), Some(Text::of(&format!("pinned users: {reached}"))))
            }
            Event::RollbackUnconfirmed(unconfirmed) => (None, Some(Text::of(&unconfirmed.shown.to_string()))),
            _ => return None,
        };
        Some(Self { share, detail, mark: Mark::of(record) })
    }
}

/// A change of the traffic: set, or observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExposureChange {
    /// When, and the record.
    pub mark: Mark,
    /// The share of the new version; absent where the platform could not tell.
    #[serde(rename = "share_bp")]
    pub share: Option<TrafficShare>,
    /// How it is known.
    pub cause: ExposureCause,
}

/// How an exposure is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureCause {
    /// It was set.
    Set,
    /// The platform showed it.
    Seen,
}

impl ExposureChange {
    /// Where the traffic was set and observed, in order; repeated observations count once.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let mut changes: Vec<Self> = Vec::new();
        for change in history.records.iter().filter_map(Self::of) {
            let of_cause = |last: &&Self| last.cause == change.cause;
            let repeats = changes.iter().rev().find(of_cause).is_some_and(|last| last.share == change.share);
            let set_since = changes.last().is_some_and(|last| last.cause != change.cause);
            if set_since || !repeats {
                changes.push(change);
            }
        }
        changes
    }

    fn of(record: &Record) -> Option<Self> {
        let mark = Mark::of(record);
        if let Event::TrafficSet(set) = &record.event {
            return Some(Self { mark, share: Some(set.share), cause: ExposureCause::Set });
        }
        let seen = ObservedShare::of(record)?;
        Some(Self { mark, share: seen.share, cause: ExposureCause::Seen })
    }
}
