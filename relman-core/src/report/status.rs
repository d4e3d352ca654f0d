use std::fmt::{self, Write as _};

use serde::Serialize;

use super::{
    Ended, Heading, HeldBy, History, Mark, StepLeft,
    layout::{counted, field, list, time, wrapped},
};
use crate::{
    chain::Digest,
    event::{Event, Gate, ObservedExposure, PostMortemCause, Record},
    machine::{PhaseName, TrafficState},
    unit::{Actor, Span, Text, Timestamp, TrafficShare},
};

/// Where a release is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The release.
    pub heading: Heading,
    /// Where it is.
    pub phase: PhaseName,
    /// The step under way.
    pub step: Option<StepStatus>,
    /// The share of the traffic that the new version has, as it was last set or seen.
    #[serde(rename = "exposure_bp")]
    pub exposure: TrafficShare,
    /// What the platform showed when the traffic was last observed; never yet, if absent.
    pub exposure_seen: Option<ExposureSeen>,
    /// The verdicts of the last look; none before the first.
    pub last_look: Option<LastLook>,
    /// What makes it stand still, if anything does.
    pub holds: Vec<HeldBy>,
    /// What it waits for first; nothing, if absent.
    pub waits_for: Option<String>,
    /// Who is on call for it.
    pub cover: Option<CoverStatus>,
    /// Overrides that are in force.
    pub overrides: Vec<OverrideInForce>,
    /// Post-mortems that are owed.
    pub post_mortems_owed: Vec<OwedPostMortem>,
    /// How many complaints were recorded.
    pub complaints: u64,
    /// The last record; none before the first.
    pub last: Option<LastRecord>,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
}

/// How far the step under way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StepStatus {
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
    /// How many looks were taken.
    pub looks: u64,
    /// When it began.
    pub started_at: Timestamp,
}

/// What the platform showed when the traffic was last observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExposureSeen {
    /// The share of the new version; absent where the platform could not tell.
    #[serde(rename = "share_bp")]
    pub share: Option<TrafficShare>,
    /// What the platform said, or why it could not tell.
    pub detail: Option<Text>,
    /// When, and the record.
    pub mark: Mark,
}

/// The verdicts of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastLook {
    /// When, and the record.
    pub mark: Mark,
    /// One sentence for each criterion.
    pub verdicts: Vec<String>,
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoverStatus {
    /// The person.
    pub person: Actor,
    /// Until when.
    pub until: Timestamp,
}

/// An override that was granted and neither used nor expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// A post-mortem that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwedPostMortem {
    /// Its number, from 1.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// Since when, and the record.
    pub since: Mark,
}

/// The last record of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LastRecord {
    /// Which, and when.
    pub mark: Mark,
    /// Its hash: the head of the chain.
    pub head: Digest,
}

impl Status {
    /// Where a release is now.
    pub fn of(history: &History<'_>) -> Self {
        let release = history.release;
        Self {
            heading: Heading::of(history),
            phase: release.phase().name(),
            step: step(history),
            exposure: release.exposure(),
            exposure_seen: history.records.iter().rev().find_map(exposure_seen),
            last_look: last_look(history),
            holds: HeldBy::all(history),
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
            post_mortems_owed: owed(history),
            complaints: release.complaints().len() as u64,
            last: history
                .records
                .last()
                .map(|record| LastRecord { mark: Mark::of(record), head: record.digest }),
            ended: history.ended(),
        }
    }

    /// The status in one line of at most 100 columns, for lists, prompts and chat.
    pub fn one_line(&self) -> String {
        let drill = if self.heading.is_drill() { "DRILL " } else { "" };
        let mut line = format!("{drill}{}: {}", self.heading.release, self.phase);
        if let Some(step) = self.step {
            let StepStatus { number, of, share, bake, baked, .. } = step;
            // Writing to a string does not fail.
            let _ = write!(line, ", step {number} of {of} at {share}, {baked} of {bake}");
        }
        if self.phase == PhaseName::Validating && self.cover.is_none() {
            line.push_str(", NOBODY ON CALL");
        }
        if let Some(hold) = self.holds.first() {
            let _ = write!(line, ", HELD: {}", hold.reason);
        } else if self.step.is_none()
            && let Some(waits_for) = &self.waits_for
        {
            let _ = write!(line, ", waits for {waits_for}");
        }
        let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if plain.chars().count() <= super::layout::WIDTH {
            return plain;
        }
        plain.chars().take(super::layout::WIDTH - 1).chain(['…']).collect()
    }
}

fn step(history: &History<'_>) -> Option<StepStatus> {
    let left = StepLeft::of(history)?;
    let step = history.release.phase().step()?;
    Some(StepStatus {
        number: step.number,
        of: left.of,
        share: step.share,
        traffic_is_set: match step.traffic {
            TrafficState::Requested => false,
            TrafficState::Set { .. } => true,
        },
        bake: step.bake,
        baked: step.baked,
        looks: step.looks,
        started_at: step.started_at,
    })
}

/// What a record says about where the traffic was seen.
pub(super) fn exposure_seen(record: &Record) -> Option<ExposureSeen> {
    let (share, detail) = match &record.event {
        Event::LookTaken(look) => match &look.exposure {
            ObservedExposure::Seen { share_bp } => (Some(*share_bp), None),
            ObservedExposure::Unknown { detail } => (None, Some(detail.clone())),
        },
        Event::TrafficDrifted(drifted) => (Some(drifted.observed), None),
        Event::ZeroTrafficObserved(zero) => (Some(TrafficShare::ZERO), Some(zero.detail.clone())),
        Event::RollbackUnconfirmed(unconfirmed) => (None, Some(unconfirmed.detail.clone())),
        _ => return None,
    };
    Some(ExposureSeen { share, detail, mark: Mark::of(record) })
}

fn last_look(history: &History<'_>) -> Option<LastLook> {
    history.records.iter().rev().find_map(|record| match &record.event {
        Event::LookTaken(look) => Some(LastLook {
            mark: Mark::of(record),
            verdicts: look.verdicts.iter().map(ToString::to_string).collect(),
        }),
        _ => None,
    })
}

fn owed(history: &History<'_>) -> Vec<OwedPostMortem> {
    history
        .release
        .owed_post_mortems()
        .filter_map(|owed| {
            let opened = history.last(
                |event| matches!(event, Event::PostMortemOpened(opened) if opened.number == owed.number),
            )?;
            Some(OwedPostMortem { number: owed.number, about: owed.about.clone(), since: Mark::of(opened) })
        })
        .collect()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Status")?;
        field(f, "phase", &self.phase.to_string())?;
        if let Some(ended) = self.ended {
            field(f, "ended", &format!("{} {}", ended.how, ended.mark))?;
        }
        if let Some(step) = self.step {
            let StepStatus { number, of, share, bake, baked, looks, started_at, .. } = step;
            let looks = counted(looks, "look", "looks");
            let text = format!(
                "{number} of {of}, at {share}: {baked} of {bake} observed, {looks}, since {}",
                time(started_at)
            );
            field(f, "step", &text)?;
        }
        self.write_exposure(f)?;
        for hold in &self.holds {
            f.write_str("\n")?;
            hold.write(f, self.heading.as_of)?;
        }
        if let Some(look) = &self.last_look {
            writeln!(f, "\nLast look {}", look.mark)?;
            look.verdicts.iter().try_for_each(|verdict| wrapped(f, "  - ", verdict))?;
        }
        f.write_str("\n")?;
        self.write_people(f)?;
        match self.last {
            Some(last) => {
                field(f, "last record", &last.mark.to_string())?;
                field(f, "head", &last.head.to_string())
            }
            None => field(f, "last record", "none"),
        }
    }
}

impl Status {
    fn write_exposure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.step {
            Some(step) if !step.traffic_is_set => format!(", {} asked for", step.share),
            Some(_) | None => String::new(),
        };
        field(f, "traffic set", &format!("{}{state}", self.exposure))?;
        let seen = match &self.exposure_seen {
            Some(ExposureSeen { share: Some(share), mark, .. }) => format!("{share} {mark}"),
            Some(ExposureSeen { share: None, detail, mark }) => {
                let why = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
                format!("unknown {mark}{why}")
            }
            None => "never yet".to_owned(),
        };
        field(f, "traffic seen", &seen)
    }

    fn write_people(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.waits_for {
            Some(waits_for) => field(f, "waits for", waits_for)?,
            None => field(f, "waits for", "nothing")?,
        }
        match &self.cover {
            Some(cover) => field(f, "on call", &format!("{} until {}", cover.person, time(cover.until)))?,
            None => field(f, "on call", "nobody")?,
        }
        for entry in &self.overrides {
            let until = time(entry.expires_at);
            let text = format!("the {} gate by {}, until {until}: {}", entry.gate, entry.by, entry.reason);
            field(f, "override", &text)?;
        }
        if self.complaints > 0 {
            field(f, "complaints", &self.complaints.to_string())?;
        }
        let owed = self
            .post_mortems_owed
            .iter()
            .map(|owed| format!("{} on {}, since {}", owed.number, owed.about, owed.since));
        list(f, "owed", owed.map(|text| format!("post-mortem {text}")))
    }
}
