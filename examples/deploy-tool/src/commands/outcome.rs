//! How a release stands at the end of a command that conducts.

use std::path::Path;

use relman_core::{
    chain::Digest,
    machine::{EndedAs, Phase, Release},
    unit::ReleaseId,
};
use serde::Serialize;

/// The object with which a command that conducts ends, for scripts.
#[derive(Debug, Serialize)]
pub(super) struct Outcome<'a> {
    pub(super) release: &'a ReleaseId,
    pub(super) journal: &'a Path,
    #[serde(rename = "outcome")]
    pub(super) ended: Ended,
    pub(super) records: u64,
    pub(super) head: Digest,
}

/// How a release has ended, if it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    Completed,
    RolledBack,
    Aborted,
    Open,
}

impl<'a> Outcome<'a> {
    pub(super) fn of(release: &'a Release, journal: &'a Path) -> Self {
        let head = release.head();
        Self {
            release: release.id(),
            journal,
            ended: Ended::of(release),
            records: head.map_or(0, |head| head.seq + 1),
            head: head.map_or(Digest::ZERO, |head| head.digest),
        }
    }

    pub(super) fn in_words(&self) -> &'static str {
        match self.ended {
            Ended::Completed => "complete",
            Ended::RolledBack => "rolled back",
            Ended::Aborted => "aborted",
            Ended::Open => "open",
        }
    }
}

impl Ended {
    fn of(release: &Release) -> Self {
        match release.phase() {
            Phase::Completed | Phase::Closed(EndedAs::Completed) => Self::Completed,
            Phase::RolledBack(_) | Phase::Closed(EndedAs::RolledBack) => Self::RolledBack,
            Phase::Aborted | Phase::Closed(EndedAs::Aborted) => Self::Aborted,
            Phase::Unplanned
            | Phase::Planning
            | Phase::Staging { .. }
            | Phase::Releasing(_)
            | Phase::Validating(_)
            | Phase::RollingBack(_) => Self::Open,
        }
    }
}
