//! Where the traffic was: what was set, and what the platform showed.

use serde::Serialize;

use crate::{
    event::{Event, ObservedExposure, Record},
    report::facts::{History, Mark},
    unit::{Span, Text, TrafficShare},
};

/// A time in which the new version had some share of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
        let mut spells: Vec<Self> = Vec::new();
        for record in history.records {
            let share = match &record.event {
                Event::TrafficSet(set) => set.share,
                Event::TrafficDrifted(drifted) => drifted.observed,
                Event::ZeroTrafficObserved(_) => TrafficShare::ZERO,
                _ => continue,
            };
            let mark = Mark::of(record);
            if let Some(open) = spells.last_mut().filter(|spell| spell.until.is_none()) {
                if open.share == share {
                    continue;
                }
                open.until = Some(mark);
                open.lasted = mark.at.since(open.from.at);
            }
            if share > TrafficShare::ZERO {
                spells.push(Self { share, from: mark, until: None, lasted: Span::ZERO });
            }
        }
        if let Some(open) = spells.last_mut().filter(|spell| spell.until.is_none()) {
            open.lasted = history.now.since(open.from.at);
        }
        spells
    }
}

/// What the platform showed when the traffic was last observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExposureSeen {
    /// The share of the new version; absent where the platform could not tell.
    #[serde(rename = "share_bp")]
    pub share: Option<TrafficShare>,
    /// What the platform said, or why it could not tell.
    pub detail: Option<Text>,
    /// When, and the record.
    pub mark: Mark,
}

/// What a record says about where the traffic was seen.
pub(in crate::report) fn exposure_seen(record: &Record) -> Option<ExposureSeen> {
    let (share, detail) = match &record.event {
        Event::LookTaken(look) => match &look.exposure {
            ObservedExposure::Seen { share_bp } => (Some(*share_bp), None),
            ObservedExposure::Unknown { detail } => (None, Some(detail.clone())),
        },
        Event::TrafficDrifted(drifted) => (Some(drifted.observed), None),
        Event::ZeroTrafficObserved(zero) => (Some(TrafficShare::ZERO), Some(zero.detail.clone())),
        Event::RollbackUnconfirmed(unconfirmed) => (None, Some(unconfirmed.detail.clone())),
        _ => return None,
    };
    Some(ExposureSeen { share, detail, mark: Mark::of(record) })
}

/// The traffic went somewhere, or was seen somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// Where the traffic was set and seen.
pub(in crate::report) fn exposure(records: &[Record]) -> Vec<ExposureChange> {
    let mut changes: Vec<ExposureChange> = Vec::new();
    for record in records {
        let (share, cause) = match &record.event {
            Event::TrafficSet(set) => (Some(set.share), ExposureCause::Set),
            Event::TrafficDrifted(drifted) => (Some(drifted.observed), ExposureCause::Seen),
            Event::LookTaken(look) => match &look.exposure {
                ObservedExposure::Seen { share_bp } => (Some(*share_bp), ExposureCause::Seen),
                ObservedExposure::Unknown { .. } => (None, ExposureCause::Seen),
            },
            Event::ZeroTrafficObserved(_) => (Some(TrafficShare::ZERO), ExposureCause::Seen),
            Event::RollbackUnconfirmed(_) => (None, ExposureCause::Seen),
            _ => continue,
        };
        let repeats = |last: &ExposureChange| last.cause == cause && last.share == share;
        let last_of_cause = changes.iter().rev().find(|change| change.cause == cause);
        let set_since = changes.last().is_some_and(|last| last.cause != cause);
        if set_since || !last_of_cause.is_some_and(repeats) {
            changes.push(ExposureChange { mark: Mark::of(record), share, cause });
        }
    }
    changes
}
