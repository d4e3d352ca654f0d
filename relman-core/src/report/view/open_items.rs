use serde::Serialize;

use crate::{
    report::facts::{ActionItemReport, ActionItemState, History, OpenPostMortem},
    unit::{ReleaseId, Timestamp},
};

/// What people still have to do for releases: file post-mortems, and finish action items.
///
/// Overdue action items come first, then post-mortems, then the rest by their dates.
///
/// # Examples
///
/// ```
/// use relman_core::{machine::Release, report::{History, OpenItems}};
///
/// let release = Release::new("checkout-241".parse()?);
/// let open_items = OpenItems::of([&History::settled(&release, &[])], "2026-11-22T18:04:05.000Z".parse()?);
/// assert_eq!(open_items.to_string(), "No open items, as of 2026-11-22 18:04:05Z\n");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenItems {
    /// When it was asked for.
    pub as_of: Timestamp,
    /// Post-mortems that are not filed, the oldest first.
    pub post_mortems: Vec<ReleasePostMortem>,
    /// Action items that are neither done nor dropped, the one that was due first in front.
    pub action_items: Vec<ReleaseActionItem>,
}

/// A post-mortem that is not filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReleasePostMortem {
    /// The release.
    pub release: ReleaseId,
    /// The post-mortem.
    #[serde(flatten)]
    pub post_mortem: OpenPostMortem,
}

/// An action item that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReleaseActionItem {
    /// The release.
    pub release: ReleaseId,
    /// The item.
    pub item: ActionItemReport,
}

impl OpenItems {
    /// What is open for some releases at a moment.
    pub fn of<'a>(histories: impl IntoIterator<Item = &'a History<'a>>, now: Timestamp) -> Self {
        let mut all = Self { as_of: now, post_mortems: Vec::new(), action_items: Vec::new() };
        for history in histories {
            all.add(&History::new(history.release, history.records, now));
        }
        all.sorted()
    }

    /// Adds what is open for one more release, as of its history. With [`sorted`](Self::sorted), for
    /// journals that do not fit the memory at once.
    pub fn add(&mut self, history: &History<'_>) {
        let release = history.release.id();
        let is_open = |item: &ActionItemReport| item.settled.is_none();
        let items = ActionItemReport::all(history).into_iter().filter(is_open);
        self.action_items.extend(items.map(|item| ReleaseActionItem { release: release.clone(), item }));
        let post_mortems = OpenPostMortem::all(history).into_iter();
        self.post_mortems.extend(
            post_mortems.map(|post_mortem| ReleasePostMortem { release: release.clone(), post_mortem }),
        );
    }

    /// The same in order: the oldest post-mortem first, and the action item that was due first.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.post_mortems.sort_by(|one, other| {
            (one.post_mortem.since.at, &one.release).cmp(&(other.post_mortem.since.at, &other.release))
        });
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
    pub fn overdue(&self) -> impl Iterator<Item = &ReleaseActionItem> {
        self.action_items.iter().filter(|open| open.item.state == ActionItemState::Overdue)
    }
}
