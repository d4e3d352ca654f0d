use thiserror::Error;

use super::{Release, ReplayError};
use crate::{
    event::{Event, Record},
    judge::{ENGINE, Verdict},
    unit::ReleaseId,
};

/// Judges every look of a release again, from what was recorded, and holds each verdict against the recorded one.
///
/// A verdict rests on the looks before it and on nothing else, so that it has to come out the same, bit for bit, on any
/// machine and in ten years. What another version of the judge has decided is not judged again, and counted.
///
/// # Examples
///
/// ```
/// use relman_core::machine::ReJudge;
///
/// let mut again = ReJudge::new("checkout-241".parse()?);
/// let records: Vec<relman_core::event::Record> = Vec::new();
/// for record in &records {
///     again.push(record)?;
/// }
/// assert_eq!((again.verdicts(), again.of_other_engines()), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReJudge {
    release: Release,
    verdicts: u64,
    of_other_engines: u64,
}

/// A verdict that does not come out as it was recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReJudgeError {
    /// The records can't be folded.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A verdict differs.
    #[error("record {seq} holds the verdict `{recorded}`, and its looks give `{again}`")]
    Differs {
        /// The record.
        seq: u64,
        /// The verdict as it was recorded.
        recorded: String,
        /// The verdict that the recorded looks give.
        again: String,
    },
    /// A look has more or fewer verdicts than its contract has criteria.
    #[error("record {seq} holds {recorded} verdicts, and its contract has {criteria} criteria")]
    Count {
        /// The record.
        seq: u64,
        /// How many verdicts it holds.
        recorded: usize,
        /// How many there are when it is judged again.
        criteria: usize,
    },
}

impl ReJudge {
    /// Before the first record of a release.
    pub fn new(release: ReleaseId) -> Self {
        Self { release: Release::new(release), verdicts: 0, of_other_engines: 0 }
    }

    /// The next record.
    ///
    /// # Errors
    ///
    /// [`ReJudgeError`] with the record whose verdict comes out otherwise, or that can't be folded.
    pub fn push(&mut self, record: &Record) -> Result<(), ReJudgeError> {
        if let Event::Evaluated(look) = &record.event {
            self.release.judge_look(look);
            self.release.judged = Some(look.window);
            let again = match self.release.phase.step() {
                Some(_) => self.release.verdicts(),
                None => Vec::new(),
            };
            let (recorded, criteria) = (look.verdicts.len(), again.len());
            if recorded != criteria {
                return Err(ReJudgeError::Count { seq: record.seq, recorded, criteria });
            }
            for (recorded, again) in look.verdicts.iter().zip(&again) {
                self.compare(record.seq, recorded, again)?;
            }
        }
        Ok(self.release.apply(record)?)
    }

    fn compare(&mut self, seq: u64, recorded: &Verdict, again: &Verdict) -> Result<(), ReJudgeError> {
        if recorded.engine != ENGINE {
            self.of_other_engines += 1;
            return Ok(());
        }
        // Numbers are written as the shortest text that reads back to the same bits.
        let text = |verdict: &Verdict| serde_json::to_string(verdict).unwrap_or_default();
        let (recorded, again) = (text(recorded), text(again));
        if recorded != again {
            return Err(ReJudgeError::Differs { seq, recorded, again });
        }
        self.verdicts += 1;
        Ok(())
    }

    /// How many verdicts came out the same.
    pub fn verdicts(&self) -> u64 {
        self.verdicts
    }

    /// How many verdicts were left out, since another version of the judge has decided them.
    pub fn of_other_engines(&self) -> u64 {
        self.of_other_engines
    }
}
