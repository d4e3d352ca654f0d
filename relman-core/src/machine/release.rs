use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use thiserror::Error;

use super::{
    Outstanding, Phase, PhaseName, Refusal, Rollback, RollbackState, StepProgress, command::check_rules,
    decide::Moment,
};
use crate::{
    chain::{BatchRange, Broken, Digest, Head, Progress},
    event::{
        ActionItemKind, CheckOutcome, EffectId, Event, Fact, Gate, HoldCause, PostMortemCause, Record,
        RecordError, SealError, Settlement, Written,
    },
    judge::{Judge, Verdict},
    plan::{Plan, RiskAssessment},
    policy::{Policy, Track, floors},
    port::Incident,
    unit::{
        Actor, ActorKind, CheckName, ReleaseId, Role, Span, Text, Timestamp, TrackName, TrafficShare, Window,
    },
};

/// The state of one release: what its records amount to.
///
/// Made by folding records, in order, with [`apply`](Self::apply); the same records give the same state, live
/// and in replay, because live records are folded from the bytes that were stored.
///
/// A release is changed, and driven, by a [`Session`](super::Session) alone; by itself it can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    pub(super) id: ReleaseId,
    pub(super) head: Option<Head>,
    progress: Progress,
    pub(super) last_at: Timestamp,
    pub(super) planned: Option<Planned>,
    pub(super) phase: Phase,
    pub(super) approvals: Vec<Approval>,
    pub(super) checks: BTreeMap<CheckName, Check>,
    pub(super) holds: BTreeMap<HoldCause, Hold>,
    pub(super) overrides: BTreeMap<Gate, Override>,
    pub(super) failed_gates: BTreeSet<Gate>,
    pub(super) complaints: Vec<Complaint>,
    pub(super) incidents: Vec<RecordedIncident>,
    pub(super) post_mortems: Vec<PostMortem>,
    pub(super) action_items: Vec<ActionItem>,
    pub(super) cover: Option<Cover>,
    pub(super) outstanding: BTreeMap<EffectId, Outstanding>,
    pub(super) exposure: TrafficShare,
    /// How far time in the stream is ahead of the clock of whoever drives.
    pub(super) skew: Span,
    /// From the first step on.
    pub(super) judge: Option<Arc<Judge>>,
    /// The window of the look that the judge has seen and that is about to be folded.
    pub(super) judged: Option<Window>,
}

/// How many incidents one release keeps: a storm of alerts says what it has to say in the first few, and the record
/// is to be read by people.
pub(super) const MOST_INCIDENTS: usize = 500;

/// What was planned: there from the first record on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    pub(super) plan: Arc<Plan>,
    pub(super) policy: Arc<Policy>,
    pub(super) risk: RiskAssessment,
    pub(super) track: TrackName,
    pub(super) authors: BTreeSet<Actor>,
    /// The record that holds the plan in force.
    pub(super) record: u64,
}

/// Somebody's approval of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// In which roles.
    pub roles: BTreeSet<Role>,
}

/// The newest outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What shows it.
    pub evidence: Text,
    /// Who recorded it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A reason to stand still.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// Why.
    pub reason: Text,
    /// What would unblock it.
    pub unblocked_by: Text,
    /// Since when.
    pub since: Timestamp,
    /// Who placed it.
    pub by: Actor,
    /// When patience ends and the release is rolled back.
    pub roll_back_at: Option<Timestamp>,
}

/// An executive's exception to a failed gate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Override {
    /// The executive.
    pub by: Actor,
    /// The failed checks that it covers.
    pub checks: BTreeSet<CheckName>,
    /// Why.
    pub reason: Text,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// A customer's complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complaint {
    /// What the customer said.
    pub text: Text,
    /// When it was recorded.
    pub at: Timestamp,
}

/// An incident of the service, on the record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedIncident {
    /// Who told of it.
    pub source: Text,
    /// The incident; its end is the one that was recorded.
    pub incident: Incident,
    /// When it was first recorded.
    pub seen_at: Timestamp,
}

impl RecordedIncident {
    /// Whether it fires still, as far as the record says.
    pub fn is_open(&self) -> bool {
        self.incident.ended_at.is_none()
    }

    /// Whether it fires still, and is the one that a source calls so.
    pub(super) fn is_open_as(&self, source: &Text, id: &Text) -> bool {
        self.is_open() && self.source == *source && self.incident.id == *id
    }

    /// Whether a source tells of this very incident again. An id that fires anew after its end, with another
    /// beginning, is another incident.
    fn is_same(&self, source: &Text, incident: &Incident) -> bool {
        self.is_open_as(source, &incident.id)
            || (self.source == *source
                && self.incident.id == incident.id
                && self.incident.started_at == incident.started_at)
    }
}

/// A post-mortem that is owed or was filed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostMortem {
    /// Its number, from 1.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// The root cause, once it is filed.
    pub root_cause: Option<Text>,
}

/// Something that somebody has taken it upon themselves to change because of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionItem {
    /// Its number, from 1.
    pub number: u32,
    /// What is to be done.
    pub what: Text,
    /// What it is good for.
    pub kind: ActionItemKind,
    /// Who does it.
    pub owner: Actor,
    /// When it is to be done.
    pub due: Timestamp,
    /// How it came to its end; open, if absent.
    pub settled: Option<Settlement>,
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cover {
    /// The person.
    pub person: Actor,
    /// Since when.
    pub since: Timestamp,
    /// When the cover ends, unless somebody acknowledges again.
    pub until: Timestamp,
}

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
    /// A release without records.
    pub fn new(id: ReleaseId) -> Self {
        Self {
            id,
            head: None,
            progress: Progress::START,
            last_at: Timestamp::from_millis(i64::MIN),
            planned: None,
            phase: Phase::Unplanned,
            approvals: Vec::new(),
            checks: BTreeMap::new(),
            holds: BTreeMap::new(),
            overrides: BTreeMap::new(),
            failed_gates: BTreeSet::new(),
            complaints: Vec::new(),
            incidents: Vec::new(),
            post_mortems: Vec::new(),
            action_items: Vec::new(),
            cover: None,
            outstanding: BTreeMap::new(),
            exposure: TrafficShare::ZERO,
            skew: Span::ZERO,
            judge: None,
            judged: None,
        }
    }

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

    /// The identifier.
    pub fn id(&self) -> &ReleaseId {
        &self.id
    }

    /// The last record.
    pub fn head(&self) -> Option<Head> {
        self.head
    }

    /// When the last record was made.
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Where the release is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.planned.as_ref().map(|planned| &*planned.plan)
    }

    /// The policy in force.
    pub fn policy(&self) -> Option<&Policy> {
        self.planned.as_ref().map(|planned| &*planned.policy)
    }

    /// Whether the plan and the policy in force may be recorded today. A record of older rules is read and shown for good,
    /// and driven no further; what users have of it can be taken back.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the first rule that is broken.
    pub fn check_rules(&self) -> Result<(), Refusal> {
        self.planned.as_ref().map_or(Ok(()), |planned| check_rules(&planned.plan, &planned.policy))
    }

    /// The risk.
    pub fn risk(&self) -> Option<&RiskAssessment> {
        self.planned.as_ref().map(|planned| &planned.risk)
    }

    /// The track, with its name.
    pub fn track(&self) -> Option<(&TrackName, &Track)> {
        let planned = self.planned.as_ref()?;
        Some((&planned.track, planned.policy.track(&planned.track)?))
    }

    /// Who wrote the plan.
    pub fn authors(&self) -> BTreeSet<Actor> {
        self.planned.as_ref().map(|planned| planned.authors.clone()).unwrap_or_default()
    }

    /// Whether it is a rehearsal.
    pub fn is_drill(&self) -> bool {
        self.plan().is_some_and(Plan::is_drill)
    }

    /// Who has approved the plan in force.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// The newest outcome of each check of the phase under way.
    pub fn checks(&self) -> &BTreeMap<CheckName, Check> {
        &self.checks
    }

    /// Why the release stands still, if it does.
    pub fn holds(&self) -> &BTreeMap<HoldCause, Hold> {
        &self.holds
    }

    /// Overrides that are in force.
    pub fn overrides(&self) -> &BTreeMap<Gate, Override> {
        &self.overrides
    }

    /// Complaints since the release met users.
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// Incidents of the service since production was entered, in the order in which they were recorded.
    pub fn incidents(&self) -> &[RecordedIncident] {
        &self.incidents
    }

    /// Whether an incident is on the record already: one that fires still under its id, or one with its id and its
    /// beginning.
    pub fn knows_incident(&self, source: &Text, incident: &Incident) -> bool {
        self.incidents.iter().any(|seen| seen.is_same(source, incident))
    }

    /// Post-mortems, owed and filed.
    pub fn post_mortems(&self) -> &[PostMortem] {
        &self.post_mortems
    }

    /// Post-mortems that are owed.
    pub fn owed_post_mortems(&self) -> impl Iterator<Item = &PostMortem> {
        self.post_mortems.iter().filter(|post_mortem| post_mortem.root_cause.is_none())
    }

    /// Action items, open and settled.
    pub fn action_items(&self) -> &[ActionItem] {
        &self.action_items
    }

    /// Action items that are neither done nor dropped.
    pub fn open_action_items(&self) -> impl Iterator<Item = &ActionItem> {
        self.action_items.iter().filter(|item| item.settled.is_none())
    }

    /// Who is on call.
    pub fn cover(&self) -> Option<&Cover> {
        self.cover.as_ref()
    }

    /// The share of the traffic that the new version has, as it was last set.
    pub fn exposure(&self) -> TrafficShare {
        self.exposure
    }

    /// How far the times of the record are ahead of the clock of whoever drives the release; nothing where all clocks
    /// are right.
    pub fn skew(&self) -> Span {
        self.skew
    }

    /// Effects that were asked for and have no outcome yet.
    pub fn outstanding(&self) -> &BTreeMap<EffectId, Outstanding> {
        &self.outstanding
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
        end.map_err(|reason| Broken::new(Some(self.id.clone()), seq, reason).into())
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
            look.verdicts = self.derived_verdicts();
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
            look.verdicts = self.derived_verdicts();
        }
        Ok(record)
    }

    /// The verdicts of the look that was just folded.
    fn derived_verdicts(&self) -> Vec<Verdict> {
        self.phase.step().map(|step| step.verdicts.clone()).unwrap_or_default()
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
        let progress = progress.map_err(|reason| Broken::new(Some(self.id.clone()), seq, reason))?;
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

    /// Whether a step is the last one, which is validated.
    pub(super) fn is_last(&self, step: &StepProgress) -> bool {
        self.track().is_some_and(|(_, track)| track.steps().len() == step.number as usize)
    }

    /// Whether the effect of a traffic change is still to come.
    pub(super) fn awaits_traffic(&self) -> bool {
        self.outstanding.values().any(|one| matches!(one.effect, super::Effect::SetTraffic { .. }))
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
    fn keeps_the_guardrails(&self, by: &Actor, event: &Event) -> bool {
        let baked = |step: &StepProgress| step.baked >= step.bake;
        match event {
            Event::PlanApproved(_) => {
                !self.authors().contains(by) && self.approvals.iter().all(|approval| approval.by != *by)
            }
            Event::StagingStarted(_) => self.planned.as_ref().is_some_and(|planned| {
                let needed = planned.policy.approvals(planned.risk.level) as usize;
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
            Event::ReleaseCompleted(_) => self.phase.step().is_some_and(baked),
            // What was held back gets the new version when the release is complete, and nothing else happens then.
            Event::TrafficSet(set) => self.phase != Phase::Completed || set.share == TrafficShare::FULL,
            Event::OverrideGranted(granted) => {
                let overridable = match granted.gate {
                    Gate::Staging | Gate::Validation | Gate::Freeze => true,
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
            | Event::RollbackStarted(_)
            | Event::RollbackUnconfirmed(_)
            | Event::ZeroTrafficObserved(_)
            | Event::ReleaseAborted(_)
            | Event::Notified(_)
            | Event::NotificationAbandoned(_) => true,
            // Time in the stream is never set back.
            Event::ClockSkewed(skewed) => skewed.ahead > self.skew,
        }
    }
}
