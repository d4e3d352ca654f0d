use serde::Serialize;

use crate::{
    event::{Evaluated, Event, Record},
    judge::{
        Arm, FastAlarm, Measurement, Method, Outcome, Verdict, confidence::Interval, diagnostics::Warning,
        evidence::LnEvidence, factor::Counts,
    },
    plan::Criterion,
    policy::Policy,
    report::facts::{Heading, History, Mark},
    unit::{Finite, MetricName, Timestamp},
};

/// The evidence against each criterion, look by look: what spoke for and against the release, since when, and how close it
/// came to an alarm.
///
/// Everything in it stands in the verdicts of the recorded looks; nothing is judged again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EvidenceReport {
    /// The release.
    pub heading: Heading,
    /// What the fast channel brings about, by the policy in force.
    pub fast_alarm: FastAlarm,
    /// Each criterion of the contract, in its order.
    pub criteria: Vec<CriterionEvidence>,
}

/// The evidence against one criterion.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CriterionEvidence {
    /// The criterion.
    pub criterion: Criterion,
    /// How it is judged: the method of the last look.
    pub method: Method,
    /// The criterion's share of the probability that is allowed, after the last look.
    pub share: Option<Finite>,
    /// The `ln E` from which on the criterion is an alarm alone, whatever the others come to: `ln(1/α)` and what its
    /// share takes.
    pub alone_alarm_at: Option<Finite>,
    /// The breach, where it was this criterion that turned the release back.
    pub breach: Option<EvidenceBreach>,
    /// Step by step.
    pub steps: Vec<StepEvidence>,
    /// Look by look.
    pub looks: Vec<EvaluationEvidence>,
    /// The look that brought most evidence against it in the channel that rolls back; none where none brought any.
    pub moved_most: Option<EvidenceMove>,
    /// When the regression began that is the most likely one after the last look; none where there is no sign of one.
    pub likely_since: Option<Timestamp>,
    /// The confidence sequence of the ratio to the baseline, or of the rate where nothing is compared, after the last look.
    pub confidence: Option<Interval>,
    /// How errors are spread over the looks, after the last one: about 1 where they are independent.
    pub dispersion: Option<Finite>,
    /// How neighbouring looks hang together, after the last one: about 0 where they are independent.
    pub lag_1_correlation: Option<Finite>,
    /// What a person should know before believing the last look.
    pub warnings: Vec<Warning>,
}

/// The breach of a criterion.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EvidenceBreach {
    /// The record of the breach.
    #[serde(flatten)]
    pub mark: Mark,
    /// The verdict: on a look, or on a complaint, which waits for no look.
    pub verdict: Verdict,
}

/// The evidence of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepEvidence {
    /// The step, from 1.
    pub step: u32,
    /// The first look.
    pub first: Mark,
    /// The last look.
    pub last: Mark,
    /// How many looks there are.
    pub looks: u64,
    /// What the canary showed over the looks that the last verdict rests on.
    pub canary: Option<Measurement>,
    /// What the baseline showed.
    pub baseline: Option<Measurement>,
    /// The canary's value in the words of its unit, after the last look.
    pub value: Option<String>,
    /// What it was compared with.
    pub threshold: String,
    /// `ln E` of the fast channel, after the last look.
    pub fast: Option<LnEvidence>,
    /// `ln E` of the burst-proof channel, after the last look.
    pub robust: Option<LnEvidence>,
    /// The outcome of the last look.
    pub outcome: Outcome,
}

/// The evidence of one look.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EvaluationEvidence {
    /// The record of the look.
    #[serde(flatten)]
    pub mark: Mark,
    /// The step, from 1.
    pub step: u32,
    /// What was counted of the canary in this look alone; none where nothing is counted or nothing was measured.
    pub canary: Option<CountedRequests>,
    /// What was counted of the baseline.
    pub baseline: Option<CountedRequests>,
    /// The canary's value: a ratio between 0 and 1, milliseconds, or a plain number.
    pub value: Option<Finite>,
    /// What it was compared with, in the same unit.
    pub threshold: Option<Finite>,
    /// `ln E` of this criterion in the fast channel.
    pub fast: Option<LnEvidence>,
    /// `ln E` of this criterion in the burst-proof channel.
    pub robust: Option<LnEvidence>,
    /// `ln E` of all criteria in the fast channel: from [`alarm_at`](Self::alarm_at) on the release is held.
    pub all_fast: Option<LnEvidence>,
    /// `ln E` of all criteria in the burst-proof channel: from [`alarm_at`](Self::alarm_at) on the release is rolled back.
    pub all_robust: Option<LnEvidence>,
    /// `ln(1/α)`.
    pub alarm_at: Option<Finite>,
    /// When the most likely regression began.
    pub since: Option<Timestamp>,
    /// The confidence sequence of the ratio to the baseline, or of the rate where nothing is compared.
    pub confidence: Option<Interval>,
    /// The outcome.
    pub outcome: Outcome,
}

/// What was counted of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CountedRequests {
    /// All requests.
    pub requests: u64,
    /// Those that speak for a breach: errors, or the ones above the boundary that a quantile is judged at. None where no
    /// boundary was.
    pub against: Option<u64>,
}

impl CountedRequests {
    fn of(look: &Evaluated, metric: &MetricName, arm: Arm, boundary: Option<Finite>) -> Option<Self> {
        let found = look.observations.iter().find(|seen| seen.metric == *metric && seen.arm == arm)?;
        let measurement = found.answer.measurement()?;
        let against = match measurement {
            Measurement::Counts { errors: against, .. }
            | Measurement::Exceedances { exceedances: against, .. } => Some(*against),
            Measurement::Histogram(histogram) => {
                boundary.and_then(|at| histogram.exceedances(at)).map(Counts::errors)
            }
            Measurement::Events { .. } | Measurement::Gauge { .. } => None,
        };
        Some(Self { requests: measurement.requests()?, against })
    }
}

/// A look that brought evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EvidenceMove {
    /// The record of the look.
    pub look: Mark,
    /// `ln E` before it.
    pub from: LnEvidence,
    /// `ln E` after it.
    pub to: LnEvidence,
}

impl EvidenceReport {
    /// The evidence of a release; none before the first look.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let looks: Vec<(&Record, &Evaluated)> = history
            .records
            .iter()
            .filter_map(|record| match &record.event {
                Event::Evaluated(look) => Some((record, look)),
                _ => None,
            })
            .collect();
        let (_, last) = looks.last()?;
        let evidence = |(index, verdict): (usize, &Verdict)| {
            let of_criterion = looks.iter().filter_map(|(record, look)| {
                let verdict = look.verdicts.get(index)?;
                (verdict.criterion == last.verdicts[index].criterion).then_some((*record, *look, verdict))
            });
            CriterionEvidence::of(verdict, of_criterion)
        };
        let mut criteria: Vec<CriterionEvidence> = last.verdicts.iter().enumerate().map(evidence).collect();
        for record in history.records {
            if let Event::ContractBreached(breached) = &record.event
                && let Some(evidence) =
                    criteria.iter_mut().find(|evidence| evidence.criterion == breached.verdict.criterion)
            {
                let verdict = (*breached.verdict).clone();
                evidence.breach = Some(EvidenceBreach { mark: Mark::of(record), verdict });
            }
        }
        let judging = history.release.policy().map(Policy::judging);
        let fast_alarm = judging.map(|judging| judging.fast_alarm).unwrap_or_default();
        Some(Self { heading: Heading::of(history), fast_alarm, criteria })
    }
}

impl CriterionEvidence {
    fn of<'a>(last: &Verdict, looks: impl Iterator<Item = (&'a Record, &'a Evaluated, &'a Verdict)>) -> Self {
        let mut evidence = Self {
            criterion: last.criterion.clone(),
            method: last.method,
            share: last.strength.map(|strength| strength.share),
            alone_alarm_at: last
                .strength
                .and_then(|strength| Finite::new(strength.threshold.get() - libm::log(strength.share.get()))),
            breach: None,
            steps: Vec::new(),
            looks: Vec::new(),
            moved_most: None,
            likely_since: last.strength.and_then(|strength| strength.since),
            confidence: last.confidence,
            dispersion: last.dispersion,
            lag_1_correlation: last.lag_1_correlation,
            warnings: last.warnings.clone(),
        };
        for (record, look, verdict) in looks {
            evidence.push(Mark::of(record), look, verdict);
        }
        evidence
    }

    fn push(&mut self, mark: Mark, look: &Evaluated, verdict: &Verdict) {
        let number = look.step;
        let strength = verdict.strength;
        let boundary = strength.and_then(|strength| strength.boundary).map(|boundary| boundary.at);
        let counted = |arm| CountedRequests::of(look, &verdict.criterion.metric, arm, boundary);
        let robust = strength.map(|strength| strength.robust);
        if let Some(to) = robust {
            let from = self.looks.iter().rev().find_map(|look| look.robust).unwrap_or(LnEvidence::of(0.0));
            let gained = |from: LnEvidence, to: LnEvidence| to.get() - from.get();
            let most = self.moved_most.map_or(0.0, |moved| gained(moved.from, moved.to));
            if gained(from, to) > most {
                self.moved_most = Some(EvidenceMove { look: mark, from, to });
            }
        }
        self.looks.push(EvaluationEvidence {
            mark,
            step: number,
            canary: counted(Arm::Canary),
            baseline: counted(Arm::Baseline),
            value: verdict.value,
            threshold: verdict.threshold,
            fast: strength.map(|strength| strength.fast),
            robust,
            all_fast: strength.map(|strength| strength.all_fast),
            all_robust: strength.map(|strength| strength.all_robust),
            alarm_at: strength.map(|strength| strength.threshold),
            since: strength.and_then(|strength| strength.since),
            confidence: verdict.confidence,
            outcome: verdict.outcome.clone(),
        });
        let before = self.steps.pop_if(|step| step.step == number);
        self.steps.push(StepEvidence {
            step: number,
            first: before.as_ref().map_or(mark, |step| step.first),
            last: mark,
            looks: before.map_or(0, |step| step.looks) + 1,
            canary: verdict.canary.clone(),
            baseline: verdict.baseline.clone(),
            value: verdict.value.map(|value| verdict.show(value)),
            threshold: verdict.limit(),
            fast: strength.map(|strength| strength.fast),
            robust,
            outcome: verdict.outcome.clone(),
        });
    }
}
