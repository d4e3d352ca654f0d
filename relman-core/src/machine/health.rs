//! How a release is, in a word.

use std::fmt;

use serde::Serialize;

use super::{Missing, PhaseName, Release, Turn};
use crate::{event::HoldCause, unit::Timestamp};

/// How a release is, as a list or the first line of a page says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// It goes forward by itself.
    Progressing,
    /// Someone has to act before it does.
    WaitingFor(String),
    /// Something is wrong, and it stands still or is not watched over.
    Degraded(String),
    /// It is being taken back.
    RollingBack,
    /// It has ended.
    Done,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Progressing => f.pad("progressing"),
            Self::WaitingFor(what) => write!(f, "waiting for {what}"),
            Self::Degraded(why) => write!(f, "degraded: {why}"),
            Self::RollingBack => f.pad("rolling back"),
            Self::Done => f.pad("done"),
        }
    }
}

/// As many characters as a phrase in a first line may have.
const PHRASE: usize = 60;

impl Release {
    /// How it is now.
    pub fn health(&self, now: Timestamp) -> Health {
        let phase = self.phase.name();
        match phase {
            PhaseName::RollingBack => return Health::RollingBack,
            PhaseName::Completed | PhaseName::RolledBack | PhaseName::Aborted | PhaseName::Closed => {
                return if self.awaits_traffic() { Health::Progressing } else { Health::Done };
            }
            PhaseName::Unplanned
            | PhaseName::Planning
            | PhaseName::Staging
            | PhaseName::Releasing
            | PhaseName::Validating => {}
        }
        match self.holds.keys().find(|cause| **cause != HoldCause::Manual) {
            Some(cause) => return Health::Degraded(wrong(*cause).to_owned()),
            None if self.holds.contains_key(&HoldCause::Manual) => {
                return Health::WaitingFor("someone to resume it".to_owned());
            }
            None => {}
        }
        if phase == PhaseName::Validating && self.cover.is_none() {
            return Health::Degraded("nobody is on call".to_owned());
        }
        let missing = self.missing(now);
        match missing.iter().find(|missing| missing.turn == Turn::Person) {
            Some(missing) => Health::WaitingFor(phrase(missing)),
            None => Health::Progressing,
        }
    }
}

/// What is wrong, in a phrase; the reason of the hold has the rest.
fn wrong(cause: HoldCause) -> &'static str {
    match cause {
        HoldCause::Manual => "held by hand",
        HoldCause::Unmeasured => "something can't be measured",
        HoldCause::Deployer => "the deployer fails",
        HoldCause::Suspicion => "something speaks against it",
        HoldCause::Platform => "the platform does something else",
        HoldCause::Drift => "someone else moves the traffic",
        HoldCause::Irreversible => "breached, and there is no way back",
    }
}

/// What is missing, up to where the details begin.
fn phrase(missing: &Missing) -> String {
    let what = &missing.what;
    let short = what.split_once(": ").map_or(what.as_str(), |(short, _)| short);
    if short.chars().count() <= PHRASE {
        return short.to_owned();
    }
    short.chars().take(PHRASE - 1).chain(['…']).collect()
}
