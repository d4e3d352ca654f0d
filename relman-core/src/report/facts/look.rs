//! What one look at the metrics found, and what many amount to.

use serde::Serialize;

use crate::{
    event::{Evaluated, Event, ObservedExposure, Record},
    judge::{Answer, Arm, Evidence, Measurement, Observation, Outcome, Undecided, Verdict, assess},
    report::facts::{History, Mark, contract, counted},
    unit::{Finite, MetricName, Span, Text, TrafficShare, Window},
};

/// The result of a look, with the step and the time it counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvaluationNote {
    /// The step, from 1.
    pub step: u32,
    /// The result.
    pub result: EvaluationResult,
    /// How much of its window counts as bake time.
    #[serde(rename = "credit_ms")]
    pub credit: Span,
}

/// The result of a look, the worst of its verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationResult {
    /// Every criterion is clean.
    Clean,
    /// None is breached, and some rest on too few requests as yet.
    TooFewRequests,
    /// None is breached, and some are over their threshold without proof as yet.
    NotProven,
    /// Something could not be measured.
    Unmeasured,
    /// A criterion is breached.
    Breached,
}

impl EvaluationNote {
    pub(in crate::report) fn of(look: &Evaluated) -> Self {
        let of_verdicts = look.verdicts.iter().map(|verdict| EvaluationResult::of(&verdict.outcome));
        let of_traffic = match &look.exposure {
            ObservedExposure::Seen { .. } => EvaluationResult::Clean,
            ObservedExposure::Unknown { .. } => EvaluationResult::Unmeasured,
        };
        let worst = of_verdicts.chain([of_traffic]).max().unwrap_or(EvaluationResult::Clean);
        Self { step: look.step, result: worst, credit: look.credit }
    }
}

impl EvaluationResult {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Clean,
            Outcome::Fail => Self::Breached,
            Outcome::Undecided(Undecided::TooFewRequests { .. } | Undecided::NotExcluded { .. }) => {
                Self::TooFewRequests
            }
            Outcome::Undecided(Undecided::NotProven) => Self::NotProven,
            Outcome::Undecided(Undecided::Missing { .. }) => Self::Unmeasured,
        }
    }
}

/// How many looks had which result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvaluationTally {
    /// All of them.
    pub looks: u64,
    /// Those in which every criterion was clean.
    pub clean: u64,
    /// Those that rest on too few requests.
    pub too_few: u64,
    /// Those in which a criterion was over its threshold, which may still be chance.
    pub not_proven: u64,
    /// Those in which something could not be measured.
    pub unmeasured: u64,
    /// Those in which a criterion was breached.
    pub breached: u64,
    /// How much time counts as observed.
    #[serde(rename = "counted_ms")]
    pub counted: Span,
    /// The first one; none yet, if absent.
    pub first: Option<Mark>,
    /// The last one.
    pub last: Option<Mark>,
}

impl EvaluationTally {
    pub(in crate::report) fn add(&mut self, record: &Record, look: &Evaluated) {
        let note = EvaluationNote::of(look);
        self.looks += 1;
        match note.result {
            EvaluationResult::Clean => self.clean += 1,
            EvaluationResult::TooFewRequests => self.too_few += 1,
            EvaluationResult::NotProven => self.not_proven += 1,
            EvaluationResult::Unmeasured => self.unmeasured += 1,
            EvaluationResult::Breached => self.breached += 1,
        }
        self.counted = self.counted + note.credit;
        self.first = self.first.or(Some(Mark::of(record)));
        self.last = Some(Mark::of(record));
    }
}

impl std::fmt::Display for EvaluationTally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let looks = counted(self.looks, "evaluation", "evaluations");
        let parts = [
            (self.clean, "clean"),
            (self.too_few + self.not_proven, "undecided"),
            (self.unmeasured, "not measured"),
            (self.breached, "BREACHED"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if parts.is_empty() { f.write_str(&looks) } else { write!(f, "{looks}: {}", parts.join(", ")) }
    }
}

/// One look at the metrics: where the traffic was, what was measured, and the verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EvaluationStory {
    /// When, and the record.
    pub mark: Mark,
    /// The step, from 1.
    pub step: u32,
    /// The time it is about.
    pub window: Window,
    /// How much of it counts as bake time.
    #[serde(rename = "credit_ms")]
    pub credit: Span,
    /// The share of the new version that the platform showed; absent where it could not tell.
    #[serde(rename = "seen_bp")]
    pub seen: Option<TrafficShare>,
    /// Why the platform could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Text>,
    /// One verdict for each criterion of the contract, in its order.
    pub verdicts: Vec<VerdictStory>,
    /// What was measured in this look alone, one entry a metric.
    pub readings: Vec<Reading>,
}

/// A verdict with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VerdictStory {
    /// The outcome, without its details.
    pub kind: VerdictKind,
    /// The canary's value in this look alone, in the unit of [`Verdict::value`].
    pub look: Option<Finite>,
    /// The canary's value over every look that the verdict rests on.
    pub value: Option<Finite>,
    /// What it was compared with.
    pub threshold: Option<Finite>,
    /// The verdict in a sentence.
    pub sentence: String,
}

/// The outcome of a verdict, without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The criterion is within its limit, on enough data.
    Clean,
    /// More data will tell.
    Open,
    /// There was nothing to judge.
    Unmeasured,
    /// The criterion is breached.
    Breached,
}

impl std::fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Clean => "clean",
            Self::Open => "undecided",
            Self::Unmeasured => "not measured",
            Self::Breached => "breached",
        })
    }
}

impl VerdictKind {
    pub(in crate::report) fn of(outcome: &Outcome) -> Self {
        match EvaluationResult::of(outcome) {
            EvaluationResult::Clean => Self::Clean,
            EvaluationResult::TooFewRequests | EvaluationResult::NotProven => Self::Open,
            EvaluationResult::Unmeasured => Self::Unmeasured,
            EvaluationResult::Breached => Self::Breached,
        }
    }
}

/// What one look measured of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// The metric.
    pub metric: MetricName,
    /// The new version: a share between 0 and 1, milliseconds, or a plain number.
    pub canary: Option<Finite>,
    /// The version it replaces, in the same unit.
    pub baseline: Option<Finite>,
    /// How many requests the new version's value rests on; none where the source does not count them.
    pub requests: Option<u64>,
    /// How many of them went wrong, where they were counted so.
    pub errors: Option<u64>,
}

/// A metric that is watched, and that no criterion limits: nothing is judged by it, and a release is held where it is
/// missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WatchedMetric {
    /// The metric.
    pub metric: MetricName,
    /// What was measured last; never, if absent.
    pub last: Option<Reading>,
    /// When that was, and the record.
    pub last_at: Option<Mark>,
    /// How many looks measured it.
    pub measured: u64,
    /// How many looks could not.
    pub unmeasured: u64,
}

impl WatchedMetric {
    /// Every metric that is watched without a criterion, by name.
    pub(in crate::report) fn all(history: &History<'_>, looks: &[EvaluationStory]) -> Vec<Self> {
        let limited: Vec<&MetricName> = contract(history).iter().map(|criterion| &criterion.metric).collect();
        let watched = history.release.watched().into_iter().filter(|metric| !limited.contains(&metric));
        let story = |metric: MetricName| {
            let mut story = Self { metric, last: None, last_at: None, measured: 0, unmeasured: 0 };
            for look in looks {
                let reading = look.readings.iter().find(|reading| reading.metric == story.metric);
                match reading.filter(|reading| reading.canary.is_some()) {
                    Some(reading) => {
                        story.measured += 1;
                        (story.last, story.last_at) = (Some(reading.clone()), Some(look.mark));
                    }
                    None => story.unmeasured += 1,
                }
            }
            story
        };
        watched.map(story).collect()
    }
}

impl EvaluationStory {
    /// Every look of a release.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let looks = history.records.iter().filter_map(|record| match &record.event {
            Event::Evaluated(look) => Some(Self::of(record, look)),
            _ => None,
        });
        looks.collect()
    }

    fn of(record: &Record, look: &Evaluated) -> Self {
        let (seen, unseen) = match &look.exposure {
            ObservedExposure::Seen { share_bp } => (Some(*share_bp), None),
            ObservedExposure::Unknown { detail } => (None, Some(detail.clone())),
        };
        let story = |verdict: &Verdict| VerdictStory {
            kind: VerdictKind::of(&verdict.outcome),
            look: of_look(verdict, &look.observations),
            value: verdict.value,
            threshold: verdict.threshold,
            sentence: verdict.to_string(),
        };
        Self {
            mark: Mark::of(record),
            step: look.step,
            window: look.window,
            credit: look.credit,
            seen,
            unseen,
            verdicts: look.verdicts.iter().map(story).collect(),
            readings: readings(&look.observations),
        }
    }

    /// The worst verdict; unmeasured where the platform could not tell where the traffic is.
    pub fn worst(&self) -> VerdictKind {
        let of_traffic = if self.seen.is_some() { VerdictKind::Clean } else { VerdictKind::Unmeasured };
        self.verdicts.iter().map(|verdict| verdict.kind).chain([of_traffic]).max().unwrap_or(of_traffic)
    }
}

fn answer<'a>(observations: &'a [Observation], metric: &MetricName, arm: Arm) -> Option<&'a Answer> {
    let fits = |one: &&Observation| one.metric == *metric && one.arm == arm;
    observations.iter().find(fits).map(|one| &one.answer)
}

/// The value of one look alone, in the unit of the verdict.
fn of_look(verdict: &Verdict, observations: &[Observation]) -> Option<Finite> {
    let criterion = &verdict.criterion;
    let Some(canary) = answer(observations, &criterion.metric, Arm::Canary) else {
        // What relman counts itself, such as complaints, is not observed.
        return verdict.value;
    };
    let baseline = answer(observations, &criterion.metric, Arm::Baseline);
    // The source of the baseline does not change its value.
    let baseline = baseline.map(|answer| (answer, crate::judge::Control::Concurrent));
    assess(criterion, Evidence { canary, baseline, min_requests: 0 }).value.or_else(|| {
        let quantile = criterion.metric.quantile();
        canary.measurement().and_then(|measured| value(measured, quantile))
    })
}

fn readings(observations: &[Observation]) -> Vec<Reading> {
    observations
        .iter()
        .filter(|one| one.arm == Arm::Canary)
        .map(|one| {
            let quantile = one.metric.quantile();
            let measured = one.answer.measurement();
            let baseline = answer(observations, &one.metric, Arm::Baseline).and_then(Answer::measurement);
            Reading {
                metric: one.metric.clone(),
                canary: measured.and_then(|measured| value(measured, quantile)),
                baseline: baseline.and_then(|measured| value(measured, quantile)),
                requests: measured.and_then(Measurement::requests),
                errors: match measured {
                    Some(Measurement::Counts { errors, .. }) => Some(*errors),
                    Some(
                        Measurement::Exceedances { .. }
                        | Measurement::Histogram(_)
                        | Measurement::Events { .. }
                        | Measurement::Gauge { .. },
                    )
                    | None => None,
                },
            }
        })
        .collect()
}

/// A measurement as one number.
fn value(measured: &Measurement, quantile: Option<f64>) -> Option<Finite> {
    let share = |part: u64, whole: u64| {
        let whole = (whole > 0).then_some(whole as f64)?;
        Finite::new(part as f64 / whole)
    };
    match measured {
        Measurement::Counts { requests, errors } => share(*errors, *requests),
        Measurement::Exceedances { requests, exceedances, .. } => share(*exceedances, *requests),
        Measurement::Histogram(histogram) => histogram.quantile(quantile?),
        Measurement::Events { count, .. } => Finite::new(*count as f64),
        Measurement::Gauge { value } => Some(*value),
    }
}
