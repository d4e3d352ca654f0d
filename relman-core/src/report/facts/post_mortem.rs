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

/// A post-mortem that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwedPostMortem {
    /// Its number, from 1.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// Since when, and the record.
    pub since: Mark,
}

pub(in crate::report) fn owed(history: &History<'_>) -> Vec<OwedPostMortem> {
    history
        .release
        .owed_post_mortems()
        .filter_map(|owed| {
            let opened = history.last(
                |event| matches!(event, Event::PostMortemOpened(opened) if opened.number == owed.number),
            )?;
            Some(OwedPostMortem { number: owed.number, about: owed.about.clone(), since: Mark::of(opened) })
        })
        .collect()
}
