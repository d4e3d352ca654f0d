use std::sync::Arc;

use super::Draft;
use crate::{
    event::{PlanApproved, PlanRecorded, PlanRevised},
    machine::{ActionName, Principal, Refusal, available::permit_under},
    plan::{Plan, ReleaseKind, RiskAssessment},
    policy::{Permission, Policy, PolicyError},
    unit::TrackName,
};

impl Draft<'_> {
    pub(super) fn record_plan(
        &mut self,
        by: &Principal,
        plan: &Arc<Plan>,
        policy: &Arc<Policy>,
    ) -> Result<(), Refusal> {
        self.release.is_unplanned()?;
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
        let roles = self.release.may_now(ActionName::RevisePlan, by)?;
        self.is_for_this_release(plan)?;
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
        let (plan_record, roles) = self.release.may_approve(by)?;
        self.push(&by.actor, PlanApproved { plan_record, roles });
        Ok(())
    }

    fn is_for_this_release(&self, plan: &Plan) -> Result<(), Refusal> {
        if *plan.release() == self.release.id {
            return Ok(());
        }
        Err(Refusal::OtherRelease { planned: plan.release().clone(), release: self.release.id.clone() })
    }
}

fn assess(plan: &Plan, policy: &Policy) -> Result<(RiskAssessment, TrackName), PolicyError> {
    let risk = policy.assess(plan);
    let (track, _) = policy.track_for(plan, &risk)?;
    Ok((risk, track))
}
