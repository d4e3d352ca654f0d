//! Records become a release: read and folded in order, or written and folded at once.

use std::sync::Arc;

use thiserror::Error;

use super::{
    Effect, Phase, PhaseName, Release, Rollback, RollbackState, StepProgress, TrafficState, decide::Moment,
    release::MOST_INCIDENTS,
};
use crate::{
    chain::{BatchRange, Broken, Digest},
    event::{Event, Fact, Gate, Record, RecordError, SealError, Written},
    policy::floors,
    unit::{Actor, ActorKind, ReleaseId, StreamId, TrafficShare},
};

/// Why a record can't be folded into a release.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The record can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record is not the next one.
    #[error("{release}, record {seq}: it does not continue record {last}")]
    OutOfOrder {
        /// The stream.
        release: ReleaseId,
        /// The record.
        seq: u64,
        /// The last record that was folded, from 1; 0 if there was none.
        last: u64,
    },
    /// The record is the next one, and its version or its batch is not one that can follow; or the stream ends in the middle
    /// of a decision.
    #[error(transparent)]
    Broken(Box<Broken>),
    /// The record is chained, and what it says can't have happened there.
    #[error("{release}, record {seq}: {kind} can't happen to a release that is {phase}")]
    Impossible {
        /// The stream.
        release: ReleaseId,
        /// The record.
        seq: u64,
        /// The kind of the event.
        kind: &'static str,
        /// The phase of the release.
        phase: PhaseName,
    },
}

impl From<Broken> for ReplayError {
    fn from(broken: Broken) -> Self {
        Self::Broken(Box::new(broken))
    }
}

impl Release {
    /// Folds the stored lines of a whole stream into a release: each is read strictly, and its place in the chain is
    /// checked.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] at the first line that can't be read, does not continue the one before, or can't have
    /// happened, and where the lines end in the middle of a decision.
    pub fn replay<'a>(id: ReleaseId, lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ReplayError> {
        let mut release = Self::new(id);
        for line in lines {
            release.apply(&Record::read(line)?)?;
        }
        release.check_whole()?;
        Ok(release)
    }

    /// The same together with the records: what reports are made of.
    ///
    /// # Errors
    ///
    /// [`ReplayError`], as for [`replay`](Self::replay).
    pub fn replay_records<'a>(
        id: ReleaseId,
        lines: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Self, Vec<Record>), ReplayError> {
        let (mut release, mut records) = (Self::new(id), Vec::new());
        for line in lines {
            records.push(release.read(line)?);
        }
        release.check_whole()?;
        Ok((release, records))
    }

    /// Writes a fact as the record that continues this release, reads it back from its bytes and folds it: what is live
    /// is what a replay gives.
    ///
    /// # Errors
    ///
    /// [`SealError`] where the record would not be readable again; the release is unchanged then.
    pub(super) fn write(&mut self, fact: &Fact, moment: Moment) -> Result<Written, SealError> {
        let (seq, prev) = self.head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
        let at = moment.now.max(self.last_at);
        let clock = (moment.clock != at).then_some(moment.clock);
        let written = Record::write(&self.id, seq, prev, at, clock, fact)?;
        self.apply(&written.record).map_err(|source| SealError::Impossible { seq, source: source.into() })?;
        Ok(written)
    }

    /// Writes the records that one decision has just made once more, as those of one batch: how many they are is known
    /// only now. A record that is alone stays as it is.
    ///
    /// Of all that was folded, two things follow from the bytes of a line and not from what it says: the head, and the
    /// keys of the effects. They are set anew, so that nothing is decided or folded twice.
    ///
    /// # Errors
    ///
    /// [`SealError`] where a line becomes too long; the release is half-way then.
    pub(super) fn write_as_batch(&mut self, decided: Vec<Written>) -> Result<Vec<Written>, SealError> {
        let [first, _, ..] = &*decided else { return Ok(decided) };
        let (first, mut prev) = (first.record.seq, first.record.prev);
        let batch =
            BatchRange::new(first, decided.len() as u64).expect("two records or more that have numbers");
        let mut whole = Vec::with_capacity(decided.len());
        for written in decided {
            let written = written.in_batch(prev, batch)?;
            let head = written.record.head();
            prev = head.digest;
            self.head = Some(head);
            self.name_effects(head);
            whole.push(written);
        }
        Ok(whole)
    }

    /// Checks that the records so far are whole decisions: a stream does not end in the middle of one. Where records are
    /// folded one by one, this is for the last one.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Broken`] with the first record that is missing.
    pub fn check_whole(&self) -> Result<(), ReplayError> {
        let seq = self.head.map_or(0, |head| head.seq + 1);
        let end = self.progress.end(seq);
        end.map_err(|reason| Broken::new(Some(StreamId::from(&self.id)), seq, reason).into())
    }

    /// Reads the next stored line and folds it. The record is whole: where it holds the hash of its verdicts, those that were
    /// derived stand in it.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] where it can't be read, is not the next one, or can't have happened; the release is unchanged then.
    pub fn read(&mut self, line: &[u8]) -> Result<Record, ReplayError> {
        let mut record = Record::read(line)?;
        self.apply(&record)?;
        if let Event::Evaluated(look) = &mut record.event
            && look.lacks_verdicts()
        {
            look.verdicts = self.last_verdicts();
        }
        Ok(record)
    }

    /// Folds the next record, and gives it back whole, like [`read`](Self::read).
    pub(super) fn take(&mut self, record: &Arc<Record>) -> Result<Arc<Record>, ReplayError> {
        self.apply(record)?;
        let mut record = Arc::clone(record);
        if matches!(&record.event, Event::Evaluated(look) if look.lacks_verdicts())
            && let Event::Evaluated(look) = &mut Arc::make_mut(&mut record).event
        {
            look.verdicts = self.last_verdicts();
        }
        Ok(record)
    }

    /// Folds the next record, which may be one in the middle of a decision.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] where it is not the next one, or can't have happened; the release is unchanged then.
    pub fn apply(&mut self, record: &Record) -> Result<(), ReplayError> {
        let (seq, prev) = self.head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
        let fits = record.seq == seq
            && record.prev == prev
            && record.release == self.id
            && record.at >= self.last_at;
        if !fits {
            return Err(ReplayError::OutOfOrder { release: self.id.clone(), seq: record.seq, last: seq });
        }
        let progress = self.progress.next(seq, record.version, record.batch);
        let progress = progress.map_err(|reason| Broken::new(Some(StreamId::from(&self.id)), seq, reason))?;
        if !self.can_happen(record) {
            return Err(ReplayError::Impossible {
                release: self.id.clone(),
                seq,
                kind: record.event.kind(),
                phase: self.phase.name(),
            });
        }
        self.head = Some(record.head());
        self.progress = progress;
        self.last_at = record.at;
        self.fold(&record.by, &record.event);
        Ok(())
    }

    /// Whether the transition table allows the event here, and what no release may do without is there.
    fn can_happen(&self, record: &Record) -> bool {
        let (phases, to) = super::transition::rule(&record.event);
        let from = self.phase.name();
        phases.contains(&from)
            && to.is_none_or(|to| super::transition::is_legal(from, to))
            && self.keeps_the_guardrails(&record.by, &record.event)
    }

    /// The guardrails once more, for records that were not decided here: whoever seals facts of their own or writes
    /// to a journal gets a chain that can be verified, and no release that went through.
    #[expect(clippy::too_many_lines, reason = "one arm for each event is the point")]
    fn keeps_the_guardrails(&self, by: &Actor, event: &Event) -> bool {
        let baked = |step: &StepProgress| step.baked >= step.bake;
        match event {
            Event::PlanApproved(_) => {
                !self.authors().contains(by) && self.approvals.iter().all(|approval| approval.by != *by)
            }
            Event::StagingStarted(_) => self.planned.as_ref().is_some_and(|planned| {
                let needed = planned.policy.approvals_for(&planned.plan, planned.risk.level) as usize;
                planned.plan.contract().is_some() && self.approvals.len() >= needed
            }),
            Event::StepStarted(started) => {
                let Phase::Releasing(rollout) = &self.phase else {
                    return false;
                };
                let before = rollout.step.as_ref();
                let steps = self.track().map_or(&[][..], |(_, track)| track.steps());
                let planned = (started.step as usize).checked_sub(1).and_then(|index| steps.get(index));
                started.step == before.map_or(1, |step| step.number + 1)
                    && planned.is_some_and(|step| step.share == started.share && step.bake == started.bake)
                    && before.is_none_or(baked)
            }
            Event::ValidationStarted(_) => self.phase.step().is_some_and(|step| self.is_last(step)),
            Event::ReleaseCompleted(_) => {
                self.phase.step().is_some_and(baked) && (self.admission.is_none() || self.promoted)
            }
            Event::PromotionStarted(_) => self.phase.step().is_some_and(baked) && self.admission.is_some(),
            Event::Promoted(promoted) => {
                self.phase.step().is_some_and(|step| step.traffic == TrafficState::Promoting)
                    && self.outstanding.get(&promoted.effect).is_some_and(|one| one.effect == Effect::Promote)
            }
            // What was held back gets the new version when the release is complete, and nothing else happens then.
            Event::TrafficSet(set) => self.phase != Phase::Completed || set.share == TrafficShare::FULL,
            Event::OverrideGranted(granted) => {
                let overridable = match granted.gate {
                    Gate::Staging | Gate::Validation | Gate::Freeze | Gate::WayBack => true,
                    Gate::Plan | Gate::Step(_) => false,
                };
                overridable
                    && !self.authors().contains(by)
                    && self.approvals.iter().all(|approval| approval.by != *by)
            }
            Event::RollbackConfirmed(_) => matches!(
                &self.phase,
                Phase::RollingBack(Rollback { state: RollbackState::Confirming { seen, .. }, .. })
                    if *seen >= self.confirmations()
            ),
            Event::ReleaseClosed(_) => self.owed_post_mortems().next().is_none(),
            // What relman has checked itself is the user flows, and those in validation alone.
            Event::CheckRecorded(recorded) => match by.kind() {
                ActorKind::User | ActorKind::Service => true,
                ActorKind::System => {
                    recorded.check.as_str() == floors::USER_FLOWS
                        && matches!(self.phase, Phase::Validating(_))
                }
            },
            Event::ActionItemOpened(opened) => opened.number as usize == self.action_items.len() + 1,
            Event::ActionItemSettled(settled) => {
                self.open_action_items().any(|item| item.number == settled.number)
            }
            Event::IncidentReported(seen) => {
                self.incidents.len() < MOST_INCIDENTS
                    && self.plan().is_some_and(|plan| plan.scope().service == seen.incident.service)
                    && !self.knows_incident(&seen.source, &seen.incident)
            }
            Event::IncidentEnded(ended) => {
                self.incidents.iter().any(|one| one.is_open_as(&ended.source, &ended.id))
            }
            // Without a judge, nobody can tell what was judged.
            Event::Evaluated(look) if look.lacks_verdicts() => {
                self.phase.step().is_some() && self.judge.is_some()
            }
            Event::PlanRecorded(_)
            | Event::Evaluated(_)
            | Event::PlanRevised(_)
            | Event::GatePassed(_)
            | Event::GateFailed(_)
            | Event::Deployed(_)
            | Event::TargetAdmitted(_)
            | Event::PlatformObserved(_)
            | Event::TargetLeft(_)
            | Event::RolloutStarted(_)
            | Event::TrafficDrifted(_)
            | Event::ContractBreached(_)
            | Event::EffectFailed(_)
            | Event::HoldPlaced(_)
            | Event::HoldReleased(_)
            | Event::OnCallAcknowledged(_)
            | Event::OnCallHandedOver(_)
            | Event::CoverLapsed(_)
            | Event::OverrideExpired(_)
            | Event::PostMortemOpened(_)
            | Event::PostMortemFiled(_)
            | Event::LessonRecorded(_)
            | Event::ComplaintRecorded(_)
            | Event::ComplaintWithdrawn(_)
            | Event::RollbackStarted(_)
            | Event::RollbackUnconfirmed(_)
            | Event::ZeroTrafficObserved(_)
            | Event::PinnedUsersObserved(_)
            | Event::PinnedUsersCut(_)
            | Event::ReleaseAborted(_)
            | Event::Notified(_)
            | Event::NotificationAbandoned(_) => true,
            // Time in the stream is never set back.
            Event::ClockSkewed(skewed) => skewed.ahead > self.skew,
        }
    }
}
