use std::{collections::BTreeSet, sync::Arc};

use super::Draft;
use crate::{
    event::{PlanApproved, PlanRecorded, PlanRevised},
    machine::{Phase, PhaseName, Principal, Refusal},
    plan::{Plan, ReleaseKind, RiskAssessment},
    policy::{Permission, Policy, PolicyError},
    unit::{Role, TrackName},
};

impl Draft<'_> {
    pub(super) fn record_plan(
        &mut self,
        by: &Principal,
        plan: &Arc<Plan>,
        policy: &Arc<Policy>,
    ) -> Result<(), Refusal> {
        if self.release.phase != Phase::Unplanned {
            return Err(Refusal::AlreadyPlanned(self.release.id.clone()));
        }
        self.is_for_this_release(plan)?;
        let roles = permit_under(by, policy, Permission::Plan)?;
        let (risk, track) = assess(plan, policy)?;
        let (plan, policy) = (plan.clone(), policy.clone());
        self.push(&by.actor, PlanRecorded { plan, policy, risk, track, roles });
        Ok(())
    }

    pub(super) fn revise_plan(
        &mut self,
        by: &Principal,
        plan: &Arc<Plan>,
        policy: &Arc<Policy>,
    ) -> Result<(), Refusal> {
        self.in_phases(&[PhaseName::Planning], "revising the plan", "in planning")?;
        self.is_for_this_release(plan)?;
        let roles = self.permit(by, Permission::Plan)?;
        let kind = self.release.plan().map(Plan::kind);
        match (kind, plan.kind()) {
            (Some(ReleaseKind::Drill), ReleaseKind::Production) => {
                return Err(Refusal::DrillStaysDrill(self.release.id.clone()));
            }
            (Some(ReleaseKind::Production), ReleaseKind::Drill) => {
                return Err(Refusal::ProductionStaysProduction(self.release.id.clone()));
            }
            (Some(ReleaseKind::Drill), ReleaseKind::Drill)
            | (Some(ReleaseKind::Production), ReleaseKind::Production)
            | (None, _) => {}
        }
        let (risk, track) = assess(plan, policy)?;
        let (plan, policy) = (plan.clone(), policy.clone());
        self.push(&by.actor, PlanRevised { plan, policy, risk, track, roles });
        Ok(())
    }

    pub(super) fn approve_plan(&mut self, by: &Principal) -> Result<(), Refusal> {
        self.in_phases(&[PhaseName::Planning], "approving the plan", "in planning")?;
        let roles = self.permit(by, Permission::Approve)?;
        by.is_person()?;
        let actor = &by.actor;
        let Some(planned) = &self.release.planned else {
            return Err(Refusal::NoSuchRelease(self.release.id.clone()));
        };
        if planned.authors.contains(actor) {
            return Err(Refusal::ApproverIsAuthor(actor.clone()));
        }
        if self.release.approvals.iter().any(|approval| approval.by == *actor) {
            return Err(Refusal::AlreadyApproved(actor.clone()));
        }
        if planned.plan.contract().is_none() {
            return Err(Refusal::StagingWithoutContract(self.release.id.clone()));
        }
        let plan_record = planned.record;
        self.push(actor, PlanApproved { plan_record, roles });
        Ok(())
    }

    fn is_for_this_release(&self, plan: &Plan) -> Result<(), Refusal> {
        if *plan.release() == self.release.id {
            return Ok(());
        }
        Err(Refusal::OtherRelease { planned: plan.release().clone(), release: self.release.id.clone() })
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

fn assess(plan: &Plan, policy: &Policy) -> Result<(RiskAssessment, TrackName), PolicyError> {
    let risk = policy.assess(plan);
    let (track, _) = policy.track_for(plan, &risk)?;
    Ok((risk, track))
}
