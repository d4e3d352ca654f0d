use std::collections::BTreeSet;

use super::Draft;
use crate::{
    event::{
        HoldCause, HoldPlaced, HoldReason, PostMortemCause, PostMortemOpened, RollbackConfirmed,
        RollbackStarted, RollbackTrigger, RollbackUnconfirmed, ShownInRollback, ZeroTrafficObserved,
    },
    machine::{Phase, RollbackState},
    port::Deployment,
    unit::{Actor, Span, Text, TrafficShare},
};

impl Draft<'_> {
    /// Takes the release back, by a rule. A change that can't be taken back any more is held instead, once: an executive's
    /// override lets a person roll it back, and no rule.
    pub(super) fn roll_back(&mut self, trigger: RollbackTrigger) {
        let Some(way_back) = self.release.without_way_back() else {
            return self.roll_back_by(&Actor::relman(), trigger);
        };
        if self.is_held_without_way_back() {
            return;
        }
        let reason = HoldReason::NoRollback {
            why: Text::of(&trigger.to_string()),
            none_after: way_back.none_after,
            instead: way_back.instead,
        };
        let cause = HoldCause::Irreversible;
        self.follow(HoldPlaced { cause, reason, roll_back_at: None, roles: BTreeSet::new() });
    }

    /// Whether it stands still already because it would be rolled back, and can't be.
    pub(super) fn is_held_without_way_back(&self) -> bool {
        self.release.holds.contains_key(&HoldCause::Irreversible)
    }

    /// Takes the release back because something could not be measured.
    pub(super) fn roll_back_unmeasured(&mut self, reason: HoldReason, held: Span) {
        self.roll_back(RollbackTrigger::Unmeasured { reason, held });
    }

    /// Takes the release back; a post-mortem is owed from then on.
    pub(super) fn roll_back_by(&mut self, by: &Actor, trigger: RollbackTrigger) {
        let share = self.release.exposure;
        self.push(by, RollbackStarted { trigger, share });
        self.open_post_mortem(PostMortemCause::Rollback);
    }

    pub(super) fn open_post_mortem(&mut self, about: PostMortemCause) {
        let number = self.release.post_mortems.iter().map(|one| one.number).max().unwrap_or(0) + 1;
        self.follow(PostMortemOpened { number, about });
    }

    /// What the platform shows while the release is taken back. Only zero, seen as often as the policy asks, is
    /// the end of it.
    pub(super) fn traffic(&mut self, deployment: &Result<Deployment, String>) {
        let Phase::RollingBack(rollback) = self.release.phase.clone() else {
            return;
        };
        let RollbackState::Confirming { seen, next_at } = rollback.state else {
            return;
        };
        // Two answers in the same moment are one observation.
        if self.now < next_at {
            return;
        }
        let (attempt, needed) = (rollback.unconfirmed + 1, self.release.confirmations());
        // A change that was asked for before may arrive as late as a call may take.
        let watched = !rollback.in_doubt || self.now >= rollback.started_at + self.call_time;
        match deployment {
            Ok(shown) if shown.canary_share == TrafficShare::ZERO => {
                let (times, detail) = (seen + 1, Text::of(&shown.detail));
                if times < needed || watched {
                    self.follow(ZeroTrafficObserved { times, needed, detail });
                }
                if times >= needed && watched {
                    self.follow(RollbackConfirmed { took: self.now.since(rollback.started_at) });
                }
            }
            Ok(shown) => {
                let shown = ShownInRollback::traffic(shown);
                self.follow(RollbackUnconfirmed { attempt, shown });
            }
            Err(why) => {
                let shown = ShownInRollback::Unknown { detail: Text::of(why) };
                self.follow(RollbackUnconfirmed { attempt, shown });
            }
        }
    }
}
