use std::collections::BTreeSet;

use super::{Due, Phase, Release, RollbackState, StepProgress, TrafficState};
use crate::{
    event::TargetAdmitted,
    judge::Arm,
    plan::{COMPLAINTS, Plan, RollbackContract},
    port::{MetricQuery, Promotion, Target},
    target::AskForAdmission,
    unit::{MetricName, Span, TargetName, Timestamp, TrafficShare, Window},
};

/// Something that has to be known. Asking changes nothing, so it needs no record and may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inquiry {
    /// How the step does.
    Look(EvaluationRequest),
    /// Where the traffic is.
    Traffic(Target),
    /// Whether production can be entered.
    Preflight(Preflight),
}

/// Whether a release may enter production: asks for its target, and looks at the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preflight {
    /// What the deployer is asked about. Which place is stable is found with the admission.
    pub target: Target,
    /// What the target is asked for.
    pub ask: AskForAdmission,
    /// The shares of the track: those that the platform has to be able to give.
    pub shares: Vec<TrafficShare>,
}

/// One look: these metrics, in these arms, over this window, and where the traffic is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvaluationRequest {
    /// The step, from 1.
    pub step: u32,
    /// The time since the last look.
    pub window: Window,
    /// The metrics.
    pub queries: Vec<MetricQuery>,
    /// The arms in which each is measured.
    pub arms: Vec<Arm>,
    /// What the deployer is asked about.
    pub target: Target,
}

impl EvaluationRequest {
    /// A request for these metrics of a step, in these arms, over this window.
    pub fn new(step: u32, window: Window, queries: Vec<MetricQuery>, arms: Vec<Arm>, target: Target) -> Self {
        Self { step, window, queries, arms, target }
    }
}

impl Release {
    /// What to find out now, if anything is due.
    pub(super) fn question(&self, now: Timestamp) -> Option<Inquiry> {
        let now = now.max(self.last_at);
        match &self.phase {
            Phase::RollingBack(rollback) => match rollback.state {
                RollbackState::Confirming { next_at, .. } if next_at <= now => {
                    Some(Inquiry::Traffic(self.target()?))
                }
                RollbackState::Confirming { .. }
                | RollbackState::Requested
                | RollbackState::Confirmed { .. } => None,
            },
            Phase::Releasing(_) | Phase::Validating(_) => {
                let step = self.phase.step()?;
                let (looked_until, next) = self.next_look(step)?;
                (next <= now).then(|| self.look_question(step, Window { from: looked_until, until: now }))?
            }
            Phase::Staging { .. } if self.awaits_platform(now) => Some(Inquiry::Preflight(self.preflight()?)),
            Phase::Unplanned
            | Phase::Planning
            | Phase::Staging { .. }
            | Phase::Completed
            | Phase::RolledBack(_)
            | Phase::Aborted
            | Phase::Closed(_) => None,
        }
    }

    /// When the machine has to be asked again after `now`, if nothing else happens before: a look, a retry, the end
    /// of a hold's patience, of a cover, of an override or of a freeze. What is due at `now` is not in it.
    pub fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let mut deadlines: Vec<Timestamp> = Vec::new();
        if let Some((_, next)) = self.phase.step().and_then(|step| self.next_look(step)) {
            deadlines.push(next);
        }
        if let Phase::RollingBack(rollback) = &self.phase
            && let RollbackState::Confirming { next_at, .. } = rollback.state
        {
            deadlines.push(next_at);
        }
        deadlines.extend(self.outstanding.values().filter_map(|one| match one.due {
            Due::At(at) => Some(at),
            Due::Now | Due::WhenResumed => None,
        }));
        deadlines.extend(self.holds.values().filter_map(|hold| hold.roll_back_at));
        deadlines.extend(self.cover.iter().map(|cover| cover.until));
        deadlines.extend(self.overrides.values().map(|entry| entry.expires_at));
        deadlines.extend(self.freeze_end(now));
        deadlines.into_iter().filter(|deadline| *deadline > now).min()
    }

    /// The end of the freeze in which the release now waits. Asked at `now` and not at the last record: one freeze may
    /// end in the next, with nothing recorded in between.
    fn freeze_end(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = matches!(self.phase, Phase::Staging { .. } | Phase::Releasing(_));
        let now = now.max(self.last_at);
        let until = self.frozen_at(now)?.until?;
        waits.then_some(until + self.skew)
    }

    /// Up to when the step was looked at, and when to look next. Users who have the new version are watched over while
    /// a change of the traffic is under way, too: that may take long, and a breach does not wait for it.
    pub(super) fn next_look(&self, step: &StepProgress) -> Option<(Timestamp, Timestamp)> {
        let (_, track) = self.track()?;
        let looked_until = match step.traffic {
            TrafficState::Requested if self.exposure == TrafficShare::ZERO => return None,
            TrafficState::Requested => step.watched_until,
            TrafficState::Set { looked_until } => looked_until,
            TrafficState::Promoting => return None,
        };
        Some((looked_until, looked_until + track.look_every()))
    }

    fn look_question(&self, step: &StepProgress, window: Window) -> Option<Inquiry> {
        let target = self.target()?;
        let query = |metric| MetricQuery {
            metric,
            release: self.id.clone(),
            service: target.service.clone(),
            canary_version: target.artifact.version.to_string(),
            baseline_version: target.baseline_version.clone(),
            since: self.entered_at,
        };
        Some(Inquiry::Look(EvaluationRequest {
            step: step.number,
            window,
            queries: self.watched().into_iter().map(query).collect(),
            arms: arms(step.share),
            target,
        }))
    }

    /// The metrics that are watched in every step: those of the policy, of the contract and of the plan.
    pub fn watched(&self) -> BTreeSet<MetricName> {
        let (Some(plan), Some(policy)) = (self.plan(), self.policy()) else {
            return BTreeSet::new();
        };
        let mut watched = policy.watch().clone();
        watched.extend(plan.watch().iter().cloned());
        watched.extend(plan.contract().map(RollbackContract::metrics).unwrap_or_default());
        watched.retain(|metric| metric.as_str() != COMPLAINTS);
        watched
    }

    /// What has to be known before production is entered.
    fn preflight(&self) -> Option<Preflight> {
        let (target, scope) = (self.target()?, self.plan()?.scope());
        let (version, replaces) = (scope.artifact.version.clone(), scope.replaces.clone());
        let drill = self.is_drill();
        let ask = AskForAdmission::new(self.id.clone(), scope.service.clone(), version, replaces);
        let shares = self.track().map(|(_, track)| track.steps().iter().map(|step| step.share).collect());
        let ask = ask.at(self.head).on(drill, drill);
        Some(Preflight { target, ask, shares: shares.unwrap_or_default() })
    }

    /// What the deployer acts upon.
    pub fn target(&self) -> Option<Target> {
        let scope = self.plan()?.scope();
        let (service, artifact) = (scope.service.clone(), scope.artifact.clone());
        let stable = self.admission.as_ref().map(|admission| admission.place).unwrap_or_default();
        let target = Target::new(self.id.clone(), service, artifact, scope.replaces.to_string());
        Some(target.with_stable(stable).named(self.target_name()?))
    }

    /// The target that the plan is for.
    pub fn target_name(&self) -> Option<TargetName> {
        self.plan().map(Plan::target)
    }

    /// The record by which it holds its target, or held it.
    pub fn admission(&self) -> Option<&TargetAdmitted> {
        self.admission.as_ref()
    }

    /// Whether it was promoted, and the version that it replaced is not installed any more: the traffic can't be given back to it.
    pub fn has_replaced(&self) -> bool {
        let replaces = |admission: &TargetAdmitted| admission.promotion == Promotion::Replace;
        let promoting = self.phase.step().is_some_and(|step| step.traffic == TrafficState::Promoting);
        (self.promoted || promoting) && self.admission.as_ref().is_some_and(replaces)
    }

    /// How long one look may count for: the interval, and as much again for a look that comes late.
    pub(super) fn longest_credit(&self) -> Span {
        self.track().map_or(Span::ZERO, |(_, track)| track.look_every().times(2))
    }
}

/// The arms that have traffic: at 100 % there is no concurrent baseline.
pub(super) fn arms(share: TrafficShare) -> Vec<Arm> {
    if share == TrafficShare::FULL { vec![Arm::Canary] } else { vec![Arm::Canary, Arm::Baseline] }
}
