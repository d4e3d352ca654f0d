use thiserror::Error;

use super::PhaseName;
use crate::{
    event::{Gate, HoldCause},
    plan::{PlanError, WayBack},
    policy::{Permission, PolicyError},
    unit::{Actor, CheckName, ReleaseId, ServiceName, Span, Text, Timestamp},
};

/// Why a command is refused, and what would have to be true.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The directory does not know the actor.
    #[error("{0} is unknown to the directory: only people and services it knows may act")]
    UnknownActor(Actor),
    /// relman's own name was used for a command.
    #[error("{0} can't give commands: name the person (user:…) or service (service:…) who acts")]
    SystemActor(Actor),
    /// The actor's roles do not allow it.
    #[error(
        "{actor} may not {permission}: that takes one of the roles {needed}, and the directory gives {held}"
    )]
    NotPermitted {
        /// Who asked.
        actor: Actor,
        /// For what.
        permission: Permission,
        /// Which roles allow it.
        needed: String,
        /// Which roles the actor has.
        held: String,
    },
    /// Only a person can do this.
    #[error("{0} is not a person: this takes a person's name (user:…)")]
    NotAPerson(Actor),
    /// The release is somewhere else.
    #[error("{release} is {phase}: {wanted} is possible while it is {possible}")]
    WrongPhase {
        /// The release.
        release: ReleaseId,
        /// Where it is.
        phase: PhaseName,
        /// What was asked for.
        wanted: &'static str,
        /// Where it would be possible.
        possible: String,
    },
    /// There is no such release.
    #[error("there is no release {0}: record its plan first")]
    NoSuchRelease(ReleaseId),
    /// There is such a release already.
    #[error("{0} is planned already: revise its plan while it is in planning, or choose another id")]
    AlreadyPlanned(ReleaseId),
    /// The plan is for another release.
    #[error("the plan is for {planned}, not for {release}")]
    OtherRelease {
        /// The release of the plan.
        planned: ReleaseId,
        /// The release of the stream.
        release: ReleaseId,
    },
    /// The plan does not hold together.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The policy is below today's floors, or the plan does not fit it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A drill would become a production release, or the other way round.
    #[error(
        "{0} is a drill and stays one: a drill never becomes a production release. Record a new plan under another id"
    )]
    DrillStaysDrill(ReleaseId),
    /// A production release would become a drill.
    #[error("{0} is a production release and can't become a drill. Record a new plan under another id")]
    ProductionStaysProduction(ReleaseId),
    /// Approval would start staging, and there is no contract.
    #[error(
        "{0} has no rollback contract, and nothing is staged without one: add [contract] with numeric criteria, such \
         as criteria = [\"error_rate > 1%\"], and record the plan again"
    )]
    StagingWithoutContract(ReleaseId),
    /// The approver wrote the plan.
    #[error("{0} is an author of the plan: someone else has to approve it")]
    ApproverIsAuthor(Actor),
    /// The approver has approved already.
    #[error("{0} has approved this plan already: a second approval has to come from someone else")]
    AlreadyApproved(Actor),
    /// The executive wrote the plan.
    #[error(
        "{0} is an author of the plan: an override comes from an executive who neither wrote nor approved it"
    )]
    ExecutiveIsAuthor(Actor),
    /// The executive approved the plan.
    #[error(
        "{0} has approved the plan: an override comes from an executive who neither wrote nor approved it"
    )]
    ExecutiveIsApprover(Actor),
    /// No gate asks for the check.
    #[error("no gate asks for the check `{check}` now: {asked}")]
    CheckNotAsked {
        /// The check.
        check: CheckName,
        /// What is asked for.
        asked: String,
    },
    /// A checklist was signed without all of its items.
    #[error("the checklist of `{check}` is not complete: confirm {missing}")]
    ChecklistIncomplete {
        /// The check.
        check: CheckName,
        /// The items that were not confirmed.
        missing: String,
    },
    /// The gate can't be overridden at all.
    #[error("the {gate} gate can't be overridden: {why}")]
    GateNotOverridable {
        /// The gate.
        gate: Gate,
        /// Why not.
        why: &'static str,
    },
    /// The gate has not failed.
    #[error("the {gate} gate has not failed, so there is nothing to override: {now}")]
    GateNotFailed {
        /// The gate.
        gate: Gate,
        /// How things stand.
        now: String,
    },
    /// The override would last too long, or not at all.
    #[error("the override expires at {expires_at}: it has to expire after {now} and within {longest}")]
    OverrideExpiry {
        /// When it would expire.
        expires_at: Timestamp,
        /// Now.
        now: Timestamp,
        /// How long the policy allows.
        longest: Span,
    },
    /// The release is held already.
    #[error("{release} has been held since {since}: {reason}")]
    AlreadyHeld {
        /// The release.
        release: ReleaseId,
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
    /// There is nothing that a person could release.
    #[error("{release} has no hold that a person could lift: {now}")]
    NothingToResume {
        /// The release.
        release: ReleaseId,
        /// How things stand.
        now: String,
    },
    /// A hold ends by itself, and not because somebody says so.
    #[error("this hold clears by itself once {unblocked_by}")]
    HoldNotReleasable {
        /// What kind of hold.
        cause: HoldCause,
        /// What would release it.
        unblocked_by: String,
    },
    /// Production was touched.
    #[error("{0} has reached production: roll it back instead of aborting it")]
    AbortAfterProduction(ReleaseId),
    /// The change can't be taken back any more.
    #[error(
        "{release} can't be rolled back: there is no way back after {}: {}. Instead: {}. An executive can allow a rollback \
         (override --gate way-back)",
        way_back.none_after, way_back.reason, way_back.instead
    )]
    NoWayBack {
        /// The release.
        release: ReleaseId,
        /// What its contract says.
        way_back: WayBack,
    },
    /// It was promoted on a platform where the stable instances got the new version.
    #[error(
        "{release} can't be rolled back: it was promoted, and {} is not installed any more; to go back to it, plan it as a new release that replaces this one",
        replaces.as_ref().map_or("the version before", Text::as_str)
    )]
    Replaced {
        /// The release.
        release: ReleaseId,
        /// Its version.
        version: Option<Text>,
        /// The version that it has replaced.
        replaces: Option<Text>,
    },
    /// Production was not touched.
    #[error("{0} has not reached production, so there is nothing to roll back: abort it instead")]
    NothingToRollBack(ReleaseId),
    /// The release is being rolled back already.
    #[error(
        "{0} is already being rolled back; a running conductor keeps trying until the platform shows zero traffic"
    )]
    AlreadyRollingBack(ReleaseId),
    /// The cover would end before it begins.
    #[error("the cover ends at {until}: it has to end after {now}, and within the shift of {shift}")]
    CoverRange {
        /// When it would end.
        until: Timestamp,
        /// Now.
        now: Timestamp,
        /// The longest cover.
        shift: Span,
    },
    /// No post-mortem is owed.
    #[error("{0} owes no post-mortem")]
    NoPostMortemOwed(ReleaseId),
    /// Several are owed, and none was named.
    #[error("{release} owes several post-mortems; name one by its number: {owed}")]
    WhichPostMortem {
        /// The release.
        release: ReleaseId,
        /// What is owed.
        owed: String,
    },
    /// A release with open obligations can't be closed.
    #[error("{release} can't be closed before these are filed: {owed}")]
    PostMortemsOwed {
        /// The release.
        release: ReleaseId,
        /// What is owed.
        owed: String,
    },
    /// The action item would be overdue at once.
    #[error("the action item would be due at {due}, and it is already {now}: give it a date in the future")]
    ActionItemDue {
        /// When it would be due.
        due: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// No action item is open.
    #[error("{0} has no open action item")]
    NoActionItemOpen(ReleaseId),
    /// Several are open, and none of them was named.
    #[error("{release} has several open action items; name one by its number: {open}")]
    WhichActionItem {
        /// The release.
        release: ReleaseId,
        /// What is open.
        open: String,
    },
    /// The complaint was withdrawn, and comes again.
    #[error(
        "the complaint {key} of {release} (record {record}) was withdrawn: record it under another key if it stands after all"
    )]
    ComplaintWasWithdrawn {
        /// The release.
        release: ReleaseId,
        /// Its key.
        key: String,
        /// The record that holds it.
        record: u64,
    },
    /// The complaint is withdrawn already.
    #[error("that complaint of {release} is withdrawn already, by record {record}")]
    ComplaintWithdrawnAlready {
        /// The release.
        release: ReleaseId,
        /// The record that withdraws it.
        record: u64,
    },
    /// There is no complaint that could be withdrawn.
    #[error("{0} has no such complaint that counts: `log` shows the records of complaints, with their keys")]
    NoSuchComplaint(ReleaseId),
    /// Several count, and none of them was named.
    #[error("{release} has several complaints; name one by its key or its record: {counting}")]
    WhichComplaint {
        /// The release.
        release: ReleaseId,
        /// What counts.
        counting: String,
    },
    /// The incident is another service's.
    #[error(
        "the incident is one of {service}, and {release} releases {released}: record it there, if anywhere"
    )]
    IncidentOfAnotherService {
        /// The release.
        release: ReleaseId,
        /// The service that it releases.
        released: ServiceName,
        /// The service of the incident.
        service: ServiceName,
    },
    /// The incident is on the record already.
    #[error("the incident {id} of {source_name} is already on the record of {release}")]
    IncidentKnown {
        /// The release.
        release: ReleaseId,
        /// Who told of it.
        source_name: String,
        /// Which incident.
        id: String,
    },
    /// No such incident fires.
    #[error(
        "{release} has no open incident {id} of {source_name}: record it first, or name one that is open"
    )]
    NoIncidentOpen {
        /// The release.
        release: ReleaseId,
        /// Who tells of it.
        source_name: String,
        /// Which incident.
        id: String,
    },
    /// The incident would end before it begins.
    #[error("the incident began at {started_at}, so it can't have ended at {ended_at}")]
    IncidentTimes {
        /// When it began.
        started_at: Timestamp,
        /// When it would have ended.
        ended_at: Timestamp,
    },
    /// The incident does not fit a record.
    #[error(
        "the incident takes {bytes} bytes, and a record holds {most}: shorten its words and link to the rest"
    )]
    IncidentTooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// There are too many of them.
    #[error("{release} already has {most} incidents on its record, the most it keeps")]
    TooManyIncidents {
        /// The release.
        release: ReleaseId,
        /// How many it keeps.
        most: usize,
    },
    /// The journal can't be written now.
    #[error(
        "{release} can't be changed now because the journal does not work: {why}. Nothing was done; try again"
    )]
    JournalUnavailable {
        /// The release.
        release: ReleaseId,
        /// What the journal says.
        why: String,
    },
    /// What was asked for does not fit a record.
    #[error("{release}: this can't be written as a record, and nothing was done: {why}")]
    Unwritable {
        /// The release.
        release: ReleaseId,
        /// What is wrong with it.
        why: String,
    },
    /// A step can't be left out, shortened or jumped over.
    #[error("{release} can't be completed: {why}")]
    NotComplete {
        /// The release.
        release: ReleaseId,
        /// What is missing.
        why: String,
    },
}
