//! What an actor may do with a release as it is: a function of the state, for whoever offers actions to people, and the
//! same checks that a command goes through.

use std::collections::BTreeSet;

use super::{
    ActionItem, ActionName, Complaint, Phase, PhaseName, Principal, Refusal, Release, Who,
    action_table::listed,
};
use crate::{
    event::{CheckOutcome, Gate, HoldCause},
    policy::{Permission, Policy},
    unit::{CheckName, Role, Text, Timestamp},
};

/// What an override covers: the checks that have failed so far, or the freezes that are in force.
#[derive(Default)]
pub(super) struct Covered {
    pub(super) checks: BTreeSet<CheckName>,
    pub(super) freezes: BTreeSet<Text>,
}

impl Release {
    /// What an actor may do now, and why not what they may not. `now` is the time of the calendar.
    pub fn available(&self, by: &Principal, now: Timestamp) -> Vec<(ActionName, Result<(), Refusal>)> {
        ActionName::ALL.into_iter().map(|action| (action, self.may(action, by, now))).collect()
    }

    /// Whether an actor may take an action now, whatever it brings with it.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that the command would meet.
    pub fn may(&self, action: ActionName, by: &Principal, now: Timestamp) -> Result<(), Refusal> {
        if action == ActionName::RecordPlan {
            return self.is_unplanned().and_then(|()| by.known()).map(drop);
        }
        if self.planned.is_none() {
            return Err(Refusal::NoSuchRelease(self.id.clone()));
        }
        let now = self.in_the_stream(now);
        match action {
            ActionName::ApprovePlan => self.may_approve(by).map(drop),
            ActionName::FilePostMortem => {
                let first = self.owed_post_mortems().next().map(|owed| owed.number);
                self.may_file_post_mortem(by, first).map(drop)
            }
            ActionName::Hold => self.may_hold(by).map(drop),
            ActionName::Resume => self.may_resume(by).map(drop),
            ActionName::RollBack => self.may_roll_back(by, now).map(drop),
            ActionName::Abort => self.may_abort(by).map(drop),
            ActionName::Override => match self.overridable_in_the_stream(by, now).first() {
                Some(_) => Ok(()),
                None => self.may_override(by, Gate::Staging, now).map(drop),
            },
            ActionName::SettleActionItem => {
                let own = self.open_action_items().find(|item| item.owner == by.actor);
                let number = own.or_else(|| self.open_action_items().next()).map(|item| item.number);
                self.may_settle(by, number).map(drop)
            }
            ActionName::WithdrawComplaint => {
                let counting = || self.complaints.iter().filter(|one| one.counts());
                let own = counting().find(|one| one.by == by.actor);
                let record = own.or_else(|| counting().next()).map(|one| one.record);
                self.may_withdraw(by, None, record).map(drop)
            }
            ActionName::Close => self.may_close(by, now).map(drop),
            ActionName::RecordPlan
            | ActionName::RevisePlan
            | ActionName::RecordCheck
            | ActionName::Acknowledge
            | ActionName::Complain
            | ActionName::RecordIncident
            | ActionName::EndIncident
            | ActionName::RecordLesson
            | ActionName::OpenActionItem => self.may_now(action, by).map(drop),
        }
    }

    /// The actor's roles, if the table has the action in this phase, and for them.
    pub(super) fn may_now(&self, action: ActionName, by: &Principal) -> Result<BTreeSet<Role>, Refusal> {
        self.is_in_phase(action)?;
        self.has_right(action, by)
    }

    fn is_in_phase(&self, action: ActionName) -> Result<(), Refusal> {
        let rules = action.rules();
        self.is_one_of(rules.phases, rules.doing)
    }

    fn is_one_of(&self, phases: &[PhaseName], wanted: &'static str) -> Result<(), Refusal> {
        let phase = self.phase.name();
        if phases.contains(&phase) {
            return Ok(());
        }
        Err(Refusal::WrongPhase { release: self.id.clone(), phase, wanted, possible: listed(phases) })
    }

    fn has_right(&self, action: ActionName, by: &Principal) -> Result<BTreeSet<Role>, Refusal> {
        match action.rules().who {
            Who::Known | Who::OwnerOr(_) => by.known(),
            Who::KnownOrSource => by.tells(),
            Who::With(permission) => self.permit(by, permission),
            Who::PersonWith(permission) => {
                let roles = self.permit(by, permission)?;
                by.is_person().map(|()| roles)
            }
        }
    }

    pub(super) fn is_unplanned(&self) -> Result<(), Refusal> {
        match self.phase {
            Phase::Unplanned => Ok(()),
            _ => Err(Refusal::AlreadyPlanned(self.id.clone())),
        }
    }

    /// The gates that an actor may override now.
    pub fn overridable_by(&self, by: &Principal, now: Timestamp) -> Vec<Gate> {
        self.overridable_in_the_stream(by, self.in_the_stream(now))
    }

    fn overridable_in_the_stream(&self, by: &Principal, now: Timestamp) -> Vec<Gate> {
        let may = |gate: &Gate| self.may_override(by, *gate, now).is_ok();
        [Gate::Staging, Gate::Validation, Gate::Freeze, Gate::WayBack].into_iter().filter(may).collect()
    }

    /// A time of the calendar as the stream has it.
    fn in_the_stream(&self, now: Timestamp) -> Timestamp {
        (now + self.skew).max(self.last_at)
    }

    pub(super) fn may_approve(&self, by: &Principal) -> Result<(u64, BTreeSet<Role>), Refusal> {
        let roles = self.may_now(ActionName::ApprovePlan, by)?;
        let actor = &by.actor;
        let Some(planned) = &self.planned else {
            return Err(Refusal::NoSuchRelease(self.id.clone()));
        };
        if planned.authors.contains(actor) {
            return Err(Refusal::ApproverIsAuthor(actor.clone()));
        }
        if self.approvals.iter().any(|approval| approval.by == *actor) {
            return Err(Refusal::AlreadyApproved(actor.clone()));
        }
        if planned.plan.contract().is_none() {
            return Err(Refusal::StagingWithoutContract(self.id.clone()));
        }
        Ok((planned.record, roles))
    }

    pub(super) fn may_hold(&self, by: &Principal) -> Result<BTreeSet<Role>, Refusal> {
        let roles = self.may_now(ActionName::Hold, by)?;
        match self.holds.get(&HoldCause::Manual) {
            None => Ok(roles),
            Some(hold) => Err(Refusal::AlreadyHeld {
                release: self.id.clone(),
                since: hold.since,
                reason: hold.reason.to_string(),
            }),
        }
    }

    /// The holds that an actor may release.
    pub(super) fn may_resume(&self, by: &Principal) -> Result<(Vec<HoldCause>, BTreeSet<Role>), Refusal> {
        let roles = self.has_right(ActionName::Resume, by)?;
        let releasable: Vec<HoldCause> = [
            HoldCause::Manual,
            HoldCause::Deployer,
            HoldCause::Suspicion,
            HoldCause::Drift,
            HoldCause::Irreversible,
        ]
        .into_iter()
        .filter(|cause| self.holds.contains_key(cause))
        .collect();
        if !releasable.is_empty() {
            return Ok((releasable, roles));
        }
        if let Some((cause, hold)) = self.holds.iter().next() {
            let unblocked_by = hold.reason.unblocked_by().to_owned();
            return Err(Refusal::HoldNotReleasable { cause: *cause, unblocked_by });
        }
        let now = format!("it is {}", self.phase.name());
        Err(Refusal::NothingToResume { release: self.id.clone(), now })
    }

    pub(super) fn may_roll_back(&self, by: &Principal, now: Timestamp) -> Result<BTreeSet<Role>, Refusal> {
        let roles = self.has_right(ActionName::RollBack, by)?;
        let id = self.id.clone();
        if let Some(way_back) = self.refuses_rollback(now) {
            return Err(Refusal::NoWayBack { release: id, way_back });
        }
        if self.has_replaced() {
            let (version, replaces) = self
                .plan()
                .map(crate::plan::Plan::scope)
                .map(|scope| (scope.artifact.version.clone(), scope.replaces.clone()))
                .unzip();
            return Err(Refusal::Replaced { release: id, version, replaces });
        }
        match self.phase.name() {
            PhaseName::Releasing | PhaseName::Validating | PhaseName::Completed => Ok(roles),
            PhaseName::RollingBack => Err(Refusal::AlreadyRollingBack(id)),
            PhaseName::Unplanned | PhaseName::Planning | PhaseName::Staging => {
                Err(Refusal::NothingToRollBack(id))
            }
            PhaseName::RolledBack | PhaseName::Aborted | PhaseName::Closed => {
                self.is_in_phase(ActionName::RollBack).map(|()| roles)
            }
        }
    }

    /// What an override of the gate would cover.
    pub(super) fn may_override(
        &self,
        by: &Principal,
        gate: Gate,
        now: Timestamp,
    ) -> Result<(Covered, BTreeSet<Role>), Refusal> {
        let roles = self.has_right(ActionName::Override, by)?;
        let actor = &by.actor;
        if self.authors().contains(actor) {
            return Err(Refusal::ExecutiveIsAuthor(actor.clone()));
        }
        if self.approvals.iter().any(|approval| approval.by == *actor) {
            return Err(Refusal::ExecutiveIsApprover(actor.clone()));
        }
        Ok((self.overridable(gate, now)?, roles))
    }

    fn overridable(&self, gate: Gate, now: Timestamp) -> Result<Covered, Refusal> {
        match gate {
            Gate::Plan => {
                let why =
                    "everything rests on a contract, and on an approval by a person other than the author";
                Err(Refusal::GateNotOverridable { gate, why })
            }
            Gate::Step(_) => {
                let why = "a step passes on data alone; a breach rolls back, and what was not measured did not pass";
                Err(Refusal::GateNotOverridable { gate, why })
            }
            Gate::Staging => {
                self.is_one_of(&[PhaseName::Staging], "overriding the staging gate")?;
                self.failed_checks(gate, now)
            }
            Gate::Validation => {
                let wanted = "overriding a failed check of the validation gate";
                self.is_one_of(&[PhaseName::Validating], wanted)?;
                self.failed_checks(gate, now)
            }
            Gate::WayBack => match (self.way_back(), self.without_way_back()) {
                (Some(_), Some(_)) => Ok(Covered::default()),
                (Some(way_back), None) => {
                    let now = format!("there is a way back up to {}", way_back.none_after);
                    Err(Refusal::GateNotFailed { gate, now })
                }
                (None, _) => {
                    let now = "the plan names no share after which there is no way back".to_owned();
                    Err(Refusal::GateNotFailed { gate, now })
                }
            },
            Gate::Freeze => {
                // Where a freeze stands in the way. In planning it does not, and an executive who acted there could
                // still approve or change the plan afterwards.
                let phases = &[PhaseName::Staging, PhaseName::Releasing];
                self.is_one_of(phases, "overriding a freeze")?;
                let freezes = self.freezes_in_force(now);
                if freezes.is_empty() {
                    return Err(Refusal::GateNotFailed { gate, now: "no freeze is in force now".to_owned() });
                }
                Ok(Covered { freezes, ..Covered::default() })
            }
        }
    }

    fn failed_checks(&self, gate: Gate, now: Timestamp) -> Result<Covered, Refusal> {
        let failed = |check: &CheckName| {
            self.checks.get(check).is_some_and(|check| check.outcome == CheckOutcome::Failed)
        };
        let checks: BTreeSet<CheckName> = self.checks_asked(gate).into_iter().filter(failed).collect();
        if !checks.is_empty() {
            return Ok(Covered { checks, ..Covered::default() });
        }
        let now = match self.missing(now).first() {
            Some(missing) => format!("it waits for {}", missing.what),
            None => "nothing is missing".to_owned(),
        };
        Err(Refusal::GateNotFailed { gate, now })
    }

    /// The post-mortem that an actor may file: the one with this number, or the only one that is owed.
    pub(super) fn may_file_post_mortem(
        &self,
        by: &Principal,
        number: Option<u32>,
    ) -> Result<(u32, BTreeSet<Role>), Refusal> {
        let roles = self.has_right(ActionName::FilePostMortem, by)?;
        let owed: Vec<u32> = self.owed_post_mortems().map(|one| one.number).collect();
        match (number, owed.as_slice()) {
            (_, []) => Err(Refusal::NoPostMortemOwed(self.id.clone())),
            (None, [only]) => Ok((*only, roles)),
            (Some(number), owed) if owed.contains(&number) => Ok((number, roles)),
            (None | Some(_), _) => {
                Err(Refusal::WhichPostMortem { release: self.id.clone(), owed: self.owed_in_words() })
            }
        }
    }

    pub(super) fn may_abort(&self, by: &Principal) -> Result<BTreeSet<Role>, Refusal> {
        if let Some(way_back) = self.without_way_back() {
            return Err(Refusal::NoWayBack { release: self.id.clone(), way_back });
        }
        if self.phase.name().touches_production() {
            return Err(Refusal::AbortAfterProduction(self.id.clone()));
        }
        self.may_now(ActionName::Abort, by)
    }

    pub(super) fn may_close(&self, by: &Principal, now: Timestamp) -> Result<BTreeSet<Role>, Refusal> {
        let release = self.id.clone();
        match self.phase.name() {
            PhaseName::Completed | PhaseName::RolledBack | PhaseName::Aborted => {}
            PhaseName::Closed => self.is_in_phase(ActionName::Close)?,
            PhaseName::Unplanned
            | PhaseName::Planning
            | PhaseName::Staging
            | PhaseName::Releasing
            | PhaseName::Validating
            | PhaseName::RollingBack => {
                let missing = self.missing(now);
                let first = missing.first().map_or("its end", |missing| missing.what.as_str());
                let why = format!("it is {} and waits for {first}", self.phase.name());
                return Err(Refusal::NotComplete { release, why });
            }
        }
        let roles = self.has_right(ActionName::Close, by)?;
        if self.owed_post_mortems().next().is_some() {
            return Err(Refusal::PostMortemsOwed { release, owed: self.owed_in_words() });
        }
        if self.awaits_traffic() {
            let why = "what was held back does not have the new version yet".to_owned();
            return Err(Refusal::NotComplete { release, why });
        }
        Ok(roles)
    }

    /// The action item that an actor may settle: the one with this number, or the only one that is open. Its owner may, and
    /// whoever operates releases.
    pub(super) fn may_settle(
        &self,
        by: &Principal,
        number: Option<u32>,
    ) -> Result<(u32, BTreeSet<Role>), Refusal> {
        let roles = self.has_right(ActionName::SettleActionItem, by)?;
        let open: Vec<&ActionItem> = self.open_action_items().collect();
        let item = match (number, open.as_slice()) {
            (_, []) => return Err(Refusal::NoActionItemOpen(self.id.clone())),
            (None, [only]) => *only,
            (Some(_) | None, open) => {
                let Some(item) = open.iter().find(|item| Some(item.number) == number) else {
                    let named: Vec<String> = open
                        .iter()
                        .map(|item| format!("{} of {}, due {}", item.number, item.owner, item.due))
                        .collect();
                    return Err(Refusal::WhichActionItem {
                        release: self.id.clone(),
                        open: named.join("; "),
                    });
                };
                *item
            }
        };
        match ActionName::SettleActionItem.rules().who {
            Who::OwnerOr(permission) if item.owner != by.actor => {
                self.permit(by, permission).map(|roles| (item.number, roles))
            }
            Who::Known | Who::KnownOrSource | Who::With(_) | Who::PersonWith(_) | Who::OwnerOr(_) => {
                Ok((item.number, roles))
            }
        }
    }

    /// The complaint with a key.
    pub(super) fn complaint_with(&self, key: &Text) -> Option<&Complaint> {
        self.complaints.iter().find(|one| one.key.as_ref() == Some(key))
    }

    /// The record of the complaint that an actor may withdraw: the one that is named, or the only one that counts.
    pub(super) fn may_withdraw(
        &self,
        by: &Principal,
        key: Option<&Text>,
        record: Option<u64>,
    ) -> Result<(u64, BTreeSet<Role>), Refusal> {
        let roles = self.may_now(ActionName::WithdrawComplaint, by)?;
        let release = self.id.clone();
        let names = |one: &&Complaint| {
            key.is_none_or(|key| one.key.as_ref() == Some(key))
                && record.is_none_or(|record| one.record == record)
        };
        let counting: Vec<&Complaint> =
            self.complaints.iter().filter(|one| one.counts()).filter(names).collect();
        let complaint = match counting.as_slice() {
            [only] => *only,
            [] => {
                let withdrawn = self.complaints.iter().filter(names).find_map(|one| one.withdrawn);
                return Err(match withdrawn {
                    Some(by_record) if key.is_some() || record.is_some() => {
                        Refusal::ComplaintWithdrawnAlready { release, record: by_record }
                    }
                    Some(_) | None => Refusal::NoSuchComplaint(release),
                });
            }
            [..] => {
                let listed: Vec<String> = counting.iter().map(|one| one.in_words()).collect();
                return Err(Refusal::WhichComplaint { release, counting: listed.join("; ") });
            }
        };
        match ActionName::WithdrawComplaint.rules().who {
            Who::OwnerOr(permission) if complaint.by != by.actor => {
                self.permit(by, permission).map(|roles| (complaint.record, roles))
            }
            Who::Known | Who::KnownOrSource | Who::With(_) | Who::PersonWith(_) | Who::OwnerOr(_) => {
                Ok((complaint.record, roles))
            }
        }
    }

    /// The post-mortems that are owed, in words.
    pub(super) fn owed_in_words(&self) -> String {
        let owed = self.owed_post_mortems().map(|one| format!("post-mortem {} on {}", one.number, one.about));
        owed.collect::<Vec<_>>().join(", ")
    }

    /// The roles with which an actor may do something, under the policy of the release.
    pub(super) fn permit(&self, by: &Principal, permission: Permission) -> Result<BTreeSet<Role>, Refusal> {
        match self.policy() {
            Some(policy) => permit_under(by, policy, permission),
            None => Err(Refusal::NoSuchRelease(self.id.clone())),
        }
    }
}

/// The roles with which an actor may do something under a policy.
pub(super) fn permit_under(
    by: &Principal,
    policy: &Policy,
    permission: Permission,
) -> Result<BTreeSet<Role>, Refusal> {
    let roles = by.known()?;
    if policy.roles().allow(permission, &roles) {
        return Ok(roles);
    }
    let list = |roles: &BTreeSet<Role>| match roles.len() {
        0 => "none".to_owned(),
        _ => roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", "),
    };
    Err(Refusal::NotPermitted {
        actor: by.actor.clone(),
        permission,
        needed: list(&policy.roles().allowing(permission)),
        held: list(&roles),
    })
}
