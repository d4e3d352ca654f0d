use std::{fmt, str::FromStr};

use serde_json::Value;

use super::FrameName;
use crate::{
    event::{Event, Gate, PostMortemCause},
    machine::EndedAs,
    report::{Artifact, ArtifactName, History, Status, Timeline},
    unit::{UnitError, serde_as_text},
};

/// What a frame leads to: a document of the release, or a view of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoryArtifact {
    /// An [`Artifact`] of the release.
    Document(ArtifactName),
    /// The [`Status`].
    Status,
    /// The [`Timeline`].
    Timeline,
}

impl StoryArtifact {
    /// What a frame leads to, in the order in which it came to be.
    ///
    /// A document stands in the frame that it is about; the retrospective in the frame in which the release has ended.
    pub(super) fn of(history: &History<'_>, frame: FrameName) -> Vec<Self> {
        let has = |is: fn(&Event) -> bool| history.first(is).is_some();
        let mut artifacts = Vec::new();
        match frame {
            FrameName::Plan if history.release.plan().is_some() => {
                artifacts.push(Self::Document(ArtifactName::Plan));
            }
            FrameName::Release => {
                if history.release.plan().is_some() {
                    artifacts.push(Self::Document(ArtifactName::Schedule));
                }
                if has(|event| matches!(event, Event::RolloutStarted(_))) {
                    artifacts.push(Self::Timeline);
                }
            }
            FrameName::Verify => {
                artifacts.push(Self::Status);
                if has(|event| matches!(event, Event::ValidationStarted(_))) {
                    artifacts.push(Self::Document(ArtifactName::Validation));
                }
            }
            FrameName::Rollback if has(|event| matches!(event, Event::RollbackStarted(_))) => {
                artifacts.push(Self::Document(ArtifactName::RollbackLog));
            }
            FrameName::Plan | FrameName::Stage | FrameName::Rollback => {}
        }
        let post_mortems = history.records.iter().filter_map(|record| match &record.event {
            Event::PostMortemOpened(opened) if frame == frame_of(&opened.about) => Some(opened.number),
            _ => None,
        });
        artifacts.extend(post_mortems.map(ArtifactName::PostMortem).map(Self::Document));
        if last_frame(history) == Some(frame) {
            artifacts.push(Self::Document(ArtifactName::Retrospective));
        }
        artifacts
    }

    /// The name for people.
    pub fn title(self) -> String {
        match self {
            Self::Document(name) => name.title(),
            Self::Status => "Status".to_owned(),
            Self::Timeline => "Timeline, record by record".to_owned(),
        }
    }

    /// The artifact as text; none where the release has not come so far.
    pub fn text(self, history: &History<'_>) -> Option<String> {
        match self {
            Self::Document(name) => Artifact::of(history, name).map(|artifact| artifact.to_string()),
            Self::Status => Some(Status::of(history).to_string()),
            Self::Timeline => Some(Timeline::of(history).to_string()),
        }
    }

    /// The artifact as JSON; none where the release has not come so far.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form, which none of today's reports has.
    pub fn json(self, history: &History<'_>) -> Result<Option<Value>, serde_json::Error> {
        match self {
            Self::Document(name) => Artifact::of(history, name).map(serde_json::to_value).transpose(),
            Self::Status => serde_json::to_value(Status::of(history)).map(Some),
            Self::Timeline => serde_json::to_value(Timeline::of(history)).map(Some),
        }
    }
}

/// The frame in which a post-mortem has its cause.
fn frame_of(cause: &PostMortemCause) -> FrameName {
    match cause {
        PostMortemCause::Rollback => FrameName::Rollback,
        PostMortemCause::Override { gate } => match gate {
            Gate::Plan => FrameName::Plan,
            Gate::Staging => FrameName::Stage,
            Gate::Step(_) | Gate::Freeze => FrameName::Release,
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

impl fmt::Display for StoryArtifact {
    /// The name in addresses and files, as in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(name) => name.fmt(f),
            Self::Status => f.pad("status"),
            Self::Timeline => f.pad("timeline"),
        }
    }
}

impl FromStr for StoryArtifact {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "status" => Ok(Self::Status),
            "timeline" => Ok(Self::Timeline),
            other => other.parse().map(Self::Document),
        }
    }
}

serde_as_text!(StoryArtifact);
