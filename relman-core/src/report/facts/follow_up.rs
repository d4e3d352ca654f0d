//! What is left to do after a release, and what came of it: post-mortems and action items.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{ActionItemKind, Event, PostMortemCause, Settlement},
    report::facts::{History, Mark, time},
    unit::{Actor, Text, Timestamp},
};

/// What caused a rollback, from its post-mortem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
    /// What was filed as a post-mortem; none where it is not filed yet.
    pub(in crate::report) fn of(history: &History<'_>, number: u32) -> Option<Self> {
        history.records.iter().find_map(|record| match &record.event {
            Event::PostMortemFiled(filed) if filed.number == number => Some(Self {
                root_cause: filed.root_cause.clone(),
                summary: filed.summary.clone(),
                link: filed.link.clone(),
                by: record.by.clone(),
                filed: Mark::of(record),
            }),
            _ => None,
        })
    }

    /// What was filed about the rollback.
    pub(in crate::report) fn of_rollback(history: &History<'_>) -> Option<Self> {
        let mut post_mortems = history.release.post_mortems().iter();
        let of_rollback = post_mortems.find(|one| one.about == PostMortemCause::Rollback)?;
        Self::of(history, of_rollback.number)
    }
}

/// A post-mortem that is not filed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenPostMortem {
    /// Its number in the release, from 1.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// Since when, and the record.
    pub since: Mark,
    /// When it is due, by the policy of the release.
    pub due: Timestamp,
    /// Whether that has passed.
    pub is_overdue: bool,
}

impl fmt::Display for OpenPostMortem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let due = if self.is_overdue { "OVERDUE since" } else { "due" };
        write!(f, "{} on {}, since {}, {due} {}", self.number, self.about, self.since, time(self.due))
    }
}

impl OpenPostMortem {
    /// Those of a release, the oldest first.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let open = history.release.owed_post_mortems().filter_map(|open| {
            let is_it = |event: &Event| matches!(event, Event::PostMortemOpened(opened) if opened.number == open.number);
            let since = Mark::of(history.first(is_it)?);
            let (due, is_overdue) = (open.due, open.due < history.now);
            Some(Self { number: open.number, about: open.about.clone(), since, due, is_overdue })
        });
        open.collect()
    }
}

/// A change that a person has taken on because of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
    /// How it ended; open, if absent.
    pub settled: Option<ActionItemEnd>,
}

/// How an action item ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
