//! The evidence as text.

use std::fmt;

use crate::{
    judge::{FastAlarm, Measurement, Method, Outcome, Undecided, confidence::Interval, evidence::LnEvidence},
    plan::Threshold,
    report::{
        facts::{Mark, time},
        render::text::layout::{WIDTH, field, wrapped},
        view::{CriterionEvidence, EvaluationEvidence, EvidenceBreach, EvidenceReport},
    },
    unit::Finite,
};

/// How many columns the line of a step has.
const COLUMNS: usize = 24;

/// Evidence from none at the bottom to an alarm at the top.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl fmt::Display for EvidenceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Evidence")?;
        let last = self.criteria.iter().rev().find_map(|one| one.looks.last());
        if let Some(EvaluationEvidence { alarm_at: Some(alarm), all_fast, all_robust, mark, .. }) = self
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
                    "As natural logarithms (ln E): 0 is no evidence, {alarm:.2} is an alarm, which at most 1 in {:.0} \
                     healthy releases ever sees. The evidence of all criteria counts together.",
                    libm::exp(alarm)
                ),
            )?;
            field(f, "holds", &channel("fast", *all_fast, alarm, mark))?;
            field(f, "rolls back", &channel("burst-proof", *all_robust, alarm, mark))?;
            match self.fast_alarm {
                FastAlarm::Hold => {}
                FastAlarm::RollBack => {
                    field(f, "", "by this policy the mean of both channels rolls back too")?;
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

impl fmt::Display for CriterionEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.method {
            Method::Evidence => "evidence",
            Method::Threshold | Method::BaselineMultiple => "a hard limit",
            Method::FailedLooks => "failed evaluations",
            Method::MannWhitney => "the Mann-Whitney test",
        };
        let alone = self.alone_alarm_at.map(|alarm| format!("; an alarm on its own from {:.2}", alarm.get()));
        wrapped(f, "", &format!("{}, judged by {by}{}", self.criterion, alone.unwrap_or_default()))?;
        if let Some(EvidenceBreach { mark, verdict }) = &self.breach {
            field(f, "BREACHED", &format!("{mark}: {verdict}"))?;
        }
        let by_evidence = self.method == Method::Evidence;
        let titles = if by_evidence { ("fast", "burst-proof") } else { ("", "") };
        write_row(
            f,
            &format!("  {:<4} {:<13} {:>6} ", "step", "records", "evals"),
            &format!("{:<24} {:<22} {:>7} {:>11}", "new version", "limit", titles.0, titles.1),
        )?;
        for step in &self.steps {
            let records = format!("#{}–#{}", step.first.record, step.last.record);
            let seen = match (&step.value, parts(step.canary.as_ref())) {
                (Some(value), Some(parts)) => format!("{value} ({parts})"),
                (Some(value), None) => value.clone(),
                (None, _) => "no data".to_owned(),
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
                "the evaluation of {} in step {step}: burst-proof from {} to {}",
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

/// Writes a row in columns; what is wider than a terminal continues below its first column.
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
        Outcome::Undecided(Undecided::NotProven) => "over the limit, not proven".to_owned(),
        Outcome::Undecided(
            undecided @ (Undecided::Missing { .. }
            | Undecided::TooFewRequests { .. }
            | Undecided::NotExcluded { .. }),
        ) => undecided.to_string(),
    }
}

impl CriterionEvidence {
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
        let high = interval.high.map_or_else(|| "no upper bound yet".to_owned(), show);
        let about = if compares {
            "the old version's rate"
        } else if self.criterion.metric.quantile().is_some() {
            "of the requests above the boundary"
        } else {
            "of the requests"
        };
        format!(
            "between {} and {high} {about}, over the whole release, valid at every evaluation",
            show(interval.low)
        )
    }
}

impl CriterionEvidence {
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
