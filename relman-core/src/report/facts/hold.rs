//! The times in which a release stood still.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{Event, HoldCause, HoldPlaced, Record},
    report::facts::{History, Mark},
    unit::{Actor, Span, Text, Timestamp},
};

/// A time in which a release stood still for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HoldPeriod {
    /// What kind of reason.
    pub cause: HoldCause,
    /// Why, in the words of the last record that places it.
    pub reason: Text,
    /// What would unblock it, or would have.
    pub unblocked_by: Text,
    /// Who placed it.
    pub by: Actor,
    /// Since when, and the record.
    pub from: Mark,
    /// When patience ends and the release is rolled back; never, if absent.
    pub roll_back_at: Option<Timestamp>,
    /// Until when, and the record; still held, if absent.
    pub until: Option<Mark>,
    /// How it ended, or that it has not.
    pub end: HoldEnd,
    /// Who ended it.
    pub ended_by: Option<Actor>,
    /// Why it ended; none where a rollback or the end of the release ended it.
    pub released: Option<Text>,
    /// How long, up to now where it has not ended.
    #[serde(rename = "lasted_ms")]
    pub lasted: Span,
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldEnd {
    /// It has not.
    Standing,
    /// It was released, by a person or because its reason was gone.
    Released,
    /// The release was rolled back.
    RolledBack,
    /// The release was completed.
    Completed,
    /// The release was aborted.
    Aborted,
}

impl fmt::Display for HoldEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Standing => "still held",
            Self::Released => "released",
            Self::RolledBack => "the release was rolled back",
            Self::Completed => "the release was completed",
            Self::Aborted => "the release was aborted",
        })
    }
}

impl HoldPeriod {
    /// Every hold of a release, in the order in which they began.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let mut periods: Vec<Self> = Vec::new();
        for record in history.records {
            match &record.event {
                Event::HoldPlaced(placed) => match Self::open(&mut periods, placed.cause) {
                    Some(period) => period.place_again(placed),
                    None => periods.push(Self::begun(record, placed)),
                },
                Event::HoldReleased(released) => {
                    if let Some(period) = Self::open(&mut periods, released.cause) {
                        period.end(record, HoldEnd::Released);
                        period.released = Some(Text::of(&released.reason.to_string()));
                    }
                }
                Event::RollbackStarted(_) => Self::end_all(&mut periods, record, HoldEnd::RolledBack),
                Event::ReleaseCompleted(_) => Self::end_all(&mut periods, record, HoldEnd::Completed),
                Event::ReleaseAborted(_) => Self::end_all(&mut periods, record, HoldEnd::Aborted),
                _ => {}
            }
        }
        for period in periods.iter_mut().filter(|period| period.until.is_none()) {
            period.lasted = history.now.since(period.from.at);
        }
        periods
    }

    fn open(periods: &mut [Self], cause: HoldCause) -> Option<&mut Self> {
        periods.iter_mut().find(|period| period.until.is_none() && period.cause == cause)
    }

    fn begun(record: &Record, placed: &HoldPlaced) -> Self {
        Self {
            cause: placed.cause,
            reason: Text::of(&placed.reason.to_string()),
            unblocked_by: Text::of(placed.reason.unblocked_by()),
            by: record.by.clone(),
            from: Mark::of(record),
            roll_back_at: placed.roll_back_at,
            until: None,
            end: HoldEnd::Standing,
            ended_by: None,
            released: None,
            lasted: Span::ZERO,
        }
    }

    /// A hold that is placed again, with other words or less patience, is still the same hold.
    fn place_again(&mut self, placed: &HoldPlaced) {
        self.reason = Text::of(&placed.reason.to_string());
        self.unblocked_by = Text::of(placed.reason.unblocked_by());
        self.roll_back_at = placed.roll_back_at;
    }

    fn end_all(periods: &mut [Self], record: &Record, end: HoldEnd) {
        periods.iter_mut().filter(|period| period.until.is_none()).for_each(|period| period.end(record, end));
    }

    fn end(&mut self, record: &Record, end: HoldEnd) {
        self.until = Some(Mark::of(record));
        self.lasted = record.at.since(self.from.at);
        self.end = end;
        self.ended_by = Some(record.by.clone());
    }

    /// Why it ended, in words: the reason of whoever released it, or what became of the release.
    pub fn ended_because(&self) -> String {
        match (&self.end, &self.released) {
            (HoldEnd::Released, Some(reason)) => reason.to_string(),
            (end, _) => end.to_string(),
        }
    }
}

/// A hold that keeps the release where it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenHold {
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
    /// When patience ends and the release is rolled back; never, if absent.
    pub roll_back_at: Option<Timestamp>,
}

impl OpenHold {
    /// What holds a release now, in the order in which what it waits for names holds.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let mut open: Vec<HoldPeriod> = HoldPeriod::all(history);
        open.retain(|period| period.until.is_none());
        open.sort_by_key(|period| period.cause);
        open.into_iter()
            .map(|period| Self {
                cause: period.cause,
                reason: period.reason,
                unblocked_by: period.unblocked_by,
                by: period.by,
                since: period.from,
                // Where there is no way back, the end of patience pages and nothing else.
                roll_back_at: period.roll_back_at.filter(|_| history.release.without_way_back().is_none()),
            })
            .collect()
    }
}
