//! The form of the observations: one interval a line.
//!
//! Scripts write this form, so that it only ever grows. Everything that can't be meant is refused with its line, what is
//! wrong, and what would be right.

use std::{fmt, io::BufRead};

use relman_core::{
    judge::{Answer, Arm, ClassicHistogram, Control, Histogram, Measurement},
    plan::{Criterion, Threshold},
    unit::{Finite, Span, Timestamp, Window},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use thiserror::Error;

use crate::cli::judge::moment;

/// What one interval showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interval {
    pub(super) window: Window,
    /// The step, from 0.
    pub(super) step: u32,
    pub(super) canary: Answer,
    pub(super) baseline: Answer,
    pub(super) control: Control,
}

/// All intervals, in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observations {
    pub(super) intervals: Vec<Interval>,
    /// Whether anybody said when they were.
    pub(super) timed: bool,
}

/// Which arms a line has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arms {
    /// The canary.
    Canary,
    /// Both, but for steps that come after one with a baseline.
    Both,
    /// One of both, or both.
    Either,
}

/// Why a line is no interval.
#[derive(Debug, PartialEq, Error)]
#[error("line {line}{}: {problem}", .column.map(|column| format!(", column {column}")).unwrap_or_default())]
pub(super) struct LineError {
    line: usize,
    column: Option<usize>,
    problem: String,
}

/// A line with its number, checked by itself.
struct Read {
    line: usize,
    window: Option<Window>,
    step: u32,
    canary: Option<Answer>,
    baseline: Option<Answer>,
}

/// Counts beyond this are not exact as doubles.
const MOST: u64 = 1 << 53;

/// More steps than any plan has; a slip of the pen would ask for memory by the gigabyte.
const MOST_STEPS: u32 = 1_000;

const EXAMPLE: &str = r#"an interval is one line such as {"canary":{"requests":600,"errors":1}}"#;

/// Reads all lines; blank ones are left out.
///
/// # Errors
///
/// [`LineError`] for the first line that is no interval or does not go with those before, and where there is none.
pub(super) fn read(
    input: impl BufRead,
    criterion: &Criterion,
    arms: Arms,
) -> Result<Observations, LineError> {
    let mut lines: Vec<Read> = Vec::new();
    let mut last = 0;
    for (index, text) in input.lines().enumerate() {
        let line = index + 1;
        last = line;
        let failed = |(column, problem)| LineError { line, column, problem };
        let text = text.map_err(|error| failed((None, format!("it can't be read: {error}"))))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        let raw = raw(text).map_err(failed)?;
        let wrong = |problem| failed((None, problem));
        let next = raw.check(line, criterion).map_err(wrong)?;
        follows(&next, lines.first(), lines.last()).map_err(wrong)?;
        lines.push(next);
    }
    if lines.is_empty() {
        let problem = format!("there is no interval, and of nothing there is no verdict; {EXAMPLE}");
        return Err(LineError { line: last.max(1), column: None, problem });
    }
    let timed = lines[0].window.is_some();
    Ok(Observations { intervals: complete(lines, criterion, arms)?, timed })
}

fn raw(text: &str) -> Result<Line, (Option<usize>, String)> {
    if text.starts_with('[') {
        let problem = format!("it begins a list; {EXAMPLE}: `jq -c '.[]'` makes lines of a list");
        return Err((None, problem));
    }
    serde_json::from_str(text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let problem = error.to_string();
        let problem = problem.strip_suffix(&place).unwrap_or(&problem);
        let problem = match error.classify() {
            serde_json::error::Category::Data => problem.to_owned(),
            _ => format!("it is not JSON: {problem}; {EXAMPLE}"),
        };
        (Some(error.column()), problem)
    })
}

/// Whether a line goes with the first one and with the one before it.
fn follows(next: &Read, first: Option<&Read>, before: Option<&Read>) -> Result<(), String> {
    let (Some(first), Some(before)) = (first, before) else { return Ok(()) };
    if next.step < before.step {
        let (step, earlier) = (next.step, before.step);
        return Err(format!("step {step} comes after step {earlier}; lines are in the order of time"));
    }
    match (before.window, next.window) {
        (None, Some(_)) | (Some(_), None) => {
            return Err(format!(
                "`from` and `to` stand in some lines and not in others, as in line {}; give them in every line or in none",
                before.line
            ));
        }
        (Some(before), Some(next)) if next.from < before.until => {
            return Err(format!(
                "it begins at {}, before the end of the interval before, {}; intervals follow each other",
                next.from, before.until
            ));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if let (Some(then), Some(now)) = (first.shape(), next.shape())
        && then != now
    {
        return Err(format!(
            "there is {now}, where line {} has {then}; all intervals have the same",
            first.line
        ));
    }
    Ok(())
}

impl Read {
    fn shape(&self) -> Option<Shape> {
        self.canary.as_ref().or(self.baseline.as_ref())?.measurement().map(shape)
    }
}

/// What a measurement is, and into which buckets it counts.
#[derive(PartialEq)]
enum Shape {
    Counts,
    Exposed,
    Count,
    Value,
    Histogram(Vec<Finite>),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counts => f.write_str("`requests` and `errors`"),
            Self::Exposed => f.write_str("`count` with `exposure`"),
            Self::Count => f.write_str("`count` without `exposure`"),
            Self::Value => f.write_str("`value`"),
            Self::Histogram(bounds) => {
                let bounds: Vec<String> = bounds.iter().map(ToString::to_string).collect();
                write!(f, "a `histogram` with the bounds [{}]", bounds.join(","))
            }
        }
    }
}

fn shape(measurement: &Measurement) -> Shape {
    match measurement {
        Measurement::Counts { .. } | Measurement::Exceedances { .. } => Shape::Counts,
        Measurement::Histogram(Histogram::Classic(histogram)) => {
            Shape::Histogram(histogram.bounds().to_vec())
        }
        Measurement::Histogram(Histogram::Native(_)) => Shape::Histogram(Vec::new()),
        Measurement::Events { exposure: 0, .. } => Shape::Count,
        Measurement::Events { .. } => Shape::Exposed,
        Measurement::Gauge { .. } => Shape::Value,
    }
}

/// Gives lines their times and says what each is compared with.
fn complete(lines: Vec<Read>, criterion: &Criterion, arms: Arms) -> Result<Vec<Interval>, LineError> {
    // The steps that have a baseline somewhere.
    let measured: Vec<u32> =
        lines.iter().filter(|line| line.baseline.is_some()).map(|line| line.step).collect();
    let mut intervals = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        let wrong = |problem: String| LineError { line: line.line, column: None, problem };
        if arms == Arms::Either && line.canary.is_none() && line.baseline.is_none() {
            return Err(wrong(
                "there is neither `canary` nor `baseline`; give one of them or both".to_owned(),
            ));
        }
        if arms != Arms::Either && line.canary.is_none() {
            let problem = format!("there is no `canary`; {EXAMPLE}, and one without data is left out");
            return Err(wrong(problem));
        }
        let control = match (arms, &line.baseline) {
            (Arms::Canary | Arms::Either, _) | (Arms::Both, Some(_)) => Control::Concurrent,
            (Arms::Both, None) => {
                let here = measured.contains(&line.step);
                if here || !measured.iter().any(|step| *step < line.step) {
                    let problem =
                        format!("there is no `baseline`, which `{criterion}` compares with; add it");
                    return Err(wrong(problem));
                }
                Control::Frozen
            }
        };
        let minute = |number: usize| {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            Timestamp::from_millis(0) + Span::from_minutes(number)
        };
        let window = line.window.unwrap_or_else(|| Window { from: minute(index), until: minute(index + 1) });
        let answer = |answer: Option<Answer>| {
            answer.unwrap_or_else(|| Answer::NoData { detail: "the interval has none".to_owned() })
        };
        let (canary, baseline) = (answer(line.canary), answer(line.baseline));
        intervals.push(Interval { window, step: line.step, canary, baseline, control });
    }
    Ok(intervals)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    from: Option<Instant>,
    #[serde(default)]
    to: Option<Instant>,
    #[serde(default)]
    step: Option<Whole>,
    #[serde(default)]
    canary: Option<RawArm>,
    #[serde(default)]
    baseline: Option<RawArm>,
    #[serde(default)]
    exposure: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArm {
    #[serde(default)]
    requests: Option<Whole>,
    #[serde(default)]
    errors: Option<Whole>,
    #[serde(default)]
    count: Option<Whole>,
    #[serde(default)]
    exposure: Option<Whole>,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    histogram: Option<RawHistogram>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHistogram {
    bounds_ms: Vec<f64>,
    counts: Vec<Whole>,
}

impl Line {
    fn check(self, line: usize, criterion: &Criterion) -> Result<Read, String> {
        let window = match (self.from, self.to) {
            (None, None) => None,
            (Some(Instant(from)), Some(Instant(until))) if from < until => Some(Window { from, until }),
            (Some(Instant(from)), Some(Instant(until))) => {
                return Err(format!("`to`, {until}, is not after `from`, {from}"));
            }
            (Some(_), None) => return Err("there is `from` and no `to`; give both, or neither".to_owned()),
            (None, Some(_)) => return Err("there is `to` and no `from`; give both, or neither".to_owned()),
        };
        let step = match self.step.map(|step| u32::try_from(step.0)) {
            None => 0,
            Some(Ok(step)) if step < MOST_STEPS => step,
            Some(_) => return Err(format!("`step` is {MOST_STEPS} or more; steps count from 0")),
        };
        let arm = |raw: Option<RawArm>, arm| match raw {
            Some(raw) => raw.answer(self.exposure, criterion, arm),
            None => Ok(None),
        };
        let read = Read {
            line,
            window,
            step,
            canary: arm(self.canary, Arm::Canary)?,
            baseline: arm(self.baseline, Arm::Baseline)?,
        };
        let shape = |arm: &Option<Answer>| arm.as_ref()?.measurement().map(shape);
        if let (Some(canary), Some(baseline)) = (shape(&read.canary), shape(&read.baseline))
            && canary != baseline
        {
            return Err(format!("the canary has {canary} and the baseline {baseline}; both have the same"));
        }
        Ok(read)
    }
}

impl RawArm {
    /// What the metric needs of all that an arm has.
    fn answer(
        self,
        beside: Option<Whole>,
        criterion: &Criterion,
        arm: Arm,
    ) -> Result<Option<Answer>, String> {
        if let Some(Whole(0)) = self.exposure.or(beside)
            && criterion.metric.quantile().is_none()
        {
            return match self.count.or(self.errors).map_or(0, |whole| whole.0) {
                0 => Ok(Some(Answer::NoData { detail: "nothing was exposed".to_owned() })),
                count => Err(format!("the {arm} has {count} counted in an `exposure` of 0")),
            };
        }
        self.measurement(beside, criterion, arm).map(|measurement| Some(Answer::Value(measurement)))
    }

    fn measurement(
        self,
        beside: Option<Whole>,
        criterion: &Criterion,
        arm: Arm,
    ) -> Result<Measurement, String> {
        let metric = &criterion.metric;
        if metric.quantile().is_some() {
            return match (self.histogram, self.value) {
                (Some(histogram), _) => histogram.measurement(arm),
                (None, Some(value)) => gauge(value, arm),
                (None, None) => Err(format!(
                    "`{metric}` is judged on a `histogram` or a `value`, and the {arm} has neither; give one"
                )),
            };
        }
        if let Some(Whole(exposure)) = self.exposure.or(beside) {
            let Some(count) = self.count.or(self.errors).map(|whole| whole.0).or(self.value.and_then(whole))
            else {
                return Err(format!("the {arm} has an `exposure` and no `count`; a count of nothing is 0"));
            };
            return Ok(Measurement::Events { count, exposure });
        }
        match (self.requests, self.errors) {
            (Some(Whole(requests)), Some(Whole(errors))) if errors > requests => {
                return Err(format!(
                    "the {arm} has more `errors`, {errors}, than `requests`, {requests}; requests are all, failed ones \
                     included"
                ));
            }
            (Some(Whole(requests)), Some(Whole(errors))) => {
                return Ok(Measurement::Counts { requests, errors });
            }
            (Some(_), None) if self.count.is_none() && self.value.is_none() => {
                return Err(format!(
                    "the {arm} has `requests` and no `errors`; where there were none, it is 0"
                ));
            }
            (None, Some(_)) => {
                return Err(format!("the {arm} has `errors` and no `requests`; give all requests, too"));
            }
            (Some(_) | None, None) => {}
        }
        match (self.count, self.value, criterion.threshold) {
            (Some(_), _, Threshold::Baseline { .. }) => Err(format!(
                "the {arm} has a `count` without `exposure`, which can't be compared with the baseline; add it"
            )),
            (Some(Whole(count)), _, Threshold::Limit(_)) => Ok(Measurement::Events { count, exposure: 0 }),
            (None, Some(value), _) => gauge(value, arm),
            (None, None, _) if self.histogram.is_some() => Err(format!(
                "the {arm} has a `histogram` alone, and `{metric}` names no quantile as latency_p99 does; give `requests` \
                 and `errors`, or name the quantile"
            )),
            (None, None, _) => Err(format!(
                "the {arm} has nothing to judge; give `requests` and `errors`, `count` with `exposure`, or `value`"
            )),
        }
    }
}

impl RawHistogram {
    fn measurement(self, arm: Arm) -> Result<Measurement, String> {
        if self.bounds_ms.is_empty() {
            return Err(format!(
                "the histogram of the {arm} has no `bounds_ms`; give the upper ends of its buckets"
            ));
        }
        let bounds: Option<Vec<Finite>> = self.bounds_ms.into_iter().map(Finite::new).collect();
        let bounds =
            bounds.ok_or_else(|| format!("the histogram of the {arm} has a bound that is no number"))?;
        let counts = self.counts.into_iter().map(|count| count.0).collect();
        ClassicHistogram::new(bounds, counts)
            .map(|histogram| Measurement::Histogram(Histogram::Classic(histogram)))
            .map_err(|error| format!("the histogram of the {arm}: {error}"))
    }
}

fn gauge(value: f64, arm: Arm) -> Result<Measurement, String> {
    match Finite::new(value) {
        Some(value) => Ok(Measurement::Gauge { value }),
        None => Err(format!("the `value` of the {arm} is no finite number")),
    }
}

/// A number that counts something.
#[derive(Clone, Copy)]
struct Whole(u64);

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number in the range of counts"
)]
fn whole(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..=MOST as f64).contains(&value)).then_some(value as u64)
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;
        impl Visitor<'_> for Counted {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 2^53")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Whole, E> {
                if value > MOST {
                    return Err(E::invalid_value(de::Unexpected::Unsigned(value), &self));
                }
                Ok(Whole(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Whole, E> {
                u64::try_from(value)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
                    .and_then(|value| self.visit_u64(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Whole, E> {
                // Many languages write every number with a point.
                whole(value).map(Whole).ok_or_else(|| E::invalid_value(de::Unexpected::Float(value), &self))
            }
        }
        deserializer.deserialize_any(Counted)
    }
}

/// A time, in either way to write it.
struct Instant(Timestamp);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InstantVisitor;
        impl Visitor<'_> for InstantVisitor {
            type Value = Instant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"2026-05-04T14:00:00Z\", or seconds since 1970")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Instant, E> {
                moment(text).map(Instant).map_err(|problem| E::custom(format!("{text:?}: {problem}")))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Instant, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Instant, E> {
                self.visit_f64(seconds as f64)
            }

            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cast of a float saturates, and so does the time"
            )]
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Instant, E> {
                Ok(Instant(Timestamp::from_millis((seconds * 1_000.0).round() as i64)))
            }
        }
        deserializer.deserialize_any(InstantVisitor)
    }
}
