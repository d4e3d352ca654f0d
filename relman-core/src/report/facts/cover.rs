//! On-call cover: who had it, and when nobody did.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{Event, Record},
    report::facts::{History, Mark},
    unit::{Actor, Span, Timestamp},
};

/// A time in which one person was on call for a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CoverPeriod {
    /// The person.
    pub person: Actor,
    /// Since when, and the record.
    pub from: Mark,
    /// Until when it was acknowledged, the last time.
    pub until: Timestamp,
    /// When it ended, and the record; still on, if absent.
    pub ended: Option<Mark>,
    /// How it ended, or that it has not.
    pub end: CoverEnd,
}

/// How on-call cover by one person ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverEnd {
    /// It has not.
    Running,
    /// Another person took over.
    HandedOver,
    /// Nobody did: the release was without cover from then on.
    Lapsed,
    /// The release did not need it any more.
    NotNeeded,
}

impl fmt::Display for CoverEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "still on call",
            Self::HandedOver => "handed over",
            Self::Lapsed => "LAPSED",
            Self::NotNeeded => "until the end",
        })
    }
}

impl CoverPeriod {
    /// Who was on call, in the order of the records.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let mut periods: Vec<Self> = Vec::new();
        for record in history.records {
            let mark = Mark::of(record);
            match &record.event {
                Event::OnCallAcknowledged(acknowledged) => {
                    match periods.last_mut().filter(|period| period.ended.is_none()) {
                        Some(period) if period.person == record.by => period.until = acknowledged.until,
                        Some(_) | None => {
                            Self::close(&mut periods, mark, CoverEnd::HandedOver);
                            periods.push(Self::begun(record, acknowledged.until));
                        }
                    }
                }
                Event::OnCallHandedOver(handed_over) => {
                    Self::close(&mut periods, mark, CoverEnd::HandedOver);
                    periods.push(Self::begun(record, handed_over.until));
                }
                Event::CoverLapsed(_) => Self::close(&mut periods, mark, CoverEnd::Lapsed),
                Event::RollbackStarted(_) | Event::ReleaseCompleted(_) | Event::ReleaseAborted(_) => {
                    Self::close(&mut periods, mark, CoverEnd::NotNeeded);
                }
                _ => {}
            }
        }
        periods
    }

    fn begun(record: &Record, until: Timestamp) -> Self {
        let (person, from) = (record.by.clone(), Mark::of(record));
        Self { person, from, until, ended: None, end: CoverEnd::Running }
    }

    fn close(periods: &mut [Self], mark: Mark, end: CoverEnd) {
        if let Some(period) = periods.last_mut().filter(|period| period.ended.is_none()) {
            period.ended = Some(mark);
            period.end = end;
        }
    }

    /// When it covered no longer. A lapse is recorded at the next evaluation, which may be later than the cover's end.
    fn covered_until(&self) -> Timestamp {
        self.ended.map_or(self.until, |ended| ended.at.min(self.until))
    }
}

/// A part of the validation in which one person was on call, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CoverSlot {
    /// Who; nobody, if absent.
    pub person: Option<Actor>,
    /// From when on.
    pub from: Timestamp,
    /// Until when, or until now.
    pub until: Timestamp,
    /// The record that began it.
    pub record: u64,
}

impl CoverSlot {
    /// The time from a record to a moment without gaps: slots with cover, and between them those without.
    pub(in crate::report) fn between(periods: &[CoverPeriod], from: Mark, until: Timestamp) -> Vec<Self> {
        let mut slots: Vec<Self> = Vec::new();
        let (mut reached, mut record) = (from.at, from.record);
        let gap = |from: Timestamp, until: Timestamp, record| Self { person: None, from, until, record };
        for period in periods {
            let (start, end) = (period.from.at.max(from.at), period.covered_until().min(until));
            if end <= start {
                continue;
            }
            if start > reached {
                slots.push(gap(reached, start, record));
            }
            let person = Some(period.person.clone());
            slots.push(Self { person, from: start, until: end, record: period.from.record });
            // Where nobody has recorded the end of the cover yet, the record that says until when it lasts has to do.
            (reached, record) = (end, period.ended.map_or(period.from.record, |ended| ended.record));
        }
        if reached < until {
            slots.push(gap(reached, until, record));
        }
        slots
    }

    /// How long nobody was on call.
    pub(in crate::report) fn uncovered(slots: &[Self]) -> Span {
        let gaps = slots.iter().filter(|slot| slot.person.is_none());
        gaps.fold(Span::ZERO, |sum, slot| sum + slot.until.since(slot.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-23T08:{minute:02}:00.000Z").parse().unwrap()
    }

    fn period(person: &str, from: u32, until: u32, ended: Option<u32>) -> CoverPeriod {
        CoverPeriod {
            person: person.parse().unwrap(),
            from: Mark { record: u64::from(from), at: at(from) },
            until: at(until),
            ended: ended.map(|minute| Mark { record: u64::from(minute), at: at(minute) }),
            end: CoverEnd::Running,
        }
    }

    #[test]
    fn slots_leave_no_time_out() {
        // Acknowledged before the validation began, lapsed, which was recorded late, taken up again and handed over.
        let periods = [
            period("user:olu", 0, 10, Some(12)),
            period("user:ana", 20, 50, Some(30)),
            period("user:ben", 30, 40, None),
        ];
        let slots = CoverSlot::between(&periods, Mark { record: 5, at: at(5) }, at(45));
        let shown: Vec<(Option<String>, Timestamp, Timestamp, u64)> = slots
            .iter()
            .map(|slot| (slot.person.as_ref().map(ToString::to_string), slot.from, slot.until, slot.record))
            .collect();
        let who = |person: &str| Some(person.to_owned());
        assert_eq!(
            shown,
            [
                (who("user:olu"), at(5), at(10), 0),
                (None, at(10), at(20), 12),
                (who("user:ana"), at(20), at(30), 20),
                (who("user:ben"), at(30), at(40), 30),
                (None, at(40), at(45), 30),
            ]
        );
        assert_eq!(CoverSlot::uncovered(&slots), Span::from_minutes(15));
    }

    #[test]
    fn without_any_cover_all_of_the_time_is_one_gap() {
        let slots = CoverSlot::between(&[], Mark { record: 5, at: at(5) }, at(45));
        assert_eq!(slots.len(), 1);
        assert_eq!(CoverSlot::uncovered(&slots), Span::from_minutes(40));
    }
}
