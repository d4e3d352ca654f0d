//! On-call cover: who had it, and when nobody did.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{Event, Record},
    report::facts::{History, Mark, ends},
    unit::{Actor, Span, Timestamp},
};

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
    pub(in crate::report) fn uncovered(spells: &[Self], from: Timestamp, until: Timestamp) -> Span {
        let mut covered = Span::ZERO;
        for spell in spells {
            // A lapse is recorded when somebody looks, which may be later than the cover's end.
            let end = spell.ended.map_or(spell.until, |ended| ended.at.min(spell.until));
            covered = covered + end.min(until).since(spell.from.at.max(from));
        }
        until.since(from).saturating_sub(covered)
    }
}

/// A time in which one person was on call, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoverStory {
    /// Who; nobody, if absent.
    pub person: Option<Actor>,
    /// From when on.
    pub from: Timestamp,
    /// Until when, or until now.
    pub until: Timestamp,
    /// The record that began it.
    pub record: u64,
}

/// Who was on call between the start of the validation and `until`.
pub(in crate::report) fn cover(records: &[Record], entered: &Record, until: Timestamp) -> Vec<CoverStory> {
    let mut stories: Vec<CoverStory> = Vec::new();
    let mut at_start: Option<(Actor, u64)> = None;
    for record in records {
        let person = match &record.event {
            Event::OnCallAcknowledged(_) | Event::OnCallHandedOver(_) => Some(record.by.clone()),
            Event::CoverLapsed(_) => None,
            _ => {
                if record.seq == entered.seq {
                    let (person, record) = match at_start.take() {
                        Some((person, record)) => (Some(person), record),
                        None => (None, entered.seq),
                    };
                    stories.push(CoverStory { person, from: entered.at, until, record });
                }
                continue;
            }
        };
        if record.at > until {
            break;
        }
        match stories.last_mut() {
            None => at_start = person.map(|person| (person, record.seq)),
            Some(last) if last.person == person => {}
            Some(last) => {
                last.until = record.at;
                stories.push(CoverStory { person, from: record.at, until, record: record.seq });
            }
        }
    }
    stories
}
