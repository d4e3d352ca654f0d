use std::fmt;

use serde::Serialize;

use super::{
    Mark,
    layout::{field, time},
};
use crate::{
    event::{ContractBreached, Event, HoldCause, Record, RollbackStarted, RollbackTrigger},
    unit::{Span, Timestamp},
};

/// How long it took to notice that something is wrong, to decide, and to revert.
///
/// - **to detect**: from the moment at which it is likely to have begun to the record that shows it: the breach, the hold
///   for missing data, or the person's decision;
/// - **to decide**: from there to the rollback;
/// - **to revert**: from there to traffic at zero, confirmed by observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RollbackTimes {
    /// When it is likely to have begun, as far as the record says: the likely start of the regression where evidence
    /// was weighed, the beginning of the first look that the trigger rests on, or the first complaint. Nobody knows, if absent.
    pub began: Option<Timestamp>,
    /// When it was noticed, and the record.
    pub detected: Mark,
    /// How long that took.
    #[serde(rename = "detect_ms")]
    pub detect: Option<Span>,
    /// From there to the rollback.
    #[serde(rename = "decide_ms")]
    pub decide: Span,
    /// From there to traffic confirmed at zero; not yet, if absent.
    #[serde(rename = "revert_ms")]
    pub revert: Option<Span>,
}

impl RollbackTimes {
    /// The times of a rollback, with the place among the records before it at which its story begins.
    pub(super) fn of(before: &[Record], story: usize, record: &Record, started: &RollbackStarted) -> Self {
        let told = &before[story..];
        let last = |fits: fn(&Event) -> bool| told.iter().rev().find(|record| fits(&record.event));
        let (began, detected) = match &started.trigger {
            RollbackTrigger::Criterion { .. } => {
                let breach = last(|event| matches!(event, Event::ContractBreached(_)));
                let likely = breach.and_then(likely_start);
                (likely.or_else(|| told.first().map(|first| begin(before, first))), breach)
            }
            RollbackTrigger::Unmeasured { .. } => {
                let hold = told.iter().find(|record| {
                    matches!(&record.event, Event::HoldPlaced(placed) if placed.cause == HoldCause::Unmeasured)
                });
                let look = last(|event| matches!(event, Event::LookTaken(_)));
                (told.first().map(|first| begin(before, first)), hold.or(look))
            }
            RollbackTrigger::Manual { .. } => (None, None),
        };
        let (detected, started) = (Mark::of(detected.unwrap_or(record)), Mark::of(record));
        Self {
            began,
            detected,
            detect: began.map(|began| detected.at.since(began)),
            decide: started.at.since(detected.at),
            revert: None,
        }
    }

    /// From the likely beginning, or from when it was noticed, to traffic confirmed at zero.
    pub fn in_all(&self) -> Option<Span> {
        self.revert.map(|revert| self.detect.unwrap_or(Span::ZERO) + self.decide + revert)
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nHow long it took\n")?;
        let detect = match (self.detect, self.began) {
            (Some(detect), Some(began)) => {
                format!("{detect}, from {} to {}", time(began), self.detected)
            }
            (Some(_) | None, _) => format!("not known; noticed {}", self.detected),
        };
        field(f, "to detect", &detect)?;
        field(f, "to decide", &self.decide.to_string())?;
        field(f, "to revert", &self.revert.map_or_else(|| "NOT YET".to_owned(), |revert| revert.to_string()))
    }
}

/// When a regression is likely to have begun, where evidence was weighed.
fn likely_start(breach: &Record) -> Option<Timestamp> {
    match &breach.event {
        Event::ContractBreached(ContractBreached { verdict }) => {
            verdict.strength.and_then(|strength| strength.since)
        }
        _ => None,
    }
}

/// When what a record shows began: a look shows its window, and a complaint that is one too many began with the first.
fn begin(before: &[Record], record: &Record) -> Timestamp {
    match &record.event {
        Event::LookTaken(look) => look.window.from,
        Event::ComplaintRecorded(_) => {
            let first = before.iter().find(|record| matches!(record.event, Event::ComplaintRecorded(_)));
            first.map_or(record.at, |first| first.at)
        }
        _ => record.at,
    }
}
