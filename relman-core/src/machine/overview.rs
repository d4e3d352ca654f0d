//! A release in one line, and what a journal keeps beside its stream.

use std::fmt::Write as _;

use super::{PhaseName, Release};
use crate::{
    policy::FollowUpRules,
    port::{StreamIndex, StreamState},
    unit::Timestamp,
};

/// As wide as a terminal that a report is made for.
const WIDTH: usize = 100;

impl Release {
    /// The release in one line of at most 100 columns, for lists, prompts and chat.
    pub fn one_line(&self, now: Timestamp) -> String {
        let drill = if self.is_drill() { "DRILL " } else { "" };
        let phase = self.phase.name();
        let mut line = format!("{drill}{}: {phase}", self.id);
        // Writing to a string does not fail.
        if let (Some(step), Some((_, track))) = (self.phase.step(), self.track()) {
            let (number, of, share) = (step.number, track.steps().len(), step.share);
            let _ = write!(line, ", step {number} of {of} at {share}, {} of {}", step.baked, step.bake);
        }
        if phase == PhaseName::Validating && self.cover.is_none() {
            line.push_str(", NOBODY ON CALL");
        }
        if let Some(hold) = self.holds.values().next() {
            let _ = write!(line, ", HELD: {}", hold.reason);
        } else if self.phase.step().is_none()
            && let Some(missing) = self.missing(now).first()
        {
            let _ = write!(line, ", waiting for {}", missing.what);
        }
        if self.open_item_due().is_some_and(|due| due < now) {
            line.push_str(", OVERDUE ITEMS");
        }
        let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if plain.chars().count() <= WIDTH {
            return plain;
        }
        plain.chars().take(WIDTH - 1).chain(['…']).collect()
    }

    /// The rules for what is left to do after the release.
    pub(super) fn follow_up(&self) -> FollowUpRules {
        self.policy().map(|policy| *policy.follow_up()).unwrap_or_default()
    }

    /// When the first thing is due that people still have to do: a post-mortem, an action item. It may be past.
    pub fn open_item_due(&self) -> Option<Timestamp> {
        let post_mortems = self.owed_post_mortems().map(|one| one.due);
        post_mortems.chain(self.open_action_items().map(|item| item.due)).min()
    }

    /// Whether a conductor has something to do for it: to measure, to change the platform, to tell people. A release in
    /// planning waits for people alone, and one that has ended and was told of waits for nobody.
    pub fn needs_a_conductor(&self) -> bool {
        match self.phase.name() {
            PhaseName::Staging | PhaseName::Releasing | PhaseName::Validating | PhaseName::RollingBack => {
                true
            }
            PhaseName::Unplanned
            | PhaseName::Planning
            | PhaseName::Completed
            | PhaseName::RolledBack
            | PhaseName::Aborted
            | PhaseName::Closed => !self.outstanding.is_empty(),
        }
    }

    /// What a journal keeps beside the stream, at the time of the stream.
    pub fn index(&self) -> StreamIndex {
        let now = self.last_at;
        // One whose people are not told is not done.
        let ended = self.phase.name().is_end() && self.outstanding.is_empty();
        let state = if ended { StreamState::Ended } else { StreamState::Open };
        // What is overdue already stays the next that is due.
        let due = self.next_deadline(now).into_iter().chain(self.open_item_due()).min();
        let service = self.plan().map(|plan| plan.scope().service.clone());
        StreamIndex::new(state, self.one_line(now)).due_at(due).of_service(service)
    }
}
