use serde::Serialize;

use crate::{
    chain::Head,
    event::{Event, HoldCause, Record},
    machine::{EndedAs, Missing, PhaseName, Release, ReplayError, Turn},
    plan::{Plan, ReleaseKind},
    report::{
        facts::{Driving, EndChange, Mark, ObservedShare, StepProgress, bake_left},
        view::{Awaited, Health},
    },
    unit::{ReleaseId, ServiceName, Span, Text, Timestamp, TrafficShare},
};

/// A release in one line of an overview: where it is, what it waits for and whose turn it is.
///
/// [`SummaryFold`] makes it from records as they come, and keeps none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The release.
    pub release: ReleaseId,
    /// Its title; none before a plan is recorded.
    pub title: Option<Text>,
    /// The service; none before a plan is recorded.
    pub service: Option<ServiceName>,
    /// Whether it is for real; none before a plan is recorded.
    pub kind: Option<ReleaseKind>,
    /// How it is, in one word.
    pub health: Health,
    /// Where it is.
    pub phase: PhaseName,
    /// How it has ended, if it has.
    pub ended: Option<EndedAs>,
    /// The number of the step under way, and how many there are.
    pub step: Option<(u32, u32)>,
    /// The share of the traffic that was set.
    #[serde(rename = "exposure_bp")]
    pub exposure: TrafficShare,
    /// What the platform showed last; never yet, if absent.
    pub seen: Option<ObservedShare>,
    /// What makes it stand still.
    pub holds: Vec<HoldCause>,
    /// What it waits for first; nothing, if absent.
    pub waits_for: Option<Missing>,
    /// The same as a phrase; nothing, if absent.
    pub awaits: Option<Awaited>,
    /// The bake times that are left, the validation included; none after the end and before a plan.
    #[serde(rename = "left_ms")]
    pub left: Option<Span>,
    /// How many post-mortems are not filed yet.
    #[serde(rename = "owed")]
    pub open_post_mortems: u64,
    /// Whether it is in validation and nobody is on call.
    pub uncovered: bool,
    /// When the first record was made.
    pub began: Mark,
    /// The last record.
    pub last: Mark,
    /// The head of its stream.
    pub head: Head,
}

impl Summary {
    /// Whose turn it is; nobody's, if nothing is left to do.
    pub fn turn(&self) -> Option<Turn> {
        self.awaits.as_ref().map(|awaited| awaited.turn)
    }

    /// The summary of a release that is closed, from the records of its planning and its last ones alone.
    ///
    /// An overview of thousands of releases that ended long ago needs no more than that. Nothing is checked here: a
    /// page about the release replays all of it.
    ///
    /// None where these records do not say enough: the release is not closed, or `first` does not reach to the end of
    /// the planning, or `last` does not reach back to the end of the release.
    pub fn of_closed(first: &[Record], last: &[Record]) -> Option<Self> {
        let closed = last.iter().rposition(|record| matches!(record.event, Event::ReleaseClosed(_)))?;
        let planned_until = first
            .iter()
            .position(|record| matches!(record.event, Event::StagingStarted(_) | Event::ReleaseAborted(_)))?;
        let ended = last[..closed].iter().rev().find_map(|record| EndChange::of(&record.event))?.ended()?;
        let plan = first[..planned_until].iter().rev().find_map(|record| match &record.event {
            Event::PlanRecorded(recorded) => Some(&recorded.plan),
            Event::PlanRevised(revised) => Some(&revised.plan),
            _ => None,
        })?;
        let (first, newest) = (first.first().filter(|record| record.seq == 0)?, last.last()?);
        Some(Self {
            release: first.release.clone(),
            title: Some(plan.title().clone()),
            service: Some(plan.scope().service.clone()),
            kind: Some(plan.kind()),
            health: Health::Done,
            phase: PhaseName::Closed,
            ended: Some(ended),
            step: None,
            exposure: match ended {
                EndedAs::Completed => TrafficShare::FULL,
                EndedAs::RolledBack | EndedAs::Aborted => TrafficShare::ZERO,
            },
            seen: last.iter().rev().find_map(ObservedShare::of),
            holds: Vec::new(),
            waits_for: None,
            awaits: None,
            left: None,
            open_post_mortems: 0,
            uncovered: false,
            began: Mark::of(first),
            last: Mark::of(newest),
            head: newest.head(),
        })
    }
}

/// Folds records into a [`Summary`], one after the other.
///
/// # Examples
///
/// ```
/// use relman_core::report::SummaryFold;
///
/// let fold = SummaryFold::new("checkout-241".parse()?);
/// assert!(fold.at("2026-11-22T18:04:05.000Z".parse()?).is_none(), "there is nothing to tell");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SummaryFold {
    release: Release,
    seen: Option<ObservedShare>,
    began: Option<Mark>,
    last: Option<Mark>,
    ended: Option<EndedAs>,
}

impl SummaryFold {
    /// A release without records.
    pub fn new(id: ReleaseId) -> Self {
        Self { release: Release::new(id), seen: None, began: None, last: None, ended: None }
    }

    /// Takes the next record.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] where the record is not the next one, or can't happen to this release.
    pub fn push(&mut self, record: &Record) -> Result<(), ReplayError> {
        self.release.apply(record)?;
        if let Some(seen) = ObservedShare::of(record) {
            self.seen = Some(seen);
        }
        if let Some(change) = EndChange::of(&record.event) {
            self.ended = change.ended();
        }
        self.began = self.began.or(Some(Mark::of(record)));
        self.last = Some(Mark::of(record));
        Ok(())
    }

    /// The release so far.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The summary at a moment; none before the first record. Whether a conductor drives the release, only its record
    /// tells.
    pub fn at(&self, now: Timestamp) -> Option<Summary> {
        self.driven_at(now, Driving::Unknown)
    }

    /// The summary at a moment, by someone who knows whether a conductor drives the release; none before the first record.
    pub fn driven_at(&self, now: Timestamp, driving: Driving) -> Option<Summary> {
        let release = &self.release;
        let (began, last, head) = (self.began?, self.last?, release.head()?);
        let now = now.max(release.last_at());
        let plan = release.plan();
        let phase = release.phase().name();
        let health = Health::of(release, now, driving);
        let left = match phase {
            PhaseName::Unplanned | PhaseName::RollingBack => None,
            ended if ended.is_end() => None,
            _ => Some(bake_left(release)),
        };
        Some(Summary {
            release: release.id().clone(),
            title: plan.map(|plan| plan.title().clone()),
            service: plan.map(|plan| plan.scope().service.clone()),
            kind: plan.map(Plan::kind),
            health,
            phase,
            ended: self.ended,
            step: StepProgress::of(release).map(|step| (step.number, step.of)),
            exposure: release.exposure(),
            seen: self.seen.clone(),
            holds: release.holds().keys().copied().collect(),
            waits_for: release.missing(now).into_iter().next(),
            awaits: Awaited::of(release, now, health),
            left,
            open_post_mortems: release.owed_post_mortems().count() as u64,
            uncovered: phase == PhaseName::Validating && release.cover().is_none(),
            began,
            last,
            head,
        })
    }
}
