use std::sync::Arc;

use relman_core::{
    chain::{Head, SealedLine},
    event::{Event, Record, RecordError},
    machine::{Append, Release, ReplayError},
};

use super::Flaw;
use crate::world::fault::{AppendFate, Fault, Schedule};

/// One stream in memory: its bytes, and the records that were read from exactly these bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct VirtualJournal {
    lines: Vec<Arc<[u8]>>,
    records: Vec<Arc<Record>>,
    /// What the records amount to, from which the verdicts follow that an evaluation leaves out.
    reader: Option<Release>,
    /// How often somebody has tried to append.
    attempts: u32,
    /// What is wrong with whoever appends.
    flaw: Option<Flaw>,
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
        urgent: bool,
    ) -> Result<Append, RecordError> {
        self.attempts = self.attempts.saturating_add(1);
        let fate = faults.faults.iter().find_map(|fault| match fault {
            Fault::Append { nth, times, fate } if Fault::hits(*nth, *times, self.attempts) => Some(*fate),
            _ => None,
        });
        let failed = |detail: &str, full| Append::Unknown { detail: detail.to_owned(), full };
        match fate {
            Some(AppendFate::BeforeDurable) => return Ok(failed("the journal is not available", false)),
            // What takes users back may use what is kept in reserve.
            Some(AppendFate::Full) if !urgent => {
                return Ok(failed("the disk is full", true));
            }
            Some(AppendFate::Full | AppendFate::AfterDurable) | None => {}
        }
        if self.head() != expected {
            return Ok(Append::Conflict);
        }
        for line in lines {
            let record = Record::read(line.bytes())?;
            let reader = self.reader.get_or_insert_with(|| Release::new(record.release.clone()));
            // What no release can fold is stored all the same, as it reads alone.
            let record = reader.read(line.bytes()).unwrap_or(record);
            match self.flaw {
                Some(Flaw::ClosesInMemory) if matches!(record.event, Event::ReleaseClosed(_)) => {}
                Some(Flaw::RewritesLines) => self.lines.push([line.bytes(), b" "].concat().into()),
                _ => self.lines.push(line.bytes().into()),
            }
            self.records.push(Arc::new(record));
        }
        Ok(match fate {
            Some(AppendFate::AfterDurable) => failed("the answer of the journal was lost", false),
            Some(AppendFate::BeforeDurable | AppendFate::Full) | None => Append::Stored,
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

    /// The records after a head.
    pub(super) fn after(&self, head: Option<Head>) -> &[Arc<Record>] {
        let known = head.map_or(0, |head| head.seq + 1);
        self.records.get(usize::try_from(known).unwrap_or(usize::MAX)..).unwrap_or_default()
    }

    /// Folds what a release does not know yet.
    pub(super) fn refresh(&self, release: &mut Release) -> Result<(), ReplayError> {
        self.after(release.head()).iter().try_for_each(|record| release.apply(record))
    }
}
