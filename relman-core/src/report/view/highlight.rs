use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::{
    event::{Event, HoldCause, LessonKind, Record, RollbackTrigger},
    machine::EndedAs,
    report::{
        facts::{
            CoverEnd, CoverPeriod, CoverSlot, Exposure, GateReport, GateResult, History, HoldPeriod,
            IncidentReport, Mark, Undriven, commas, counted, numbers, whole,
        },
        view::{RollbackLog, RollbackStatus},
    },
    unit::{Span, TrafficShare},
};

/// A fact on the record that people should talk about, under one heading of a retrospective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Highlight {
    /// The heading.
    pub about: LessonKind,
    /// What the record says.
    pub text: String,
    /// The records that say so.
    pub records: Vec<u64>,
}

impl fmt::Display for Highlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, numbers(&self.records))
    }
}

/// How many records a fact names at most; the timeline has all of them.
const NAMED: usize = 12;

impl Highlight {
    /// What the record of a release has to tell, in the order of the headings.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let mut facts = Facts(Vec::new());
        facts.gates(history);
        facts.rollback(history);
        facts.holds(history);
        facts.undriven(history);
        facts.cover(history);
        facts.platform(history);
        facts.people(history);
        facts.incidents(history);
        facts.end(history);
        let mut facts = facts.0;
        facts.sort_by_key(|fact| (fact.about, fact.records.first().copied()));
        facts
    }
}

struct Facts(Vec<Highlight>);

impl Facts {
    fn add(&mut self, about: LessonKind, text: String, records: impl IntoIterator<Item = u64>) {
        let records: Vec<u64> = records.into_iter().take(NAMED).collect();
        // Only what a record shows is a fact.
        if !records.is_empty() {
            self.0.push(Highlight { about, text, records });
        }
    }

    fn gates(&mut self, history: &History<'_>) {
        let mut first_time = Vec::new();
        for report in GateReport::all(history) {
            let gate = report.gate;
            let of = |how: GateResult| {
                report
                    .outcomes
                    .iter()
                    .filter(move |outcome| outcome.how == how)
                    .map(|outcome| outcome.mark.record)
            };
            let failed: Vec<u64> = of(GateResult::Failed).collect();
            if failed.is_empty() && of(GateResult::Overridden).next().is_none() {
                first_time.extend(of(GateResult::Passed));
            }
            let failures = times(failed.len());
            self.add(LessonKind::WentBadly, format!("the {gate} gate failed {failures}"), failed);
            for overridden in report.outcomes.iter().filter(|outcome| outcome.how == GateResult::Overridden) {
                let (by, because) = (&overridden.by, overridden.because.join("; "));
                let text = format!("{by} overrode the {gate} gate: {because}");
                self.add(LessonKind::WentBadly, text, [overridden.mark.record]);
                if history.ended().is_some_and(|ended| ended.how == EndedAs::Completed) {
                    let text = format!("no rollback followed the override of the {gate} gate");
                    let end = history.ended().map(|ended| ended.mark.record);
                    self.add(LessonKind::Lucky, text, [overridden.mark.record].into_iter().chain(end));
                }
            }
        }
        let text = format!(
            "{} on the first attempt",
            counted(first_time.len() as u64, "gate passed", "gates passed")
        );
        self.add(LessonKind::WentWell, text, first_time);
    }

    fn rollback(&mut self, history: &History<'_>) {
        let Some(log) = RollbackLog::of(history) else { return };
        let started = log.started.record;
        self.add(LessonKind::WentBadly, format!("the release was rolled back: {}", log.trigger), [started]);
        match (&log.trigger, log.times.detect) {
            (RollbackTrigger::Criterion { criterion, .. }, Some(detect)) => {
                let text =
                    format!("`{criterion}` caught it {detect} after its likely start and rolled it back");
                self.add(LessonKind::WentWell, text, [log.times.detected.record, started]);
            }
            (RollbackTrigger::Manual { .. }, _) => {
                let text = "a person caught it; no criterion of the contract did".to_owned();
                self.add(LessonKind::WentBadly, text, [started]);
            }
            (RollbackTrigger::Criterion { .. } | RollbackTrigger::Unmeasured { .. }, _) => {}
        }
        if let Some(confirmed) = log.confirmed {
            let text = format!("zero traffic was confirmed {} after the decision", confirmed.after);
            let about = if log.failures.is_empty() { LessonKind::WentWell } else { LessonKind::WentBadly };
            self.add(about, text, [started, confirmed.mark.record]);
        }
        if !log.failures.is_empty() {
            let text = format!("the rollback took {} attempts", log.attempts);
            self.add(LessonKind::WentBadly, text, log.failures.iter().map(|failed| failed.mark.record));
            if matches!(log.status, RollbackStatus::Confirmed | RollbackStatus::Closed) {
                let text = "the rollback failed at first, and a retry came in time".to_owned();
                self.add(LessonKind::Lucky, text, log.failures.iter().map(|failed| failed.mark.record));
            }
        }
        if log.harm.widest < TrafficShare::percent(50) {
            let text = format!("at most {} of traffic was exposed", log.harm.widest);
            self.add(
                LessonKind::WentWell,
                text,
                log.harm.exposures.iter().map(|exposure| exposure.from.record),
            );
        }
    }

    fn holds(&mut self, history: &History<'_>) {
        for hold in HoldPeriod::all(history) {
            let text = format!("it was held for {} ({}): {}", hold.lasted, hold.cause, hold.reason);
            let until = hold.until.map(|until| until.record);
            self.add(LessonKind::WentBadly, text, [hold.from.record].into_iter().chain(until));
            let met = Exposure::all(history).into_iter().find(|exposure| {
                exposure.from.record < hold.from.record
                    && exposure.until.is_none_or(|until| until.record > hold.from.record)
            });
            if let (HoldCause::Unmeasured, Some(met)) = (hold.cause, met) {
                let text =
                    format!("for {} nobody could see how {} of traffic was doing", hold.lasted, met.share);
                self.add(LessonKind::Lucky, text, [hold.from.record].into_iter().chain(until));
            }
        }
    }

    fn undriven(&mut self, history: &History<'_>) {
        for period in Undriven::all(history) {
            let text = format!("nobody drove it for {}: nothing was measured", whole(period.lasted));
            let until = period.until.map(|until| until.record);
            self.add(LessonKind::WentBadly, text, [period.from.record].into_iter().chain(until));
        }
    }

    fn cover(&mut self, history: &History<'_>) {
        let Some(validation) = history.first(|event| matches!(event, Event::ValidationStarted(_))) else {
            return;
        };
        let periods = CoverPeriod::all(history);
        let until = history.ended().map_or(history.now, |ended| ended.mark.at);
        let uncovered = CoverSlot::uncovered(&CoverSlot::between(&periods, Mark::of(validation), until));
        let lapsed: Vec<u64> = periods
            .iter()
            .filter(|period| period.end == CoverEnd::Lapsed)
            .filter_map(|period| period.ended)
            .map(|ended| ended.record)
            .collect();
        let records = lapsed.iter().copied().chain([validation.seq]);
        if uncovered > Span::from_minutes(1) {
            let text = format!("nobody was on call for {uncovered} of the validation");
            self.add(LessonKind::WentBadly, text, records.clone());
            let no_breach =
                !history.records.iter().any(|record| matches!(record.event, Event::ContractBreached(_)));
            if no_breach {
                self.add(
                    LessonKind::Lucky,
                    "nothing went wrong while nobody was on call".to_owned(),
                    records,
                );
            }
        } else if !periods.is_empty() {
            let who: BTreeSet<String> = periods.iter().map(|period| period.person.to_string()).collect();
            let text = format!("on-call cover had no gaps: {}", commas(who));
            self.add(LessonKind::WentWell, text, periods.iter().map(|period| period.from.record));
        }
    }

    fn platform(&mut self, history: &History<'_>) {
        let records = |fits: fn(&Event) -> bool| -> Vec<u64> {
            history.records.iter().filter(|record| fits(&record.event)).map(|record| record.seq).collect()
        };
        let failed = records(|event| matches!(event, Event::EffectFailed(_)));
        let text =
            format!("{} of the platform or a channel", counted(failed.len() as u64, "failure", "failures"));
        self.add(LessonKind::WentBadly, text, failed);
        let drifted = records(|event| matches!(event, Event::TrafficDrifted(_)));
        let text = format!("the traffic drifted from where it was set {}", times(drifted.len()));
        self.add(LessonKind::WentBadly, text, drifted);
        let untold = records(|event| matches!(event, Event::NotificationAbandoned(_)));
        let text = format!("{} could not be delivered", counted(untold.len() as u64, "message", "messages"));
        self.add(LessonKind::WentBadly, text, untold);
    }

    fn people(&mut self, history: &History<'_>) {
        let of = |fits: fn(&Event) -> bool| -> Vec<&Record> {
            history.records.iter().filter(|record| fits(&record.event)).collect()
        };
        let seqs = |records: Vec<&Record>| records.into_iter().map(|record| record.seq).collect::<Vec<_>>();
        let revised = of(|event| matches!(event, Event::PlanRevised(_)));
        let text = format!("the plan was revised {}", times(revised.len()));
        self.add(LessonKind::WentBadly, text, seqs(revised));
        let complaints = history.release.complaints().iter().filter(|complaint| complaint.counts());
        let complaints: Vec<u64> = complaints.map(|complaint| complaint.record).collect();
        let text = counted(complaints.len() as u64, "customer complained", "customers complained");
        self.add(LessonKind::WentBadly, text, complaints);
    }

    /// Incidents that began while users had the new version and not for good yet.
    fn incidents(&mut self, history: &History<'_>) {
        let met: Vec<IncidentReport> =
            IncidentReport::all(history).into_iter().filter(|one| one.began.is_exposed()).collect();
        let text = format!(
            "{} of the service began while users had the new version",
            counted(met.len() as u64, "incident", "incidents")
        );
        self.add(LessonKind::WentBadly, text, met.iter().map(|one| one.seen.record));
    }

    fn end(&mut self, history: &History<'_>) {
        let Some(ended) = history.ended() else { return };
        let mark: Mark = ended.mark;
        match ended.how {
            EndedAs::Completed => {
                let text = "the validation passed".to_owned();
                self.add(LessonKind::WentWell, text, [mark.record]);
            }
            EndedAs::Aborted => {
                let text = "it was aborted before it reached users".to_owned();
                self.add(LessonKind::WentBadly, text, [mark.record]);
            }
            EndedAs::RolledBack => {}
        }
    }
}

/// `once`, `3 times`.
fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
