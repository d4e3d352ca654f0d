use serde::Serialize;

use crate::{
    event::{Event, PostMortemCause, Record},
    report::facts::{ActionItemReport, ActionItemState, History, Mark},
    unit::{ReleaseId, Timestamp},
};

/// What people owe releases: post-mortems that are not filed, and action items that are not done.
///
/// Overdue action items come first, then post-mortems, then the rest by their dates.
///
/// # Examples
///
/// ```
/// use relman_core::{machine::Release, report::{History, Obligations}};
///
/// let release = Release::new("checkout-241".parse()?);
/// let obligations = Obligations::of([&History::settled(&release, &[])], "2026-11-22T18:04:05.000Z".parse()?);
/// assert_eq!(obligations.to_string(), "Nobody owes anything, as of 2026-11-22 18:04:05Z\n");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obligations {
    /// When somebody asked.
    pub as_of: Timestamp,
    /// Post-mortems that are not filed, the oldest first.
    pub post_mortems: Vec<PostMortemOwed>,
    /// Action items that are neither done nor dropped, the one that was due first in front.
    pub action_items: Vec<ActionItemOwed>,
}

/// A post-mortem that is not filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostMortemOwed {
    /// The release.
    pub release: ReleaseId,
    /// Its number in the release.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// Since when, and the record.
    pub since: Mark,
}

/// An action item that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionItemOwed {
    /// The release.
    pub release: ReleaseId,
    /// The item.
    pub item: ActionItemReport,
}

impl Obligations {
    /// What is owed to releases at a moment.
    pub fn of<'a>(histories: impl IntoIterator<Item = &'a History<'a>>, now: Timestamp) -> Self {
        let mut all = Self { as_of: now, post_mortems: Vec::new(), action_items: Vec::new() };
        for history in histories {
            all.add(&History::new(history.release, history.records, now));
        }
        all.sorted()
    }

    /// Adds what is owed to one more release, seen at the moment of its history. With [`sorted`](Self::sorted), for
    /// journals that do not fit the memory at once.
    pub fn add(&mut self, history: &History<'_>) {
        let release = history.release.id();
        let is_open = |item: &ActionItemReport| item.settled.is_none();
        let items = ActionItemReport::all(history).into_iter().filter(is_open);
        self.action_items.extend(items.map(|item| ActionItemOwed { release: release.clone(), item }));
        for owed in history.release.owed_post_mortems() {
            let opened = |record: &&Record| matches!(&record.event, Event::PostMortemOpened(opened) if opened.number == owed.number);
            self.post_mortems.extend(history.records.iter().find(opened).map(|record| PostMortemOwed {
                release: release.clone(),
                number: owed.number,
                about: owed.about.clone(),
                since: Mark::of(record),
            }));
        }
    }

    /// The same in order: the oldest post-mortem first, and the action item that was due first.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.post_mortems
            .sort_by(|one, other| (one.since.at, &one.release).cmp(&(other.since.at, &other.release)));
        self.action_items.sort_by(|one, other| {
            (one.item.due, &one.release, one.item.number).cmp(&(
                other.item.due,
                &other.release,
                other.item.number,
            ))
        });
        self
    }

    /// The action items whose day has passed.
    pub fn overdue(&self) -> impl Iterator<Item = &ActionItemOwed> {
        self.action_items.iter().filter(|owed| owed.item.state == ActionItemState::Overdue)
    }
}
