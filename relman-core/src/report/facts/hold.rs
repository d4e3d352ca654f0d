//! The times in which a release stood still.

use serde::Serialize;

use crate::{
    event::{Event, HoldCause, Record},
    report::facts::{History, Mark},
    unit::{Actor, Span, Text, Timestamp},
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
pub(in crate::report) fn ends(event: &Event) -> bool {
    matches!(event, Event::RollbackStarted(_) | Event::ReleaseCompleted(_) | Event::ReleaseAborted(_))
}

/// A time in which the release stood still, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldStory {
    /// What kind of reason.
    pub cause: HoldCause,
    /// Why.
    pub reason: Text,
    /// What would have unblocked it, or would.
    pub unblocked_by: Text,
    /// Who placed it.
    pub by: Actor,
    /// When, and the record.
    pub placed: Mark,
    /// When patience ends, if it does.
    pub roll_back_at: Option<Timestamp>,
    /// How it ended; it has not, if absent.
    pub end: Option<HoldEnd>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldEnd {
    /// When, and the record.
    pub mark: Mark,
    /// Who ended it.
    pub by: Actor,
    /// Why.
    pub reason: String,
}

pub(in crate::report) fn holds(records: &[Record]) -> Vec<HoldStory> {
    let mut holds: Vec<HoldStory> = Vec::new();
    for record in records {
        let end = |reason: String| HoldEnd { mark: Mark::of(record), by: record.by.clone(), reason };
        match &record.event {
            Event::HoldPlaced(placed) => {
                let open = holds.iter_mut().find(|hold| hold.cause == placed.cause && hold.end.is_none());
                match open {
                    // Placed again, with other words or less patience.
                    Some(hold) => {
                        hold.reason = placed.reason.clone();
                        hold.unblocked_by = placed.unblocked_by.clone();
                        hold.roll_back_at = placed.roll_back_at;
                    }
                    None => holds.push(HoldStory {
                        cause: placed.cause,
                        reason: placed.reason.clone(),
                        unblocked_by: placed.unblocked_by.clone(),
                        by: record.by.clone(),
                        placed: Mark::of(record),
                        roll_back_at: placed.roll_back_at,
                        end: None,
                    }),
                }
            }
            Event::HoldReleased(released) => {
                for hold in holds.iter_mut().filter(|hold| hold.cause == released.cause && hold.end.is_none())
                {
                    hold.end = Some(end(released.reason.to_string()));
                }
            }
            Event::RollbackStarted(_) => {
                for hold in holds.iter_mut().filter(|hold| hold.end.is_none()) {
                    hold.end = Some(end("the release was taken back".to_owned()));
                }
            }
            Event::ReleaseAborted(_) => {
                for hold in holds.iter_mut().filter(|hold| hold.end.is_none()) {
                    hold.end = Some(end("the release was given up".to_owned()));
                }
            }
            _ => {}
        }
    }
    holds
}

/// A reason to stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBy {
    /// What kind of reason.
    pub cause: HoldCause,
    /// Why.
    pub reason: Text,
    /// What would unblock it.
    pub unblocked_by: Text,
    /// Who placed it.
    pub by: Actor,
    /// Since when, and the record.
    pub since: Mark,
    /// When patience ends and the release is rolled back; never by itself, if absent.
    pub roll_back_at: Option<Timestamp>,
}

impl HeldBy {
    /// What makes a release stand still now, with the records that say so.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let record_of = |cause: HoldCause| {
            history.last(|event| matches!(event, Event::HoldPlaced(placed) if placed.cause == cause))
        };
        let holds = history.release.holds().iter();
        holds
            .filter_map(|(cause, hold)| {
                Some(Self {
                    cause: *cause,
                    reason: hold.reason.clone(),
                    unblocked_by: hold.unblocked_by.clone(),
                    by: hold.by.clone(),
                    since: Mark::of(record_of(*cause)?),
                    roll_back_at: hold.roll_back_at,
                })
            })
            .collect()
    }
}
