use std::collections::BTreeSet;

use super::{Draft, Rules};
use crate::{
    event::{
        HoldCause, HoldPlaced, HoldReason, PinnedUsersCut, PinnedUsersObserved, PostMortemCause,
        PostMortemOpened, RollbackConfirmed, RollbackStarted, RollbackTrigger, RollbackUnconfirmed,
        ShownInRollback, ZeroBy, ZeroTrafficObserved,
    },
    machine::{Phase, Rollback, RollbackState},
    port::{Deployment, Place},
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
        let shown = match deployment {
            Ok(shown) if shown.canary_share == TrafficShare::ZERO => {
                let served = Served::of(&rollback, &shown.canary, self.rules);
                return if served.is_reached() {
                    self.pinned(&rollback, served);
                } else {
                    self.zero(&rollback, seen, served, &shown.detail);
                };
            }
            Ok(shown) => ShownInRollback::traffic(shown),
            Err(why) => ShownInRollback::Unknown { detail: Text::of(why) },
        };
        self.follow(RollbackUnconfirmed { attempt: rollback.unconfirmed + 1, shown });
    }

    /// The platform shows no share for the new version, and no request that reached it.
    fn zero(&mut self, rollback: &Rollback, seen: u32, served: Served, detail: &str) {
        // That nothing was served is said of the time between two observations.
        let is_first = served.now.is_some() && served.more.is_none();
        let needed = self.release.confirmations().max(if served.now.is_some() { 2 } else { 1 });
        let times = if is_first { 1 } else { seen + 1 };
        // A change that was asked for before may arrive as late as a call may take.
        let watched = !rollback.in_doubt || self.now >= rollback.started_at + self.call_time;
        if times < needed || watched {
            self.follow(ZeroTrafficObserved { times, needed, detail: Text::of(detail), served: served.now });
        }
        if times >= needed && watched {
            let by = match (self.rules, served.now) {
                (Rules::First, _) => None,
                (Rules::Current, None) => Some(ZeroBy::WeightsAlone),
                (Rules::Current, Some(_)) => Some(ZeroBy::ServedRequests),
            };
            self.follow(RollbackConfirmed { took: self.now.since(rollback.started_at), by });
        }
    }

    /// The platform shows no share for the new version, and users reach it all the same: they are given time, then cut off.
    fn pinned(&mut self, rollback: &Rollback, served: Served) {
        let Served { now, more, sessions } = served;
        if rollback.cut {
            let shown = ShownInRollback::Pinned { served: now, more, sessions };
            return self.follow(RollbackUnconfirmed { attempt: rollback.unconfirmed + 1, shown });
        }
        let drain = self.release.policy().map_or(Span::ZERO, |policy| policy.rollback().drain);
        let since = rollback.pinned_since.unwrap_or(self.now);
        self.follow(PinnedUsersObserved { served: now, more, sessions, cut_at: since + drain });
        if self.now >= since + drain {
            self.follow(PinnedUsersCut { drained: self.now.since(since) });
        }
    }
}

/// What the platform tells of users who reach the new version although it has no share.
#[derive(Debug, Clone, Copy)]
struct Served {
    /// Requests that it has served so far; not told, if absent.
    now: Option<u64>,
    /// How many of them since the observation before; not known, where there was none, or the platform counts anew.
    more: Option<u64>,
    sessions: Option<u64>,
}

impl Served {
    fn of(rollback: &Rollback, place: &Place, rules: Rules) -> Self {
        if rules == Rules::First {
            return Self { now: None, more: None, sessions: None };
        }
        let more = place.served.zip(rollback.served).and_then(|(now, before)| now.checked_sub(before));
        Self { now: place.served, more, sessions: place.sessions }
    }

    fn is_reached(self) -> bool {
        self.more.is_some_and(|more| more > 0) || self.sessions.is_some_and(|sessions| sessions > 0)
    }
}
