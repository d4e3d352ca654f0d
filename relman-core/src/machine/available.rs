//! What an actor may do with a release as it is: a function of the state, for whoever offers actions to people, and the
//! same checks that a command goes through.

use std::collections::BTreeSet;

use super::{PhaseName, Principal, Refusal, Release};
use crate::{
    event::{CheckOutcome, Gate, HoldCause},
    policy::{Permission, Policy},
    unit::{CheckName, Role, Timestamp},
};

/// Something that people decide about a release, apart from what they would say with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Approve the plan.
    Approve,
    /// Take on-call duty.
    Acknowledge,
    /// File a post-mortem.
    FilePostMortem,
    /// Let a held release go on.
    Resume,
    /// Override a failed gate.
    Override,
    /// Make it stand still.
    Hold,
    /// Take it back.
    RollBack,
}

impl Decision {
    /// Every decision, in the order in which a person would look for it.
    pub const ALL: [Self; 7] = [
        Self::Approve,
        Self::Acknowledge,
        Self::FilePostMortem,
        Self::Resume,
        Self::Override,
        Self::Hold,
        Self::RollBack,
    ];
}

impl Release {
    /// What an actor may decide now, and why not what they may not. `now` is the time of the calendar.
    pub fn available(&self, by: &Principal, now: Timestamp) -> Vec<(Decision, Result<(), Refusal>)> {
        Decision::ALL.into_iter().map(|decision| (decision, self.may(decision, by, now))).collect()
    }

    /// Whether an actor may decide something now.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that the command would meet, whatever it said.
    pub fn may(&self, decision: Decision, by: &Principal, now: Timestamp) -> Result<(), Refusal> {
        if self.planned.is_none() {
            return Err(Refusal::NoSuchRelease(self.id.clone()));
        }
        match decision {
            Decision::Approve => self.may_approve(by).map(drop),
            Decision::Acknowledge => self.may_acknowledge(by).map(drop),
            Decision::FilePostMortem => {
                let first = self.owed_post_mortems().next().map(|owed| owed.number);
                self.may_file_post_mortem(by, first).map(drop)
            }
            Decision::Resume => self.may_resume(by).map(drop),
            Decision::Override => match self.overridable_by(by, now).first() {
                Some(_) => Ok(()),
                None => self.may_override(by, Gate::Staging, self.in_the_stream(now)).map(drop),
            },
            Decision::Hold => self.may_hold(by).map(drop),
            Decision::RollBack => self.may_roll_back(by).map(drop),
        }
    }

    /// The gates that an actor may override now.
    pub fn overridable_by(&self, by: &Principal, now: Timestamp) -> Vec<Gate> {
        let now = self.in_the_stream(now);
        let may = |gate: &Gate| self.may_override(by, *gate, now).is_ok();
        [Gate::Staging, Gate::Validation, Gate::Freeze].into_iter().filter(may).collect()
    }

    /// A time of the calendar as the stream has it.
    fn in_the_stream(&self, now: Timestamp) -> Timestamp {
        (now + self.skew).max(self.last_at)
    }

    pub(super) fn may_approve(&self, by: &Principal) -> Result<(u64, BTreeSet<Role>), Refusal> {
        self.in_phases(&[PhaseName::Planning], "approving the plan", "in planning")?;
        let roles = self.permit(by, Permission::Approve)?;
        by.is_person()?;
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
        let running = &[PhaseName::Planning, PhaseName::Staging, PhaseName::Releasing, PhaseName::Validating];
        self.in_phases(running, "holding it", "in planning, in staging, being released or in validation")?;
        let roles = by.known()?;
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
        let roles = self.permit(by, Permission::Operate)?;
        let releasable: Vec<HoldCause> = [HoldCause::Manual, HoldCause::Deployer, HoldCause::Suspicion]
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

    pub(super) fn may_roll_back(&self, by: &Principal) -> Result<BTreeSet<Role>, Refusal> {
        let roles = by.known()?;
        let id = self.id.clone();
        match self.phase.name() {
            PhaseName::Releasing | PhaseName::Validating | PhaseName::Completed => Ok(roles),
            PhaseName::RollingBack => Err(Refusal::AlreadyRollingBack(id)),
            PhaseName::Unplanned | PhaseName::Planning | PhaseName::Staging => {
                Err(Refusal::NothingToRollBack(id))
            }
            PhaseName::RolledBack | PhaseName::Aborted | PhaseName::Closed => {
                let possible = "being released, in validation or completed";
                self.in_phases(&[], "rolling it back", possible).map(|()| roles)
            }
        }
    }

    /// The failed checks that an override of the gate would cover.
    pub(super) fn may_override(
        &self,
        by: &Principal,
        gate: Gate,
        now: Timestamp,
    ) -> Result<(BTreeSet<CheckName>, BTreeSet<Role>), Refusal> {
        let roles = self.permit(by, Permission::Override)?;
        by.is_person()?;
        let actor = &by.actor;
        if self.authors().contains(actor) {
            return Err(Refusal::ExecutiveIsAuthor(actor.clone()));
        }
        if self.approvals.iter().any(|approval| approval.by == *actor) {
            return Err(Refusal::ExecutiveIsApprover(actor.clone()));
        }
        Ok((self.overridable(gate, now)?, roles))
    }

    fn overridable(&self, gate: Gate, now: Timestamp) -> Result<BTreeSet<CheckName>, Refusal> {
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
                self.in_phases(&[PhaseName::Staging], "overriding the staging gate", "in staging")?;
                self.failed_checks(gate, now)
            }
            Gate::Validation => {
                let wanted = "overriding a failed check of the validation gate";
                self.in_phases(&[PhaseName::Validating], wanted, "in validation")?;
                self.failed_checks(gate, now)
            }
            Gate::Freeze => {
                // Where a freeze stands in the way. In planning it does not, and an executive who acted there could
                // still approve or change the plan afterwards.
                let phases = &[PhaseName::Staging, PhaseName::Releasing];
                self.in_phases(phases, "overriding a freeze", "in staging or being released")?;
                match self.policy().and_then(|policy| policy.freeze_at(self.on_the_calendar(now))) {
                    Some(_) => Ok(BTreeSet::new()),
                    None => Err(Refusal::GateNotFailed { gate, now: "no freeze is in force now".to_owned() }),
                }
            }
        }
    }

    fn failed_checks(&self, gate: Gate, now: Timestamp) -> Result<BTreeSet<CheckName>, Refusal> {
        let failed = |check: &CheckName| {
            self.checks.get(check).is_some_and(|check| check.outcome == CheckOutcome::Failed)
        };
        let checks: BTreeSet<CheckName> = self.checks_asked(gate).into_iter().filter(failed).collect();
        if !checks.is_empty() {
            return Ok(checks);
        }
        let now = match self.missing(now).first() {
            Some(missing) => format!("it waits for {}", missing.what),
            None => "nothing is missing".to_owned(),
        };
        Err(Refusal::GateNotFailed { gate, now })
    }

    pub(super) fn may_acknowledge(&self, by: &Principal) -> Result<BTreeSet<Role>, Refusal> {
        let phases = &[PhaseName::Releasing, PhaseName::Validating];
        self.in_phases(phases, "acknowledging on-call duty", "being released or in validation")?;
        let roles = self.permit(by, Permission::OnCall)?;
        by.is_person()?;
        Ok(roles)
    }

    /// The post-mortem that an actor may file: the one with this number, or the only one that is owed.
    pub(super) fn may_file_post_mortem(
        &self,
        by: &Principal,
        number: Option<u32>,
    ) -> Result<(u32, BTreeSet<Role>), Refusal> {
        let roles = self.permit(by, Permission::Operate)?;
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

    pub(super) fn in_phases(
        &self,
        phases: &[PhaseName],
        wanted: &'static str,
        possible: &'static str,
    ) -> Result<(), Refusal> {
        let phase = self.phase.name();
        if phases.contains(&phase) {
            return Ok(());
        }
        Err(Refusal::WrongPhase { release: self.id.clone(), phase, wanted, possible })
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
