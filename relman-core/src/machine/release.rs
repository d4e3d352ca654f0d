use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Outstanding, Phase, Refusal, StepProgress, action::check_rules};
use crate::{
    chain::{Head, Progress},
    event::{
        ActionItemKind, CheckOutcome, EffectId, Gate, HoldCause, HoldReason, PostMortemCause, Settlement,
        TargetAdmitted,
    },
    judge::Judge,
    plan::{Plan, RiskAssessment},
    policy::{Policy, Track},
    port::Incident,
    unit::{Actor, CheckName, ReleaseId, Role, Span, Text, Timestamp, TrackName, TrafficShare, Window},
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
    pub(super) progress: Progress,
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
    /// The target that it holds, or held, and the record that says so; none before production, and for a release of a version
    /// of relman that knew of no targets.
    pub(super) admission: Option<TargetAdmitted>,
    /// Whether it waits in the target's queue, or has waited there.
    pub(super) asked_for_target: bool,
    /// Whether its version was made the stable one.
    pub(super) promoted: bool,
    /// When production was entered.
    pub(super) entered_at: Option<Timestamp>,
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
#[non_exhaustive]
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
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hold {
    /// Why, and with that what would unblock it.
    pub reason: HoldReason,
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
    /// The freezes that it covers, by name; every one where it names none.
    pub freezes: BTreeSet<Text>,
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
    /// Which complaint it is, where whoever recorded it has said so.
    pub key: Option<Text>,
    /// Who recorded it.
    pub by: Actor,
    /// When it was recorded.
    pub at: Timestamp,
    /// The record that holds it.
    pub record: u64,
    /// The record that withdraws it; it counts where there is none.
    pub withdrawn: Option<u64>,
}

impl Complaint {
    /// Whether it counts.
    pub fn counts(&self) -> bool {
        self.withdrawn.is_none()
    }

    /// As a refusal lists it.
    pub(super) fn in_words(&self) -> String {
        let key = self.key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
        format!("record {}{key}, by {}", self.record, self.by)
    }
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
    /// When it is due, by the policy of the release.
    pub due: Timestamp,
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
    /// When the cover ends, unless someone acknowledges again.
    pub until: Timestamp,
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
            admission: None,
            asked_for_target: false,
            promoted: false,
            entered_at: None,
            skew: Span::ZERO,
            judge: None,
            judged: None,
        }
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

    /// The policy in force, to be shared.
    pub fn shared_policy(&self) -> Option<Arc<Policy>> {
        self.planned.as_ref().map(|planned| Arc::clone(&planned.policy))
    }

    /// Uses another copy of the policy in force if that is the same to the letter; whether it is. Of a hundred thousand
    /// releases under one policy, each would keep a copy of its own.
    pub fn share_policy(&mut self, copy: &Arc<Policy>) -> bool {
        let Some(planned) = self.planned.as_mut().filter(|planned| planned.policy == *copy) else {
            return false;
        };
        planned.policy = Arc::clone(copy);
        true
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

    /// Complaints since the release met users, those that were withdrawn among them.
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// How many complaints count: those that nobody has withdrawn.
    pub fn counted_complaints(&self) -> u64 {
        self.complaints.iter().filter(|complaint| complaint.counts()).count() as u64
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

    /// Whether a step is the last one, which is validated.
    pub(super) fn is_last(&self, step: &StepProgress) -> bool {
        self.track().is_some_and(|(_, track)| track.steps().len() == step.number as usize)
    }

    /// Whether the effect of a traffic change is still to come.
    pub(super) fn awaits_traffic(&self) -> bool {
        self.outstanding.values().any(|one| matches!(one.effect, super::Effect::SetTraffic { .. }))
    }
}
