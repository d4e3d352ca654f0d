use std::sync::Arc;

use relman_core::{
    chain::{Head, SealedLine},
    event::{Event, Record, RecordError},
    machine::{Release, ReplayError},
};

use super::Flaw;
use crate::fault::{AppendFate, Fault, Schedule};

/// One stream in memory: its bytes, and the records that were read from exactly these bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct VirtualJournal {
    lines: Vec<Arc<[u8]>>,
    records: Vec<Arc<Record>>,
    /// How often somebody has tried to append.
    attempts: u32,
    /// What is wrong with whoever appends.
    flaw: Option<Flaw>,
}

/// How an append ended.
pub(super) enum Appended {
    /// The records are stored.
    Stored,
    /// Somebody else was first, and nothing is stored.
    Conflict,
    /// The journal failed. Whoever appended does not know whether the records are stored.
    Failed,
}

impl VirtualJournal {
    pub(super) fn used_by(flaw: Option<Flaw>) -> Self {
        Self { flaw, ..Self::default() }
    }

    /// Appends to a stream whose head is `expected`, as the schedule has it.
    pub(super) fn append(
        &mut self,
        faults: &Schedule,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Appended, RecordError> {
        self.attempts = self.attempts.saturating_add(1);
        let fate = faults.faults.iter().find_map(|fault| match fault {
            Fault::Append { nth, fate, .. } if *nth == self.attempts => Some(*fate),
            _ => None,
        });
        if fate == Some(AppendFate::BeforeDurable) {
            return Ok(Appended::Failed);
        }
        if self.head() != expected {
            return Ok(Appended::Conflict);
        }
        for line in lines {
            let record = Record::read(line.bytes())?;
            match self.flaw {
                Some(Flaw::ClosesInMemory) if matches!(record.event, Event::ReleaseClosed(_)) => {}
                Some(Flaw::RewritesLines) => self.lines.push([line.bytes(), b" "].concat().into()),
                _ => self.lines.push(line.bytes().into()),
            }
            self.records.push(Arc::new(record));
        }
        Ok(match fate {
            Some(AppendFate::AfterDurable) => Appended::Failed,
            Some(AppendFate::BeforeDurable) | None => Appended::Stored,
        })
    }

    pub(super) fn head(&self) -> Option<Head> {
        self.records.last().map(|record| record.head())
    }

    pub(super) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|line| &**line)
    }

    pub(super) fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// Folds what a release does not know yet.
    pub(super) fn refresh(&self, release: &mut Release) -> Result<(), ReplayError> {
        let known = release.head().map_or(0, |head| head.seq + 1);
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        self.records.iter().skip(known).try_for_each(|record| release.apply(record))
    }
}
