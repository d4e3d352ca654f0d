use std::collections::BTreeSet;

use super::{
    Draft,
    admit::{LONGEST, admit, fits, is_small, withheld},
    platform::Standing,
};
use crate::{
    event::{
        ContractBreached, Evaluated, Gap, HoldCause, HoldPlaced, HoldReason, HoldReleased, ObservedExposure,
        ResumeReason, RollbackTrigger, VerdictsAs,
    },
    judge::{
        Answer, Arm, Control, Evidence, Measurement, MissingKind, Observation, Outcome, Suspicion, Undecided,
        Verdict, judge,
    },
    machine::{Phase, StepProgress, TrafficState, command::Answers, deadline::arms},
    plan::{COMPLAINTS, Criterion, Plan, Threshold},
    policy::NoDataAction,
    unit::{MetricName, Span, Text},
};

impl Draft<'_> {
    /// What was seen in one look: judged, and acted upon in the same decision.
    pub(super) fn look(&mut self, look: &Answers) {
        let Some(step) = self.release.phase.step().cloned() else {
            return;
        };
        let Some((looked_until, _)) = self.release.next_look(&step) else {
            return;
        };
        let answers_the_question = look.step == step.number && look.window.from == looked_until;
        if !answers_the_question || look.window.until <= looked_until || look.window.until > self.now {
            return;
        }
        let observations = admit(self.release, &step, look);
        let Standing { exposure, platform, drift, trouble, off } =
            Standing::of(&step, &look.deployment, look.tolerance, self.rules);
        let mut taken = Evaluated {
            step: step.number,
            window: look.window,
            exposure,
            observations,
            verdicts: Vec::new(),
            credit: Span::ZERO,
            platform,
            disregarded: off,
            recorded: VerdictsAs::InFull,
        };
        let verdicts = self.judge(&mut taken);
        let gaps = self.gaps(&step, &taken);
        if gaps.is_empty() && drift.is_none() && trouble.is_none() {
            taken.credit = self.credit(&step, look);
        }
        let taken = self.release.as_recorded(taken);
        self.follow(taken);
        if self.roll_back_if_breached(verdicts) || self.act_on_gaps(&gaps) {
            return;
        }
        self.act_on_suspicion();
        // Where the platform can't be observed, nobody knows that it is right again.
        if look.deployment.is_ok() {
            self.act_on_platform(trouble);
        }
        if let Some(observed) = drift {
            self.act_on_drift(&step, observed);
        }
    }

    /// Judges a look, once, and notes the verdicts on it; returns those on what was really seen, which a look without its
    /// values does not hold where they are too much for one record.
    fn judge(&mut self, taken: &mut Evaluated) -> Vec<Verdict> {
        let before = (!is_small(&taken.observations)).then(|| self.release.judge.clone());
        self.release.judge_look(taken);
        taken.verdicts = self.release.verdicts();
        let verdicts = taken.verdicts.clone();
        if let Some(before) = before
            && !fits(taken)
        {
            taken.observations = withheld(&taken.observations);
            self.release.judge = before;
            self.release.judge_look(taken);
            taken.verdicts = self.release.verdicts();
        }
        self.release.judged = Some(taken.window);
        verdicts
    }

    /// Rolls back at the first criterion that is breached, or holds where there is no way back; whether one is.
    pub(super) fn roll_back_if_breached(&mut self, verdicts: Vec<Verdict>) -> bool {
        let Some(verdict) = verdicts.into_iter().find(|verdict| verdict.outcome == Outcome::Fail) else {
            return false;
        };
        // It can't be rolled back, and people know.
        if self.is_held_without_way_back() {
            return false;
        }
        let trigger = RollbackTrigger::Criterion {
            criterion: verdict.criterion.clone(),
            observed: verdict.observed(),
            threshold: verdict.limit(),
        };
        self.follow(breach(verdict));
        self.roll_back(trigger);
        true
    }

    /// Judges what the record itself counts, after a complaint.
    pub(super) fn judge_complaints(&mut self) {
        let in_production = match &self.release.phase {
            // While its places change, nothing can be taken back; what it has harmed is for a person.
            Phase::Validating(_) if self.release.has_replaced() => false,
            Phase::Releasing(_) | Phase::Validating(_) => true,
            Phase::Unplanned
            | Phase::Planning
            | Phase::Staging { .. }
            | Phase::RollingBack(_)
            | Phase::Completed
            | Phase::RolledBack(_)
            | Phase::Aborted
            | Phase::Closed(_) => false,
        };
        if !in_production {
            return;
        }
        let counted = self.criteria().into_iter().filter(|criterion| criterion.metric.as_str() == COMPLAINTS);
        let verdicts = counted.map(|criterion| self.verdict_on_complaints(&criterion)).collect();
        self.roll_back_if_breached(verdicts);
    }

    fn criteria(&self) -> Vec<Criterion> {
        let contract = self.release.plan().and_then(Plan::contract);
        contract.map(|contract| contract.criteria().to_vec()).unwrap_or_default()
    }

    fn verdict_on_complaints(&self, criterion: &Criterion) -> Verdict {
        let count = self.release.counted_complaints();
        let counted = Answer::Value(Measurement::Events { count, exposure: 0 });
        judge(criterion, Evidence { canary: &counted, baseline: None, min_requests: 0 })
    }

    /// Every value that should be there and is not: of each watched metric in the canary, and in the baseline where
    /// a criterion compares.
    fn gaps(&self, step: &StepProgress, look: &Evaluated) -> Vec<Gap> {
        let verdicts = &look.verdicts;
        let compares = |metric: &MetricName| {
            step.control_kind() == Control::Concurrent
                && verdicts.iter().any(|verdict| {
                    verdict.criterion.metric == *metric
                        && matches!(verdict.criterion.threshold, Threshold::Baseline { .. })
                })
        };
        let mut gaps = Vec::new();
        for metric in self.release.watched() {
            for arm in arms(step.share) {
                if arm == Arm::Baseline && !compares(&metric) {
                    continue;
                }
                gaps.extend(gap(&metric, arm, answer(&look.observations, &metric, arm)));
            }
        }
        for verdict in verdicts {
            if let Outcome::Undecided(Undecided::Missing { missing, detail, .. }) = &verdict.outcome
                && gaps.is_empty()
            {
                let (criterion, detail) = (verdict.criterion.clone(), detail.clone());
                gaps.push(Gap::Unjudged { criterion, missing: *missing, detail });
            }
        }
        if let ObservedExposure::Unknown { detail } = &look.exposure {
            gaps.push(Gap::Traffic { detail: detail.clone() });
        }
        // A sentence is no longer than a text, so that no more of what the sources said is needed to make it.
        gaps.iter_mut().fold(Text::MAX_CHARS, |left, gap| gap.cut(left));
        gaps
    }

    /// How much of a look's window counts: the time since counting began, under cover where that is asked for, and
    /// without a hold by people. A look that comes much too late counts for one interval.
    fn credit(&self, step: &StepProgress, look: &Answers) -> Span {
        let release = &self.release;
        let validating = matches!(release.phase, Phase::Validating(_));
        // A suspicion keeps the exposure from growing; what is observed meanwhile is observed.
        let held = release
            .holds
            .keys()
            .any(|cause| !matches!(cause, HoldCause::Unmeasured | HoldCause::Suspicion | HoldCause::Freeze));
        let elsewhere = matches!(step.traffic, TrafficState::Requested);
        if held || elsewhere || (validating && release.cover.is_none()) {
            return Span::ZERO;
        }
        let seen = look.window.until.since(look.window.from.max(step.counts_from));
        let interval = release.track().map_or(Span::ZERO, |(_, track)| track.look_every());
        if seen > release.longest_credit() { interval } else { seen }
    }

    /// Holds while something speaks against the release, unless a person has let this step go on.
    fn act_on_suspicion(&mut self) {
        let held = self.release.holds.contains_key(&HoldCause::Suspicion);
        let cleared = self.release.phase.step().is_some_and(|step| step.cleared);
        let suspicion = self.release.judge.as_ref().and_then(|judge| judge.suspicion());
        // What can't be trusted is as good as not measured, and patience with it ends as well.
        let patience = match &suspicion {
            Some(Suspicion::SampleRatio { .. }) => self
                .release
                .policy()
                .and_then(|policy| policy.no_data().rule(MissingKind::NoData).roll_back_after),
            Some(_) | None => None,
        };
        match suspicion {
            Some(suspicion) if !held && !cleared => self.follow(HoldPlaced {
                cause: HoldCause::Suspicion,
                reason: suspicion.into(),
                roll_back_at: patience.map(|patience| self.now + patience),
                roles: BTreeSet::new(),
            }),
            None if held => self.follow(HoldReleased {
                cause: HoldCause::Suspicion,
                reason: ResumeReason::SuspicionCleared {},
                roles: BTreeSet::new(),
            }),
            Some(_) | None => {}
        }
    }

    /// Holds, rolls back or goes on, as the policy says; whether the release is rolled back.
    fn act_on_gaps(&mut self, gaps: &[Gap]) -> bool {
        let held = self.release.holds.get(&HoldCause::Unmeasured).cloned();
        if gaps.is_empty() {
            if held.is_some() {
                self.follow(HoldReleased {
                    cause: HoldCause::Unmeasured,
                    reason: ResumeReason::MeasuredAgain {},
                    roles: BTreeSet::new(),
                });
            }
            return false;
        }
        let Some(rules) = self.release.policy().map(|policy| policy.no_data().clone()) else {
            return false;
        };
        let reason = HoldReason::Unmeasured { gaps: gaps.to_vec() };
        let at_once = gaps.iter().any(|gap| rules.rule(gap.missing()).action == NoDataAction::RollBack);
        if at_once {
            let since = held.map_or(self.now, |hold| hold.since);
            self.roll_back_unmeasured(reason, self.now.since(since));
            return true;
        }
        let patience = gaps.iter().filter_map(|gap| rules.rule(gap.missing()).roll_back_after).min();
        let roll_back_at = patience.map(|patience| self.now + patience);
        // While it is held, another kind of gap may leave less patience, and never more.
        let place = match held.map(|hold| hold.roll_back_at) {
            None => true,
            Some(None) => roll_back_at.is_some(),
            Some(Some(before)) => roll_back_at.is_some_and(|at| at < before),
        };
        if place {
            self.follow(HoldPlaced {
                cause: HoldCause::Unmeasured,
                reason,
                roll_back_at,
                roles: BTreeSet::new(),
            });
        }
        false
    }
}

/// What an answer lacks, where it is no value.
fn gap(metric: &MetricName, arm: Arm, answer: Answer) -> Option<Gap> {
    let metric = metric.clone();
    match answer {
        Answer::Value(_) => None,
        Answer::NoData { detail } => Some(Gap::NoData { metric, arm, detail }),
        Answer::Stale { newest } => Some(Gap::Stale { metric, arm, newest }),
        Answer::ProviderError { detail } => Some(Gap::ProviderError { metric, arm, detail }),
        Answer::NotFinite { written } => Some(Gap::NotFinite { metric, arm, written }),
        Answer::Unbelieved { why } => Some(Gap::Unbelieved { metric, arm, why }),
    }
}

/// The breach, with the measurements that it rests on where they fit a record. Without them it is still a breach.
fn breach(mut verdict: Verdict) -> ContractBreached {
    let fits = serde_json::to_vec(&verdict).is_ok_and(|bytes| bytes.len() <= LONGEST);
    if !fits {
        (verdict.canary, verdict.baseline) = (None, None);
    }
    ContractBreached { verdict: verdict.into() }
}

/// What the source said about a metric in an arm; silence is no data.
fn answer(observations: &[Observation], metric: &MetricName, arm: Arm) -> Answer {
    observations
        .iter()
        .find(|observation| observation.metric == *metric && observation.arm == arm)
        .map_or_else(|| Answer::NoData { detail: "not observed".to_owned() }, |found| found.answer.clone())
}
