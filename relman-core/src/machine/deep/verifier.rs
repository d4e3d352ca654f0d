use thiserror::Error;

use super::{difference::Difference, unmarked::Unmarked, whole};
use crate::{
    chain::{BatchRange, FormatVersion},
    event::{Event, Record},
    judge::{ENGINE, Verdict},
    machine::{Refusal, Release, ReplayError},
    plan::Plan,
    unit::ReleaseId,
};

/// Derives every record of a release again from those before it, and holds it against what was recorded.
///
/// Each decision is taken anew, from what its records say came in: a person's command with the roles they had, an answer of
/// the metrics and the platform, an outcome, or the passing of time. What follows has to come out the same: verdicts bit
/// for bit, credited time, exposure, gates, holds, breaches, rollbacks. A number that was altered and chained again is
/// found, and so is a record that was left out or put in. Not compared is what the record alone knows: what
/// people said, what a platform or a source answered, when something came in; and in records of version 1 the sentences of
/// relman itself (grounds of a gate, the reason for a hold), which may have read differently when they were written.
///
/// # Examples
///
/// ```
/// use relman_core::machine::DeepVerifier;
///
/// let mut again = DeepVerifier::new("checkout-241".parse()?);
/// let records: Vec<relman_core::event::Record> = Vec::new();
/// for record in &records {
///     again.push(record)?;
/// }
/// again.finish()?;
/// assert_eq!((again.decisions(), again.verdicts()), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeepVerifier {
    release: Release,
    /// The records of the decision under way, until they are as many as it made.
    batch: Vec<Record>,
    /// What is known of the decision under way in a stream of version 1, whose records do not say where one ends.
    unmarked: Unmarked,
    decisions: u64,
    verdicts: u64,
}

/// A record that the records before it do not give. Which one it is, [`seq`](Self::seq) says and the message does not.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotDerived {
    /// The records can't be folded.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A verdict is by a version of the judge that this program does not have.
    #[error(
        "it holds a verdict of judge version {engine}, and this program has version {ENGINE}: verify it with one \
         that has it"
    )]
    Engine {
        /// The record.
        seq: u64,
        /// The version.
        engine: u32,
    },
    /// A record says something else than what is derived.
    #[error("`{field}` of the {kind} is {recorded}, and what was recorded before gives {derived}")]
    Differs {
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
        /// The field, with a dot before each level and the place in a list.
        field: String,
        /// What the record holds.
        recorded: String,
        /// What is derived.
        derived: String,
    },
    /// Nothing leads to a record.
    #[error("nothing that was recorded before leads to this {kind}")]
    Unfounded {
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
    },
    /// The command would have been refused.
    #[error("the command that it records as {kind} would have been refused")]
    Refused {
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
        /// Why.
        #[source]
        refusal: Box<Refusal>,
    },
    /// A decision is recorded in part, which is recorded as a whole or not at all.
    #[error("it is missing: a {kind} follows from the record before it, in the same decision")]
    Missing {
        /// The record that is missing.
        seq: u64,
        /// The kind of its event.
        kind: &'static str,
    },
    /// The stream ends within the records of a decision.
    #[error("{}", batch.cut_before(*seq))]
    Cut {
        /// The record that is missing.
        seq: u64,
        /// The records of the decision.
        batch: BatchRange,
    },
}

impl NotDerived {
    /// The record that is wrong, or missing; none where the error names it itself.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Replay(_) => None,
            Self::Engine { seq, .. }
            | Self::Differs { seq, .. }
            | Self::Unfounded { seq, .. }
            | Self::Refused { seq, .. }
            | Self::Missing { seq, .. }
            | Self::Cut { seq, .. } => Some(*seq),
        }
    }

    pub(super) fn differs(record: &Record, difference: Difference) -> Self {
        let Difference { field, recorded, derived } = difference;
        Self::Differs { seq: record.seq, kind: record.event.kind(), field, recorded, derived }
    }
}

impl DeepVerifier {
    /// Before the first record of a release.
    pub fn new(release: ReleaseId) -> Self {
        let (release, unmarked) = (Release::new(release), Unmarked::default());
        Self { release, batch: Vec::new(), unmarked, decisions: 0, verdicts: 0 }
    }

    /// The next record. One that belongs to a decision with others is looked at when all of them are there.
    ///
    /// # Errors
    ///
    /// [`NotDerived`] with the record that comes out otherwise, or that can't be folded.
    pub fn push(&mut self, record: &Record) -> Result<(), NotDerived> {
        let verdicts = verdicts(&record.event);
        if let Some(other) = verdicts.iter().find(|verdict| verdict.engine != ENGINE) {
            return Err(NotDerived::Engine { seq: record.seq, engine: other.engine });
        }
        match record.version {
            FormatVersion::V1 => self.decisions += u64::from(self.unmarked.push(&mut self.release, record)?),
            FormatVersion::V2 => {
                self.unmarked.end()?;
                self.batch.push(record.clone());
                let records = record.batch.map_or(1, |batch| batch.records());
                if self.batch.len() as u64 >= records {
                    whole::derive(&mut self.release, &std::mem::take(&mut self.batch))?;
                    self.decisions += 1;
                }
            }
        }
        if let Event::Evaluated(look) = &record.event {
            let contract = self.release.plan().and_then(Plan::contract).filter(|_| look.lacks_verdicts());
            let judged = contract.map_or(look.verdicts.len(), |contract| contract.criteria().len());
            self.verdicts += judged as u64;
        }
        Ok(())
    }

    /// After the last record of the stream.
    ///
    /// # Errors
    ///
    /// [`NotDerived`] where the last decision is recorded in part.
    pub fn finish(&self) -> Result<(), NotDerived> {
        match self.batch.last().map(|last| (last.seq + 1, last.batch)) {
            Some((seq, Some(batch))) => Err(NotDerived::Cut { seq, batch }),
            Some((_, None)) | None => self.unmarked.end(),
        }
    }

    /// The release as its decisions so far leave it.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// How many decisions came out the same.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// How many verdicts came out the same.
    pub fn verdicts(&self) -> u64 {
        self.verdicts
    }
}

fn verdicts(event: &Event) -> &[Verdict] {
    match event {
        Event::Evaluated(look) => &look.verdicts,
        Event::ContractBreached(breached) => std::slice::from_ref(&breached.verdict),
        _ => &[],
    }
}
