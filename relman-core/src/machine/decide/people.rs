use super::Draft;
use crate::{
    event::{
        CheckOutcome, CheckRecorded, ComplaintRecorded, ComplaintWithdrawn, Gate, GateFailed, Ground,
        HoldCause, HoldPlaced, HoldReason, HoldReleased, OnCallAcknowledged, OnCallHandedOver,
        OverrideGranted, PostMortemCause, PostMortemFiled, ReleaseAborted, ReleaseClosed, ResumeReason,
        RollbackTrigger,
    },
    machine::{Action, ActionName, Command, Phase, PhaseName, Principal, Refusal},
    policy::{Policy, floors},
    unit::{CheckName, Text, Timestamp},
};

impl Draft<'_> {
    pub(super) fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        let by = &command.by;
        if matches!(command.action, Action::RecordIncident { .. } | Action::EndIncident { .. }) {
            by.tells()?;
        } else {
            by.known()?;
        }
        if self.release.phase == Phase::Unplanned && !matches!(command.action, Action::RecordPlan { .. }) {
            return Err(Refusal::NoSuchRelease(self.release.id.clone()));
        }
        match &command.action {
            Action::RecordPlan { plan, policy } => self.record_plan(by, plan, policy),
            Action::RevisePlan { plan, policy } => self.revise_plan(by, plan, policy),
            Action::ApprovePlan => self.approve_plan(by),
            Action::RecordCheck { check, outcome, evidence, items } => {
                self.record_check(by, check, *outcome, evidence, items)
            }
            Action::Hold { reason } => self.hold(by, reason),
            Action::Resume { reason } => self.resume(by, reason),
            Action::RollBack { reason } => self.roll_back_by_hand(by, reason),
            Action::Abort { reason } => self.abort(by, reason),
            Action::Override { gate, reason, expires_at } => {
                self.grant_override(by, *gate, reason, *expires_at)
            }
            Action::Acknowledge { until } => self.acknowledge(by, *until),
            Action::FilePostMortem { number, summary, root_cause, link } => {
                self.file_post_mortem(by, *number, summary, root_cause, link.as_ref())
            }
            Action::RecordLesson { kind, text } => self.record_lesson(by, *kind, text),
            Action::OpenActionItem { what, kind, owner, due } => {
                self.open_action_item(by, what, *kind, owner, *due)
            }
            Action::SettleActionItem { number, how, note } => {
                self.settle_action_item(by, *number, *how, note)
            }
            Action::Complain { key, text } => self.complain(by, key.as_ref(), text),
            Action::WithdrawComplaint { key, record, reason } => {
                self.withdraw_complaint(by, key.as_ref(), *record, reason)
            }
            Action::RecordIncident { source, incident } => self.record_incident(by, source, incident),
            Action::EndIncident { source, id, ended_at } => self.end_incident(by, source, id, *ended_at),
            Action::Close => self.close(by),
        }
    }

    fn record_check(
        &mut self,
        by: &Principal,
        check: &CheckName,
        outcome: CheckOutcome,
        evidence: &Text,
        items: &[Text],
    ) -> Result<(), Refusal> {
        let roles = self.release.may_now(ActionName::RecordCheck, by)?;
        let gate = match self.release.phase.name() {
            PhaseName::Staging => Gate::Staging,
            _ => Gate::Validation,
        };
        let asked = self.release.checks_asked(gate);
        if !asked.contains(check) {
            let names: Vec<&str> = asked.iter().map(CheckName::as_str).collect();
            let asked = format!("the {gate} gate asks for {}", names.join(", "));
            return Err(Refusal::CheckNotAsked { check: check.clone(), asked });
        }
        if check.as_str() == floors::MANUAL_QA {
            by.is_person()?;
            if outcome == CheckOutcome::Passed {
                self.is_checklist_complete(check, items)?;
            }
        }
        let recorded = CheckRecorded {
            check: check.clone(),
            outcome,
            evidence: evidence.clone(),
            items: items.to_vec(),
            roles,
        };
        self.push(&by.actor, recorded);
        if outcome == CheckOutcome::Failed {
            self.follow(GateFailed {
                gate,
                reasons: vec![Ground::CheckFailed { check: check.clone(), evidence: evidence.clone() }],
            });
        }
        Ok(())
    }

    fn is_checklist_complete(&self, check: &CheckName, items: &[Text]) -> Result<(), Refusal> {
        let asked = self.release.policy().map(Policy::qa_checklist).unwrap_or_default();
        let missing: Vec<String> = asked
            .iter()
            .filter(|item| !items.contains(item))
            .map(|item| format!("{:?}", item.as_str()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::ChecklistIncomplete { check: check.clone(), missing: missing.join(", ") })
    }

    fn hold(&mut self, by: &Principal, reason: &Text) -> Result<(), Refusal> {
        let roles = self.release.may_hold(by)?;
        self.push(
            &by.actor,
            HoldPlaced {
                cause: HoldCause::Manual,
                reason: HoldReason::Said { text: reason.clone() },
                roll_back_at: None,
                roles,
            },
        );
        Ok(())
    }

    fn resume(&mut self, by: &Principal, reason: &Text) -> Result<(), Refusal> {
        let (releasable, roles) = self.release.may_resume(by)?;
        for cause in releasable {
            let reason = ResumeReason::Said { text: reason.clone() };
            self.push(&by.actor, HoldReleased { cause, reason, roles: roles.clone() });
        }
        Ok(())
    }

    fn roll_back_by_hand(&mut self, by: &Principal, reason: &Text) -> Result<(), Refusal> {
        let roles = self.release.may_roll_back(by, self.now)?;
        self.roll_back_by(&by.actor, RollbackTrigger::Manual { reason: reason.clone(), roles });
        Ok(())
    }

    fn abort(&mut self, by: &Principal, reason: &Text) -> Result<(), Refusal> {
        let roles = self.release.may_abort(by)?;
        self.push(&by.actor, ReleaseAborted { reason: reason.clone(), roles });
        Ok(())
    }

    fn grant_override(
        &mut self,
        by: &Principal,
        gate: Gate,
        reason: &Text,
        expires_at: Timestamp,
    ) -> Result<(), Refusal> {
        let (covers, roles) = self.release.may_override(by, gate, self.now)?;
        let actor = &by.actor;
        let longest = self.release.policy().map(|policy| policy.overrides().longest).unwrap_or_default();
        if expires_at <= self.now || expires_at > self.now + longest {
            return Err(Refusal::OverrideExpiry { expires_at, now: self.now, longest });
        }
        let crate::machine::available::Covered { checks, freezes } = covers;
        let reason = reason.clone();
        self.push(actor, OverrideGranted { gate, checks, freezes, reason, expires_at, roles });
        self.open_post_mortem(PostMortemCause::Override { gate });
        Ok(())
    }

    fn acknowledge(&mut self, by: &Principal, until: Option<Timestamp>) -> Result<(), Refusal> {
        let roles = self.release.may_now(ActionName::Acknowledge, by)?;
        let shift = self.release.policy().map(|policy| policy.on_call().shift).unwrap_or_default();
        let until = until.unwrap_or(self.now + shift);
        if until <= self.now || until > self.now + shift {
            return Err(Refusal::CoverRange { until, now: self.now, shift });
        }
        match self.release.cover.clone().filter(|cover| cover.person != by.actor) {
            Some(cover) => self.push(&by.actor, OnCallHandedOver { from: cover.person, until, roles }),
            None => self.push(&by.actor, OnCallAcknowledged { until, roles }),
        }
        Ok(())
    }

    fn file_post_mortem(
        &mut self,
        by: &Principal,
        number: Option<u32>,
        summary: &Text,
        root_cause: &Text,
        link: Option<&Text>,
    ) -> Result<(), Refusal> {
        let (number, roles) = self.release.may_file_post_mortem(by, number)?;
        let (summary, root_cause, link) = (summary.clone(), root_cause.clone(), link.cloned());
        self.push(&by.actor, PostMortemFiled { number, summary, root_cause, link, roles });
        Ok(())
    }

    /// A complaint with a key that is on the record is the same one, told again: nothing follows.
    fn complain(&mut self, by: &Principal, key: Option<&Text>, text: &Text) -> Result<(), Refusal> {
        let roles = self.release.may_now(ActionName::Complain, by)?;
        let known = key.and_then(|key| self.release.complaint_with(key));
        if let Some(known) = known {
            return match (known.counts(), key) {
                (false, Some(key)) => Err(Refusal::ComplaintWasWithdrawn {
                    release: self.release.id.clone(),
                    key: key.to_string(),
                    record: known.record,
                }),
                (true, _) | (false, None) => Ok(()),
            };
        }
        self.push(&by.actor, ComplaintRecorded { text: text.clone(), key: key.cloned(), roles });
        self.judge_complaints();
        Ok(())
    }

    /// What was decided on it stays: a verdict is about what was known then.
    fn withdraw_complaint(
        &mut self,
        by: &Principal,
        key: Option<&Text>,
        record: Option<u64>,
        reason: &Text,
    ) -> Result<(), Refusal> {
        let (record, roles) = self.release.may_withdraw(by, key, record)?;
        self.push(&by.actor, ComplaintWithdrawn { record, reason: reason.clone(), roles });
        Ok(())
    }

    fn close(&mut self, by: &Principal) -> Result<(), Refusal> {
        let roles = self.release.may_close(by, self.now)?;
        self.push(&by.actor, ReleaseClosed { roles });
        Ok(())
    }
}
