//! Whether anybody drives a release, as far as its record tells.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{Event, Record},
    machine::{Phase, Release, RollbackState, SessionConfig, TrafficState},
    report::facts::{History, Mark, time, whole},
    unit::{Actor, Span, Timestamp},
};

/// Whether a conductor drives a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Driving {
    /// One does.
    Driven,
    /// None does.
    Undriven,
    /// Nobody has said. The record shows it late: by evaluations that are long overdue.
    #[default]
    Unknown,
}

/// Since when the record is silent although an evaluation or an observation is long overdue. A conductor records what it
/// finds even where it can measure nothing, so that a silent record has none.
pub(in crate::report) fn silent_since(release: &Release, now: Timestamp) -> Option<Timestamp> {
    let last = release.last_at();
    let (expected, every) = match release.phase() {
        Phase::Releasing(_) | Phase::Validating(_) => {
            let TrafficState::Set { looked_until } = release.phase().step()?.traffic else { return None };
            let every = release.track()?.1.look_every();
            (looked_until + every, every)
        }
        Phase::RollingBack(rollback) => match rollback.state {
            RollbackState::Confirming { next_at, .. } => {
                (next_at, release.policy().map(|policy| policy.rollback().confirm_every)?)
            }
            RollbackState::Requested | RollbackState::Confirmed { .. } => return None,
        },
        _ => return None,
    };
    (now > expected + patience(every) && now > last + patience(every)).then_some(last)
}

/// A time in which nobody drove a release: nothing was measured, and nothing would have been rolled back.
///
/// A conductor records what it finds even where it can measure nothing. An evaluation that had to look back over more
/// than its interval, and over the time that a call may take, shows that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Undriven {
    /// The last record before.
    pub from: Mark,
    /// The first evaluation after, and its record; still so, if absent.
    pub until: Option<Mark>,
    /// The step, from 1; none during a rollback.
    pub step: Option<u32>,
    /// How long, up to now where nobody drives it yet.
    #[serde(rename = "lasted_ms")]
    pub lasted: Span,
}

/// `NOBODY DROVE IT for 31m, until 2026-11-23 09:31:00Z`.
impl fmt::Display for Undriven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(
                f,
                "NOBODY DROVE IT for {}, until {}: nothing was measured",
                whole(self.lasted),
                time(until.at)
            ),
            None => write!(f, "NOBODY IS DRIVING IT for {} now: nothing is measured", whole(self.lasted)),
        }
    }
}

impl Undriven {
    /// Every such time, in order.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let Some((_, track)) = history.release.track() else { return Vec::new() };
        let longest = patience(track.look_every());
        let mut periods = Vec::new();
        let mut before: Option<&Record> = None;
        for record in history.records {
            if let (Event::Evaluated(look), Some(before)) = (&record.event, before)
                && look.window.length() > longest
                && record.at.since(before.at) > longest
            {
                let (from, until) = (Mark::of(before), Mark::of(record));
                let lasted = until.at.since(from.at);
                periods.push(Self { from, until: Some(until), step: Some(look.step), lasted });
            }
            // What people do needs no conductor.
            if record.by == Actor::relman() {
                before = Some(record);
            }
        }
        if let (Some(since), Some(last)) = (silent_since(history.release, history.now), before) {
            periods.push(Self {
                from: Mark::of(last),
                until: None,
                step: history.release.phase().step().map(|step| step.number),
                lasted: history.now.since(since),
            });
        }
        periods
    }
}

/// How long after its time an evaluation is overdue beyond doubt: as much again, and the time that a call may take.
fn patience(every: Span) -> Span {
    every + SessionConfig::default().call_time
}
