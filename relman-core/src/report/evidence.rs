use std::fmt;

use serde::Serialize;

use super::{
    Heading, History, Mark,
    layout::{WIDTH, field, time, wrapped},
};
use crate::{
    event::{Event, LookTaken, Record},
    judge::{
        Arm, FastAlarm, Measurement, Method, Outcome, Undecided, Verdict, confidence::Interval,
        diagnostics::Warning, evidence::LnEvidence, factor::Counts,
    },
    plan::{Criterion, Threshold},
    policy::Policy,
    unit::{Finite, MetricName, Timestamp},
};

/// How many columns a step's course has.
const COLUMNS: usize = 24;

/// Evidence from none at the bottom to an alarm at the top.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How the evidence against each criterion went, look by look: what spoke for and against the release, since when, and
/// how near to an alarm it came.
///
/// Everything in it stands in the verdicts of the recorded looks; nothing is judged again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceCourse {
    /// The release.
    pub heading: Heading,
    /// What the fast channel brings about, by the policy in force.
    pub fast_alarm: FastAlarm,
    /// Each criterion of the contract, in its order.
    pub criteria: Vec<CriterionCourse>,
}

/// How the evidence against one criterion went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriterionCourse {
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
    pub breach: Option<BreachOfCourse>,
    /// Step by step.
    pub steps: Vec<StepCourse>,
    /// Look by look.
    pub looks: Vec<LookCourse>,
    /// The look that brought most evidence against it in the channel that rolls back; none where none brought any.
    pub moved_most: Option<Moved>,
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
pub struct BreachOfCourse {
    /// The record of the breach.
    #[serde(flatten)]
    pub mark: Mark,
    /// The verdict: on a look, or on a complaint, which waits for no look.
    pub verdict: Verdict,
}

/// One step of a course.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepCourse {
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

/// One look of a course.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookCourse {
    /// The record of the look.
    #[serde(flatten)]
    pub mark: Mark,
    /// The step, from 1.
    pub step: u32,
    /// What was counted of the canary in this look alone; none where nothing is counted or nothing was measured.
    pub canary: Option<Counted>,
    /// What was counted of the baseline.
    pub baseline: Option<Counted>,
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
pub struct Counted {
    /// All requests.
    pub requests: u64,
    /// Those that speak for a breach: errors, or the ones above the boundary that a quantile is judged at. None where no
    /// boundary was.
    pub against: Option<u64>,
}

impl Counted {
    fn of(look: &LookTaken, metric: &MetricName, arm: Arm, boundary: Option<Finite>) -> Option<Self> {
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
pub struct Moved {
    /// The record of the look.
    pub look: Mark,
    /// `ln E` before it.
    pub from: LnEvidence,
    /// `ln E` after it.
    pub to: LnEvidence,
}

impl EvidenceCourse {
    /// The course of a release; none before the first look.
    pub fn of(history: &History<'_>) -> Option<Self> {
        let looks: Vec<(&Record, &LookTaken)> = history
            .records
            .iter()
            .filter_map(|record| match &record.event {
                Event::LookTaken(look) => Some((record, look)),
                _ => None,
            })
            .collect();
        let (_, last) = looks.last()?;
        let course = |(index, verdict): (usize, &Verdict)| {
            let of_criterion = looks.iter().filter_map(|(record, look)| {
                let verdict = look.verdicts.get(index)?;
                (verdict.criterion == last.verdicts[index].criterion).then_some((*record, *look, verdict))
            });
            CriterionCourse::of(verdict, of_criterion)
        };
        let mut criteria: Vec<CriterionCourse> = last.verdicts.iter().enumerate().map(course).collect();
        for record in history.records {
            if let Event::ContractBreached(breached) = &record.event
                && let Some(course) =
                    criteria.iter_mut().find(|course| course.criterion == breached.verdict.criterion)
            {
                let verdict = (*breached.verdict).clone();
                course.breach = Some(BreachOfCourse { mark: Mark::of(record), verdict });
            }
        }
        let judging = history.release.policy().map(Policy::judging);
        let fast_alarm = judging.map(|judging| judging.fast_alarm).unwrap_or_default();
        Some(Self { heading: Heading::of(history), fast_alarm, criteria })
    }
}

impl CriterionCourse {
    fn of<'a>(last: &Verdict, looks: impl Iterator<Item = (&'a Record, &'a LookTaken, &'a Verdict)>) -> Self {
        let mut course = Self {
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
            course.push(Mark::of(record), look, verdict);
        }
        course
    }

    fn push(&mut self, mark: Mark, look: &LookTaken, verdict: &Verdict) {
        let number = look.step;
        let strength = verdict.strength;
        let boundary = strength.and_then(|strength| strength.boundary).map(|boundary| boundary.at);
        let counted = |arm| Counted::of(look, &verdict.criterion.metric, arm, boundary);
        let robust = strength.map(|strength| strength.robust);
        if let Some(to) = robust {
            let from = self.looks.iter().rev().find_map(|look| look.robust).unwrap_or(LnEvidence::of(0.0));
            let gained = |from: LnEvidence, to: LnEvidence| to.get() - from.get();
            let most = self.moved_most.map_or(0.0, |moved| gained(moved.from, moved.to));
            if gained(from, to) > most {
                self.moved_most = Some(Moved { look: mark, from, to });
            }
        }
        self.looks.push(LookCourse {
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
        self.steps.push(StepCourse {
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

    /// The burst-proof evidence of this criterion over a step, as a line of blocks of which the highest is an alarm by it
    /// alone.
    fn line(&self, step: u32) -> String {
        let Some(alarm) = self.alone_alarm_at.map(Finite::get) else { return String::new() };
        let of_step: Vec<f64> = self
            .looks
            .iter()
            .filter(|look| look.step == step)
            .filter_map(|look| Some((look.robust?.get() / alarm).clamp(0.0, 1.0)))
            .collect();
        let columns = of_step.chunks(of_step.len().div_ceil(COLUMNS).max(1));
        columns.map(|looks| level(looks.iter().copied().fold(0.0, f64::max))).collect()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part between 0 and 1 of eight levels"
)]
fn level(part: f64) -> char {
    let highest = LEVELS.len() - 1;
    LEVELS[((part * highest as f64) as usize).min(highest)]
}

impl fmt::Display for EvidenceCourse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Evidence")?;
        let last = self.criteria.iter().rev().find_map(|one| one.looks.last());
        if let Some(LookCourse { alarm_at: Some(alarm), all_fast, all_robust, mark, .. }) = self
            .criteria
            .iter()
            .filter_map(|one| one.looks.last())
            .find(|look| look.alarm_at.is_some())
            .or(last)
        {
            let alarm = alarm.get();
            writeln!(f)?;
            wrapped(
                f,
                "",
                &format!(
                    "As natural logarithms (ln E): 0 speaks for nothing, {alarm:.2} is an alarm, which a healthy release \
                     sees in at most 1 of {:.0}. Evidence of all criteria together counts.",
                    libm::exp(alarm)
                ),
            )?;
            field(f, "holds", &channel("fast", *all_fast, alarm, mark))?;
            field(f, "rolls back", &channel("burst-proof", *all_robust, alarm, mark))?;
            match self.fast_alarm {
                FastAlarm::Hold => {}
                FastAlarm::RollBack => {
                    field(f, "", "by this policy the mean of both channels rolls back, too")?;
                }
            }
        }
        self.criteria.iter().try_for_each(|criterion| write!(f, "\n{criterion}"))
    }
}

/// `burst-proof 1.2, 26% of the way to an alarm (#57)`.
fn channel(name: &str, evidence: Option<LnEvidence>, alarm: f64, mark: &Mark) -> String {
    let evidence = evidence.map_or(f64::NEG_INFINITY, LnEvidence::get);
    let way = (evidence / alarm).max(0.0) * 100.0;
    let how =
        if evidence >= alarm { "an alarm".to_owned() } else { format!("{way:.0}% of the way to an alarm") };
    format!("{name} {}, {how} (#{})", ln(Some(LnEvidence::of(evidence))), mark.record)
}

impl fmt::Display for CriterionCourse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.method {
            Method::Evidence => "evidence",
            Method::Threshold | Method::BaselineMultiple => "a hard limit",
            Method::FailedLooks => "failed looks",
            Method::MannWhitney => "Mann-Whitney's test",
        };
        let alone = self.alone_alarm_at.map(|alarm| format!("; an alarm alone from {:.2} on", alarm.get()));
        wrapped(f, "", &format!("{}, judged by {by}{}", self.criterion, alone.unwrap_or_default()))?;
        if let Some(BreachOfCourse { mark, verdict }) = &self.breach {
            field(f, "BREACHED", &format!("{mark}: {verdict}"))?;
        }
        let by_evidence = self.method == Method::Evidence;
        let titles = if by_evidence { ("fast", "burst-proof") } else { ("", "") };
        write_row(
            f,
            &format!("  {:<4} {:<13} {:>6} ", "step", "records", "looks"),
            &format!("{:<24} {:<22} {:>7} {:>11}", "new version", "allowed", titles.0, titles.1),
        )?;
        for step in &self.steps {
            let records = format!("#{}–#{}", step.first.record, step.last.record);
            let seen = match (&step.value, parts(step.canary.as_ref())) {
                (Some(value), Some(parts)) => format!("{value} ({parts})"),
                (Some(value), None) => value.clone(),
                (None, _) => "nothing".to_owned(),
            };
            let against = match (&self.criterion.threshold, parts(step.baseline.as_ref())) {
                (Threshold::Baseline { .. }, Some(parts)) => format!("{} ({parts})", step.threshold),
                (Threshold::Baseline { .. } | Threshold::Limit(_), _) => step.threshold.clone(),
            };
            let (fast, robust) =
                if by_evidence { (ln(step.fast), ln(step.robust)) } else { Default::default() };
            write_row(
                f,
                &format!("  {:<4} {records:<13} {:>6} ", step.step, step.looks),
                &format!("{seen:<24} {against:<22} {fast:>7} {robust:>11}"),
            )?;
            let ended = format!("{} (#{})", in_short(&step.outcome), step.last.record);
            let line =
                if by_evidence { format!("{:<COLUMNS$}  ", self.line(step.step)) } else { String::new() };
            wrapped(f, &format!("       {line}"), &ended)?;
        }
        if let Some(moved) = self.moved_most {
            let look = self.looks.iter().find(|look| look.mark == moved.look);
            let step = look.map_or(0, |look| look.step);
            let text = format!(
                "the look of {} in step {step}: burst-proof from {} to {}",
                moved.look,
                ln(Some(moved.from)),
                ln(Some(moved.to))
            );
            field(f, "moved most by", &text)?;
        }
        let last = self.looks.last().map_or_else(String::new, |look| format!(" (#{})", look.mark.record));
        if let (Some(since), true) = (self.likely_since, self.is_suspected()) {
            field(f, "likely since", &format!("{}{last}", time(since)))?;
        }
        if let Some(interval) = &self.confidence {
            field(f, "confidence", &format!("{}{last}", self.in_words(interval)))?;
        }
        if let (Some(dispersion), Some(correlation)) = (self.dispersion, self.lag_1_correlation) {
            let (dispersion, correlation) = (dispersion.get(), correlation.get());
            let text = format!("dispersion {dispersion:.2}, lag-1 correlation {correlation:.2}{last}");
            field(f, "spread", &text)?;
        }
        self.warnings.iter().try_for_each(|warning| field(f, "warning", &format!("{warning}{last}")))
    }
}

/// Writes a row in columns; what is wider than a terminal goes on below its first column.
fn write_row(f: &mut fmt::Formatter<'_>, lead: &str, columns: &str) -> fmt::Result {
    let row = format!("{lead}{columns}");
    let row = row.trim_end();
    if row.chars().count() <= WIDTH { writeln!(f, "{row}") } else { wrapped(f, lead, columns) }
}

/// An outcome in a few words: the numbers stand beside it.
fn in_short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pass => "clean".to_owned(),
        Outcome::Fail => "BREACHED".to_owned(),
        Outcome::Undecided(Undecided::NotProven) => "over the threshold, not proven".to_owned(),
        Outcome::Undecided(
            undecided @ (Undecided::Missing { .. }
            | Undecided::TooFewRequests { .. }
            | Undecided::NotExcluded { .. }),
        ) => undecided.to_string(),
    }
}

impl CriterionCourse {
    /// Whether the last look speaks against the release at all.
    fn is_suspected(&self) -> bool {
        let positive = |ln: Option<LnEvidence>| ln.is_some_and(|ln| ln.get() > 0.0);
        self.looks.last().is_some_and(|look| positive(look.fast) || positive(look.robust))
    }

    /// What the confidence sequence says.
    fn in_words(&self, interval: &Interval) -> String {
        let compares = match self.criterion.threshold {
            Threshold::Baseline { .. } => self.criterion.metric.quantile().is_none(),
            Threshold::Limit(_) => false,
        };
        let show = |value: Finite| {
            if compares {
                format!("{:.2} times", value.get())
            } else {
                format!("{:.3}%", value.get() * 100.0)
            }
        };
        let high = interval.high.map_or_else(|| "no upper end yet".to_owned(), show);
        let about = if compares {
            "the old version's rate"
        } else if self.criterion.metric.quantile().is_some() {
            "of the requests above the boundary"
        } else {
            "of the requests"
        };
        format!(
            "between {} and {high} {about}, over the whole release, at every look at once",
            show(interval.low)
        )
    }
}

/// `3 of 1800`; none where nothing is counted.
fn parts(measurement: Option<&Measurement>) -> Option<String> {
    match measurement? {
        Measurement::Counts { requests, errors: part }
        | Measurement::Exceedances { requests, exceedances: part, .. } => {
            Some(format!("{part} of {requests}"))
        }
        Measurement::Histogram(histogram) => Some(format!("of {}", histogram.count())),
        Measurement::Events { .. } | Measurement::Gauge { .. } => None,
    }
}

/// `1.23`; a dash for no evidence at all.
fn ln(evidence: Option<LnEvidence>) -> String {
    match evidence.map(LnEvidence::get) {
        Some(ln) if ln.is_finite() => format!("{:.2}", if ln.abs() < 0.005 { 0.0 } else { ln }),
        Some(_) | None => "–".to_owned(),
    }
}
