//! How far the step under way is.

use serde::Serialize;

use crate::{
    machine::{Release, TrafficState},
    unit::{Span, Timestamp, TrafficShare},
};

/// How far the step under way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepProgress {
    /// The number of the step, from 1.
    pub number: u32,
    /// How many steps there are.
    pub of: u32,
    /// The share of the traffic that the new version is to have.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// Whether the deployer has set it.
    pub traffic_is_set: bool,
    /// How long the step has to be observed.
    #[serde(rename = "bake_ms")]
    pub bake: Span,
    /// How long it was observed so far.
    #[serde(rename = "baked_ms")]
    pub baked: Span,
    /// What is left.
    #[serde(rename = "left_ms")]
    pub left: Span,
    /// How many looks were taken.
    pub looks: u64,
    /// When it began.
    pub started_at: Timestamp,
}

impl StepProgress {
    /// How far a release is in the step under way; none where it is in no step.
    pub(in crate::report) fn of(release: &Release) -> Option<Self> {
        let step = release.phase().step()?;
        let (_, track) = release.track()?;
        Some(Self {
            number: step.number,
            of: u32::try_from(track.steps().len()).unwrap_or(u32::MAX),
            share: step.share,
            traffic_is_set: match step.traffic {
                TrafficState::Requested => false,
                TrafficState::Set { .. } | TrafficState::Promoting => true,
            },
            bake: step.bake,
            baked: step.baked,
            left: step.bake.saturating_sub(step.baked),
            looks: step.looks,
            started_at: step.started_at,
        })
    }
}

/// The bake times that are left: of the step under way and of those after it.
pub(in crate::report) fn bake_left(release: &Release) -> Span {
    let steps = release.track().map_or(&[][..], |(_, track)| track.steps());
    let (done, rest) =
        StepProgress::of(release).map_or((0, Span::ZERO), |step| (step.number as usize, step.left));
    steps.iter().skip(done).fold(rest, |sum, step| sum + step.bake)
}
