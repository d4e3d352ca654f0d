//! What was tested before users had the new version, and what came of it.

use serde::Serialize;

use crate::{
    event::Event,
    report::{
        facts::{CheckRun, GateStory, Heading, History},
        view::{ChecklistItem, StageFrame},
    },
};

/// The tests of a release before production: test runs with their evidence, the QA checklist, load tests, and the gate.
///
/// The frame of the storyboard shows the same; this is what is read and kept beside the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TestReport {
    /// The release.
    pub heading: Heading,
    /// What was asked for, with who did it and when.
    pub checklist: Vec<ChecklistItem>,
    /// Every run of a check, in the order of the records.
    pub runs: Vec<CheckRun>,
    /// The go/no-go decisions.
    pub gates: Vec<GateStory>,
}

impl TestReport {
    /// The tests of a release; none before it is staged.
    pub fn of(history: &History<'_>) -> Option<Self> {
        history.first(|event| matches!(event, Event::StagingStarted(_)))?;
        let StageFrame { frame, runs } = StageFrame::of(history);
        Some(Self { heading: Heading::of(history), checklist: frame.checklist, runs, gates: frame.gates })
    }
}
