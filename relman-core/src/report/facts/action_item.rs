use std::fmt;

use serde::Serialize;

use crate::{
    event::{ActionItemKind, Event, Settlement},
    report::facts::{History, Mark, time},
    unit::{Actor, Text, Timestamp},
};

/// Something that somebody has taken it upon themselves to change because of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionItemReport {
    /// Its number in the release, from 1.
    pub number: u32,
    /// What is to be done.
    pub what: Text,
    /// What it is good for.
    pub kind: ActionItemKind,
    /// Who does it.
    pub owner: Actor,
    /// When it is to be done.
    pub due: Timestamp,
    /// How it stands.
    pub state: ActionItemState,
    /// Who opened it.
    pub by: Actor,
    /// When, and the record.
    pub opened: Mark,
    /// How it came to its end; open, if absent.
    pub settled: Option<ActionItemEnd>,
}

/// How an action item came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionItemEnd {
    /// What shows that it is done, or why it was dropped.
    pub note: Text,
    /// Who said so.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
}

/// How an action item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionItemState {
    /// Its day has passed, and it is not done.
    Overdue,
    /// It is to be done.
    Open,
    /// It was done.
    Done,
    /// It was dropped, for a reason.
    Dropped,
}

impl fmt::Display for ActionItemState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Overdue => "OVERDUE",
            Self::Open => "open",
            Self::Done => "done",
            Self::Dropped => "dropped",
        })
    }
}

impl ActionItemReport {
    /// Every action item of a release, in the order in which they were opened.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let mut items: Vec<Self> = Vec::new();
        for record in history.records {
            match &record.event {
                Event::ActionItemOpened(opened) => items.push(Self {
                    number: opened.number,
                    what: opened.what.clone(),
                    kind: opened.kind,
                    owner: opened.owner.clone(),
                    due: opened.due,
                    state: if opened.due < history.now {
                        ActionItemState::Overdue
                    } else {
                        ActionItemState::Open
                    },
                    by: record.by.clone(),
                    opened: Mark::of(record),
                    settled: None,
                }),
                Event::ActionItemSettled(settled) => {
                    if let Some(item) = items.iter_mut().find(|item| item.number == settled.number) {
                        let (note, by) = (settled.note.clone(), record.by.clone());
                        item.settled = Some(ActionItemEnd { note, by, mark: Mark::of(record) });
                        item.state = match settled.how {
                            Settlement::Done => ActionItemState::Done,
                            Settlement::Dropped => ActionItemState::Dropped,
                        };
                    }
                }
                _ => {}
            }
        }
        items
    }
}

impl fmt::Display for ActionItemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}. {} ({}), {}, due {}, {} (#{})",
            self.number,
            self.what,
            self.kind,
            self.owner,
            time(self.due),
            self.state,
            self.opened.record
        )?;
        match &self.settled {
            Some(end) => write!(f, ": {} ({} by {})", end.note, end.mark, end.by),
            None => Ok(()),
        }
    }
}
