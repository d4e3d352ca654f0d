use super::{
    MethodChoice,
    datum::{Beside, Frozen, Reading, complement, is_upper},
    threshold::{Assessment, ENGINE, Evidence, assess},
    weighed::{Since, Weighed},
};
use crate::{
    judge::{
        confidence::{self, Interval},
        evidence::{Alpha, StartWeights},
        familiar::{FailedLooks, Look as Counted},
        kayenta::{Label, MannWhitneyRule},
        observation::{Answer, Arm, Counts, Measurement, MissingKind, Pool},
        verdict::{Channel, Control, CriterionOutcome, Method, Outcome, Undecided, Verdict},
    },
    plan::{COMPLAINTS, Comparator, Criterion, Threshold},
    unit::{Finite, Ratio, Timestamp},
};

/// What is asked of a criterion before it can pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Demands {
    pub(super) alpha: Alpha,
    pub(super) min_requests: u64,
    /// The size of a regression that the data have to exclude, as a multiple.
    pub(super) exclude: Option<f64>,
}

/// One look at one criterion.
#[derive(Debug, Clone, Copy)]
pub(super) struct CriterionEvaluation<'a> {
    pub(super) from: Timestamp,
    pub(super) canary: &'a Answer,
    pub(super) baseline: &'a Answer,
    pub(super) control: Control,
}

/// One criterion over a release: how it is judged, and all that was measured for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CriterionJudge {
    pub(super) criterion: Criterion,
    engine: Engine,
    /// The step that the last look was in, from 0.
    step: u32,
    /// What both arms showed: in this step, or since the plain comparison was last decided, as the method has it.
    canary: Pool,
    baseline: Pool,
    /// What the baseline showed in this step.
    control: Pool,
    /// What it showed in the step before, for the step that has none.
    frozen: Option<Frozen>,
    /// What came of the last look.
    last: Option<Last>,
}

#[derive(Debug, Clone, PartialEq)]
enum Engine {
    Evidence(Box<Weighed>),
    Threshold,
    FailedLooks(FailedLooks),
    MannWhitney { rule: MannWhitneyRule, canary: Vec<Finite>, baseline: Vec<Finite> },
}

#[derive(Debug, Clone, PartialEq)]
struct Last {
    assessed: Assessment,
    /// Whether the plain comparison was decided, whatever the method makes of it.
    was_decided: bool,
    control: Control,
    /// Whether each arm had a value in this look.
    canary: bool,
    baseline: bool,
}

impl CriterionJudge {
    pub(super) fn new(criterion: Criterion, choice: MethodChoice, weights: &StartWeights) -> Self {
        let engine = match choice {
            // People count complaints one by one, and the contract says how many are too many.
            _ if criterion.metric.as_str() == COMPLAINTS => Engine::Threshold,
            MethodChoice::Evidence if Reading::is_possible(&criterion) => {
                Engine::Evidence(Box::new(Weighed::new(weights.clone())))
            }
            MethodChoice::Evidence | MethodChoice::Threshold => Engine::Threshold,
            MethodChoice::FailedLooks(rule) => Engine::FailedLooks(FailedLooks::new(rule)),
            MethodChoice::MannWhitney(rule) => {
                Engine::MannWhitney { rule, canary: Vec::new(), baseline: Vec::new() }
            }
        };
        Self {
            criterion,
            engine,
            step: 0,
            canary: Pool::default(),
            baseline: Pool::default(),
            control: Pool::default(),
            frozen: None,
            last: None,
        }
    }

    /// What was weighed, where it is judged by evidence and so has a share of the probability that is allowed.
    pub(super) fn weighed(&self) -> Option<&Weighed> {
        match &self.engine {
            Engine::Evidence(weighed) => Some(weighed),
            Engine::Threshold | Engine::FailedLooks(_) | Engine::MannWhitney { .. } => None,
        }
    }

    /// What is counted in all, and not look by look, begins at nothing each time.
    pub(super) fn count_in_all(&mut self) {
        self.canary = Pool::default();
    }

    /// The traffic is where it should be from now on: what was measured before does not count for the step.
    pub(super) fn count_anew(&mut self) {
        self.canary.decided();
        self.baseline.decided();
        self.forget_samples();
    }

    fn forget_samples(&mut self) {
        if let Engine::MannWhitney { canary, baseline, .. } = &mut self.engine {
            canary.clear();
            baseline.clear();
        }
    }

    fn enter(&mut self, step: u32, alpha: Alpha) {
        if step == self.step {
            return;
        }
        self.step = step;
        if let Some(shown) = self.control.measurement() {
            let highest = Counts::of(shown).and_then(|counts| confidence::rate(counts, alpha).high);
            self.frozen = Some(Frozen { measurement: shown.clone(), highest: highest.map(Finite::get) });
        }
        self.control = Pool::default();
        self.canary = Pool::default();
        self.baseline = Pool::default();
        self.forget_samples();
    }

    /// One more look at a step, steps counted from 0.
    pub(super) fn observe(&mut self, step: u32, look: CriterionEvaluation<'_>, demands: Demands) {
        self.enter(step, demands.alpha);
        self.begin_anew_where_decided();
        if let Some(canary) = look.canary.measurement() {
            self.weigh(canary, look);
            self.canary.add(canary);
        }
        let baseline = look.baseline.measurement();
        if let (Some(baseline), Control::Concurrent | Control::None) = (baseline, look.control) {
            self.baseline.add(baseline);
            self.control.add(baseline);
        }
        // No requests are no data, whatever a track asks for.
        let mut assessed = self.assess(look, demands.min_requests.max(1));
        let was_decided = matches!(assessed.outcome, Outcome::Pass | Outcome::Fail);
        assessed.outcome = self.outcome(assessed.outcome, assessed.value, look, demands);
        self.last = Some(Last {
            assessed,
            was_decided,
            control: look.control,
            canary: look.canary.measurement().is_some(),
            baseline: match look.control {
                Control::Frozen => self.frozen.is_some(),
                Control::Concurrent | Control::None => baseline.is_some(),
            },
        });
    }

    /// Evidence rests on the whole step. For the other methods a look is what was measured since the last one that was
    /// decided, so that each rests on enough requests.
    fn begin_anew_where_decided(&mut self) {
        if !self.last.as_ref().is_some_and(|last| last.was_decided) {
            return;
        }
        match &self.engine {
            Engine::Evidence(_) => {}
            Engine::Threshold => {
                self.canary.decided();
                self.baseline.decided();
            }
            Engine::FailedLooks(_) | Engine::MannWhitney { .. } => {
                self.canary = Pool::default();
                self.baseline = Pool::default();
            }
        }
    }

    /// Adds a look to the evidence.
    fn weigh(&mut self, canary: &Measurement, look: CriterionEvaluation<'_>) {
        let Engine::Evidence(weighed) = &mut self.engine else { return };
        let beside = match look.control {
            Control::Frozen => Beside::Frozen(self.frozen.as_ref()),
            Control::Concurrent | Control::None => Beside::Concurrent {
                now: look.baseline.measurement(),
                before: [self.control.measurement(), self.frozen.as_ref().map(|frozen| &frozen.measurement)],
            },
        };
        weighed.observe(&self.criterion, (self.step, look.from), canary, beside);
    }

    /// What the plain comparison makes of what was added up.
    fn assess(&self, look: CriterionEvaluation<'_>, min_requests: u64) -> Assessment {
        let canary = match look.canary.measurement() {
            Some(_) => self.canary.as_answer().unwrap_or(look.canary),
            None => look.canary,
        };
        let frozen;
        let baseline = match (look.control, look.baseline.measurement()) {
            (Control::Frozen, _) => {
                frozen = match &self.frozen {
                    Some(frozen) => Answer::Value(frozen.measurement.clone()),
                    None => Answer::NoData {
                        detail: "the baseline was not measured in the step before".to_owned(),
                    },
                };
                &frozen
            }
            (_, Some(_)) => self.baseline.as_answer().unwrap_or(look.baseline),
            (_, None) => look.baseline,
        };
        assess(&self.criterion, Evidence { canary, baseline: Some((baseline, look.control)), min_requests })
    }

    /// The outcome by the method of the criterion, from that of the plain comparison.
    fn outcome(
        &mut self,
        plain: Outcome,
        value: Option<Finite>,
        look: CriterionEvaluation<'_>,
        demands: Demands,
    ) -> Outcome {
        if let Engine::Evidence(weighed) = &self.engine {
            return match plain {
                Outcome::Fail if weighed.is_counted => Outcome::Undecided(Undecided::NotProven),
                Outcome::Pass => self.not_excluded(look, demands).map_or(Outcome::Pass, Outcome::Undecided),
                Outcome::Fail | Outcome::Undecided(_) => plain,
            };
        }
        let baseline = self.baseline.measurement().and_then(|one| value_of(&self.criterion, one));
        match &mut self.engine {
            Engine::Threshold | Engine::Evidence(_) => plain,
            Engine::FailedLooks(looks) => {
                let too_many = looks.observe(match plain {
                    Outcome::Pass => Counted::Clean,
                    Outcome::Fail => Counted::Failed,
                    Outcome::Undecided(_) => Counted::Unmeasured,
                });
                match plain {
                    _ if too_many => Outcome::Fail,
                    Outcome::Fail => Outcome::Undecided(Undecided::NotProven),
                    Outcome::Pass | Outcome::Undecided(_) => plain,
                }
            }
            Engine::MannWhitney { rule, canary: canaries, baseline: baselines } => {
                if matches!(plain, Outcome::Undecided(_)) {
                    return plain;
                }
                canaries.extend(value);
                baselines.extend(baseline);
                let breach = match self.criterion.comparator {
                    Comparator::Above | Comparator::AtLeast => Label::High,
                    Comparator::Below | Comparator::AtMost => Label::Low,
                };
                if !baselines.is_empty() && !can_be_significant(rule, canaries.len(), baselines.len()) {
                    return match plain {
                        Outcome::Fail => Outcome::Undecided(Undecided::NotProven),
                        Outcome::Pass | Outcome::Undecided(_) => plain,
                    };
                }
                match rule.classify(canaries, baselines).map(|found| found.label) {
                    Ok(Label::NoData) | Err(_) => Outcome::Undecided(Undecided::Missing {
                        arm: Arm::Baseline,
                        missing: MissingKind::NoData,
                        detail: "the Mann-Whitney rule needs values of both arms".to_owned(),
                    }),
                    Ok(label) if label == breach => Outcome::Fail,
                    Ok(_) => Outcome::Pass,
                }
            }
        }
    }

    /// Whether the data leave a regression possible that they have to exclude.
    fn not_excluded(&self, look: CriterionEvaluation<'_>, demands: Demands) -> Option<Undecided> {
        let excluded = demands.exclude?;
        let Threshold::Baseline { .. } = self.criterion.threshold else { return None };
        let weighed = self.weighed().filter(|weighed| weighed.is_counted)?;
        let baseline = match look.control {
            Control::Frozen => self.frozen.as_ref().map(|frozen| &frozen.measurement),
            Control::Concurrent | Control::None => self.baseline.measurement(),
        };
        let quantile = self.criterion.metric.quantile();
        let found = if let Some(canary @ Measurement::Histogram(_)) = self.canary.measurement()
            && let Some((baseline, quantile)) = baseline.zip(quantile)
        {
            quantile_exclusion(canary, baseline, quantile, demands.alpha, excluded)
        } else {
            let found = weighed.confidence(&self.criterion, demands.alpha);
            if found.is_some_and(|found| found.excludes(excluded)) {
                Exclusion::Excluded
            } else {
                Exclusion::Open(found.and_then(|found| found.high))
            }
        };
        match found {
            Exclusion::Excluded => None,
            Exclusion::Open(high) => {
                Some(Undecided::NotExcluded { size: Finite::new(excluded).unwrap_or(Finite::ZERO), high })
            }
        }
    }

    /// The confidence sequence of the ratio to the baseline, or of the rate where nothing is compared.
    pub(super) fn confidence(&self, alpha: Alpha) -> Option<Interval> {
        self.weighed()?.confidence(&self.criterion, alpha)
    }

    pub(super) fn outcome_so_far(&self) -> Option<&Outcome> {
        self.last.as_ref().map(|last| &last.assessed.outcome)
    }

    /// The outcome of the last look by this criterion alone; none before the first.
    pub(super) fn last_outcome(&self) -> Option<CriterionOutcome> {
        let outcome = self.outcome_so_far()?.clone();
        Some(CriterionOutcome { outcome, channel: self.method().1 })
    }

    fn method(&self) -> (Method, Channel) {
        let compares = matches!(self.criterion.threshold, Threshold::Baseline { .. });
        match &self.engine {
            Engine::Evidence(weighed) if weighed.is_counted => (Method::Evidence, Channel::Robust),
            Engine::FailedLooks(_) => (Method::FailedLooks, Channel::HardLimit),
            Engine::MannWhitney { .. } => (Method::MannWhitney, Channel::HardLimit),
            Engine::Evidence(_) | Engine::Threshold if compares => {
                (Method::BaselineMultiple, Channel::HardLimit)
            }
            Engine::Evidence(_) | Engine::Threshold => (Method::Threshold, Channel::HardLimit),
        }
    }

    /// The verdict on the last look by this criterion alone; none before the first.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let last = self.last.as_ref()?;
        let canary = last.canary.then(|| self.canary.measurement().cloned()).flatten();
        let compares = matches!(self.criterion.threshold, Threshold::Baseline { .. });
        // What a canary without a value would have been compared with does not matter.
        let beside = compares && canary.is_some();
        let baseline = match last.control {
            _ if !(beside && last.baseline) => None,
            Control::Frozen => self.frozen.as_ref().map(|frozen| frozen.measurement.clone()),
            Control::Concurrent | Control::None => self.baseline.measurement().cloned(),
        };
        let (method, channel) = self.method();
        Some(Verdict {
            criterion: self.criterion.clone(),
            outcome: last.assessed.outcome.clone(),
            method,
            channel,
            engine: ENGINE,
            canary,
            baseline,
            control: if beside { last.control } else { Control::None },
            value: last.assessed.value,
            threshold: last.assessed.threshold,
            strength: None,
            confidence: None,
            dispersion: None,
            lag_1_correlation: None,
            warnings: Vec::new(),
        })
    }

    /// The same, failed by evidence: on what was counted since the most likely regression began, which may be a few
    /// minutes at the end of a clean day.
    pub(super) fn verdict_by_evidence(&self, channel: Channel) -> Option<Verdict> {
        let mut verdict =
            Verdict { outcome: Outcome::Fail, method: Method::Evidence, channel, ..self.verdict()? };
        if let Some(since) = self.weighed().and_then(Weighed::since) {
            self.restrict(&mut verdict, &since);
        }
        Some(verdict)
    }

    fn restrict(&self, verdict: &mut Verdict, since: &Since) {
        // What was weighed stands even where the last look measured nothing.
        let shown = self.canary.measurement();
        let Some(canary) = shown.and_then(|one| self.counted_as(one, since.arms.canary)) else { return };
        if matches!(self.criterion.threshold, Threshold::Baseline { .. })
            && let Some(last) = &self.last
        {
            verdict.control = last.control;
            let concurrent = self.baseline.measurement().filter(|_| last.control == Control::Concurrent);
            if let Some(baseline) = concurrent.and_then(|one| self.counted_as(one, since.arms.baseline)) {
                verdict.baseline = Some(baseline);
            }
        }
        let beside = verdict.baseline.clone().map(Answer::Value);
        let assessed = assess(
            &self.criterion,
            Evidence {
                canary: &Answer::Value(canary.clone()),
                baseline: beside.as_ref().map(|baseline| (baseline, verdict.control)),
                min_requests: 0,
            },
        );
        verdict.canary = Some(canary);
        verdict.value = assessed.value.or(verdict.value);
        verdict.threshold = assessed.threshold.or(verdict.threshold);
    }

    /// Counts in the shape of a measurement; none where there are none or it has no such shape.
    fn counted_as(&self, shape: &Measurement, counts: Counts) -> Option<Measurement> {
        let turned = matches!(self.criterion.threshold, Threshold::Limit(_)) && !is_upper(&self.criterion);
        let counts = if turned { complement(counts) } else { counts };
        let (requests, part) = (counts.requests(), counts.errors());
        match shape {
            _ if requests == 0 => None,
            Measurement::Counts { .. } => Some(Measurement::Counts { requests, errors: part }),
            Measurement::Exceedances { bound, .. } => {
                Some(Measurement::Exceedances { requests, exceedances: part, bound: *bound })
            }
            Measurement::Histogram(_) | Measurement::Events { .. } | Measurement::Gauge { .. } => None,
        }
    }
}

/// Whether samples are large enough for the rule's confidence: whether the most extreme of their `C(m+n, n)` orders is rarer
/// than what it leaves on one side. Of one look in each arm either is the higher, and that says nothing.
fn can_be_significant(rule: &MannWhitneyRule, canary: usize, baseline: usize) -> bool {
    let mut orders = 1.0;
    for added in 1..=canary.min(baseline) {
        orders *= (canary.max(baseline) + added) as f64 / added as f64;
        if orders * (1.0 - rule.confidence) / 2.0 >= 1.0 {
            return true;
        }
    }
    false
}

/// The one number that a measurement amounts to, in the unit of the metric.
fn value_of(criterion: &Criterion, measurement: &Measurement) -> Option<Finite> {
    let rate = |part: u64, whole: u64| Ratio::new(part, whole).and_then(|ratio| Finite::new(ratio.to_f64()));
    match measurement {
        Measurement::Counts { requests, errors: part }
        | Measurement::Exceedances { requests, exceedances: part, .. } => rate(*part, *requests),
        Measurement::Events { count, exposure } => rate(*count, *exposure),
        Measurement::Histogram(histogram) => histogram.quantile(criterion.metric.quantile()?),
        Measurement::Gauge { value } => Some(*value),
    }
}

/// Whether data exclude a regression of a size.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Exclusion {
    Excluded,
    /// They don't: how large it may still be; none for any size.
    Open(Option<Finite>),
}

/// Whether a quantile is less than so many times the baseline's: whether few enough of the canary's requests are above the
/// highest boundary at or below that value.
fn quantile_exclusion(
    canary: &Measurement,
    baseline: &Measurement,
    quantile: f64,
    alpha: Alpha,
    excluded: f64,
) -> Exclusion {
    let (Measurement::Histogram(canary), Measurement::Histogram(baseline)) = (canary, baseline) else {
        return Exclusion::Open(None);
    };
    let Some(base) = baseline.quantile_for_boundaries(quantile).filter(|base| base.get() > 0.0) else {
        return Exclusion::Open(None);
    };
    let is_below = |counts| confidence::rate(counts, alpha).excludes(1.0 - quantile);
    let wanted = Finite::new(base.get() * excluded);
    let at = wanted.and_then(|wanted| canary.boundary_at_or_below(wanted));
    if at.and_then(|at| canary.exceedances(at)).is_some_and(is_below) {
        return Exclusion::Excluded;
    }
    let boundaries = canary.boundaries();
    let first = boundaries.partition_point(|(at, _)| !canary.exceedances(*at).is_some_and(is_below));
    let highest = boundaries.get(first).and_then(|(at, _)| Finite::new(at.get() / base.get()));
    Exclusion::Open(highest.filter(|highest| highest.get() >= excluded))
}
