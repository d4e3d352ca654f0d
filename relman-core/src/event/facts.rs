use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Ground, HoldReason, ResumeReason, ShownInRollback, Task, wire::Planned};
use crate::{
    judge::Verdict,
    plan::{Criterion, Plan, RiskAssessment},
    policy::Policy,
    port::{Environment, Incident, NotifyOn},
    unit::{
        Actor, Channel, CheckName, Role, Span, Text, Timestamp, TrackName, TrafficShare, UnitError,
        schema_as_text, serde_as_text,
    },
};

/// Declares the data of events: one struct each, strict in what it reads.
macro_rules! facts {
    ($($(#[$docs:meta])* struct $name:ident { $($(#[$field_docs:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            $(#[$docs])*
            pub struct $name {
                $($(#[$field_docs])* pub $field: $type,)*
            }
        )*
    };
}

facts! {
    /// A plan was recorded, with the policy in force.
    #[serde(try_from = "Planned", into = "Planned")]
    struct PlanRecorded {
        /// The plan.
        plan: Arc<Plan>,
        /// The policy, by value.
        policy: Arc<Policy>,
        /// The risk, as the policy assesses it.
        risk: RiskAssessment,
        /// The track that the release takes.
        track: TrackName,
        /// The author's roles.
        roles: BTreeSet<Role>,
    }

    /// The plan was changed. Approvals so far are void.
    #[serde(try_from = "Planned", into = "Planned")]
    struct PlanRevised {
        /// The plan.
        plan: Arc<Plan>,
        /// The policy, by value.
        policy: Arc<Policy>,
        /// The risk, as the policy assesses it.
        risk: RiskAssessment,
        /// The track that the release takes.
        track: TrackName,
        /// The roles of the one who changed it, who is an author from now on.
        roles: BTreeSet<Role>,
    }

    /// Somebody other than an author approved the plan.
    struct PlanApproved {
        /// The record that holds the plan that was approved.
        plan_record: u64,
        /// The approver's roles.
        roles: BTreeSet<Role>,
    }

    /// A gate was passed.
    struct GatePassed {
        /// Which gate.
        gate: Gate,
        /// On what grounds.
        grounds: Vec<Ground>,
        /// The last verdict on each criterion, where a step ends with it. What a verdict rests on is left out where it would be
        /// too much for a record.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        verdicts: Vec<Verdict>,
    }

    /// A gate was not passed, and somebody has to decide.
    struct GateFailed {
        /// Which gate.
        gate: Gate,
        /// Why.
        reasons: Vec<Ground>,
    }

    /// Staging began.
    struct StagingStarted {}

    /// The deployer has installed the artifact.
    struct Deployed {
        /// The effect that asked for it.
        effect: EffectId,
        /// Where.
        environment: Environment,
    }

    /// The outcome of a check was recorded.
    struct CheckRecorded {
        /// Which check.
        check: CheckName,
        /// How it ended.
        outcome: CheckOutcome,
        /// What shows it: a link, a summary.
        evidence: Text,
        /// For a checklist, the items that were confirmed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<Text>,
        /// The roles of the one who recorded it.
        roles: BTreeSet<Role>,
    }

    /// Production was entered, without traffic as yet.
    struct RolloutStarted {}

    /// A step began.
    struct StepStarted {
        /// The number of the step, from 1.
        step: u32,
        /// The share of the traffic that the new version is to get.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// How long the step has to be observed.
        #[serde(rename = "bake_ms")]
        bake: Span,
    }

    /// The deployer has routed traffic as it was asked to.
    struct TrafficSet {
        /// The effect that asked for it.
        effect: EffectId,
        /// The share of the new version.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// Whether the conductor changed something, or found it so.
        #[serde(rename = "by")]
        means: SetBy,
    }

    /// The traffic is not where it was set.
    struct TrafficDrifted {
        /// The share that was set.
        #[serde(rename = "expected_bp")]
        expected: TrafficShare,
        /// The share that the platform shows.
        #[serde(rename = "observed_bp")]
        observed: TrafficShare,
    }

    /// The times of the record are ahead of the clock of whoever drives the release: a process with a wrong clock wrote
    /// to it, or the clock of the conductor is behind. From here on, time in the stream is the conductor's own steady
    /// clock and this much more, so that nobody waits for the one to catch up with the other.
    struct ClockSkewed {
        /// The newest record when it was noticed.
        record: u64,
        /// How far the stream is ahead of the conductor's clock, in all.
        #[serde(rename = "ahead_ms")]
        ahead: Span,
    }

    /// An effect failed, for now.
    struct EffectFailed {
        /// The effect.
        effect: EffectId,
        /// What it should have done.
        what: Task,
        /// How often it was tried.
        attempt: u32,
        /// What went wrong.
        detail: Text,
        /// When it is tried again; never by itself where this is absent.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    }

    /// The release stands still.
    struct HoldPlaced {
        /// What kind of reason.
        cause: HoldCause,
        /// Why, and with that what would unblock it.
        reason: HoldReason,
        /// When patience ends and the release is rolled back.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        roll_back_at: Option<Timestamp>,
        /// The roles of the one who placed it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// A reason to stand still is gone.
    struct HoldReleased {
        /// Which reason.
        cause: HoldCause,
        /// Why it is gone.
        reason: ResumeReason,
        /// The roles of the one who released it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// All of the traffic is on the new version; the validation began.
    struct ValidationStarted {
        /// How long it has to last.
        #[serde(rename = "length_ms")]
        length: Span,
    }

    /// A named person is on call for the release.
    struct OnCallAcknowledged {
        /// When the cover ends, unless somebody acknowledges again.
        until: Timestamp,
        /// The person's roles.
        roles: BTreeSet<Role>,
    }

    /// On-call duty went from one person to the one who caused this record.
    struct OnCallHandedOver {
        /// Who had it.
        from: Actor,
        /// When the cover ends, unless somebody acknowledges again.
        until: Timestamp,
        /// The roles of the one who has it now.
        roles: BTreeSet<Role>,
    }

    /// Nobody is on call for the release any more.
    struct CoverLapsed {
        /// Who was.
        person: Actor,
    }

    /// An executive has overridden a failed gate.
    struct OverrideGranted {
        /// Which gate.
        gate: Gate,
        /// The failed checks that it covers; none for a freeze.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        checks: BTreeSet<CheckName>,
        /// Why.
        reason: Text,
        /// When it expires if it was not used.
        expires_at: Timestamp,
        /// The executive's roles.
        roles: BTreeSet<Role>,
    }

    /// An override was not used in time.
    struct OverrideExpired {
        /// Which gate.
        gate: Gate,
    }

    /// A post-mortem is owed. The release can't be closed before it is filed.
    struct PostMortemOpened {
        /// Its number in the release, from 1.
        number: u32,
        /// What it is about.
        about: PostMortemCause,
    }

    /// A post-mortem was filed.
    struct PostMortemFiled {
        /// Its number in the release.
        number: u32,
        /// What happened and what was learnt.
        summary: Text,
        /// What caused it.
        root_cause: Text,
        /// Where the whole text is.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        link: Option<Text>,
        /// The roles of the one who filed it.
        roles: BTreeSet<Role>,
    }

    /// Something that was learnt from the release was written down.
    struct LessonRecorded {
        /// Under which heading of a retrospective it stands.
        kind: LessonKind,
        /// What was learnt.
        text: Text,
        /// The roles of the one who wrote it down.
        roles: BTreeSet<Role>,
    }

    /// Somebody has taken it upon themselves to change something because of the release.
    struct ActionItemOpened {
        /// Its number in the release, from 1.
        number: u32,
        /// What is to be done.
        what: Text,
        /// What it is good for.
        kind: ActionItemKind,
        /// Who does it.
        owner: Actor,
        /// When it is to be done.
        due: Timestamp,
        /// The roles of the one who recorded it.
        roles: BTreeSet<Role>,
    }

    /// An action item was done, or dropped.
    struct ActionItemSettled {
        /// Its number in the release.
        number: u32,
        /// In which way.
        how: Settlement,
        /// What shows that it is done, or why it was dropped.
        note: Text,
        /// The roles of the one who settled it.
        roles: BTreeSet<Role>,
    }

    /// A customer's complaint was recorded.
    struct ComplaintRecorded {
        /// What the customer said.
        text: Text,
        /// The roles of the one who recorded it.
        roles: BTreeSet<Role>,
    }

    /// An incident of the service was seen, by a source of incidents or a person, once production was entered.
    struct IncidentReported {
        /// Who told of it: the name of the source. With the incident's id it says which incident it is.
        source: Text,
        /// The incident, as it was when it was first seen.
        incident: Incident,
        /// The roles of the one who recorded it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// An incident that was seen does not fire any more.
    struct IncidentEnded {
        /// Who told of it: the name of the source.
        source: Text,
        /// The incident, as the source names it.
        id: Text,
        /// When it ended, by the source's clock; by the time of this record, where the source does not say.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        ended_at: Option<Timestamp>,
        /// The roles of the one who recorded it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// The release is being taken back.
    struct RollbackStarted {
        /// What triggered it.
        trigger: RollbackTrigger,
        /// The share of the traffic that the new version had.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
    }

    /// The platform did not show what a rollback should lead to. It is tried again.
    struct RollbackUnconfirmed {
        /// How often it was tried.
        attempt: u32,
        /// What the platform showed, or why it showed nothing.
        shown: ShownInRollback,
    }

    /// The platform showed no traffic on the new version.
    struct ZeroTrafficObserved {
        /// How often in a row.
        times: u32,
        /// How often it has to.
        needed: u32,
        /// What the platform said.
        detail: Text,
    }

    /// The rollback is done: traffic is at zero, by observation.
    struct RollbackConfirmed {
        /// How long the traffic took to get there.
        #[serde(rename = "took_ms")]
        took: Span,
    }

    /// The validation has passed.
    struct ReleaseCompleted {
        /// How long all of the traffic was observed under cover, on fresh data.
        #[serde(rename = "validated_ms")]
        validated: Span,
    }

    /// The release was given up before production.
    struct ReleaseAborted {
        /// Why.
        reason: Text,
        /// The roles of the one who gave it up.
        roles: BTreeSet<Role>,
    }

    /// Nothing is left to do.
    struct ReleaseClosed {
        /// The roles of the one who closed it.
        roles: BTreeSet<Role>,
    }

    /// People were told.
    struct Notified {
        /// The effect that asked for it.
        effect: EffectId,
        /// Of what.
        moment: NotifyOn,
        /// Who.
        audience: Text,
        /// Through which channel.
        channel: Channel,
    }

    /// People could not be told, and it is not tried again.
    struct NotificationAbandoned {
        /// The effect that asked for it.
        effect: EffectId,
        /// Of what.
        moment: NotifyOn,
        /// Through which channel.
        channel: Channel,
        /// What went wrong.
        detail: Text,
    }
}

impl GatePassed {
    /// What it was passed on, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let grounds = self.grounds.iter().map(Ground::to_string);
        grounds.chain(self.verdicts.iter().map(Verdict::to_string)).collect()
    }
}

impl GateFailed {
    /// Why it was not passed, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        self.reasons.iter().map(Ground::to_string).collect()
    }
}

/// An effect, by the record that asked for it and its place among the effects of that record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectId {
    /// The sequence number of the record.
    pub record: u64,
    /// The place, from 0.
    pub index: u32,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.record, self.index)
    }
}

/// How traffic came to be where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// The deployer was asked to set it, and did.
    Deployer,
    /// It was there already when the conductor looked, after an answer was lost or a restart.
    Observation,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        })
    }
}

/// The go/no-go at the end of a phase or step: `plan`, `staging`, `step-1`, `validation`, and `freeze` for a time in
/// which nothing new is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Contract in place, approved by somebody else.
    Plan,
    /// Every check of staging passed.
    Staging,
    /// A step of the rollout, by its number from 1: bake time served, enough samples, every criterion clean.
    Step(u32),
    /// The validation under cover.
    Validation,
    /// A freeze of the policy.
    Freeze,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.pad("plan"),
            Self::Staging => f.pad("staging"),
            Self::Step(number) => f.pad(&format!("step-{number}")),
            Self::Validation => f.pad("validation"),
            Self::Freeze => f.pad("freeze"),
        }
    }
}

impl FromStr for Gate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "plan" => Ok(Self::Plan),
            "staging" => Ok(Self::Staging),
            "validation" => Ok(Self::Validation),
            "freeze" => Ok(Self::Freeze),
            other => match other.strip_prefix("step-").and_then(|number| number.parse().ok()) {
                Some(number) if number > 0 => Ok(Self::Step(number)),
                Some(_) | None => {
                    let problem = "it is not one of plan, staging, step-1, step-2 …, validation, freeze";
                    Err(UnitError::new(text, "a gate", problem))
                }
            },
        }
    }
}

serde_as_text!(Gate);
schema_as_text!(
    Gate,
    "Gate",
    "plan, staging, step-1 …, validation or freeze",
    "staging",
    r"^(plan|staging|step-[1-9][0-9]*|validation|freeze)$"
);

/// What kind of reason keeps a release from moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// A person said so.
    Manual,
    /// Something could not be measured.
    Unmeasured,
    /// The deployer fails.
    Deployer,
    /// Something speaks against the release, and it is not sure enough to roll back.
    Suspicion,
}

impl fmt::Display for HoldCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Manual => "manual",
            Self::Unmeasured => "unmeasured",
            Self::Deployer => "deployer",
            Self::Suspicion => "suspicion",
        })
    }
}

/// What a post-mortem is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PostMortemCause {
    /// An override of a gate.
    Override {
        /// The gate.
        gate: Gate,
    },
    /// A rollback.
    Rollback,
}

impl fmt::Display for PostMortemCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Override { gate } => write!(f, "the override of the {gate} gate"),
            Self::Rollback => f.write_str("the rollback"),
        }
    }
}

/// The headings of a retrospective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LessonKind {
    /// What went well, and is to be kept.
    WentWell,
    /// What went badly, and is to be changed.
    WentBadly,
    /// Where it was luck that nothing worse happened.
    Lucky,
}

impl LessonKind {
    /// Every heading, in the order in which people go through them.
    pub const ALL: [Self; 3] = [Self::WentWell, Self::WentBadly, Self::Lucky];
}

impl fmt::Display for LessonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WentWell => "went well",
            Self::WentBadly => "went badly",
            Self::Lucky => "where we were lucky",
        })
    }
}

/// What an action item is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionItemKind {
    /// It can't happen again.
    Prevent,
    /// It is noticed sooner.
    Detect,
    /// It does less harm, or is over sooner.
    Mitigate,
    /// People work in another way.
    Process,
}

impl ActionItemKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Prevent, Self::Detect, Self::Mitigate, Self::Process];
}

impl fmt::Display for ActionItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Prevent => "prevent",
            Self::Detect => "detect",
            Self::Mitigate => "mitigate",
            Self::Process => "process",
        })
    }
}

/// How an action item came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// It was done.
    Done,
    /// It is not done any more, for a reason.
    Dropped,
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Dropped => "dropped",
        })
    }
}

/// What triggered a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RollbackTrigger {
    /// A criterion of the contract; the record before holds the numbers.
    Criterion {
        /// The criterion, in the words of the contract.
        criterion: Criterion,
        /// The observed value, as people write it.
        observed: String,
        /// The threshold in the same unit; the baseline's multiple is worked out.
        threshold: String,
    },
    /// Something could not be measured, and the policy says to roll back, or its patience is over.
    Unmeasured {
        /// What was not measured, and in which way.
        reason: HoldReason,
        /// How long the release had held on.
        #[serde(rename = "held_ms")]
        held: Span,
    },
    /// A person said so.
    Manual {
        /// Why.
        reason: Text,
        /// The person's roles.
        roles: BTreeSet<Role>,
    },
}

impl fmt::Display for RollbackTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Criterion { criterion, observed, threshold } => {
                write!(f, "`{criterion}` breached: {observed} observed, limit {threshold}")
            }
            Self::Unmeasured { reason, held } if *held == Span::ZERO => write!(f, "not measured: {reason}"),
            Self::Unmeasured { reason, held } => write!(f, "not measured for {held}: {reason}"),
            Self::Manual { reason, .. } => write!(f, "by hand: {reason}"),
        }
    }
}
