use super::{Release, ReplayError, StepProgress, TrafficState};
use crate::{
    event::{Event, Record},
    judge::{Judge, Judging, Verdict},
    plan::COMPLAINTS,
    unit::{ReleaseId, Timestamp},
};

/// Judges the recorded looks of a release by other settings than those that it was released under: when would that gate
/// have turned it back?
///
/// It sees what the release's own judge saw, look by look. Where the release was turned back, the record ends its looks, so
/// that a slower gate may not have failed by then. Complaints are counted, whatever the method, and judged when one comes
/// in: where they have turned the release back, they would have under any gate.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     judge::{Judging, MethodChoice, familiar::Rule},
///     machine::ReJudgeBy,
/// };
///
/// let five_failed_looks = Judging::by(MethodChoice::FailedLooks(Rule::InAll { failed: 5 }));
/// let mut again = ReJudgeBy::new("checkout-241".parse()?, five_failed_looks);
/// let records: Vec<relman_core::event::Record> = Vec::new();
/// for record in &records {
///     again.push(record)?;
/// }
/// assert_eq!(again.first_failure(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReJudgeBy {
    release: Release,
    judging: Judging,
    judge: Option<Judge>,
    first_failure: Option<FirstFailure>,
}

/// The first look on which a criterion fails, or the breach by complaints, which waits for no look.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FirstFailure {
    /// The record that holds the look, or the breach by complaints.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The verdict on the criterion that failed; the first one in the order of the contract.
    pub verdict: Verdict,
}

impl ReJudgeBy {
    /// Before the first record of a release.
    pub fn new(release: ReleaseId, judging: Judging) -> Self {
        Self { release: Release::new(release), judging, judge: None, first_failure: None }
    }

    /// The next record.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] where it can't be folded.
    pub fn push(&mut self, record: &Record) -> Result<(), ReplayError> {
        if let (Event::Evaluated(look), Some(step), Some(judge)) =
            (&record.event, self.release.phase.step(), &mut self.judge)
        {
            judge.observe(&self.release.as_evaluation(step, look));
            if self.first_failure.is_none()
                && let Some(failed) = judge.failed()
            {
                let verdict = judge.verdicts().into_iter().nth(failed);
                self.first_failure =
                    verdict.map(|verdict| FirstFailure { seq: record.seq, at: record.at, verdict });
            }
        }
        self.release.apply(record)?;
        if let (Event::ContractBreached(breached), None) = (&record.event, &self.first_failure)
            && breached.verdict.criterion.metric.as_str() == COMPLAINTS
        {
            let verdict = (*breached.verdict).clone();
            self.first_failure = Some(FirstFailure { seq: record.seq, at: record.at, verdict });
        }
        if self.judge.is_none() {
            self.judge = self.release.phase.step().and_then(|_| self.release.judge_by(&self.judging));
        }
        // The release's own judge counts anew here, too.
        let is_set = |step: &StepProgress| matches!(step.traffic, TrafficState::Set { .. });
        if matches!(record.event, Event::TrafficSet(_)) && self.release.phase.step().is_some_and(is_set) {
            self.judge.iter_mut().for_each(Judge::count_anew);
        }
        Ok(())
    }

    /// Where the release would first have been turned back; none if nowhere.
    pub fn first_failure(&self) -> Option<&FirstFailure> {
        self.first_failure.as_ref()
    }
}
