use std::sync::Arc;

use relman_core::{
    event::Record,
    machine::{Action, Refusal, Release},
    port::Notification,
    unit::{Actor, Span, Timestamp},
};

use crate::world::{Happening, SimulatedPlatform, fault::Schedule, team::Diligence};

/// How a run ended, and everything that it left behind.
#[derive(Debug)]
pub struct Run {
    /// The release at the end.
    pub release: Release,
    /// Its records.
    pub records: Vec<Record>,
    /// The same as they would be stored: one line each, without line feeds.
    pub lines: Vec<Vec<u8>>,
    /// What people were told.
    pub sent: Vec<Notification>,
    /// What people wanted and the core refused, each repetition once.
    pub refused: Vec<Refused>,
    /// Calls that did not end exactly once, each in a sentence.
    pub loose_ends: Vec<String>,
    /// Why it is over.
    pub ending: Ending,
    /// When it was over, by the platform's clock.
    pub ended_at: Timestamp,
    /// The platform, as the run left it.
    pub platform: Arc<SimulatedPlatform>,
    /// What really happened on it, in one order with the records.
    pub happened: Vec<Happening>,
    /// What was to go wrong.
    pub faults: Schedule,
    /// Whether the people did their part.
    pub diligence: Diligence,
}

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The release is closed.
    Closed,
    /// Nothing is due any more, and people do nothing.
    Stalled,
    /// The longest time has passed.
    OutOfTime,
}

/// A command that the core refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What they wanted.
    pub action: Action,
    /// Why not.
    pub refusal: Refusal,
}

impl Run {
    /// How much virtual time lies between the first record and the last.
    pub fn took(&self) -> Span {
        match (self.records.first(), self.records.last()) {
            (Some(first), Some(last)) => last.at.since(first.at),
            _ => Span::ZERO,
        }
    }

    /// The kinds of the records, in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.records.iter().map(|record| record.event.kind()).collect()
    }

    /// How many records of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.records.iter().filter(|record| record.event.kind() == kind).count()
    }
}
