use serde::Serialize;

use crate::{
    event::{Event, Record},
    report::facts::{EvaluationNote, EvaluationResult, Heading, History, Undriven, sentence},
    unit::{Actor, Span, Timestamp},
};

/// What happened, record by record.
///
/// As text, runs of looks that found nothing new are one line: `#40–#68  29 looks, all clean, 29m counted`.
/// [`full`](Self::full) writes every record; JSON has every record too.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The release.
    pub heading: Heading,
    /// One entry for each record.
    pub entries: Vec<TimelineEntry>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimelineEntry {
    /// The sequence number of the record.
    pub record: u64,
    /// When.
    pub at: Timestamp,
    /// Who caused it.
    pub by: Actor,
    /// The kind of the event.
    pub kind: &'static str,
    /// What it says.
    pub sentence: String,
    /// For a look, its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<EvaluationNote>,
    /// The time after it in which nobody drove the release, which has no record of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then_undriven: Option<Box<Undriven>>,
}

/// One line of a timeline: a record, or a run of looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimelineRow {
    /// One record.
    One(TimelineEntry),
    /// A time in which nobody drove it. It has no records, and stands where it began.
    Undriven(Undriven),
    /// Several looks at one step, one after the other, none with a breach.
    Looks {
        /// The first record.
        first: u64,
        /// The last record.
        last: u64,
        /// When the first was made.
        from: Timestamp,
        /// When the last was made.
        until: Timestamp,
        /// The step.
        step: u32,
        /// How many looks there are.
        looks: u64,
        /// How many of them rest on too few requests in some criterion.
        too_few: u64,
        /// In how many of them some criterion is over its threshold, which is not proven.
        not_proven: u64,
        /// Whether they could not be measured; all of them or none.
        unmeasured: bool,
        /// How much time counts.
        #[serde(rename = "credit_ms")]
        credit: Span,
    },
}

impl TimelineEntry {
    /// What a record says.
    pub fn of(record: &Record) -> Self {
        let look = match &record.event {
            Event::Evaluated(look) => Some(EvaluationNote::of(look)),
            _ => None,
        };
        Self {
            record: record.seq,
            at: record.at,
            by: record.by.clone(),
            kind: record.event.kind(),
            sentence: sentence(&record.event),
            look,
            then_undriven: None,
        }
    }

    /// What the records that fit say, and when nobody drove the release between them.
    pub(in crate::report) fn all(history: &History<'_>, fits: impl Fn(&Record) -> bool) -> Vec<Self> {
        let mut entries: Vec<Self> =
            history.records.iter().filter(|record| fits(record)).map(Self::of).collect();
        for period in Undriven::all(history) {
            let before = entries.binary_search_by_key(&period.from.record, |entry| entry.record);
            if let Ok(index) = before {
                entries[index].then_undriven = Some(Box::new(period));
            }
        }
        entries
    }
}

impl TimelineRow {
    /// Takes an entry into this row, or gives it back.
    fn absorb(&mut self, entry: TimelineEntry) -> Result<(), TimelineEntry> {
        if let Self::One(one) = self
            && let Some(run) = Self::run_of(one)
        {
            if !run.takes(&entry) {
                return Err(entry);
            }
            *self = run;
        }
        if !self.takes(&entry) {
            return Err(entry);
        }
        let (Self::Looks { last, until, looks, too_few, not_proven, credit, .. }, Some(note)) =
            (self, entry.look)
        else {
            return Err(entry);
        };
        *last = entry.record;
        *until = entry.at;
        *looks += 1;
        *too_few += u64::from(note.result == EvaluationResult::TooFewRequests);
        *not_proven += u64::from(note.result == EvaluationResult::NotProven);
        *credit = *credit + note.credit;
        Ok(())
    }

    /// A run of one look; none for anything else, and none for a look that found a breach.
    fn run_of(entry: &TimelineEntry) -> Option<Self> {
        let note = entry.look?;
        (note.result != EvaluationResult::Breached).then_some(Self::Looks {
            first: entry.record,
            last: entry.record,
            from: entry.at,
            until: entry.at,
            step: note.step,
            looks: 1,
            too_few: u64::from(note.result == EvaluationResult::TooFewRequests),
            not_proven: u64::from(note.result == EvaluationResult::NotProven),
            unmeasured: note.result == EvaluationResult::Unmeasured,
            credit: note.credit,
        })
    }

    fn takes(&self, entry: &TimelineEntry) -> bool {
        match (self, entry.look) {
            (Self::Looks { step, unmeasured, .. }, Some(note)) => {
                note.step == *step
                    && note.result != EvaluationResult::Breached
                    && *unmeasured == (note.result == EvaluationResult::Unmeasured)
            }
            (Self::Looks { .. } | Self::One(_) | Self::Undriven(_), _) => false,
        }
    }
}

impl Timeline {
    /// What happened to a release.
    pub fn of(history: &History<'_>) -> Self {
        Self { heading: Heading::of(history), entries: TimelineEntry::all(history, |_| true) }
    }

    /// The lines of the text form: runs of looks that found nothing new are one row.
    pub fn rows(&self) -> Vec<TimelineRow> {
        collapse(&self.entries)
    }
}

/// Makes runs of looks that found nothing new into one row each.
pub(in crate::report) fn collapse(entries: &[TimelineEntry]) -> Vec<TimelineRow> {
    let mut rows: Vec<TimelineRow> = Vec::new();
    for entry in entries {
        let left = match rows.last_mut() {
            Some(row) => row.absorb(entry.clone()),
            None => Err(entry.clone()),
        };
        if let Err(entry) = left {
            rows.push(TimelineRow::One(entry));
        }
        rows.extend(entry.then_undriven.as_deref().copied().map(TimelineRow::Undriven));
    }
    rows
}
