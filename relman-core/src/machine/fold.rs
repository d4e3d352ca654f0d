use std::{collections::BTreeMap, sync::Arc};

use super::{
    ActionItem, Approval, Check, Complaint, Cover, Due, Effect, EndedAs, Hold, LastVerdicts, Outstanding,
    Override, Phase, PostMortem, RecordedIncident, Release, Rollback, RollbackState, Rollout, StepProgress,
    TrafficState, decide::why_not_free, react, release::Planned,
};
use crate::{
    chain::{Digest, Head},
    event::{
        EffectId, Evaluated, Event, Gate, HoldCause, ObservedExposure, RollbackStarted, StepStarted,
        TrafficSet,
    },
    judge::{Control, CriterionOutcome, Evaluation, Judge, Judging, Outcome, Undecided, Verdict},
    plan::RollbackContract,
    unit::{Actor, Span, Timestamp, TrafficShare},
};

impl Release {
    /// Folds one event into the state. Total: whatever [`Release::apply`] lets through has a meaning here.
    ///
    /// The head and the time of the last record are set before; the record's hash makes the keys of the effects
    /// that the event asks for.
    #[expect(clippy::too_many_lines, reason = "one arm for each event is the point")]
    pub(super) fn fold(&mut self, by: &Actor, event: &Event) {
        debug_assert!(
            super::transition::rule(event).0.contains(&self.phase.name()),
            "{} is decided in a phase that the transition table forbids: {}",
            event.kind(),
            self.phase.name()
        );
        let at = self.last_at;
        match event {
            Event::PlanRecorded(recorded) => {
                self.phase = Phase::Planning;
                self.planned = Some(Planned {
                    plan: recorded.plan.clone(),
                    policy: recorded.policy.clone(),
                    risk: recorded.risk.clone(),
                    track: recorded.track.clone(),
                    authors: [by.clone()].into(),
                    record: self.seq(),
                });
            }
            Event::PlanRevised(revised) => {
                let mut authors = self.authors();
                authors.insert(by.clone());
                self.approvals.clear();
                self.planned = Some(Planned {
                    plan: revised.plan.clone(),
                    policy: revised.policy.clone(),
                    risk: revised.risk.clone(),
                    track: revised.track.clone(),
                    authors,
                    record: self.seq(),
                });
            }
            Event::PlanApproved(approved) => {
                self.approvals.push(Approval { by: by.clone(), at, roles: approved.roles.clone() });
            }
            Event::GatePassed(passed) => {
                self.failed_gates.remove(&passed.gate);
                if passed.gate != Gate::Freeze {
                    self.overrides.remove(&passed.gate);
                }
            }
            Event::GateFailed(failed) => {
                self.failed_gates.insert(failed.gate);
            }
            Event::StagingStarted(_) => self.phase = Phase::Staging { deployed_at: None, free_at: None },
            Event::Deployed(deployed) => {
                self.outstanding.remove(&deployed.effect);
                match &mut self.phase {
                    Phase::Staging { deployed_at, .. } => *deployed_at = Some(at),
                    Phase::Releasing(rollout) => rollout.deployed_at = Some(at),
                    Phase::Unplanned
                    | Phase::Planning
                    | Phase::Validating(_)
                    | Phase::RollingBack(_)
                    | Phase::Completed
                    | Phase::RolledBack(_)
                    | Phase::Aborted
                    | Phase::Closed(_) => {}
                }
            }
            Event::CheckRecorded(recorded) => {
                let (outcome, evidence) = (recorded.outcome, recorded.evidence.clone());
                let check = Check { outcome, evidence, by: by.clone(), at };
                self.checks.insert(recorded.check.clone(), check);
            }
            Event::TargetAdmitted(admitted) => self.admission = Some(admitted.clone()),
            Event::PromotionStarted(_) => {
                if let Some(step) = self.phase.step_mut() {
                    step.traffic = TrafficState::Promoting;
                }
            }
            Event::Promoted(promoted) => {
                self.outstanding.remove(&promoted.effect);
                self.promoted = true;
            }
            Event::TargetLeft(left) => {
                self.outstanding.remove(&left.effect);
            }
            Event::PlatformObserved(observed) => {
                let is_free = self.plan().is_some_and(|plan| {
                    let stable = self.admission.as_ref().map(|admission| &admission.stable);
                    why_not_free(plan.scope(), stable, observed).is_none()
                });
                if let Phase::Staging { free_at, .. } = &mut self.phase {
                    *free_at = is_free.then_some(at);
                }
            }
            Event::RolloutStarted(_) => {
                self.entered_at = Some(at);
                self.checks.clear();
                self.phase = Phase::Releasing(Rollout::default());
            }
            Event::StepStarted(started) => self.fold_step_started(started),
            Event::TrafficSet(set) => self.fold_traffic_set(set),
            Event::TrafficDrifted(drifted) => {
                self.exposure = drifted.observed;
                if let Some(step) = self.phase.step_mut() {
                    step.traffic = TrafficState::Requested;
                    step.watched_until = at;
                    step.drifts += 1;
                }
            }
            Event::Evaluated(look) => {
                if self.judged.take() != Some(look.window) {
                    self.judge_look(look);
                }
                let judge = self.judge.as_ref().filter(|_| look.has_hash_of_verdicts());
                let (outcomes, verdicts) = if let Some(judge) = judge {
                    (judge.outcomes(), LastVerdicts::WithTheJudge)
                } else {
                    let outcomes = look.verdicts.iter().map(CriterionOutcome::of).collect();
                    (outcomes, LastVerdicts::Kept(look.verdicts.clone()))
                };
                if let Some(step) = self.phase.step_mut() {
                    step.fold_look(look, outcomes);
                    step.verdicts = verdicts;
                }
            }
            Event::ContractBreached(_) => {}
            Event::ClockSkewed(skewed) => self.fold_clock_skewed(skewed.ahead),
            Event::EffectFailed(failed) => {
                let due = failed.retry_at.map_or(Due::WhenResumed, Due::At);
                if let Some(outstanding) = self.outstanding.get_mut(&failed.effect) {
                    outstanding.failures = failed.attempt;
                    outstanding.due = due;
                }
                self.suspend_what_goes_forward();
            }
            Event::HoldPlaced(placed) => {
                let hold = Hold {
                    reason: placed.reason.clone(),
                    // A hold that is placed again, with other words or less patience, goes on.
                    since: self.holds.get(&placed.cause).map_or(at, |hold| hold.since),
                    by: by.clone(),
                    roll_back_at: placed.roll_back_at,
                };
                self.asked_for_target |= placed.cause == HoldCause::Target;
                self.holds.insert(placed.cause, hold);
                self.suspend_what_goes_forward();
            }
            Event::HoldReleased(released) => {
                self.holds.remove(&released.cause);
                if released.cause == HoldCause::Manual {
                    self.count_from(at);
                }
                match released.cause {
                    HoldCause::Manual | HoldCause::Deployer | HoldCause::Drift | HoldCause::Irreversible => {
                        if let Some(step) = self.phase.step_mut() {
                            step.drifts = 0;
                        }
                        for outstanding in
                            self.outstanding.values_mut().filter(|one| !one.effect.is_notification())
                        {
                            outstanding.due = Due::Now;
                        }
                        self.suspend_what_goes_forward();
                    }
                    HoldCause::Suspicion => {
                        if by.is_person()
                            && let Some(step) = self.phase.step_mut()
                        {
                            step.cleared = true;
                        }
                    }
                    HoldCause::Platform => {
                        // What was measured while the exposure was wrong says nothing about the step.
                        self.count_from(at);
                        self.judge.iter_mut().for_each(|judge| Arc::make_mut(judge).count_anew());
                    }
                    HoldCause::Unmeasured | HoldCause::Target => {}
                    HoldCause::Freeze => {
                        for outstanding in
                            self.outstanding.values_mut().filter(|one| one.effect.goes_forward())
                        {
                            outstanding.due = Due::Now;
                        }
                        self.suspend_what_goes_forward();
                    }
                }
            }
            Event::ValidationStarted(_) => self.fold_validation_started(),
            Event::OnCallAcknowledged(acknowledged) => {
                if self.cover.is_none() {
                    self.count_from(at);
                }
                self.cover = Some(Cover { person: by.clone(), since: at, until: acknowledged.until });
            }
            Event::OnCallHandedOver(handed_over) => {
                self.cover = Some(Cover { person: by.clone(), since: at, until: handed_over.until });
            }
            Event::CoverLapsed(_) => self.cover = None,
            Event::OverrideGranted(granted) => {
                let entry = Override {
                    by: by.clone(),
                    checks: granted.checks.clone(),
                    freezes: granted.freezes.clone(),
                    reason: granted.reason.clone(),
                    expires_at: granted.expires_at,
                };
                self.overrides.insert(granted.gate, entry);
            }
            Event::OverrideExpired(expired) => {
                self.overrides.remove(&expired.gate);
            }
            Event::PostMortemOpened(opened) => self.post_mortems.push(PostMortem {
                number: opened.number,
                about: opened.about.clone(),
                due: at + self.follow_up().post_mortem_within,
                root_cause: None,
            }),
            Event::PostMortemFiled(filed) => {
                if let Some(owed) = self.post_mortems.iter_mut().find(|one| one.number == filed.number) {
                    owed.root_cause = Some(filed.root_cause.clone());
                }
            }
            Event::LessonRecorded(_) => {}
            Event::ActionItemOpened(opened) => self.action_items.push(ActionItem {
                number: opened.number,
                what: opened.what.clone(),
                kind: opened.kind,
                owner: opened.owner.clone(),
                due: opened.due,
                settled: None,
            }),
            Event::ActionItemSettled(settled) => {
                if let Some(item) = self.action_items.iter_mut().find(|one| one.number == settled.number) {
                    item.settled = Some(settled.how);
                }
            }
            Event::ComplaintRecorded(complaint) => {
                self.complaints.push(Complaint {
                    text: complaint.text.clone(),
                    key: complaint.key.clone(),
                    by: by.clone(),
                    at,
                    record: self.seq(),
                    withdrawn: None,
                });
            }
            Event::ComplaintWithdrawn(withdrawn) => {
                let seq = self.seq();
                let of_record = |one: &&mut Complaint| one.record == withdrawn.record;
                if let Some(complaint) = self.complaints.iter_mut().find(of_record) {
                    complaint.withdrawn = Some(seq);
                }
            }
            Event::IncidentReported(seen) => self.incidents.push(RecordedIncident {
                source: seen.source.clone(),
                incident: seen.incident.clone(),
                seen_at: at,
            }),
            Event::IncidentEnded(ended) => {
                let ended_at = ended.ended_at.unwrap_or(at);
                if let Some(open) =
                    self.incidents.iter_mut().find(|one| one.is_open_as(&ended.source, &ended.id))
                {
                    open.incident.ended_at = Some(ended_at);
                }
            }
            Event::RollbackStarted(started) => self.fold_rollback_started(started),
            Event::RollbackUnconfirmed(unconfirmed) => {
                if let Phase::RollingBack(rollback) = &mut self.phase {
                    rollback.unconfirmed = unconfirmed.attempt;
                    rollback.state = RollbackState::Requested;
                }
            }
            Event::ZeroTrafficObserved(observed) => {
                self.exposure = TrafficShare::ZERO;
                let pause = self.confirm_every();
                if let Phase::RollingBack(rollback) = &mut self.phase {
                    rollback.state = RollbackState::Confirming { seen: observed.times, next_at: at + pause };
                    rollback.served = observed.served;
                }
            }
            Event::PinnedUsersObserved(observed) => {
                self.exposure = TrafficShare::ZERO;
                let pause = self.confirm_every();
                if let Phase::RollingBack(rollback) = &mut self.phase {
                    rollback.state = RollbackState::Confirming { seen: 0, next_at: at + pause };
                    rollback.served = observed.served;
                    rollback.pinned_since.get_or_insert(at);
                }
            }
            Event::PinnedUsersCut(_) => {
                if let Phase::RollingBack(rollback) = &mut self.phase {
                    rollback.state = RollbackState::Requested;
                    rollback.cut = true;
                }
            }
            Event::RollbackConfirmed(_) => {
                if let Phase::RollingBack(rollback) = &mut self.phase {
                    rollback.state = RollbackState::Confirmed { at };
                    self.phase = Phase::RolledBack(rollback.clone());
                }
                self.end();
            }
            Event::ReleaseCompleted(_) => {
                self.phase = Phase::Completed;
                self.end();
            }
            Event::ReleaseAborted(_) => {
                self.phase = Phase::Aborted;
                self.end();
            }
            Event::ReleaseClosed(_) => self.phase = Phase::Closed(self.ended_as()),
            Event::Notified(notified) => {
                self.outstanding.remove(&notified.effect);
            }
            Event::NotificationAbandoned(abandoned) => {
                self.outstanding.remove(&abandoned.effect);
            }
        }
        self.take_effects(event);
    }

    /// Notes the effects that an event asks for.
    fn take_effects(&mut self, event: &Event) {
        let (record, digest) = self.head.map_or((0, Digest::ZERO), |head| (head.seq, head.digest));
        for (index, effect) in (0..).zip(react(self, event)) {
            let key = effect_key(digest, index);
            let outstanding = Outstanding { effect, key, failures: 0, due: Due::Now };
            self.outstanding.insert(EffectId { record, index }, outstanding);
        }
        if self.outstanding.is_empty() {
            // A map that was emptied keeps two kilobytes of room, and of a hundred thousand releases nearly all wait.
            self.outstanding = BTreeMap::new();
        }
        self.suspend_what_goes_forward();
    }

    /// Gives the effects that a record asks for the keys that follow from its hash, where that has become another one.
    pub(super) fn name_effects(&mut self, head: Head) {
        let of_it = |index| EffectId { record: head.seq, index };
        for (id, outstanding) in self.outstanding.range_mut(of_it(0)..=of_it(u32::MAX)) {
            outstanding.key = effect_key(head.digest, id.index);
        }
    }

    /// A person's hold stops what was asked for and not done yet, where it would go forward: back beats forward. So does one
    /// for a share that someone else keeps lowering, and one in place of a rollback.
    fn suspend_what_goes_forward(&mut self) {
        let stops = |cause: &HoldCause| {
            matches!(
                cause,
                HoldCause::Manual | HoldCause::Drift | HoldCause::Irreversible | HoldCause::Freeze
            )
        };
        if !self.holds.keys().any(stops) {
            return;
        }
        let exposure = self.exposure;
        for outstanding in self.outstanding.values_mut() {
            let forward = match &outstanding.effect {
                Effect::Deploy { .. } | Effect::Promote => true,
                Effect::SetTraffic { share, .. } => *share > exposure,
                Effect::LeaveTarget { .. } | Effect::Notify { .. } => false,
            };
            if forward {
                outstanding.due = Due::WhenResumed;
            }
        }
    }

    fn seq(&self) -> u64 {
        self.head.map_or(0, |head| head.seq)
    }

    fn fold_step_started(&mut self, started: &StepStarted) {
        let at = self.last_at;
        if let Phase::Releasing(rollout) = &mut self.phase {
            rollout.step = Some(StepProgress {
                number: started.step,
                share: started.share,
                bake: started.bake,
                started_at: at,
                traffic: TrafficState::Requested,
                baked: crate::unit::Span::ZERO,
                counts_from: at,
                looks: 0,
                watched_until: at,
                outcomes: Vec::new(),
                verdicts: LastVerdicts::Kept(Vec::new()),
                clean: std::collections::BTreeSet::new(),
                cleared: false,
                drifts: 0,
            });
            self.begin_to_judge();
        }
    }

    /// From the first step on there is a judge, who keeps what was seen over all steps.
    fn begin_to_judge(&mut self) {
        if self.judge.is_none() {
            let judge = self.policy().and_then(|policy| self.judge_by(policy.judging()));
            self.judge = judge.map(Arc::new);
        }
    }

    /// A judge of the contract, by these settings, who has seen nothing yet; none before there is a track.
    pub(super) fn judge_by(&self, judging: &Judging) -> Option<Judge> {
        let (_, track) = self.track()?;
        let criteria = self.plan()?.contract().map(RollbackContract::criteria).unwrap_or_default();
        Some(Judge::new(criteria, judging, track.planned_looks(), track.min_requests()))
    }

    /// Shows a look to the judge.
    pub(super) fn judge_look(&mut self, look: &Evaluated) {
        let Some(mut judge) = self.judge.take() else { return };
        if let Some(step) = self.phase.step() {
            Arc::make_mut(&mut judge).observe(&self.as_evaluation(step, look));
        }
        self.judge = Some(judge);
    }

    /// One verdict for each criterion, on what the judge has seen.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        self.judge.as_ref().map(|judge| judge.verdicts()).unwrap_or_default()
    }

    /// The verdicts of the last look of the step under way; derived where they were recorded by their hash, which takes a
    /// few microseconds.
    pub fn last_verdicts(&self) -> Vec<Verdict> {
        match self.phase.step().map(|step| &step.verdicts) {
            Some(LastVerdicts::Kept(verdicts)) => verdicts.clone(),
            Some(LastVerdicts::WithTheJudge) => self.verdicts(),
            None => Vec::new(),
        }
    }

    /// Keeps the verdicts of the last look before the judge forgets what they rest on.
    fn keep_verdicts(&mut self) {
        let verdicts = self.last_verdicts();
        if let Some(step) = self.phase.step_mut() {
            step.verdicts = LastVerdicts::Kept(verdicts);
        }
    }

    /// Chooses how the evaluation that was just judged is recorded: with its verdicts in full where an auditor without relman
    /// would look for them, otherwise with their hash.
    pub(super) fn as_recorded(&self, look: Evaluated) -> Evaluated {
        /// So often they are recorded in full whatever they are.
        const IN_FULL_EVERY: u64 = 100;
        let in_full = self.phase.step().is_none_or(|step| {
            step.looks.is_multiple_of(IN_FULL_EVERY)
                || look.verdicts.len() != step.outcomes.len()
                || look.verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail)
                || look.verdicts.iter().zip(&step.outcomes).any(|(now, before)| !before.is_like(now))
        });
        if in_full { look } else { look.by_digest() }
    }

    /// Moves what is measured from a moment, or waits for one, along with the time of the stream: what never passed does
    /// not count, and nothing waits until a wrong clock is right.
    fn fold_clock_skewed(&mut self, ahead: Span) {
        let (at, jump) = (self.last_at, ahead.saturating_sub(self.skew));
        self.skew = ahead;
        let begun = |moment: Timestamp| (moment + jump).min(at);
        // What became due by the jump alone becomes due when it would have; what comes later comes no later for it.
        let due = |moment: Timestamp| if moment < at { moment + jump } else { moment };
        if let Some(step) = self.phase.step_mut() {
            // Nobody can say how long it was observed, and under whose cover, while a clock was wrong.
            step.counts_from = at;
            step.watched_until = begun(step.watched_until);
            if let TrafficState::Set { looked_until } = &mut step.traffic {
                *looked_until = begun(*looked_until);
            }
        }
        if let Phase::RollingBack(rollback) = &mut self.phase {
            rollback.started_at = begun(rollback.started_at);
            rollback.pinned_since = rollback.pinned_since.map(begun);
            if let RollbackState::Confirming { next_at, .. } = &mut rollback.state {
                *next_at = begun(*next_at);
            }
        }
        for outstanding in self.outstanding.values_mut() {
            if let Due::At(moment) = &mut outstanding.due {
                *moment = begun(*moment);
            }
        }
        for hold in self.holds.values_mut() {
            hold.roll_back_at = hold.roll_back_at.map(due);
        }
        if let Some(cover) = &mut self.cover {
            cover.until = due(cover.until);
        }
        for granted in self.overrides.values_mut() {
            granted.expires_at = due(granted.expires_at);
        }
    }

    /// A look as the judge is to see it.
    pub(super) fn as_evaluation<'a>(&self, step: &StepProgress, look: &'a Evaluated) -> Evaluation<'a> {
        let share = match (&look.exposure, step.traffic) {
            (ObservedExposure::Seen { share_bp }, TrafficState::Set { .. }) if !look.disregarded => {
                Some(*share_bp)
            }
            _ => None,
        };
        let planned = self.track().and_then(|(_, track)| track.steps().get(step.number as usize - 1));
        Evaluation {
            step: look.step,
            window: look.window,
            control: step.control_kind(),
            share: share.filter(|share| *share == step.share),
            exclude: planned.and_then(|planned| planned.exclude),
            complaints: self.counted_complaints(),
            observations: &look.observations,
        }
    }

    fn fold_traffic_set(&mut self, set: &TrafficSet) {
        let (at, pause) = (self.last_at, self.confirm_every());
        self.outstanding.remove(&set.effect);
        self.exposure = set.share;
        match &mut self.phase {
            Phase::RollingBack(rollback) => {
                // The first look is at once; after a failure the platform is given time.
                let next_at = if rollback.unconfirmed == 0 { at } else { at + pause };
                rollback.state = RollbackState::Confirming { seen: 0, next_at };
                // What was served before does not count against it.
                rollback.served = None;
            }
            Phase::Releasing(_) | Phase::Validating(_) => {
                if let Some(step) =
                    self.phase.step_mut().filter(|step| step.traffic != TrafficState::Promoting)
                {
                    step.traffic = TrafficState::Set { looked_until: at };
                    step.counts_from = at;
                }
                self.keep_verdicts();
                // What was measured at another share says nothing about this one.
                self.judge.iter_mut().for_each(|judge| Arc::make_mut(judge).count_anew());
            }
            Phase::Unplanned
            | Phase::Planning
            | Phase::Staging { .. }
            | Phase::Completed
            | Phase::RolledBack(_)
            | Phase::Aborted
            | Phase::Closed(_) => {}
        }
    }

    fn fold_validation_started(&mut self) {
        let Phase::Releasing(Rollout { step: Some(step), .. }) = &self.phase else {
            return;
        };
        let mut step = step.clone();
        step.started_at = self.last_at;
        step.counts_from = self.last_at;
        self.phase = Phase::Validating(step);
    }

    fn fold_rollback_started(&mut self, started: &RollbackStarted) {
        let in_doubt = self.outstanding.values().any(|one| one.effect.exposes_users());
        // Nothing that still wants to go forward survives: back beats forward.
        self.outstanding.retain(|_, outstanding| outstanding.effect.is_notification());
        self.holds.clear();
        self.overrides.clear();
        self.failed_gates.clear();
        self.cover = None;
        self.phase = Phase::RollingBack(Rollback {
            trigger: started.trigger.clone(),
            share: started.share,
            started_at: self.last_at,
            state: RollbackState::Requested,
            unconfirmed: 0,
            in_doubt,
            served: None,
            pinned_since: None,
            cut: false,
        });
    }

    /// Time before this moment does not count for the step.
    fn count_from(&mut self, at: crate::unit::Timestamp) {
        if let Some(step) = self.phase.step_mut() {
            step.counts_from = at;
        }
    }

    fn end(&mut self) {
        self.outstanding.retain(|_, outstanding| outstanding.effect.is_notification());
        self.holds.clear();
        self.overrides.clear();
        self.failed_gates.clear();
        self.cover = None;
    }

    fn ended_as(&self) -> EndedAs {
        match &self.phase {
            Phase::RolledBack(_) => EndedAs::RolledBack,
            Phase::Aborted => EndedAs::Aborted,
            Phase::Closed(ended) => *ended,
            Phase::Unplanned
            | Phase::Planning
            | Phase::Staging { .. }
            | Phase::Releasing(_)
            | Phase::Validating(_)
            | Phase::RollingBack(_)
            | Phase::Completed => EndedAs::Completed,
        }
    }

    fn confirm_every(&self) -> crate::unit::Span {
        self.policy().map_or(crate::unit::Span::from_secs(5), |policy| policy.rollback().confirm_every)
    }
}

/// The idempotency key of an effect: of the record that asks for it, and its place among the effects of that.
fn effect_key(digest: Digest, index: u32) -> String {
    format!("{digest}-{index}")
}

impl StepProgress {
    fn fold_look(&mut self, look: &Evaluated, outcomes: Vec<CriterionOutcome>) {
        self.looks += 1;
        self.baked = self.baked + look.credit;
        let at_its_share = match &mut self.traffic {
            TrafficState::Requested => {
                self.watched_until = look.window.until;
                false
            }
            TrafficState::Set { looked_until } => {
                *looked_until = look.window.until;
                !look.disregarded
            }
            TrafficState::Promoting => false,
        };
        for (index, of_criterion) in outcomes.iter().enumerate() {
            match &of_criterion.outcome {
                Outcome::Pass if at_its_share => {
                    self.clean.insert(index);
                }
                Outcome::Pass | Outcome::Fail => {}
                // What could not be measured is not made up for by what was measured before.
                Outcome::Undecided(Undecided::Missing { .. }) => {
                    self.clean.remove(&index);
                }
                // What is over its threshold, or may still be, is not clean any more.
                Outcome::Undecided(Undecided::NotProven | Undecided::NotExcluded { .. }) => {
                    self.clean.remove(&index);
                }
                Outcome::Undecided(Undecided::TooFewRequests { .. }) => {}
            }
        }
        self.outcomes = outcomes;
    }

    /// Where the baseline of this step comes from.
    pub(super) fn control_kind(&self) -> Control {
        if self.share == TrafficShare::FULL { Control::Frozen } else { Control::Concurrent }
    }
}
