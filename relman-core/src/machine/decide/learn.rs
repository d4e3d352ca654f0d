//! What people learn from a release: lessons, and what they take upon themselves because of it.
//!
//! Possible in every phase that has a plan, after the end too: action items are done weeks after a release was closed.
//! None of it moves a release, and none of it keeps one from moving.

use super::Draft;
use crate::{
    event::{ActionItemKind, ActionItemOpened, ActionItemSettled, LessonKind, LessonRecorded, Settlement},
    machine::{ActionItem, Principal, Refusal},
    policy::Permission,
    unit::{Actor, Text, Timestamp},
};

impl Draft<'_> {
    /// Everybody whom the directory knows may write down what they have learnt.
    pub(super) fn record_lesson(
        &mut self,
        by: &Principal,
        kind: LessonKind,
        text: &Text,
    ) -> Result<(), Refusal> {
        let roles = by.known()?;
        self.push(&by.actor, LessonRecorded { kind, text: text.clone(), roles });
        Ok(())
    }

    pub(super) fn open_action_item(
        &mut self,
        by: &Principal,
        what: &Text,
        kind: ActionItemKind,
        owner: &Actor,
        due: Timestamp,
    ) -> Result<(), Refusal> {
        let roles = self.release.permit(by, Permission::Operate)?;
        if !owner.is_person() {
            return Err(Refusal::NotAPerson(owner.clone()));
        }
        if due <= self.now {
            return Err(Refusal::ActionItemDue { due, now: self.now });
        }
        let number = u32::try_from(self.release.action_items.len()).unwrap_or(u32::MAX).saturating_add(1);
        let (what, owner) = (what.clone(), owner.clone());
        self.push(&by.actor, ActionItemOpened { number, what, kind, owner, due, roles });
        Ok(())
    }

    /// The owner says that it is done, or somebody who operates releases.
    pub(super) fn settle_action_item(
        &mut self,
        by: &Principal,
        number: Option<u32>,
        how: Settlement,
        note: &Text,
    ) -> Result<(), Refusal> {
        let mut roles = by.known()?;
        let open: Vec<&ActionItem> = self.release.open_action_items().collect();
        let item = match (number, open.as_slice()) {
            (_, []) => return Err(Refusal::NoActionItemOpen(self.release.id.clone())),
            (None, [only]) => *only,
            (Some(_) | None, open) => {
                let Some(item) = open.iter().find(|item| Some(item.number) == number) else {
                    let named: Vec<String> = open
                        .iter()
                        .map(|item| format!("{} of {}, due {}", item.number, item.owner, item.due))
                        .collect();
                    let release = self.release.id.clone();
                    return Err(Refusal::WhichActionItem { release, open: named.join("; ") });
                };
                *item
            }
        };
        let (number, is_owner) = (item.number, item.owner == by.actor);
        if !is_owner {
            roles = self.release.permit(by, Permission::Operate)?;
        }
        self.push(&by.actor, ActionItemSettled { number, how, note: note.clone(), roles });
        Ok(())
    }
}
