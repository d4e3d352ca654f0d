//! Judges intervals one after the other, as a gate would have.

use relman_core::{
    judge::{
        Answer, Arm, Channel, Control, Evaluation, Evidence, FastAlarm, Histogram, Judge, Measurement,
        MissingKind, Observation, Outcome, Pool, Undecided, Verdict as Record,
        evidence::{Sequential, StartWeights},
        factor::{BurstProofGauge, CountsWithExposure, Exposed},
        familiar::{ArgoAnalysis, ArgoLimits, ArgoMeasurement, ArgoPhase},
        judge as compare,
        kayenta::{Label, MannWhitneyRule, shift},
    },
    plan::{Comparator, Criterion, Quantity, Threshold, Unit},
    unit::{Decimal, Finite, MetricName},
};

use super::{
    judged::{Followed, Judged, Series, Tested, Verdict},
    lines::{Interval, Observations},
    rule::{Asked, Channels, Rule, upper_limit},
};
use crate::failure::Failure;

/// Judges all intervals.
///
/// # Errors
///
/// [`Failure::Usage`] where the method can't judge what was measured.
pub(super) fn judge(asked: &Asked, observations: &Observations) -> Result<Judged, Failure> {
    let intervals = observations.intervals.as_slice();
    match asked.rule {
        Rule::Release(channels @ (Channels::Fast | Channels::Robust)) => {
            match Single::of(asked, intervals, channels) {
                Some(single) => Ok(by_factor(asked, intervals, channels, single)),
                None => by_release(asked, intervals, channels),
            }
        }
        Rule::Release(channels) => by_release(asked, intervals, channels),
        Rule::Window { looks } => Ok(by_window(asked, intervals, looks)),
        Rule::Argo(limits) => by_argo(asked, intervals, limits),
        Rule::MannWhitney(rule) => by_mann_whitney(asked, intervals, rule),
    }
}

/// How many intervals each step has: what is taken for the plan.
fn planned(intervals: &[Interval]) -> Vec<u32> {
    let mut planned: Vec<u32> = Vec::new();
    for interval in intervals {
        let step = interval.step as usize;
        if planned.len() <= step {
            planned.resize(step + 1, 0);
        }
        planned[step] += 1;
    }
    planned
}

/// By the judge of a release, of which this is the only criterion.
fn by_release(asked: &Asked, intervals: &[Interval], channels: Channels) -> Result<Judged, Failure> {
    let (criterion, metric) = judged_as(asked, intervals);
    let judging = &asked.judging;
    let threshold = judging.alpha.ln_threshold();
    let mut judge =
        Judge::new(std::slice::from_ref(&criterion), judging, planned(intervals), asked.min_requests);
    let (mut fast, mut robust) = (Series::default(), Series::default());
    let mut following = Following::default();
    let (mut complaints, mut weighed) = (0_u64, false);
    for interval in intervals {
        if let Some(Measurement::Events { count, .. }) = interval.canary.measurement() {
            complaints = complaints.saturating_add(*count);
        }
        let observed = [(Arm::Canary, &interval.canary), (Arm::Baseline, &interval.baseline)];
        let observations: Vec<Observation> = observed
            .into_iter()
            .map(|(arm, answer)| {
                Observation::new(metric.clone(), arm, interval.window, "observations", answer.clone())
            })
            .collect();
        judge.observe(&Evaluation {
            step: interval.step + 1,
            window: interval.window,
            control: interval.control,
            share: None,
            exclude: asked.exclude.and_then(Finite::new),
            complaints,
            observations: &observations,
        });
        let Some(mut record) = judge.verdicts().pop() else { continue };
        record.criterion = asked.criterion.clone();
        let strength = record.strength;
        if let Some(strength) = strength {
            fast.push(Some(strength.fast.get()), threshold);
            robust.push(Some(strength.robust.get()), threshold);
            weighed = true;
        } else {
            fast.push(None, threshold);
            robust.push(None, threshold);
            if matches!(channels, Channels::Fast | Channels::Robust)
                && let Some(measured) = interval.canary.measurement()
            {
                return Err(asked.cannot(measured));
            }
        }
        let state = match channels {
            Channels::None => state_of(&record.outcome),
            Channels::Both | Channels::Fast | Channels::Robust => {
                let by_limit = strength.is_none() && record.outcome == Outcome::Fail;
                let (fast, robust) = (fast.alarm_at.is_some(), robust.alarm_at.is_some());
                let plain = match &record.outcome {
                    // The alarm of a channel that was not asked for.
                    Outcome::Fail => Verdict::Undecided,
                    outcome => state_of(outcome),
                };
                let by_fast = match judging.fast_alarm {
                    FastAlarm::Hold => Verdict::Hold,
                    FastAlarm::RollBack => Verdict::Fail,
                };
                let (state, channel) = match channels {
                    _ if by_limit => (Verdict::Fail, record.channel),
                    Channels::Both if record.outcome == Outcome::Fail => (Verdict::Fail, record.channel),
                    Channels::Both if fast => (Verdict::Hold, Channel::Fast),
                    Channels::Fast if fast => (by_fast, Channel::Fast),
                    Channels::Robust if robust => (Verdict::Fail, Channel::Robust),
                    Channels::Fast => (plain, Channel::Fast),
                    Channels::Both | Channels::Robust | Channels::None => (plain, record.channel),
                };
                record.channel = channel;
                state
            }
        };
        following.next(state, || record);
    }
    let followed = match channels {
        Channels::Fast => Followed::Fast(fast),
        Channels::Robust => Followed::Robust(robust),
        Channels::Both if weighed => Followed::Both { fast, robust },
        Channels::Both | Channels::None => Followed::None,
    };
    let threshold = followed.main().map(|_| threshold);
    Ok(following.judged(followed, threshold))
}

/// The criterion as the judge of a release sees it. It takes `complaints` for those that people recorded, and counts them in
/// all; complaints per exposed unit are a metric as any other. And of events it takes a limit in per cent for a rate.
fn judged_as(asked: &Asked, intervals: &[Interval]) -> (Criterion, MetricName) {
    let mut criterion = asked.criterion.clone();
    let exposed = |interval: &Interval| {
        matches!(interval.canary.measurement(), Some(Measurement::Events { exposure: 1.., .. }))
    };
    let Threshold::Limit(limit) = criterion.threshold else {
        let metric = criterion.metric.clone();
        return (criterion, metric);
    };
    let is_rate = upper_limit(&criterion).is_some_and(|limit| limit > 0.0 && limit < 1.0);
    if is_rate && intervals.iter().any(exposed) {
        if let Ok(other) = format!("{}-with-exposure", criterion.metric).parse() {
            criterion.metric = other;
        }
        if let (Unit::Plain, Some(number)) = (limit.unit, times_hundred(limit.number)) {
            criterion.threshold = Threshold::Limit(Quantity { number, unit: Unit::Percent });
        }
    }
    let metric = criterion.metric.clone();
    (criterion, metric)
}

/// So many hundredths; none where there are too many.
fn times_hundred(number: Decimal) -> Option<Decimal> {
    let (digits, scale) = number.parts();
    match scale.checked_sub(2) {
        Some(scale) => Some(Decimal::new(digits, scale)),
        None => Some(Decimal::new(digits.checked_mul(10_u64.pow(2 - u32::from(scale)))?, 0)),
    }
}

/// The states of the gate, and the record of the interval that decided.
#[derive(Default)]
struct Following {
    states: Vec<Verdict>,
    record: Option<Record>,
    decided_at: Option<usize>,
}

impl Following {
    fn next(&mut self, state: Verdict, record: impl FnOnce() -> Record) {
        let before = self.states.last().copied();
        let after = before.map_or(state, |before| before.and_then(state));
        let stands = matches!(before, Some(Verdict::Fail | Verdict::Hold)) && before == Some(after);
        if !stands {
            let decides = matches!(after, Verdict::Fail | Verdict::Hold);
            self.decided_at = decides.then_some(self.states.len());
            self.record = Some(record());
        }
        self.states.push(after);
    }

    fn judged(self, followed: Followed, threshold: Option<f64>) -> Judged {
        let Self { states, record, decided_at } = self;
        let channel = record.as_ref().map_or(Channel::HardLimit, |record| record.channel);
        let since = record.as_ref().and_then(|record| record.strength.as_ref()?.since);
        let warnings = record.iter().flat_map(|record| &record.warnings).map(ToString::to_string).collect();
        Judged {
            verdict: states.last().copied().unwrap_or(Verdict::Undecided),
            channel,
            decided_at,
            threshold,
            followed,
            states,
            record,
            tested: None,
            since,
            warnings,
        }
    }
}

fn state_of(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Pass => Verdict::Pass,
        Outcome::Fail => Verdict::Fail,
        Outcome::Undecided(_) => Verdict::Undecided,
    }
}

/// The plain comparison of both arms.
fn compared(asked: &Asked, canary: &Answer, baseline: &Answer, control: Control) -> Record {
    let evidence = Evidence { canary, baseline: Some((baseline, control)), min_requests: asked.min_requests };
    compare(&asked.criterion, evidence)
}

/// The value over the last so many intervals.
fn by_window(asked: &Asked, intervals: &[Interval], looks: u32) -> Judged {
    let looks = looks as usize;
    let mut following = Following::default();
    for last in 0..intervals.len() {
        let window = &intervals[(last + 1).saturating_sub(looks)..=last];
        let sum = |arm: fn(&Interval) -> &Answer| {
            let mut pool = Pool::default();
            window.iter().filter_map(|interval| arm(interval).measurement()).for_each(|one| pool.add(one));
            pool.answer().unwrap_or_else(|| arm(&intervals[last]).clone())
        };
        let (canary, baseline) = (sum(|interval| &interval.canary), sum(|interval| &interval.baseline));
        let record = compared(asked, &canary, &baseline, intervals[last].control);
        following.next(state_of(&record.outcome), || record);
    }
    following.judged(Followed::None, None)
}

/// Argo Rollouts' analysis, with as many measurements as there are intervals.
fn by_argo(asked: &Asked, intervals: &[Interval], limits: ArgoLimits) -> Result<Judged, Failure> {
    let count = i32::try_from(intervals.len()).unwrap_or(i32::MAX);
    let limits = ArgoLimits { count: Some(count), ..limits };
    let mut analysis = ArgoAnalysis::new(limits).map_err(|error| {
        Failure::usage(format_args!(
            "{error}; give --failure-limit 0 or more, or --consecutive-success-limit"
        ))
    })?;
    let mut following = Following::default();
    for interval in intervals {
        let record = compared(asked, &interval.canary, &interval.baseline, interval.control);
        let phase = analysis.observe(match &record.outcome {
            Outcome::Pass => ArgoMeasurement::Successful,
            Outcome::Fail => ArgoMeasurement::Failed,
            Outcome::Undecided(Undecided::Missing { missing: MissingKind::ProviderError, .. }) => {
                ArgoMeasurement::Error
            }
            Outcome::Undecided(_) => ArgoMeasurement::Inconclusive,
        });
        let state = match phase {
            ArgoPhase::Running => Verdict::Undecided,
            ArgoPhase::Successful => Verdict::Pass,
            ArgoPhase::Failed | ArgoPhase::Error => Verdict::Fail,
            ArgoPhase::Inconclusive => Verdict::Hold,
        };
        following.next(state, || record);
    }
    Ok(following.judged(Followed::None, None))
}

/// Kayenta's rule, once over all intervals.
fn by_mann_whitney(asked: &Asked, intervals: &[Interval], rule: MannWhitneyRule) -> Result<Judged, Failure> {
    let sample = |arm: fn(&Interval) -> &Answer| -> Vec<Finite> {
        intervals.iter().filter_map(|one| value(&asked.criterion, arm(one).measurement()?)).collect()
    };
    let (canary, baseline) = (sample(|interval| &interval.canary), sample(|interval| &interval.baseline));
    let failed = |error| Failure::usage(format_args!("failed to compare the samples: {error}"));
    let found = rule.classify(&canary, &baseline).map_err(failed)?;
    // Samples that hold the same values are passed without a test, and have a shift all the same.
    let shift = match found.label {
        Label::NoData => None,
        Label::Pass | Label::High | Label::Low => {
            Some(shift(&canary, &baseline, rule.confidence, rule.procedure).map_err(failed)?)
        }
    };
    let breach = match asked.criterion.comparator {
        Comparator::Above | Comparator::AtLeast => Label::High,
        Comparator::Below | Comparator::AtMost => Label::Low,
    };
    let verdict = match found.label {
        Label::NoData => Verdict::Undecided,
        label if label == breach => Verdict::Fail,
        Label::Pass | Label::High | Label::Low => Verdict::Pass,
    };
    let last = intervals.len() - 1;
    let mut states = vec![Verdict::Undecided; last];
    states.push(verdict);
    let mut warnings = Vec::new();
    let once = Threshold::Baseline { factor: Decimal::new(1, 0) };
    if asked.criterion.threshold != once {
        warnings.push(format!(
            "the Mann-Whitney rule asks whether the canary differs from the baseline, whatever stands behind the \
             comparator; `{}` is not used",
            asked.criterion.threshold
        ));
    }
    Ok(Judged {
        verdict,
        channel: Channel::HardLimit,
        decided_at: (verdict == Verdict::Fail).then_some(last),
        threshold: None,
        followed: Followed::None,
        states,
        record: None,
        tested: Some(Tested {
            ci_low: shift.map(|shift| shift.ci_low.get()),
            ci_high: shift.map(|shift| shift.ci_high.get()),
            estimate: shift.map(|shift| shift.estimate.get()),
            classification: found.label,
            samples: (canary.len(), baseline.len()),
        }),
        since: None,
        warnings,
    })
}

/// The one number that an interval amounts to, as a sample; none where nothing was served.
fn value(criterion: &Criterion, measurement: &Measurement) -> Option<Finite> {
    let rate =
        |part: u64, whole: u64| if whole == 0 { None } else { Finite::new(part as f64 / whole as f64) };
    match measurement {
        Measurement::Counts { requests, errors: part }
        | Measurement::Exceedances { requests, exceedances: part, .. } => rate(*part, *requests),
        Measurement::Events { count, exposure: 0 } => Finite::new(*count as f64),
        Measurement::Events { count, exposure } => rate(*count, *exposure),
        Measurement::Histogram(histogram) => quantile(criterion, histogram),
        Measurement::Gauge { value } => Some(*value),
    }
}

fn quantile(criterion: &Criterion, histogram: &Histogram) -> Option<Finite> {
    histogram.quantile(criterion.metric.quantile()?)
}

/// A factor that the judge of a release uses only where somebody names it: for values against a limit, and for counts of
/// which one or more are expected for each exposed unit.
enum Single {
    Value(Sequential<BurstProofGauge>),
    Exposed(Sequential<CountsWithExposure>),
}

impl Single {
    fn of(asked: &Asked, intervals: &[Interval], channels: Channels) -> Option<Self> {
        let limit = upper_limit(&asked.criterion)?;
        let weights = StartWeights::new(asked.judging.start_weights, planned(intervals));
        let first = intervals.iter().find_map(|interval| interval.canary.measurement())?;
        match (first, channels) {
            (Measurement::Gauge { .. }, Channels::Robust) => {
                Some(Self::Value(Sequential::new(BurstProofGauge::new(limit)?, weights)))
            }
            (Measurement::Events { exposure: 1.., .. }, Channels::Robust) if limit >= 1.0 => {
                Some(Self::Value(Sequential::new(BurstProofGauge::new(limit)?, weights)))
            }
            (Measurement::Events { exposure: 1.., .. }, Channels::Fast) if limit >= 1.0 => {
                Some(Self::Exposed(Sequential::new(CountsWithExposure::new(limit)?, weights)))
            }
            _ => None,
        }
    }

    /// The evidence after one more interval; none where it shows nothing.
    fn observe(&mut self, step: u32, measured: &Measurement) -> Option<f64> {
        match (self, measured) {
            (Self::Value(sequence), Measurement::Gauge { value }) => Some(sequence.observe(step, value)),
            (Self::Value(sequence), Measurement::Events { count, exposure }) => {
                let rate = Finite::new(*count as f64 / *exposure as f64)?;
                Some(sequence.observe(step, &rate))
            }
            (Self::Exposed(sequence), Measurement::Events { count, exposure }) => {
                Some(sequence.observe(step, &Exposed { count: *count, exposure: *exposure }))
            }
            _ => None,
        }
    }

    fn onset(&self) -> Option<usize> {
        let onset = match self {
            Self::Value(sequence) => sequence.onset(),
            Self::Exposed(sequence) => sequence.onset(),
        };
        usize::try_from(onset?.interval).ok()
    }
}

/// By one factor alone.
fn by_factor(asked: &Asked, intervals: &[Interval], channels: Channels, mut single: Single) -> Judged {
    let threshold = asked.alpha().ln_threshold();
    let mut course = Series::default();
    let mut following = Following::default();
    let (mut pool, mut starts, mut since) = (Pool::default(), Vec::new(), None);
    for interval in intervals {
        let measured = interval.canary.measurement();
        let ln = measured.and_then(|measured| single.observe(interval.step, measured));
        if let (Some(measured), Some(_)) = (measured, ln) {
            pool.add(measured);
            starts.push(interval.window.from);
        }
        course.push(ln, threshold);
        let state = match (course.alarm_at, channels, asked.judging.fast_alarm) {
            (Some(_), Channels::Fast, FastAlarm::Hold) => Verdict::Hold,
            (Some(_), _, _) => Verdict::Fail,
            (None, _, _) if measured.is_none() => Verdict::Undecided,
            (None, _, _) if rate(&pool) > upper_limit(&asked.criterion) => Verdict::Undecided,
            (None, _, _) => Verdict::Pass,
        };
        let mut record = compared(asked, &interval.canary, &interval.baseline, interval.control);
        record.channel = if channels == Channels::Fast { Channel::Fast } else { Channel::Robust };
        record.method = relman_core::judge::Method::Evidence;
        record.canary = pool.measurement().cloned();
        record.value = rate(&pool).and_then(Finite::new);
        record.outcome = match state {
            Verdict::Pass => Outcome::Pass,
            Verdict::Fail => Outcome::Fail,
            Verdict::Hold | Verdict::Undecided => match record.outcome {
                undecided @ Outcome::Undecided(_) => undecided,
                Outcome::Pass | Outcome::Fail => Outcome::Undecided(Undecided::NotProven),
            },
        };
        following.next(state, || record);
        if since.is_none() && course.alarm_at.is_some() {
            since = single.onset().and_then(|onset| starts.get(onset).copied());
        }
    }
    let followed = if channels == Channels::Fast { Followed::Fast(course) } else { Followed::Robust(course) };
    Judged { since, ..following.judged(followed, Some(threshold)) }
}

/// What a pool of values or of counts amounts to: the newest value, or how many for each exposed unit.
fn rate(pool: &Pool) -> Option<f64> {
    match pool.measurement()? {
        Measurement::Gauge { value } => Some(value.get()),
        Measurement::Events { count, exposure: exposure @ 1.. } => Some(*count as f64 / *exposure as f64),
        _ => None,
    }
}
