use std::fmt;

use serde::Serialize;

use super::{GateStory, StoryArtifact};
use crate::{report::Mark, unit::Actor};

/// One of the five frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameName {
    /// Scope, risk, rollback contract, who is told.
    Plan,
    /// The change is tried before it meets users.
    Stage,
    /// The change meets users, step by step.
    Release,
    /// All users have it, and it is validated under on-call cover.
    Verify,
    /// The way back: its procedure, and its course once there is one.
    Rollback,
}

impl FrameName {
    /// Every frame, in the order in which a release meets them.
    pub const ALL: [Self; 5] = [Self::Plan, Self::Stage, Self::Release, Self::Verify, Self::Rollback];
}

impl fmt::Display for FrameName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plan => "Plan",
            Self::Stage => "Stage",
            Self::Release => "Release",
            Self::Verify => "Verify",
            Self::Rollback => "Rollback",
        })
    }
}

/// How a frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameState {
    /// The release has not been there.
    NotReached,
    /// The release is there now.
    UnderWay,
    /// The release went through it.
    Passed,
    /// The release left it for the way back, or was given up in it.
    Stopped,
}

impl fmt::Display for FrameState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotReached => "not reached",
            Self::UnderWay => "under way",
            Self::Passed => "done",
            Self::Stopped => "stopped",
        })
    }
}

/// What every frame has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Which one.
    pub name: FrameName,
    /// How it stands.
    pub state: FrameState,
    /// The state in a sentence, for a person.
    pub says: String,
    /// When the release came there, and the record.
    pub entered: Option<Mark>,
    /// When it left, and the record.
    pub left: Option<Mark>,
    /// What has to be done, with who did it and when.
    pub checklist: Vec<ChecklistItem>,
    /// The go/no-go decisions.
    pub gates: Vec<GateStory>,
    /// The artifacts that belong here.
    pub artifacts: Vec<StoryArtifact>,
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChecklistItem {
    /// What.
    pub what: String,
    /// How it stands.
    pub state: ItemState,
    /// What there is to say about it, such as the evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// When, and the record; not done yet, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// How a line of a checklist stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Not done.
    Open,
    /// Done.
    Done,
    /// It was tried and has failed.
    Failed,
    /// It has failed, and an executive went on in spite of it.
    Overridden,
}

impl fmt::Display for ItemState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Overridden => "overridden",
        })
    }
}

impl ChecklistItem {
    /// Something that is not done yet.
    pub(super) fn open(what: impl Into<String>) -> Self {
        Self { what: what.into(), state: ItemState::Open, detail: None, by: None, mark: None }
    }

    /// Something that a record shows as done.
    pub(super) fn done(what: impl Into<String>, by: &Actor, mark: Mark) -> Self {
        let (by, mark) = (Some(by.clone()), Some(mark));
        Self { what: what.into(), state: ItemState::Done, detail: None, by, mark }
    }

    /// Done where there is somebody who did it, and open otherwise.
    pub(super) fn of(what: impl Into<String>, done: Option<(&Actor, Mark)>) -> Self {
        match done {
            Some((by, mark)) => Self::done(what, by, mark),
            None => Self::open(what),
        }
    }

    pub(super) fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(super) fn failed(mut self) -> Self {
        self.state = ItemState::Failed;
        self
    }
}
