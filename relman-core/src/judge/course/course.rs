use super::{
    MethodChoice,
    datum::{Beside, Datum},
    sequence::Sequence,
};
use crate::{
    judge::{
        Answer, Arm, Assessment, Channel, Control, ENGINE, Evidence, Measurement, Method, Outcome, Pool,
        Undecided, Verdict, assess,
        confidence::{self, Interval},
        diagnostics::Spread,
        evidence::{Alpha, StartWeights},
        factor::Arms,
        familiar::{FailedLooks, Look as Counted},
        kayenta::{Label, MannWhitneyRule},
    },
    plan::{Comparator, Criterion, Threshold},
    unit::{Finite, Timestamp},
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
pub(super) struct Seen<'a> {
    pub(super) from: Timestamp,
    pub(super) canary: &'a Answer,
    pub(super) baseline: &'a Answer,
    pub(super) control: Control,
}

/// The course of one criterion over a release: how it is judged, and all that was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    pub(super) criterion: Criterion,
    method: Engine,
    /// The step that the last look was in, from 0.
    step: u32,
    /// What both arms showed: in this step, or since the last decided verdict, as the method has it.
    canary: Pool,
    baseline: Pool,
    /// What the baseline showed in this step.
    control: Pool,
    /// What it showed in the step before, for the step that has none.
    frozen: Option<Measurement>,
    /// What was counted in each step.
    totals: Vec<Arms>,
    spread: Spread,
    /// What came of the last look.
    last: Option<Last>,
}

#[derive(Debug, Clone, PartialEq)]
enum Engine {
    Evidence {
        sequence: Box<Sequence>,
        /// When each interval began.
        starts: Vec<Timestamp>,
        /// Whether the last look could be counted in requests.
        counted: bool,
    },
    Threshold,
    FailedLooks(FailedLooks),
    MannWhitney {
        rule: MannWhitneyRule,
        canary: Vec<Finite>,
        baseline: Vec<Finite>,
    },
}

#[derive(Debug, Clone, PartialEq)]
struct Last {
    assessed: Assessment,
    control: Control,
    /// Whether each arm had a value in this look.
    canary: bool,
    baseline: bool,
}

impl Course {
    pub(super) fn new(criterion: Criterion, choice: MethodChoice, weights: &StartWeights) -> Self {
        let method = match choice {
            MethodChoice::Evidence => Engine::Evidence {
                sequence: Box::new(Sequence::new(weights.clone())),
                starts: Vec::new(),
                counted: false,
            },
            MethodChoice::Threshold => Engine::Threshold,
            MethodChoice::FailedLooks(rule) => Engine::FailedLooks(FailedLooks::new(rule)),
            MethodChoice::MannWhitney(rule) => {
                Engine::MannWhitney { rule, canary: Vec::new(), baseline: Vec::new() }
            }
        };
        Self {
            criterion,
            method,
            step: 0,
            canary: Pool::default(),
            baseline: Pool::default(),
            control: Pool::default(),
            frozen: None,
            totals: Vec::new(),
            spread: Spread::default(),
            last: None,
        }
    }

    /// Whether it is judged by evidence, and so has a share of the probability that is allowed.
    pub(super) fn is_by_evidence(&self) -> bool {
        matches!(self.method, Engine::Evidence { .. })
    }

    /// What is counted in all, and not look by look, begins at nothing each time.
    pub(super) fn count_in_all(&mut self) {
        self.canary = Pool::default();
    }

    /// The traffic is where it should be from now on: what was measured before does not count for the step.
    pub(super) fn count_anew(&mut self) {
        self.canary.decided();
        self.baseline.decided();
    }

    fn enter(&mut self, step: u32) {
        if step == self.step {
            return;
        }
        self.step = step;
        if let Some(seen) = self.control.measurement() {
            self.frozen = Some(seen.clone());
        }
        self.control = Pool::default();
        self.canary = Pool::default();
        self.baseline = Pool::default();
        if let Engine::MannWhitney { canary, baseline, .. } = &mut self.method {
            canary.clear();
            baseline.clear();
        }
    }

    /// One more look at a step, steps counted from 0.
    pub(super) fn observe(&mut self, step: u32, seen: Seen<'_>, demands: Demands) {
        self.enter(step);
        let was_decided = self
            .last
            .as_ref()
            .is_some_and(|last| matches!(last.assessed.outcome, Outcome::Pass | Outcome::Fail));
        match &self.method {
            Engine::Evidence { .. } => {}
            Engine::Threshold if !was_decided => {}
            Engine::Threshold => {
                self.canary.decided();
                self.baseline.decided();
            }
            Engine::FailedLooks(_) | Engine::MannWhitney { .. } => {
                self.canary = Pool::default();
                self.baseline = Pool::default();
            }
        }
        if let Engine::Evidence { counted, .. } = &mut self.method {
            *counted = false;
        }
        if let Some(canary) = seen.canary.measurement() {
            self.weigh(canary, seen);
            self.canary.add(canary);
        }
        let baseline = seen.baseline.measurement();
        if let (Some(baseline), Control::Concurrent | Control::None) = (baseline, seen.control) {
            self.baseline.add(baseline);
            self.control.add(baseline);
        }
        let mut assessed = self.assess(seen, demands.min_requests);
        assessed.outcome = self.outcome(assessed.outcome, &assessed.value, seen, demands);
        self.last = Some(Last {
            assessed,
            control: seen.control,
            canary: seen.canary.measurement().is_some(),
            baseline: match seen.control {
                Control::Frozen => self.frozen.is_some(),
                Control::Concurrent | Control::None => baseline.is_some(),
            },
        });
    }

    /// Adds a look to the evidence.
    fn weigh(&mut self, canary: &Measurement, seen: Seen<'_>) {
        let Engine::Evidence { sequence, starts, counted } = &mut self.method else { return };
        *counted = Datum::is_countable(&self.criterion, canary);
        let beside = match seen.control {
            Control::Frozen => Beside::Frozen(self.frozen.as_ref()),
            Control::Concurrent | Control::None => Beside::Concurrent {
                now: seen.baseline.measurement(),
                before: self.control.measurement().or(self.frozen.as_ref()),
            },
        };
        let Some(rule) = Datum::of(&self.criterion, canary, beside) else { return };
        let early = Datum::early(&self.criterion, canary, beside);
        if !sequence.observe(self.step, rule, &early) {
            return;
        }
        starts.push(seen.from);
        if let Some(arms) = rule.arms() {
            let step = usize::try_from(self.step).unwrap_or(usize::MAX);
            if self.totals.len() <= step {
                self.totals.resize(step.saturating_add(1), Arms::default());
            }
            self.totals[step] = self.totals[step].plus(arms);
            self.spread.observe(arms.canary);
        }
    }

    /// What the plain comparison makes of what was added up.
    fn assess(&self, seen: Seen<'_>, min_requests: u64) -> Assessment {
        let canary = match seen.canary.measurement() {
            Some(_) => self.canary.as_answer().unwrap_or(seen.canary),
            None => seen.canary,
        };
        let frozen;
        let baseline = match (seen.control, seen.baseline.measurement()) {
            (Control::Frozen, _) => {
                frozen = match &self.frozen {
                    Some(measurement) => Answer::Value(measurement.clone()),
                    None => Answer::NoData {
                        detail: "the baseline was not measured in the step before".to_owned(),
                    },
                };
                &frozen
            }
            (_, Some(_)) => self.baseline.as_answer().unwrap_or(seen.baseline),
            (_, None) => seen.baseline,
        };
        assess(&self.criterion, Evidence { canary, baseline: Some((baseline, seen.control)), min_requests })
    }

    /// The outcome by the method of the criterion, from that of the plain comparison.
    fn outcome(
        &mut self,
        plain: Outcome,
        value: &Option<Finite>,
        seen: Seen<'_>,
        demands: Demands,
    ) -> Outcome {
        let missing = matches!(plain, Outcome::Undecided(Undecided::Missing { .. }));
        match &mut self.method {
            Engine::Threshold | Engine::Evidence { counted: false, .. } => plain,
            Engine::Evidence { counted: true, .. } => match plain {
                Outcome::Fail => Outcome::Undecided(Undecided::NotProven),
                Outcome::Pass => self.not_excluded(demands).map_or(Outcome::Pass, Outcome::Undecided),
                undecided @ Outcome::Undecided(_) => undecided,
            },
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
            Engine::MannWhitney { rule, canary, baseline } => {
                if missing {
                    return plain;
                }
                let beside = seen.baseline.measurement().and_then(|one| value_of(&self.criterion, one));
                canary.extend(*value);
                baseline.extend(beside);
                let breach = match self.criterion.comparator {
                    Comparator::Above | Comparator::AtLeast => Label::High,
                    Comparator::Below | Comparator::AtMost => Label::Low,
                };
                let label = rule.classify(canary, baseline).map(|found| found.label);
                match (label, plain) {
                    (Ok(label), _) if label == breach => Outcome::Fail,
                    (Ok(Label::NoData) | Err(_), _) => Outcome::Undecided(Undecided::Missing {
                        arm: Arm::Baseline,
                        missing: crate::judge::MissingKind::NoData,
                        detail: "the Mann-Whitney rule needs values of both arms".to_owned(),
                    }),
                    (Ok(_), undecided @ Outcome::Undecided(_)) => undecided,
                    (Ok(_), Outcome::Pass | Outcome::Fail) => Outcome::Pass,
                }
            }
        }
    }

    /// Whether the data leave a regression possible that they have to exclude.
    fn not_excluded(&self, demands: Demands) -> Option<Undecided> {
        let exclude = demands.exclude?;
        let Threshold::Baseline { .. } = self.criterion.threshold else { return None };
        let found = self.confidence(demands.alpha)?;
        (!found.excludes(exclude)).then(|| Undecided::NotExcluded {
            size: Finite::new(exclude).unwrap_or(Finite::ZERO),
            high: found.high,
        })
    }

    /// The confidence sequence of the ratio to the baseline, or of the rate where nothing is compared.
    pub(super) fn confidence(&self, alpha: Alpha) -> Option<Interval> {
        if !self.is_by_evidence() || self.totals.is_empty() {
            return None;
        }
        let compared = self.totals.iter().any(|arms| arms.baseline.requests() > 0);
        if compared {
            return confidence::ratio(&self.totals, alpha);
        }
        let all = self.totals.iter().fold(Arms::default(), |all, arms| all.plus(*arms));
        Some(confidence::rate(all.canary, alpha))
    }

    /// `ln E` in the fast and in the robust channel; nothing for other methods.
    pub(super) fn ln_evidence(&self) -> (f64, f64) {
        match &self.method {
            Engine::Evidence { sequence, .. } => (sequence.ln_fast(), sequence.ln_robust()),
            Engine::Threshold | Engine::FailedLooks(_) | Engine::MannWhitney { .. } => (0.0, 0.0),
        }
    }

    /// When the most likely regression began.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let Engine::Evidence { sequence, starts, .. } = &self.method else { return None };
        let onset = sequence.onset()?;
        starts.get(usize::try_from(onset.interval).ok()?).copied()
    }

    pub(super) fn spread(&self) -> &Spread {
        &self.spread
    }

    pub(super) fn outcome_so_far(&self) -> Option<&Outcome> {
        self.last.as_ref().map(|last| &last.assessed.outcome)
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
            Control::Frozen => self.frozen.clone(),
            Control::Concurrent | Control::None => self.baseline.measurement().cloned(),
        };
        let (method, channel) = match &self.method {
            Engine::Evidence { counted: true, .. } => (Method::Evidence, Channel::Robust),
            Engine::FailedLooks(_) => (Method::FailedLooks, Channel::HardLimit),
            Engine::MannWhitney { .. } => (Method::MannWhitney, Channel::HardLimit),
            Engine::Threshold | Engine::Evidence { counted: false, .. } => {
                (if compares { Method::BaselineMultiple } else { Method::Threshold }, Channel::HardLimit)
            }
        };
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
}

/// The one number that a measurement amounts to, in the unit of the metric.
fn value_of(criterion: &Criterion, measurement: &Measurement) -> Option<Finite> {
    let rate = |part: u64, whole: u64| {
        crate::unit::Ratio::new(part, whole).and_then(|ratio| Finite::new(ratio.to_f64()))
    };
    match measurement {
        Measurement::Counts { requests, errors: part }
        | Measurement::Exceedances { requests, exceedances: part, .. } => rate(*part, *requests),
        Measurement::Events { count, exposure } => rate(*count, *exposure),
        Measurement::Histogram(histogram) => histogram.quantile(criterion.metric.quantile()?),
        Measurement::Gauge { value } => Some(*value),
    }
}
