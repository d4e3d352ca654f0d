//! The verdict as a sentence, as a table, and as JSON.

use std::fmt::Write;

use relman_core::{
    judge::{Channel, Control, Measurement, Outcome, Verdict as Record},
    plan::Threshold,
    unit::{Timestamp, Window},
};
use serde::Serialize;

use super::{
    judged::{Judged, Series, Tested, Verdict, words},
    lines::{Interval, Observations},
    rule::{Asked, name},
};

/// What came of judging, beside what was asked for and what was observed.
pub(super) struct Shown<'a> {
    pub(super) asked: &'a Asked,
    pub(super) observations: &'a Observations,
    pub(super) judged: &'a Judged,
}

/// The object of `--json`; scripts rely on its fields.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    verdict: Verdict,
    channel: Channel,
    decided_at: Option<usize>,
    ln_evidence: &'a [f64],
    threshold: Option<f64>,
    alarm_at: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fast: Option<&'a Series>,
    #[serde(skip_serializing_if = "Option::is_none")]
    robust: Option<&'a Series>,
    #[serde(flatten)]
    tested: Option<Tested>,
    sentence: String,
    criterion: String,
    method: String,
    alpha: f64,
    start_weights: relman_core::judge::evidence::Scheme,
    intervals: usize,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a Record>,
}

impl<'a> Shown<'a> {
    pub(super) fn document(&self) -> Document<'a> {
        let Self { asked, observations, judged } = self;
        let main = judged.followed.main();
        Document {
            verdict: judged.verdict,
            channel: judged.channel,
            decided_at: judged.decided_at,
            ln_evidence: main.map_or(&[], |course| course.ln_evidence.as_slice()),
            threshold: judged.threshold,
            alarm_at: main.map_or(judged.decided_at, |course| course.alarm_at),
            fast: judged.followed.fast(),
            robust: judged.followed.robust(),
            tested: judged.tested,
            sentence: self.sentence(),
            criterion: asked.criterion.to_string(),
            method: name(asked.method),
            alpha: asked.alpha().get(),
            start_weights: asked.judging.start_weights,
            intervals: observations.intervals.len(),
            warnings: &judged.warnings,
            record: judged.record.as_ref(),
        }
    }

    /// The verdict for a person at 3 a.m.
    pub(super) fn sentence(&self) -> String {
        let Self { asked, observations, judged } = self;
        let mut text = judged.verdict.word().to_owned();
        match judged.decided_at {
            Some(at) if judged.tested.is_none() => {
                // Writing to a string does not fail.
                let _ = write!(text, " at {}", self.ended(at));
            }
            Some(_) | None => {
                let all = observations.intervals.len();
                let _ = write!(text, " after {all} interval{}", if all == 1 { "" } else { "s" });
            }
        }
        let _ = write!(text, ": `{}`: ", asked.criterion);
        match (&judged.tested, &judged.record) {
            (Some(tested), _) => text.push_str(&sentence_of(*tested)),
            (None, Some(record)) => self.found(&mut text, record),
            (None, None) => text.push_str("nothing was judged"),
        }
        text
    }

    /// What was found, and what that is worth.
    fn found(&self, text: &mut String, record: &Record) {
        let Self { asked, judged, .. } = self;
        match (&record.outcome, judged.verdict) {
            (Outcome::Undecided(why), Verdict::Undecided) if record.value.is_none() => {
                let _ = write!(text, "{why}");
                return;
            }
            (Outcome::Undecided(why), Verdict::Undecided) => {
                let _ = write!(text, "{}; {why}", numbers(record));
                return;
            }
            _ => text.push_str(&numbers(record)),
        }
        if judged.verdict == Verdict::Pass {
            return;
        }
        if let Some(since) = judged.since {
            let _ = write!(text, ", from about {} on", self.began(since));
        }
        let chance = (1.0 / asked.alpha().get()).round();
        match (judged.channel, judged.verdict) {
            (Channel::Robust, _) => {
                let held = judged.followed.fast().and_then(|fast| fast.alarm_at);
                if let Some(held) = held.filter(|held| Some(*held) < judged.decided_at) {
                    let _ = write!(text, "; held before, at {}", self.ended(held));
                }
                let _ = write!(text, "; a healthy release is turned back so in at most 1 of {chance}");
            }
            (Channel::Fast, _) => {
                let _ = write!(
                    text,
                    "; a healthy release shows this in at most 1 of {chance} if its errors are independent of each other"
                );
                if let (Some(robust), Some(at), Some(threshold)) =
                    (judged.followed.robust(), judged.decided_at, judged.threshold)
                    && let Some(ln) = robust.ln_evidence.get(at)
                {
                    let _ = write!(
                        text,
                        ", and where they come in bursts it may be chance (ln E {ln:.2} of {threshold:.2})"
                    );
                }
            }
            (Channel::HardLimit, Verdict::Hold) => {
                text.push_str("; inconclusive, which is for a person to judge");
            }
            (Channel::HardLimit, _) => {
                let _ = write!(text, "; by {}, without a promise about healthy releases", self.plainly());
            }
        }
    }

    /// The method where it keeps no promise.
    fn plainly(&self) -> String {
        use crate::cli::judge::Method;
        match self.asked.method {
            Method::Evidence | Method::Threshold => "a hard limit".to_owned(),
            method => format!("the method {}", name(method)),
        }
    }

    /// When an interval was over.
    fn ended(&self, at: usize) -> String {
        match self.observations.intervals.get(at) {
            Some(interval) if self.observations.timed => {
                format!("{} (interval {at})", coarse(interval.window.until))
            }
            _ => format!("minute {at}"),
        }
    }

    fn began(&self, since: Timestamp) -> String {
        if self.observations.timed {
            return coarse(since);
        }
        format!("minute {}", since.as_millis() / 60_000)
    }

    /// A row for each interval.
    pub(super) fn table(&self) -> String {
        let Self { observations, judged, .. } = self;
        let mut titles = vec!["interval", "step", "canary"];
        let compares =
            matches!(self.asked.criterion.threshold, Threshold::Baseline { .. }) || judged.tested.is_some();
        titles.extend(compares.then_some("baseline"));
        titles.extend(judged.followed.fast().map(|_| "ln E fast"));
        titles.extend(judged.followed.robust().map(|_| "ln E robust"));
        titles.push("outcome");
        let mut rows = vec![titles.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()];
        for (index, (interval, state)) in observations.intervals.iter().zip(&judged.states).enumerate() {
            let mut row = vec![self.interval(index, interval.window), interval.step.to_string()];
            row.push(cell(&interval.canary, Control::None));
            row.extend(compares.then(|| cell(&interval.baseline, interval.control)));
            for course in [judged.followed.fast(), judged.followed.robust()].into_iter().flatten() {
                let ln = course.ln_evidence.get(index).copied().unwrap_or_default();
                let alarm = if course.alarm_at == Some(index) { " alarm" } else { "" };
                row.push(format!("{ln:.4}{alarm}"));
            }
            row.push(state.word().to_owned());
            rows.push(row);
        }
        let mut text = columns(&rows);
        if let Some(threshold) = judged.threshold {
            let alpha = self.asked.alpha().get();
            let _ =
                writeln!(text, "\nan alarm is ln E of {threshold:.4} or more: ln(1/alpha), alpha {alpha}");
        }
        text
    }

    fn interval(&self, index: usize, window: Window) -> String {
        if self.observations.timed { coarse(window.from) } else { index.to_string() }
    }
}

/// What Kayenta's rule found, in words.
fn sentence_of(tested: Tested) -> String {
    let (canary, baseline) = tested.samples;
    let label = serde_json::to_value(tested.classification);
    let label = label.ok().and_then(|label| label.as_str().map(ToOwned::to_owned)).unwrap_or_default();
    match (tested.estimate, tested.ci_low, tested.ci_high) {
        (Some(estimate), Some(low), Some(high)) => format!(
            "the canary's {canary} values are shifted by {estimate} from the baseline's {baseline}, between {low} and \
             {high}: {label} by the Mann-Whitney rule, without a promise about healthy releases"
        ),
        _ => format!(
            "the Mann-Whitney rule needs values of both arms, and there are {canary} of the canary and {baseline} of \
             the baseline"
        ),
    }
}

/// An arm of an interval in a table.
fn cell(answer: &relman_core::judge::Answer, control: Control) -> String {
    match (answer.measurement(), control) {
        (Some(measurement), _) => words(measurement),
        (None, Control::Frozen) => "as before".to_owned(),
        (None, Control::Concurrent | Control::None) => "no data".to_owned(),
    }
}

/// The canary's value beside what it is compared with.
fn numbers(record: &Record) -> String {
    let mut text = record.observed();
    match &record.canary {
        Some(
            measured @ (Measurement::Counts { .. }
            | Measurement::Exceedances { .. }
            | Measurement::Histogram(_)),
        ) => {
            let _ = write!(text, " ({})", words(measured));
        }
        Some(measured @ Measurement::Events { exposure: 1.., .. }) => {
            let _ = write!(text, " ({})", words(measured));
        }
        Some(Measurement::Events { .. } | Measurement::Gauge { .. }) | None => {}
    }
    let _ = write!(text, " against {}", record.limit());
    if let Threshold::Baseline { .. } = record.criterion.threshold {
        let _ = write!(text, ", {}", record.criterion.threshold);
        if record.control == Control::Frozen {
            text.push_str(" of the step before (no concurrent control)");
        }
    }
    text
}

/// A moment without the milliseconds that nobody measures in.
fn coarse(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.strip_suffix(".000Z").map_or(text.clone(), |short| format!("{short}Z"))
}

/// Rows with their columns below each other.
fn columns(rows: &[Vec<String>]) -> String {
    let wide = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(wide).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

impl Interval {
    /// Whether the canary was measured at all.
    pub(super) fn is_measured(&self) -> bool {
        self.canary.measurement().is_some()
    }
}
