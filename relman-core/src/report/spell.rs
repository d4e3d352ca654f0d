//! What lasts for a while: holds, on-call cover, and the traffic on the new version.

use std::fmt;

use serde::Serialize;

use super::{History, Mark};
use crate::{
    event::{Event, HoldCause, Record},
    unit::{Actor, Span, Text, Timestamp, TrafficShare},
};

/// A time in which a release stood still for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldSpell {
    /// What kind of reason.
    pub cause: HoldCause,
    /// Why, in the words of the last record that places it.
    pub reason: Text,
    /// Who placed it.
    pub by: Actor,
    /// Since when, and the record.
    pub from: Mark,
    /// Until when, and the record; still held, if absent.
    pub until: Option<Mark>,
    /// Why it ended; none where a rollback or the end of the release ended it.
    pub released: Option<Text>,
    /// How long, up to now where it has not ended.
    #[serde(rename = "lasted_ms")]
    pub lasted: Span,
}

impl HoldSpell {
    /// Every hold of a release, in the order in which they began.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let mut spells: Vec<Self> = Vec::new();
        for record in history.records {
            let open = |spells: &mut Vec<Self>, cause| {
                spells.iter().position(|spell| spell.until.is_none() && spell.cause == cause)
            };
            match &record.event {
                Event::HoldPlaced(placed) => match open(&mut spells, placed.cause) {
                    Some(index) => spells[index].reason = placed.reason.clone(),
                    None => spells.push(Self {
                        cause: placed.cause,
                        reason: placed.reason.clone(),
                        by: record.by.clone(),
                        from: Mark::of(record),
                        until: None,
                        released: None,
                        lasted: Span::ZERO,
                    }),
                },
                Event::HoldReleased(released) => {
                    if let Some(index) = open(&mut spells, released.cause) {
                        spells[index].end(Mark::of(record));
                        spells[index].released = Some(released.reason.clone());
                    }
                }
                event if ends(event) => {
                    spells
                        .iter_mut()
                        .filter(|spell| spell.until.is_none())
                        .for_each(|spell| spell.end(Mark::of(record)));
                }
                _ => {}
            }
        }
        for spell in spells.iter_mut().filter(|spell| spell.until.is_none()) {
            spell.lasted = history.now.since(spell.from.at);
        }
        spells
    }

    fn end(&mut self, mark: Mark) {
        self.until = Some(mark);
        self.lasted = mark.at.since(self.from.at);
    }
}

/// Whether nothing can be held and nobody needs to be on call after an event.
fn ends(event: &Event) -> bool {
    matches!(event, Event::RollbackStarted(_) | Event::ReleaseCompleted(_) | Event::ReleaseAborted(_))
}

/// A time in which one person was on call for a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoverSpell {
    /// The person.
    pub person: Actor,
    /// Since when, and the record.
    pub from: Mark,
    /// Until when it was acknowledged, the last time.
    pub until: Timestamp,
    /// When it ended, and the record; still on, if absent.
    pub ended: Option<Mark>,
    /// How it ended, or that it has not.
    pub end: CoverEnd,
}

/// How on-call cover by one person ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverEnd {
    /// It has not.
    Running,
    /// Somebody else took over.
    HandedOver,
    /// Nobody did: the release was without cover from then on.
    Lapsed,
    /// The release did not need it any more.
    NotNeeded,
}

impl fmt::Display for CoverEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "still on call",
            Self::HandedOver => "handed over",
            Self::Lapsed => "LAPSED",
            Self::NotNeeded => "until the end",
        })
    }
}

impl CoverSpell {
    /// Who was on call, in the order of the records.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let mut spells: Vec<Self> = Vec::new();
        for record in history.records {
            let mark = Mark::of(record);
            match &record.event {
                Event::OnCallAcknowledged(acknowledged) => {
                    match spells.last_mut().filter(|spell| spell.ended.is_none()) {
                        Some(spell) if spell.person == record.by => spell.until = acknowledged.until,
                        Some(_) | None => {
                            Self::close(&mut spells, mark, CoverEnd::HandedOver);
                            spells.push(Self::begun(record, acknowledged.until));
                        }
                    }
                }
                Event::OnCallHandedOver(handed_over) => {
                    Self::close(&mut spells, mark, CoverEnd::HandedOver);
                    spells.push(Self::begun(record, handed_over.until));
                }
                Event::CoverLapsed(_) => Self::close(&mut spells, mark, CoverEnd::Lapsed),
                event if ends(event) => Self::close(&mut spells, mark, CoverEnd::NotNeeded),
                _ => {}
            }
        }
        spells
    }

    fn begun(record: &Record, until: Timestamp) -> Self {
        let (person, from) = (record.by.clone(), Mark::of(record));
        Self { person, from, until, ended: None, end: CoverEnd::Running }
    }

    fn close(spells: &mut [Self], mark: Mark, end: CoverEnd) {
        if let Some(spell) = spells.last_mut().filter(|spell| spell.ended.is_none()) {
            spell.ended = Some(mark);
            spell.end = end;
        }
    }

    /// How long of a time nobody was on call.
    pub(super) fn uncovered(spells: &[Self], from: Timestamp, until: Timestamp) -> Span {
        let mut covered = Span::ZERO;
        for spell in spells {
            // A lapse is recorded when somebody looks, which may be later than the cover's end.
            let end = spell.ended.map_or(spell.until, |ended| ended.at.min(spell.until));
            covered = covered + end.min(until).since(spell.from.at.max(from));
        }
        until.since(from).saturating_sub(covered)
    }
}

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
