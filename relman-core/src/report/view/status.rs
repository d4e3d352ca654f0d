//! Where a release is, and why it does not move.

use serde::Serialize;

use crate::{
    chain::Digest,
    event::{Event, Gate},
    machine::{Missing, PhaseName, Release},
    plan::WayBack,
    report::{
        facts::{
            ActionItemReport, Ended, Heading, History, Mark, ObservedShare, OpenHold, OpenPostMortem,
            StepProgress,
        },
        view::Health,
    },
    unit::{Actor, Span, Text, Timestamp, TrafficShare},
};

/// Where a release is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The release.
    pub heading: Heading,
    /// How it is, in one word.
    pub health: Health,
    /// Where it is.
    pub phase: PhaseName,
    /// The step under way.
    pub step: Option<StepProgress>,
    /// The share of the traffic that the new version has, as it was last set or seen.
    #[serde(rename = "exposure_bp")]
    pub exposure: TrafficShare,
    /// What the platform showed when the traffic was last observed; never yet, if absent.
    pub exposure_seen: Option<ObservedShare>,
    /// The verdicts of the last look; none before the first.
    pub last_look: Option<LastEvaluation>,
    /// Up to which share it can be taken back, and what is done instead beyond it; nothing where it always can.
    pub way_back: Option<WayBackStatus>,
    /// What makes it stand still, if anything does.
    pub holds: Vec<OpenHold>,
    /// What it waits for first; nothing, if absent.
    pub waits_for: Option<String>,
    /// Who is on call for it.
    pub cover: Option<CoverStatus>,
    /// Overrides that are in force.
    pub overrides: Vec<OverrideInForce>,
    /// Post-mortems that are not filed yet.
    #[serde(rename = "post_mortems_owed")]
    pub open_post_mortems: Vec<OpenPostMortem>,
    /// Action items that are neither done nor dropped.
    pub open_action_items: Vec<ActionItemReport>,
    /// How many complaints count: those that nobody has withdrawn.
    pub complaints: u64,
    /// The last record; none before the first.
    pub last: Option<LastRecord>,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
}

/// The way back of a change that has none beyond a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WayBackStatus {
    /// What the contract says.
    #[serde(flatten)]
    pub contract: WayBack,
    /// Whether there is none any more.
    pub is_gone: bool,
    /// Whether the step under way is the last one that has one.
    pub is_last_step: bool,
}

impl WayBackStatus {
    fn of(release: &Release) -> Option<Self> {
        let step = release.phase().step().map(|step| step.number);
        let goes = !release.phase().name().is_end() || release.without_way_back().is_some();
        release.way_back().filter(|_| goes).map(|contract| Self {
            contract,
            is_gone: release.without_way_back().is_some(),
            is_last_step: step.is_some_and(|step| release.last_way_back(step).is_some()),
        })
    }
}

/// The verdicts of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastEvaluation {
    /// When, and the record.
    pub mark: Mark,
    /// One sentence for each criterion.
    pub verdicts: Vec<String>,
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CoverStatus {
    /// The person.
    pub person: Actor,
    /// Until when.
    pub until: Timestamp,
}

/// An override that was granted and neither used nor expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OverrideInForce {
    /// The gate.
    pub gate: Gate,
    /// The executive.
    pub by: Actor,
    /// Why.
    pub reason: Text,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The last record of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastRecord {
    /// Which, and when.
    pub mark: Mark,
    /// Its hash: the head of the chain.
    pub head: Digest,
}

impl LastRecord {
    /// None before the first.
    pub(in crate::report) fn of(history: &History<'_>) -> Option<Self> {
        history.records.last().map(|record| Self { mark: Mark::of(record), head: record.digest })
    }
}

impl Status {
    /// Where a release is now.
    pub fn of(history: &History<'_>) -> Self {
        let release = history.release;
        Self {
            heading: Heading::of(history),
            health: Health::of(release, history.now, history.driving),
            phase: release.phase().name(),
            step: StepProgress::of(history.release),
            exposure: release.exposure(),
            exposure_seen: history.records.iter().rev().find_map(ObservedShare::of),
            last_look: last_look(history),
            way_back: WayBackStatus::of(release),
            holds: OpenHold::all(history),
            waits_for: release.missing(history.now).into_iter().next().map(|missing| missing.what),
            cover: release
                .cover()
                .map(|cover| CoverStatus { person: cover.person.clone(), until: cover.until }),
            overrides: release
                .overrides()
                .iter()
                .map(|(gate, entry)| OverrideInForce {
                    gate: *gate,
                    by: entry.by.clone(),
                    reason: entry.reason.clone(),
                    expires_at: entry.expires_at,
                })
                .collect(),
            open_post_mortems: OpenPostMortem::all(history),
            open_action_items: ActionItemReport::all(history)
                .into_iter()
                .filter(|item| item.settled.is_none())
                .collect(),
            complaints: release.counted_complaints(),
            last: LastRecord::of(history),
            ended: history.ended(),
        }
    }
}

fn last_look(history: &History<'_>) -> Option<LastEvaluation> {
    history.records.iter().rev().find_map(|record| match &record.event {
        Event::Evaluated(look) => Some(LastEvaluation {
            mark: Mark::of(record),
            verdicts: look.verdicts.iter().map(ToString::to_string).collect(),
        }),
        _ => None,
    })
}

/// Why a release does not move: what it waits for, what would unblock it, and whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Waiting {
    /// The release.
    pub heading: Heading,
    /// Where it is.
    pub phase: PhaseName,
    /// What it waits for, in the order in which a person would want to know. Empty when nothing is left to do.
    pub missing: Vec<Missing>,
    /// What makes it stand still, if anything does.
    pub holds: Vec<OpenHold>,
    /// The step under way, with the time that is left of it.
    pub step: Option<StepProgress>,
    /// The time it waits for, where it waits for nothing else.
    #[serde(rename = "only_time_ms")]
    pub only_time: Option<Span>,
}

impl Waiting {
    /// Why a release does not move.
    pub fn of(history: &History<'_>) -> Self {
        let missing = history.release.missing(history.now);
        let step = StepProgress::of(history.release);
        // In a step, time is one entry of the list: where it is the only one, nothing else is missing.
        let only_time = step.map(|step| step.left).filter(|left| *left > Span::ZERO && missing.len() == 1);
        Self {
            heading: Heading::of(history),
            phase: history.release.phase().name(),
            missing,
            holds: OpenHold::all(history),
            step,
            only_time,
        }
    }
}
