use std::fmt::Write;

use relman_core::{
    judge::Verdict,
    report::{CriterionStory, EvaluationStory, VerdictKind, WatchedMetric},
    unit::{Finite, Timestamp},
};

use super::axis::{HEIGHT, Tick, TimeAxis, place};
use crate::web::view;

/// A criterion over time: the single evaluations, the value that verdicts rest on, and the threshold.
#[derive(Debug, Clone)]
pub(in crate::web) struct CriterionChart {
    pub(in crate::web) title: String,
    pub(in crate::web) x_ticks: Vec<Tick>,
    pub(in crate::web) y_ticks: Vec<Tick>,
    pub(in crate::web) evaluations: String,
    pub(in crate::web) value: String,
    pub(in crate::web) threshold: String,
    pub(in crate::web) breached: Vec<String>,
    pub(in crate::web) unmeasured: String,
    pub(in crate::web) description: String,
}

/// How many columns are drawn at most. A column shows its lowest and its highest value.
const COLUMNS: f64 = 400.0;

/// One evaluation of one criterion.
struct Point {
    x: f64,
    single: Option<f64>,
    value: Option<f64>,
    threshold: Option<f64>,
    kind: VerdictKind,
}

impl CriterionChart {
    /// The chart of the criterion with that index, or `None` where there is nothing to draw.
    pub(in crate::web) fn of(
        story: &CriterionStory,
        index: usize,
        evaluations: &[&EvaluationStory],
        until: Timestamp,
    ) -> Option<Self> {
        let (first, last) = (evaluations.first()?, story.last.as_ref()?);
        let axis = TimeAxis::new(first.window.from, until);
        let point = |look: &&EvaluationStory| {
            let verdict = look.verdicts.get(index)?;
            let x = axis.x(look.window.until);
            let number = |value: Option<Finite>| value.map(Finite::get);
            Some(Point {
                x,
                single: number(verdict.look),
                value: number(verdict.value),
                threshold: number(verdict.threshold),
                kind: verdict.kind,
            })
        };
        let points: Vec<Point> = evaluations.iter().filter_map(point).collect();
        let numbers = points.iter().flat_map(|point| [point.single, point.value, point.threshold]).flatten();
        let most = numbers.fold(0.0, f64::max);
        let top = if most > 0.0 { most * 1.08 } else { 1.0 };
        let y = |value: f64| HEIGHT - 2.0 - (value.max(0.0) / top) * (HEIGHT - 6.0);
        let unmeasured: Vec<&Point> =
            points.iter().filter(|point| point.kind == VerdictKind::Unmeasured).collect();
        Some(Self {
            title: story.criterion.to_string(),
            x_ticks: axis.ticks(),
            y_ticks: y_ticks(last, top, &y),
            evaluations: ranges(&points, &y),
            value: line(points.iter().map(|point| (point.x, point.value)), &y),
            threshold: steps(points.iter().map(|point| (point.x, point.threshold)), &y),
            breached: points
                .iter()
                .filter(|point| point.kind == VerdictKind::Breached)
                .map(|point| place(point.x))
                .collect(),
            unmeasured: unmeasured.iter().fold(String::new(), |mut path, point| {
                // Writing to a string does not fail.
                let _ = write!(path, "M{} {}v-10", place(point.x), place(HEIGHT));
                path
            }),
            description: description(story, evaluations.len(), last),
        })
    }
}

impl CriterionChart {
    /// The chart of a metric that is watched without a limit, or `None` where it was never measured.
    pub(in crate::web) fn of_metric(
        metric: &WatchedMetric,
        evaluations: &[&EvaluationStory],
    ) -> Option<Self> {
        let (first, last) = (evaluations.first()?, evaluations.last()?);
        let example = metric.last.as_ref()?;
        let axis = TimeAxis::new(first.window.from, last.window.until);
        let read = |look: &&EvaluationStory| {
            let reading = look.readings.iter().find(|reading| reading.metric == metric.metric);
            (axis.x(look.window.until), reading.and_then(|reading| reading.canary).map(Finite::get))
        };
        let points: Vec<(f64, Option<f64>)> = evaluations.iter().map(read).collect();
        let most = points.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max);
        let top = if most > 0.0 { most * 1.08 } else { 1.0 };
        let y = |value: f64| HEIGHT - 2.0 - (value.max(0.0) / top) * (HEIGHT - 6.0);
        let tick = |at: f64| Tick {
            at: format!("{:.2}", y(at) / HEIGHT * 100.0),
            label: view::value(example, Finite::new(at)),
            anchor: "end",
        };
        let unmeasured = points.iter().filter(|(_, value)| value.is_none());
        Some(Self {
            title: metric.metric.to_string(),
            x_ticks: axis.ticks(),
            y_ticks: if most > 0.0 { vec![tick(0.0), tick(most)] } else { vec![tick(0.0)] },
            evaluations: String::new(),
            value: line(points.iter().copied(), &y),
            threshold: String::new(),
            breached: Vec::new(),
            unmeasured: unmeasured.fold(String::new(), |mut path, (x, _)| {
                // Writing to a string does not fail.
                let _ = write!(path, "M{} {}v-10", place(*x), place(HEIGHT));
                path
            }),
            description: format!(
                "{} of the new version, without a limit: measured in {} evaluations, not measured in {}. Last: {}",
                metric.metric,
                metric.measured,
                metric.unmeasured,
                view::value(example, example.canary)
            ),
        })
    }
}

/// Zero, the last threshold, and the highest value.
fn y_ticks(last: &Verdict, top: f64, y: &impl Fn(f64) -> f64) -> Vec<Tick> {
    let mut values = vec![0.0, top / 1.08];
    if let Some(threshold) = last.threshold {
        values.push(threshold.get());
    }
    values.sort_by(f64::total_cmp);
    let mut ticks: Vec<(f64, Tick)> = Vec::new();
    // The label of the threshold is the one that must be there.
    let threshold = last.threshold.map(Finite::get);
    let clear = |value: f64| {
        threshold.is_none_or(|threshold| {
            threshold.total_cmp(&value).is_eq() || (y(threshold) - y(value)).abs() >= 24.0
        })
    };
    for value in values.into_iter().filter(|value| clear(*value)) {
        let label = Finite::new(value).map(|value| last.show(value)).unwrap_or_default();
        let at = y(value);
        if ticks.last().is_none_or(|(before, _)| before - at >= 24.0) {
            ticks.push((at, Tick { at: format!("{:.2}", at / HEIGHT * 100.0), label, anchor: "end" }));
        }
    }
    ticks.into_iter().map(|(_, tick)| tick).collect()
}

/// The single evaluations: a dot, or a line from the lowest to the highest where several share a column.
fn ranges(points: &[Point], y: &impl Fn(f64) -> f64) -> String {
    let mut columns: Vec<(f64, f64, f64)> = Vec::new();
    for point in points {
        let Some(value) = point.single else { continue };
        let column = (point.x / 1_000.0 * COLUMNS).floor();
        match columns.last_mut() {
            Some((same, low, high)) if same.total_cmp(&column).is_eq() => {
                *low = low.min(value);
                *high = high.max(value);
            }
            _ => columns.push((column, value, value)),
        }
    }
    let mut path = String::new();
    for (column, low, high) in columns {
        let x = place((column + 0.5) / COLUMNS * 1_000.0);
        let _ = write!(path, "M{x} {}V{}", place(y(low)), place(y(high)));
    }
    path
}

/// A line through the values, with gaps where nothing was measured.
fn line(points: impl Iterator<Item = (f64, Option<f64>)>, y: &impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let (mut pen, mut last_x) = ("M", f64::NEG_INFINITY);
    for (x, value) in points {
        let Some(value) = value else {
            pen = "M";
            continue;
        };
        // Points closer than a column would add bytes and change nothing.
        if pen == "L" && x - last_x < 1_000.0 / COLUMNS {
            continue;
        }
        let _ = write!(path, "{pen}{} {}", place(x), place(y(value)));
        (pen, last_x) = ("L", x);
    }
    path
}

/// The threshold, which is constant until it changes.
fn steps(points: impl Iterator<Item = (f64, Option<f64>)>, y: &impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut last: Option<String> = None;
    let mut last_x = String::new();
    for (x, value) in points {
        let Some(value) = value else { continue };
        let height = place(y(value));
        last_x = place(x);
        if last.is_none() {
            let _ = write!(path, "M0 {height}");
        } else if last.as_ref() != Some(&height) {
            let _ = write!(path, "H{last_x}V{height}");
        }
        last = Some(height);
    }
    if !path.is_empty() {
        let _ = write!(path, "H{last_x}");
    }
    path
}

/// The chart in words, for people who can't see it.
fn description(story: &CriterionStory, evaluations: usize, last: &Verdict) -> String {
    let CriterionStory { clean, open, unmeasured, breached, .. } = story;
    format!(
        "{} over {evaluations} evaluations. In the whole release: {clean} clean, {open} undecided, {unmeasured} not measured, \
         {breached} breached. Last: {last}",
        story.criterion
    )
}
