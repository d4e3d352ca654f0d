//! What people learn from a release: lessons, and what they take upon themselves because of it.
//!
//! Possible in every phase that has a plan, after the end too: action items are done weeks after a release was closed.
//! None of it moves a release, and none of it keeps one from moving.

use super::Draft;
use crate::{
    event::{ActionItemKind, ActionItemOpened, ActionItemSettled, LessonKind, LessonRecorded, Settlement},
    machine::{ActionName, Principal, Refusal},
    unit::{Actor, Text, Timestamp},
};

impl Draft<'_> {
    pub(super) fn record_lesson(
        &mut self,
        by: &Principal,
        kind: LessonKind,
        text: &Text,
    ) -> Result<(), Refusal> {
        let roles = self.release.may_now(ActionName::RecordLesson, by)?;
        self.push(&by.actor, LessonRecorded { kind, text: text.clone(), roles });
        Ok(())
    }

    pub(super) fn open_action_item(
        &mut self,
        by: &Principal,
        what: &Text,
        kind: ActionItemKind,
        owner: &Actor,
        due: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let due = due.unwrap_or(self.now + self.release.follow_up().action_items_within);
        let roles = self.release.may_now(ActionName::OpenActionItem, by)?;
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

    pub(super) fn settle_action_item(
        &mut self,
        by: &Principal,
        number: Option<u32>,
        how: Settlement,
        note: &Text,
    ) -> Result<(), Refusal> {
        let (number, roles) = self.release.may_settle(by, number)?;
        self.push(&by.actor, ActionItemSettled { number, how, note: note.clone(), roles });
        Ok(())
    }
}
