//! What every frame of a storyboard has.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{CheckOutcome, Event, Gate, PostMortemCause},
    machine::{EndedAs, PostMortem},
    report::{
        facts::{CheckRun, GateStory, History, Mark, RootCause, by},
        view::{ArtifactName, StoryArtifact},
    },
    unit::{Actor, CheckName},
};

/// One of the five frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameName {
    /// Scope, risk, rollback contract, notifications.
    Plan,
    /// The change is tested before it reaches users.
    Stage,
    /// The change reaches users, step by step.
    Release,
    /// All users have it, and it is validated under on-call cover.
    Verify,
    /// The way back: its procedure, and its log once there is one.
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
    /// The release left it for the way back, or was aborted in it.
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
#[non_exhaustive]
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
#[non_exhaustive]
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
    pub(in crate::report) fn open(what: impl Into<String>) -> Self {
        Self { what: what.into(), state: ItemState::Open, detail: None, by: None, mark: None }
    }

    /// Something that a record shows as done.
    pub(in crate::report) fn done(what: impl Into<String>, by: &Actor, mark: Mark) -> Self {
        let (by, mark) = (Some(by.clone()), Some(mark));
        Self { what: what.into(), state: ItemState::Done, detail: None, by, mark }
    }

    /// Done if a record shows it, and open otherwise.
    pub(in crate::report) fn of(what: impl Into<String>, done: Option<(&Actor, Mark)>) -> Self {
        match done {
            Some((by, mark)) => Self::done(what, by, mark),
            None => Self::open(what),
        }
    }

    pub(in crate::report) fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(in crate::report) fn failed(mut self) -> Self {
        self.state = ItemState::Failed;
        self
    }
}

/// A check as a line of a checklist: its last run, and an override where that failed.
pub(in crate::report) fn check_item(check: &CheckName, runs: &[CheckRun], gate: &GateStory) -> ChecklistItem {
    let what = format!("Check: {check}");
    let Some(run) = runs.iter().rev().find(|run| run.check == *check) else {
        return ChecklistItem::open(what);
    };
    let item = ChecklistItem::done(what, &run.by, run.mark).with(run.evidence.to_string());
    match (run.outcome, gate.overrides_check(check)) {
        (CheckOutcome::Passed, _) => item,
        (CheckOutcome::Failed, None) => item.failed(),
        (CheckOutcome::Failed, Some(one)) => ChecklistItem {
            state: ItemState::Overridden,
            detail: Some(format!(
                "{}; overridden by {} #{}: {}",
                run.evidence, one.by, one.mark.record, one.reason
            )),
            ..item
        },
    }
}

/// What a frame leads to, in the order in which it was made.
///
/// A document stands in the frame that it is about; the retrospective in the frame in which the release has ended.
pub(in crate::report) fn artifacts(history: &History<'_>, frame: FrameName) -> Vec<StoryArtifact> {
    let has = |is: fn(&Event) -> bool| history.first(is).is_some();
    let mut artifacts = Vec::new();
    match frame {
        FrameName::Plan if history.release.plan().is_some() => {
            artifacts.push(StoryArtifact::Document(ArtifactName::Plan));
        }
        FrameName::Stage if has(|event| matches!(event, Event::StagingStarted(_))) => {
            artifacts.push(StoryArtifact::TestReport);
        }
        FrameName::Release => {
            if history.release.plan().is_some() {
                artifacts.push(StoryArtifact::Document(ArtifactName::Schedule));
            }
            if has(|event| matches!(event, Event::RolloutStarted(_))) {
                artifacts.push(StoryArtifact::Timeline);
            }
        }
        FrameName::Verify => {
            artifacts.push(StoryArtifact::Status);
            if has(|event| matches!(event, Event::ValidationStarted(_))) {
                artifacts.push(StoryArtifact::Document(ArtifactName::Validation));
            }
        }
        FrameName::Rollback if has(|event| matches!(event, Event::RollbackStarted(_))) => {
            artifacts.push(StoryArtifact::Document(ArtifactName::RollbackLog));
        }
        FrameName::Plan | FrameName::Stage | FrameName::Rollback => {}
    }
    let post_mortems = history.records.iter().filter_map(|record| match &record.event {
        Event::PostMortemOpened(opened) if frame == frame_of(&opened.about) => Some(opened.number),
        _ => None,
    });
    artifacts.extend(post_mortems.map(ArtifactName::PostMortem).map(StoryArtifact::Document));
    if last_frame(history) == Some(frame) {
        artifacts.push(StoryArtifact::Document(ArtifactName::Retrospective));
    }
    artifacts
}

/// The frame in which a post-mortem has its cause.
fn frame_of(cause: &PostMortemCause) -> FrameName {
    match cause {
        PostMortemCause::Rollback => FrameName::Rollback,
        PostMortemCause::Override { gate } => match gate {
            Gate::Plan => FrameName::Plan,
            Gate::Staging => FrameName::Stage,
            Gate::Step(_) | Gate::Freeze | Gate::WayBack => FrameName::Release,
            Gate::Validation => FrameName::Verify,
        },
    }
}

/// The frame in which the release has ended, if it has.
fn last_frame(history: &History<'_>) -> Option<FrameName> {
    Some(match history.ended()?.how {
        EndedAs::Completed => FrameName::Verify,
        EndedAs::RolledBack => FrameName::Rollback,
        EndedAs::Aborted => match history.first(|event| matches!(event, Event::StagingStarted(_))) {
            Some(_) => FrameName::Stage,
            None => FrameName::Plan,
        },
    })
}

/// What is left to do once a release has ended: its post-mortems about what fits, and to close it.
pub(in crate::report) fn closing_items(
    history: &History<'_>,
    fits: fn(&PostMortemCause) -> bool,
) -> Vec<ChecklistItem> {
    let post_mortems = history.release.post_mortems().iter().filter(|one| fits(&one.about));
    let post_mortem = |one: &PostMortem| {
        let what = format!("Post-mortem {} on {}", one.number, one.about);
        match RootCause::of(history, one.number) {
            Some(cause) => {
                let done = ChecklistItem::done(what, &cause.by, cause.filed);
                done.with(format!("root cause: {}", cause.root_cause))
            }
            None => ChecklistItem::open(what),
        }
    };
    let closed = history.first(|event| matches!(event, Event::ReleaseClosed(_)));
    let closed = ChecklistItem::of("Closed", closed.map(by));
    post_mortems.map(post_mortem).chain([closed]).collect()
}
