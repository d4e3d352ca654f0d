use std::collections::BTreeSet;

use crate::{
    chain::Head,
    event::{
        CheckOutcome, EffectId, Event, HoldCause, HoldPlaced, HoldReason, HoldReleased, ObservedExposure,
        PlaceSeen, PlatformSeen, Record, ResumeReason, RollbackTrigger, SetBy, ShownInRollback,
    },
    machine::{
        Action, Command, Principal, Release,
        command::{Answers, Cause, OutcomeOf},
    },
    port::{Deployment, FlowOutcome, Place, Promotion},
    target::{Admission, Admitted, Standing, Waiting},
    unit::{Actor, Role, Span, Text, TrafficShare},
};
/// What may have led to a decision, and what the record does not say of it.
pub(super) struct Candidate {
    pub(super) cause: Cause,
    /// How long a call may be under way.
    pub(super) call_time: Span,
}

impl Candidate {
    fn of(cause: Cause) -> Self {
        Self { cause, call_time: Span::ZERO }
    }
}

/// What may have led to a decision whose first record is this one; nothing where no decision begins so.
///
/// `release` is as it was before the decision. What the record does not hold is tried both ways: how far the platform may round, and how long a call may be under way.
pub(super) fn candidates(release: &Release, first: &Record) -> Vec<Candidate> {
    if let Some((action, roles)) = action(first) {
        let actor = first.by.clone();
        let roles = (actor != Actor::relman()).then(|| roles.clone());
        let command = Command { by: Principal { actor, roles }, action };
        return vec![Candidate::of(Cause::Action(command))];
    }
    if first.by != Actor::relman() {
        return Vec::new();
    }
    if let Some(about_the_target) = about_the_target(release, &first.event) {
        return about_the_target;
    }
    match &first.event {
        Event::Evaluated(look) => {
            let deployment = shown(&look.exposure, &look.platform, "");
            let measured = |tolerance| {
                Candidate::of(Cause::Measured(Answers {
                    step: look.step,
                    window: look.window,
                    deployment: deployment.clone(),
                    tolerance,
                    observations: look.observations.clone(),
                }))
            };
            let expected = release.phase().step().map(|step| step.share);
            match look.exposure {
                ObservedExposure::Seen { share_bp } if Some(share_bp) != expected => {
                    vec![measured(TrafficShare::FULL), measured(TrafficShare::ZERO)]
                }
                ObservedExposure::Seen { .. } | ObservedExposure::Unknown { .. } => {
                    vec![measured(TrafficShare::FULL)]
                }
            }
        }
        Event::Deployed(deployed) => outcome(deployed.effect, OutcomeOf::Done),
        Event::TrafficSet(set) => match set.means {
            SetBy::Deployer => outcome(set.effect, OutcomeOf::Done),
            SetBy::Observation => outcome(set.effect, OutcomeOf::FoundDone),
        },
        Event::Notified(notified) => outcome(notified.effect, OutcomeOf::Done),
        Event::EffectFailed(failed) => {
            let detail = failed.detail.to_string();
            let retry_after = failed.retry_at.map(|at| at.since(first.at));
            outcome(failed.effect, OutcomeOf::Failed { detail, retry_after })
        }
        Event::NotificationAbandoned(abandoned) => {
            let detail = abandoned.detail.to_string();
            outcome(abandoned.effect, OutcomeOf::Failed { detail, retry_after: None })
        }
        Event::ZeroTrafficObserved(observed) => {
            let detail = observed.detail.to_string();
            seen_in_rollback(&Ok(no_share(observed.served, None).with_detail(detail)))
        }
        Event::PinnedUsersObserved(observed) => {
            seen_in_rollback(&Ok(no_share(observed.served, observed.sessions)))
        }
        Event::PlatformObserved(observed) => {
            let detail = observed.detail.as_ref().map_or("", Text::as_str);
            let deployment = shown(&observed.exposure, &observed.platform, detail);
            let unreachable = observed.unreachable.clone();
            vec![Candidate::of(Cause::Preflight { deployment, unreachable })]
        }
        Event::RollbackUnconfirmed(unconfirmed) => seen_in_rollback(&match &unconfirmed.shown {
            ShownInRollback::Traffic { share, detail } => {
                let detail = detail.as_ref().map_or("", Text::as_str);
                Ok(Deployment::at(*share).with_detail(detail))
            }
            ShownInRollback::Pinned { served, sessions, .. } => Ok(no_share(*served, *sessions)),
            ShownInRollback::Unknown { detail } => Err(detail.to_string()),
            ShownInRollback::InWords { text } => Err(text.to_string()),
        }),
        Event::CheckRecorded(recorded) => {
            let outcome = match recorded.outcome {
                CheckOutcome::Passed => FlowOutcome::Passed,
                CheckOutcome::Failed => FlowOutcome::Failed,
            };
            vec![Candidate::of(Cause::Flows { outcome, evidence: recorded.evidence.clone() })]
        }
        Event::ClockSkewed(skewed) => vec![Candidate::of(Cause::ClockSkew { ahead: skewed.ahead })],
        // What time alone brings about, and what goes forward once nothing is missing.
        _ => vec![Candidate::of(Cause::Tick)],
    }
}

/// No share for the new version, with what was told of users who reach it all the same.
fn no_share(served: Option<u64>, sessions: Option<u64>) -> Deployment {
    let mut deployment = Deployment::at(TrafficShare::ZERO);
    (deployment.canary.served, deployment.canary.sessions) = (served, sessions);
    deployment
}

/// What the platform showed, as far as it is recorded.
fn shown(exposure: &ObservedExposure, platform: &PlatformSeen, detail: &str) -> Result<Deployment, String> {
    let share = match exposure {
        ObservedExposure::Seen { share_bp } => *share_bp,
        ObservedExposure::Unknown { detail } => return Err(detail.to_string()),
    };
    let place = |seen: &PlaceSeen| {
        let mut place = Place::new();
        place.version = seen.version.as_ref().map(ToString::to_string);
        place.ready = seen.ready;
        place.trouble = seen.trouble.as_ref().map(ToString::to_string);
        place
    };
    let mut deployment = Deployment::at(share)
        .with_canary(place(&platform.canary))
        .with_baseline(place(&platform.baseline))
        .with_detail(detail);
    deployment.set_share = platform.set;
    Ok(deployment)
}

/// Whether time alone has brought a record about: before whatever else came in.
pub(super) fn brought_by_time(record: &Record) -> bool {
    let by_time = matches!(
        record.event,
        Event::CoverLapsed(_)
            | Event::OverrideExpired(_)
            | Event::RollbackStarted(_)
            | Event::PostMortemOpened(_)
    );
    by_time && record.by == Actor::relman()
}

/// What may have led to a decision about the target; nothing where it is about something else.
fn about_the_target(release: &Release, event: &Event) -> Option<Vec<Candidate>> {
    Some(match event {
        Event::TargetAdmitted(admitted) => {
            let record = Head { seq: admitted.record.seq, digest: admitted.record.digest };
            let known = Admitted::new(record, admitted.place, admitted.stable.clone());
            let (admission, promotion) = (Admission::Admitted(known), admitted.promotion);
            vec![Candidate::of(Cause::Admission { admission, promotion })]
        }
        Event::HoldPlaced(HoldPlaced { reason: HoldReason::TargetBusy { behind, ahead, .. }, .. }) => {
            asked(Admission::Waiting(Waiting::new(behind.clone(), *ahead)))
        }
        Event::HoldPlaced(HoldPlaced { reason: HoldReason::TargetRefused { detail, .. }, .. }) => {
            asked(Admission::Refused(detail.clone()))
        }
        Event::HoldPlaced(HoldPlaced { reason: HoldReason::Frozen { on, freeze, by, until }, .. }) => {
            let standing = Standing::stopped(on.clone(), freeze.clone(), by.clone(), *until);
            vec![Candidate::of(Cause::Standing(standing))]
        }
        Event::HoldReleased(HoldReleased { cause: HoldCause::Freeze, .. }) => {
            vec![Candidate::of(Cause::Standing(Standing::open()))]
        }
        Event::HoldReleased(HoldReleased { cause: HoldCause::Target, .. }) => release
            .admission()
            .map(|admitted| {
                let record = Head { seq: admitted.record.seq, digest: admitted.record.digest };
                let known = Admitted::new(record, admitted.place, admitted.stable.clone());
                Candidate::of(Cause::Admission {
                    admission: Admission::Admitted(known),
                    promotion: admitted.promotion,
                })
            })
            .into_iter()
            .collect(),
        Event::Promoted(promoted) => outcome(promoted.effect, OutcomeOf::Done),
        Event::TargetLeft(left) => outcome(left.effect, OutcomeOf::Done),
        _ => return None,
    })
}

fn asked(admission: Admission) -> Vec<Candidate> {
    // How versions are promoted there is recorded once it is admitted.
    vec![Candidate::of(Cause::Admission { admission, promotion: Promotion::default() })]
}

fn outcome(effect: EffectId, outcome: OutcomeOf) -> Vec<Candidate> {
    vec![Candidate::of(Cause::Outcome { effect, outcome })]
}

fn seen_in_rollback(deployment: &Result<Deployment, String>) -> Vec<Candidate> {
    /// Longer than any rollback.
    const NEVER: Span = Span::from_hours(24 * 365);
    let under_way =
        |call_time| Candidate { cause: Cause::Traffic { deployment: deployment.clone() }, call_time };
    vec![under_way(Span::ZERO), under_way(NEVER)]
}

/// The command that a record is the first consequence of, and the roles of whoever gave it.
fn action(first: &Record) -> Option<(Action, &BTreeSet<Role>)> {
    let by_relman = first.by == Actor::relman();
    let known = match &first.event {
        // A source of incidents may be heard by relman itself.
        Event::IncidentReported(seen) => {
            let (source, incident) = (seen.source.clone(), seen.incident.clone());
            (Action::RecordIncident { source, incident }, &seen.roles)
        }
        Event::IncidentEnded(ended) => {
            let (source, id, ended_at) = (ended.source.clone(), ended.id.clone(), ended.ended_at);
            (Action::EndIncident { source, id, ended_at }, &ended.roles)
        }
        _ if by_relman => return None,
        Event::PlanRecorded(recorded) => {
            let (plan, policy) = (recorded.plan.clone(), recorded.policy.clone());
            (Action::RecordPlan { plan, policy }, &recorded.roles)
        }
        Event::PlanRevised(revised) => {
            let (plan, policy) = (revised.plan.clone(), revised.policy.clone());
            (Action::RevisePlan { plan, policy }, &revised.roles)
        }
        Event::PlanApproved(approved) => (Action::ApprovePlan, &approved.roles),
        Event::CheckRecorded(recorded) => {
            let (check, outcome) = (recorded.check.clone(), recorded.outcome);
            let (evidence, items) = (recorded.evidence.clone(), recorded.items.clone());
            (Action::RecordCheck { check, outcome, evidence, items }, &recorded.roles)
        }
        Event::HoldPlaced(placed) if placed.cause == HoldCause::Manual => {
            let HoldReason::Said { text } = &placed.reason else { return None };
            (Action::Hold { reason: text.clone() }, &placed.roles)
        }
        Event::HoldReleased(released) => {
            let ResumeReason::Said { text } = &released.reason else { return None };
            (Action::Resume { reason: text.clone() }, &released.roles)
        }
        Event::RollbackStarted(started) => match &started.trigger {
            RollbackTrigger::Manual { reason, roles } => (Action::RollBack { reason: reason.clone() }, roles),
            RollbackTrigger::Criterion { .. } | RollbackTrigger::Unmeasured { .. } => return None,
        },
        Event::ReleaseAborted(aborted) => (Action::Abort { reason: aborted.reason.clone() }, &aborted.roles),
        Event::OverrideGranted(granted) => {
            let (gate, reason, expires_at) = (granted.gate, granted.reason.clone(), granted.expires_at);
            (Action::Override { gate, reason, expires_at }, &granted.roles)
        }
        Event::OnCallAcknowledged(acknowledged) => {
            (Action::Acknowledge { until: Some(acknowledged.until) }, &acknowledged.roles)
        }
        Event::OnCallHandedOver(handed) => (Action::Acknowledge { until: Some(handed.until) }, &handed.roles),
        Event::PostMortemFiled(filed) => {
            let (number, summary) = (Some(filed.number), filed.summary.clone());
            let (root_cause, link) = (filed.root_cause.clone(), filed.link.clone());
            (Action::FilePostMortem { number, summary, root_cause, link }, &filed.roles)
        }
        Event::LessonRecorded(lesson) => {
            (Action::RecordLesson { kind: lesson.kind, text: lesson.text.clone() }, &lesson.roles)
        }
        Event::ActionItemOpened(opened) => {
            let (what, owner) = (opened.what.clone(), opened.owner.clone());
            (Action::OpenActionItem { what, kind: opened.kind, owner, due: Some(opened.due) }, &opened.roles)
        }
        Event::ActionItemSettled(settled) => {
            let (number, note) = (Some(settled.number), settled.note.clone());
            (Action::SettleActionItem { number, how: settled.how, note }, &settled.roles)
        }
        Event::ComplaintRecorded(complaint) => {
            let (key, text) = (complaint.key.clone(), complaint.text.clone());
            (Action::Complain { key, text }, &complaint.roles)
        }
        Event::ComplaintWithdrawn(withdrawn) => {
            let (record, reason) = (Some(withdrawn.record), withdrawn.reason.clone());
            (Action::WithdrawComplaint { key: None, record, reason }, &withdrawn.roles)
        }
        Event::ReleaseClosed(closed) => (Action::Close, &closed.roles),
        _ => return None,
    };
    Some(known)
}
