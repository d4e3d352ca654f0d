use std::fmt;

use serde::Serialize;

use super::{
    Heading, History, Mark,
    layout::{field, time, wrapped},
};
use crate::{
    event::{Event, HoldCause},
    machine::{Missing, PhaseName},
    unit::{Actor, Span, Text, Timestamp, TrafficShare},
};

/// Why a release does not move: what it waits for, what would unblock it, and whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The release.
    pub heading: Heading,
    /// Where it is.
    pub phase: PhaseName,
    /// What it waits for, in the order in which a person would want to know. Empty when nothing is left to do.
    pub missing: Vec<Missing>,
    /// What makes it stand still, if anything does.
    pub holds: Vec<HeldBy>,
    /// The step under way, with the time that is left of it.
    pub step: Option<StepLeft>,
    /// The time it waits for, where it waits for nothing else.
    #[serde(rename = "only_time_ms")]
    pub only_time: Option<Span>,
}

/// A reason to stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBy {
    /// What kind of reason.
    pub cause: HoldCause,
    /// Why.
    pub reason: Text,
    /// What would unblock it.
    pub unblocked_by: Text,
    /// Who placed it.
    pub by: Actor,
    /// Since when, and the record.
    pub since: Mark,
    /// When patience ends and the release is rolled back; never by itself, if absent.
    pub roll_back_at: Option<Timestamp>,
}

/// The time that is left of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StepLeft {
    /// The number of the step, from 1.
    pub number: u32,
    /// How many steps there are.
    pub of: u32,
    /// The share of the traffic that the new version is to have.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// How long the step has to be observed.
    #[serde(rename = "bake_ms")]
    pub bake: Span,
    /// How long it was observed so far.
    #[serde(rename = "baked_ms")]
    pub baked: Span,
    /// What is left.
    #[serde(rename = "left_ms")]
    pub left: Span,
}

impl StepLeft {
    pub(super) fn of(history: &History<'_>) -> Option<Self> {
        let step = history.release.phase().step()?;
        let (_, track) = history.release.track()?;
        Some(Self {
            number: step.number,
            of: u32::try_from(track.steps().len()).unwrap_or(u32::MAX),
            share: step.share,
            bake: step.bake,
            baked: step.baked,
            left: step.bake.saturating_sub(step.baked),
        })
    }
}

impl HeldBy {
    /// What makes a release stand still now, with the records that say so.
    pub(super) fn all(history: &History<'_>) -> Vec<Self> {
        let record_of = |cause: HoldCause| {
            history.last(|event| matches!(event, Event::HoldPlaced(placed) if placed.cause == cause))
        };
        let holds = history.release.holds().iter();
        holds
            .filter_map(|(cause, hold)| {
                Some(Self {
                    cause: *cause,
                    reason: hold.reason.clone(),
                    unblocked_by: hold.unblocked_by.clone(),
                    by: hold.by.clone(),
                    since: Mark::of(record_of(*cause)?),
                    roll_back_at: hold.roll_back_at,
                })
            })
            .collect()
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, now: Timestamp) -> fmt::Result {
        field(f, "held", &format!("since {} ({}) by {}", self.since, now.since(self.since.at), self.by))?;
        field(f, "because", self.reason.as_str())?;
        field(f, "goes on when", self.unblocked_by.as_str())?;
        match self.roll_back_at {
            Some(at) => field(f, "or goes back", &format!("by itself at {}, in {}", time(at), at.since(now))),
            None => Ok(()),
        }
    }
}

impl Waiting {
    /// Why a release does not move.
    pub fn of(history: &History<'_>) -> Self {
        let missing = history.release.missing(history.now);
        let step = StepLeft::of(history);
        // In a step, time is one entry of the list: where it is the only one, nothing else is missing.
        let only_time = step.map(|step| step.left).filter(|left| *left > Span::ZERO && missing.len() == 1);
        Self {
            heading: Heading::of(history),
            phase: history.release.phase().name(),
            missing,
            holds: HeldBy::all(history),
            step,
            only_time,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "What stands in the way")?;
        field(f, "phase", &self.phase.to_string())?;
        if let Some(step) = self.step {
            let StepLeft { number, of, share, bake, baked, left } = step;
            let text = format!("{number} of {of}, at {share}: {baked} of {bake} observed, {left} left");
            field(f, "step", &text)?;
        }
        // Holds stand first in the list of what is missing, in the same order.
        for (hold, missing) in self.holds.iter().zip(&self.missing) {
            f.write_str("\n")?;
            hold.write(f, self.heading.as_of)?;
            field(f, "whose turn", &missing.turn.to_string())?;
        }
        f.write_str("\n")?;
        let others = self.missing.get(self.holds.len()..).unwrap_or_default();
        match self.only_time {
            Some(left) => return wrapped(f, "", &format!("It waits for nothing but time: {left}.")),
            None if self.missing.is_empty() => return f.write_str("It waits for nothing.\n"),
            None if others.is_empty() => return f.write_str("It waits for nothing else.\n"),
            None if self.holds.is_empty() => f.write_str("It waits for\n")?,
            None => f.write_str("It also waits for\n")?,
        }
        for missing in others {
            wrapped(f, "  - ", &missing.what)?;
            wrapped(f, "      ", &format!("{}: {}", missing.turn, missing.unblocked_by))?;
        }
        Ok(())
    }
}
