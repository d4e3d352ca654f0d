use std::fmt;

use super::{
    FastAlarm, Judging, SampleRatioRule,
    criterion_judge::{CriterionEvaluation, CriterionJudge, Demands},
    weighed::Sequence,
};
use crate::{
    judge::{
        diagnostics::{SampleRatio, Warning},
        evidence::{LnEvidence, Shares, StartWeights},
        observation::{Answer, Arm, Arms, Counts, Measurement, Observation},
        verdict::{Channel, Control, CriterionOutcome, Method, Outcome, Strength, Verdict},
    },
    plan::{COMPLAINTS, Criterion},
    unit::{Finite, MetricName, TrafficShare, Window},
};

/// One look at everything that a contract names.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// The step, from 1.
    pub step: u32,
    /// The time that was looked at.
    pub window: Window,
    /// Where the baseline's numbers come from.
    pub control: Control,
    /// The share of the traffic that the canary had over the whole window; none where it changed, is not known, or is not
    /// the wanted one.
    pub share: Option<TrafficShare>,
    /// The size of a regression to the baseline that has to be excluded before the step can pass: 2 for a doubling.
    pub exclude: Option<Finite>,
    /// How many complaints the record holds.
    pub complaints: u64,
    /// What the source answered.
    pub observations: &'a dyn Answers,
}

/// What a source has answered about a look.
pub trait Answers: fmt::Debug {
    /// The answer about a metric of an arm; none where it was not asked for.
    fn answer(&self, metric: &MetricName, arm: Arm) -> Option<&Answer>;
}

impl Answers for Vec<Observation> {
    fn answer(&self, metric: &MetricName, arm: Arm) -> Option<&Answer> {
        self.iter().find(|one| one.metric == *metric && one.arm == arm).map(|one| &one.answer)
    }
}

/// What speaks against a release before it has failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Suspicion {
    /// The fast channel alarms: the criterion that contributes most.
    Fast(Criterion),
    /// Nothing that was measured can be trusted.
    SampleRatio {
        /// How many requests the canary got, of those it was meant to get.
        of_expected: Finite,
    },
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fast(criterion) => write!(
                f,
                "`{criterion}` is likely breached: it is too much for chance, unless it came in one burst, which the next looks \
                 will tell"
            ),
            Self::SampleRatio { of_expected } => {
                Warning::SampleRatioMismatch { of_expected: *of_expected }.fmt(f)
            }
        }
    }
}

/// Judges the criteria of a contract over a whole release, look by look.
///
/// Each criterion has its method; those that are judged by [evidence](crate::judge::evidence) share `α` in equal parts. What comes
/// out depends on the looks and their order alone, to the bit: a record that holds the looks can be judged again.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     judge::{Answer, Arm, Control, Judge, Judging, Evaluation, Measurement, Observation, Outcome},
///     unit::{Span, Timestamp, Window},
/// };
///
/// let criteria = ["error_rate > 1%".parse()?];
/// let mut judge = Judge::new(&criteria, &Judging::default(), vec![30, 120, 240, 1_440], 100);
/// let minute = |number: u64, errors: u64| {
///     let from = Timestamp::from_millis(0) + Span::from_minutes(number);
///     let window = Window { from, until: from + Span::from_minutes(1) };
///     let seen = |arm, requests, errors| {
///         let answer = Answer::Value(Measurement::Counts { requests, errors });
///         Observation::new("error_rate".parse().expect("a valid name"), arm, window, "prometheus", answer)
///     };
///     (window, vec![seen(Arm::Canary, 600, errors), seen(Arm::Baseline, 59_400, 58)])
/// };
/// let mut outcomes = Vec::new();
/// for number in 0..20 {
///     let (window, observations) = minute(number, if number < 5 { 1 } else { 31 });
///     let (step, control, complaints) = (1, Control::Concurrent, 0);
///     judge.observe(&Evaluation { step, window, control, share: None, exclude: None, complaints, observations: &observations });
///     outcomes.push(judge.verdicts().remove(0).outcome == Outcome::Fail);
/// }
/// assert_eq!(outcomes.iter().position(|failed| *failed), Some(11));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    judging: Judging,
    min_requests: u64,
    shares: Shares,
    criteria: Vec<CriterionJudge>,
    /// The split of the traffic in the steps before, and in this one.
    split: SampleRatio,
    splitting: Option<(TrafficShare, Arms)>,
}

impl Judge {
    /// Nothing seen yet: the criteria in the order of the contract, how many looks each step is planned to have, and how
    /// many requests of a step a verdict rests on at least.
    pub fn new(criteria: &[Criterion], judging: &Judging, planned: Vec<u32>, min_requests: u64) -> Self {
        let weights = StartWeights::new(judging.start_weights, planned);
        let judged =
            |one: &Criterion| CriterionJudge::new(one.clone(), judging.method_of(&one.metric), &weights);
        let criteria: Vec<CriterionJudge> = criteria.iter().map(judged).collect();
        let by_evidence = criteria.iter().filter(|judged| judged.weighed().is_some()).count();
        Self {
            judging: judging.clone(),
            min_requests,
            shares: Shares::equal(by_evidence),
            criteria,
            split: SampleRatio::default(),
            splitting: None,
        }
    }

    /// One more look.
    pub fn observe(&mut self, look: &Evaluation<'_>) {
        self.observe_split(look);
        let demands = Demands {
            alpha: self.judging.alpha,
            min_requests: self.min_requests,
            exclude: look.exclude.map(Finite::get),
        };
        let nothing = Answer::NoData { detail: "not observed".to_owned() };
        for judged in &mut self.criteria {
            let complaints;
            let is_complaints = judged.criterion.metric.as_str() == COMPLAINTS;
            let (canary, baseline) = if is_complaints {
                complaints = Answer::Value(Measurement::Events { count: look.complaints, exposure: 0 });
                (&complaints, &nothing)
            } else {
                let metric = &judged.criterion.metric;
                let answer = |arm| look.observations.answer(metric, arm).unwrap_or(&nothing);
                (answer(Arm::Canary), answer(Arm::Baseline))
            };
            if is_complaints {
                judged.count_in_all();
            }
            let (step, look) = (
                look.step.saturating_sub(1),
                CriterionEvaluation { from: look.window.from, canary, baseline, control: look.control },
            );
            judged.observe(step, look, demands);
        }
    }

    /// The traffic is where it should be from now on: what was measured before does not count for the step. As evidence
    /// it does: users met it.
    pub fn count_anew(&mut self) {
        self.criteria.iter_mut().for_each(CriterionJudge::count_anew);
    }

    fn observe_split(&mut self, look: &Evaluation<'_>) {
        let Some(share) = look.share else { return };
        let requests = |metric: &MetricName, arm| {
            let requests = look.observations.answer(metric, arm)?.measurement()?.requests()?;
            Counts::new(requests, 0)
        };
        let served = self.criteria.iter().find_map(|judged| {
            let metric = &judged.criterion.metric;
            let canary = requests(metric, Arm::Canary)?;
            Some(Arms { canary, baseline: requests(metric, Arm::Baseline)? })
        });
        let Some(served) = served else { return };
        match &mut self.splitting {
            Some((wanted, sum)) if *wanted == share => *sum = sum.plus(served),
            Some((wanted, sum)) => {
                self.split.observe_step(*wanted, *sum);
                (*wanted, *sum) = (share, served);
            }
            None => self.splitting = Some((share, served)),
        }
    }

    /// The mismatch of the split of the traffic with what it was meant to be, where there is one.
    pub fn mismatch(&self) -> Option<Warning> {
        let mut split = self.split;
        if let Some((wanted, served)) = self.splitting {
            split.observe_step(wanted, served);
        }
        split.mismatch(self.judging.alpha)
    }

    /// What the evidence of all criteria comes to, and the criterion that contributes most.
    fn merged(&self, evidence: impl Fn(&Sequence) -> f64) -> Merged {
        let mut ln = Vec::with_capacity(self.criteria.len());
        let mut blamed: Option<(usize, f64)> = None;
        for (index, judged) in self.criteria.iter().enumerate() {
            let Some(weighed) = judged.weighed() else { continue };
            let own = evidence(weighed.sequence());
            if blamed.is_none_or(|(_, most)| own > most) {
                blamed = Some((index, own));
            }
            ln.push(own);
        }
        let ln_evidence = self.shares.merge(&ln);
        let alarms = ln_evidence >= self.judging.alpha.ln_threshold();
        Merged { ln_evidence, blamed: blamed.filter(|_| alarms).map(|(index, _)| index) }
    }

    /// Whether anything could be an alarm in any channel: a weighted mean is at most the largest of its parts.
    fn may_alarm(&self) -> bool {
        let threshold = self.judging.alpha.ln_threshold();
        let weighed = self.criteria.iter().filter_map(CriterionJudge::weighed);
        weighed.map(|weighed| weighed.sequence().at_most()).any(|at_most| at_most >= threshold)
    }

    fn robust(&self) -> Merged {
        self.merged(Sequence::ln_robust)
    }

    fn fast(&self) -> Merged {
        self.merged(Sequence::ln_fast)
    }

    /// The criterion that has failed by evidence, and in which channel.
    ///
    /// Where the fast channel may roll back, the two share the probability that is allowed: it is the mean of their
    /// evidence that has to reach the threshold.
    fn alarm(&self) -> Option<(usize, Channel)> {
        if !self.may_alarm() {
            return None;
        }
        let robust = self.robust().blamed;
        match self.judging.fast_alarm {
            FastAlarm::Hold => Some((robust?, Channel::Robust)),
            FastAlarm::RollBack => {
                let blamed = self.merged(Sequence::ln_both).blamed?;
                Some((blamed, if robust.is_some() { Channel::Robust } else { Channel::Fast }))
            }
        }
    }

    /// Whether a criterion has failed, by its place in the contract: cheaper than all verdicts.
    pub fn failed(&self) -> Option<usize> {
        let plain = self.criteria.iter().position(|judged| judged.outcome_so_far() == Some(&Outcome::Fail));
        plain.or_else(|| self.alarm().map(|(index, _)| index))
    }

    /// The outcome of a criterion by the last look, but for evidence that is an alarm; by its place in the contract.
    pub fn outcome(&self, criterion: usize) -> Option<&Outcome> {
        self.criteria.get(criterion).and_then(CriterionJudge::outcome_so_far)
    }

    /// What speaks against the release before it has failed.
    pub fn suspicion(&self) -> Option<Suspicion> {
        if let (SampleRatioRule::Hold, Some(Warning::SampleRatioMismatch { of_expected })) =
            (self.judging.sample_ratio, self.mismatch())
        {
            return Some(Suspicion::SampleRatio { of_expected });
        }
        let blamed = if self.may_alarm() { self.fast().blamed? } else { return None };
        Some(Suspicion::Fast(self.criteria[blamed].criterion.clone()))
    }

    /// The outcomes that [`verdicts`](Self::verdicts) have, without the numbers, which cost a hundred times as much.
    pub fn outcomes(&self) -> Vec<CriterionOutcome> {
        let alarm = self.alarm();
        let outcome = |(index, judged): (usize, &CriterionJudge)| {
            let mut last = judged.last_outcome()?;
            if let Some((blamed, channel)) = alarm
                && blamed == index
            {
                last = CriterionOutcome { outcome: Outcome::Fail, channel };
            }
            Some(last)
        };
        self.criteria.iter().enumerate().filter_map(outcome).collect()
    }

    /// One verdict for each criterion on the last look, in the order of the contract; none before the first look.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let (robust, fast) = (self.robust(), self.fast());
        let alarm = self.alarm();
        let mismatch = self.mismatch();
        let verdict = |(index, judged): (usize, &CriterionJudge)| {
            let mut verdict = match alarm {
                Some((blamed, channel)) if blamed == index => judged.verdict_by_evidence(channel)?,
                Some(_) | None => judged.verdict()?,
            };
            let Some(weighed) = judged.weighed().filter(|_| verdict.method == Method::Evidence) else {
                return Some(verdict);
            };
            let since = weighed.since();
            verdict.strength = Some(Strength {
                fast: LnEvidence::of(weighed.sequence().ln_fast()),
                robust: LnEvidence::of(weighed.sequence().ln_robust()),
                all_fast: LnEvidence::of(fast.ln_evidence),
                all_robust: LnEvidence::of(robust.ln_evidence),
                share: Finite::new(self.shares.as_slice().first().copied().unwrap_or(1.0))
                    .unwrap_or(Finite::ZERO),
                threshold: Finite::new(self.judging.alpha.ln_threshold()).unwrap_or(Finite::ZERO),
                since: since.map(|since| since.from),
                arms: since.map(|since| since.arms).filter(|arms| arms.canary.requests() > 0),
                boundary: weighed.boundary(),
            });
            verdict.confidence = judged.confidence(self.judging.alpha);
            verdict.dispersion = weighed.spread().dispersion();
            verdict.lag_1_correlation = weighed.spread().lag_1_correlation();
            verdict.warnings = weighed.warnings();
            verdict.warnings.extend(mismatch);
            Some(verdict)
        };
        self.criteria.iter().enumerate().filter_map(verdict).collect()
    }
}

/// Merged evidence, and the criterion that contributes most where it is an alarm.
struct Merged {
    ln_evidence: f64,
    blamed: Option<usize>,
}
