use serde::Serialize;

use crate::{
    machine::PhaseName,
    report::{
        facts::{Ended, Heading, History},
        view::{
            Frame, FrameName, FrameState, Glance, LastRecord, PlanFrame, ReleaseFrame, RollbackFrame,
            StageFrame, VerifyFrame,
        },
    },
};

/// A release in five frames, each with its checklist, its gates and its artifacts.
///
/// Folded from the records alone: every line of fact carries the number of the record it comes from, and a frame that
/// was not reached says so. The rollback frame shows its procedure and thresholds as soon as there is a plan.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     machine::Release,
///     report::{FrameName, FrameState, History, Storyboard},
///     unit::Timestamp,
/// };
///
/// let release = Release::new("checkout-241".parse()?);
/// let board = Storyboard::of(&History::new(&release, &[], "2026-11-22T18:04:05.000Z".parse()?));
/// assert_eq!(board.current, FrameName::Plan);
/// assert!(board.frames().iter().all(|frame| frame.state == FrameState::NotReached));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Storyboard {
    /// The release.
    pub heading: Heading,
    /// What a person sees of it in five seconds.
    pub glance: Glance,
    /// Where it is.
    pub phase: PhaseName,
    /// The frame to look at first: where the release is, or where it ended.
    pub current: FrameName,
    /// The last record; none before the first.
    pub last: Option<LastRecord>,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
    /// Scope, risk, rollback contract, notifications.
    pub plan: PlanFrame,
    /// The change is tested before it reaches users.
    pub stage: StageFrame,
    /// The change reaches users, step by step.
    pub release: ReleaseFrame,
    /// All users have it, and it is validated.
    pub verify: VerifyFrame,
    /// The way back.
    pub rollback: RollbackFrame,
}

impl Storyboard {
    /// The storyboard of a release.
    pub fn of(history: &History<'_>) -> Self {
        let plan = PlanFrame::of(history);
        let stage = StageFrame::of(history);
        let release = ReleaseFrame::of(history);
        let verify = VerifyFrame::of(history, &release.steps);
        let rollback = RollbackFrame::of(history);
        let mut board = Self {
            heading: Heading::of(history),
            glance: Glance::of(history),
            phase: history.release.phase().name(),
            current: FrameName::Plan,
            last: LastRecord::of(history),
            ended: history.ended(),
            plan,
            stage,
            release,
            verify,
            rollback,
        };
        let reached = |frame: &&&Frame| frame.state != FrameState::NotReached;
        let last_reached = board.frames().iter().rev().find(reached).map(|frame| frame.name);
        board.current = last_reached.unwrap_or(FrameName::Plan);
        board
    }

    /// What every frame has, in the order in which a release meets them.
    pub fn frames(&self) -> [&Frame; 5] {
        [&self.plan.frame, &self.stage.frame, &self.release.frame, &self.verify.frame, &self.rollback.frame]
    }
}
