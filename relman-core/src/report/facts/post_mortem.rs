//! Post-mortems: which are open, and what was filed.

use serde::Serialize;

use crate::{
    event::{Event, PostMortemCause},
    report::facts::{History, Mark},
    unit::{Actor, Text},
};

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
pub struct OpenPostMortem {
    /// Its number in the release, from 1.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// Since when, and the record.
    pub since: Mark,
}

impl OpenPostMortem {
    /// Those of a release, the oldest first.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let open = history.release.owed_post_mortems().filter_map(|open| {
            let is_it = |event: &Event| matches!(event, Event::PostMortemOpened(opened) if opened.number == open.number);
            let since = Mark::of(history.first(is_it)?);
            Some(Self { number: open.number, about: open.about.clone(), since })
        });
        open.collect()
    }
}
