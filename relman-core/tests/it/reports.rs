//! Every report against its golden file, for the situations in which people read reports.
//!
//! The files are in `tests/golden/reports/`; `INSTA_UPDATE=always` writes them anew after an intended change.

use crate::fixture::{Driven, Measured, failure, is_golden};
use relman_core::{
    chain::SealedLine,
    event::{CheckOutcome, Event, Gate, Record},
    judge::{Answer, Arm, Measurement, Observation},
    machine::{Action, Command, Effect, EvaluationRequest, Input, Outcome, Principal, Release},
    policy::Policy,
    port::Deployment,
    report::{
        EvaluationResult, EvidenceReport, History, PlanReport, RollbackLog, RollbackStatus, Schedule, Status,
        StepEnd, Timeline, TimelineRow, Waiting, sentence,
    },
    unit::{Finite, Span, Text, TrafficShare},
};

const PLAN: &str = r#"
    release = "checkout-241"
    title = "Faster tax lookup"
    watch = ["queue_depth"]
    [scope]
    service = "checkout"
    summary = "Caches tax rates for a minute, so that the basket page does not wait for the tax service"
    artifact = { name = "registry.example.org/checkout", version = "2.41.0" }
    replaces = "2.40.3"
    audience = "user-facing"
    touches = ["api"]
    links = ["https://git.example.org/checkout/pull/812"]
    [contract]
    criteria = ["error_rate > 1%", "latency_p99 > 2x baseline", "complaints > 2"]
    [[communication]]
    audience = "internal"
    channel = "releases"
    moments = ["rollout-started", "completed", "rollback-started"]
"#;

/// A track for rehearsals, short enough that its timeline can be read in full.
const DRILL_TRACK: &str = r#"
[tracks.rehearsal]
highest_risk = "high"
use = "drills"
look_every = "1m"
min_requests = 100
steps = [
    { share = "1%", bake = "5m" },
    { share = "10%", bake = "5m" },
    { share = "50%", bake = "5m" },
    { share = "100%", bake = "5m" },
]
"#;

/// What a look finds.
#[derive(Clone, Copy)]
struct World {
    errors: u64,
    requests: u64,
    error_rate: Source,
}

#[derive(Clone, Copy)]
enum Source {
    Answers,
    Fails,
}

const HEALTHY: World = World { errors: 0, requests: 600, error_rate: Source::Answers };

/// The shipped policy with the plain comparison: a single look decides, so that a story is short.
fn plain() -> String {
    let judging = "[judging]
method = \"threshold\"
sample_ratio = \"warn\"

[risk]";
    Policy::SHIPPED_TOML.replacen("[risk]", judging, 1)
}

/// One release, at the pace at which people work: a minute for whatever somebody does, two seconds for a call.
struct Drive {
    driven: Driven,
}

fn text(text: &str) -> Text {
    text.parse().unwrap()
}

fn who(actor: &str, roles: &[&str]) -> Principal {
    let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
    Principal { actor: actor.parse().unwrap(), roles: Some(roles) }
}

fn recorded(check: &str, outcome: CheckOutcome, evidence: &str) -> Action {
    let (check, evidence) = (check.parse().unwrap(), text(evidence));
    Action::RecordCheck { check, outcome, evidence, items: Vec::new() }
}

impl Drive {
    fn planned(plan: &str, policy: &str) -> Self {
        let mut drive = Self { driven: Driven::new(plan, policy) };
        drive.act(who("user:ana", &["author"]), drive.driven.record_plan());
        drive
    }

    fn act(&mut self, by: Principal, action: Action) {
        self.pass("1m");
        self.driven.input(Input::Action(Command { by, action })).unwrap();
    }

    fn pass(&mut self, span: &str) {
        self.driven.wait(span.parse::<Span>().unwrap());
    }

    /// Gives every effect that is due an outcome.
    fn perform(&mut self, outcome: impl Fn(&Effect) -> Outcome) {
        for effect in self.driven.due() {
            self.pass("2s");
            let asked = self.driven.release.outstanding()[&effect].effect.clone();
            self.driven.outcome(effect, outcome(&asked));
        }
    }

    fn settle(&mut self) {
        while !self.driven.due().is_empty() {
            self.perform(|_| Outcome::Done);
        }
    }

    fn approve(&mut self) {
        self.act(who("user:ben", &["approver"]), Action::ApprovePlan);
        self.settle();
    }

    fn check(&mut self, check: &str, outcome: CheckOutcome, evidence: &str) {
        self.act(who("service:ci", &["ci"]), recorded(check, outcome, evidence));
    }

    /// Recorded by a process that does not drive the release.
    fn check_elsewhere(&mut self, check: &str, outcome: CheckOutcome, evidence: &str) {
        self.pass("1m");
        let action = recorded(check, outcome, evidence);
        self.driven.elsewhere(who("service:ci", &["ci"]), action, self.driven.now);
    }

    fn stage(&mut self) {
        for check in ["unit", "integration", "end-to-end"] {
            self.check(check, CheckOutcome::Passed, "https://ci.example.org/runs/4711");
        }
        self.settle();
    }

    fn in_production(plan: &str, policy: &str) -> Self {
        let mut drive = Self::planned(plan, policy);
        drive.approve();
        drive.stage();
        drive
    }

    fn look(&mut self, world: World) {
        self.driven.tick();
        if !self.driven.looks() {
            self.driven.pass();
            self.driven.tick();
        }
        if !self.driven.looks() {
            return;
        }
        let (call, question) = self.driven.asked();
        let deployment = Deployment::at(self.driven.release.exposure()).with_detail("weights as set");
        let measured = Measured {
            observations: observe(&question, world),
            deployment: Ok(deployment),
            tolerance: TrafficShare::ZERO,
        };
        self.driven.answer(call, measured.into());
        if self.driven.release.phase().step().is_some() {
            self.settle();
        }
    }

    fn looks(&mut self, count: usize, world: World) {
        (0..count).for_each(|_| self.look(world));
    }

    fn see_traffic(&mut self, canary_share: TrafficShare) {
        let deployment = Deployment::at(canary_share).with_detail("weights read back");
        let tolerance = TrafficShare::ZERO;
        self.driven.traffic_as(Outcome::Observed { deployment, tolerance });
    }

    fn history(&self) -> History<'_> {
        History::new(&self.driven.release, &self.driven.journal.records, self.driven.now)
    }
}

fn observe(question: &EvaluationRequest, world: World) -> Vec<Observation> {
    let mut observations = Vec::new();
    for query in &question.queries {
        for arm in &question.arms {
            let measurement = match query.metric.as_str() {
                "error_rate" => Measurement::Counts { requests: world.requests, errors: world.errors },
                "latency_p99" => Measurement::Gauge { value: Finite::new(182.5).unwrap() },
                "log_errors" => Measurement::Events { count: 0, exposure: world.requests },
                _ => Measurement::Gauge { value: Finite::new(3.0).unwrap() },
            };
            let measurement = match (query.metric.as_str(), *arm) {
                ("error_rate", Arm::Baseline) => Measurement::Counts { requests: 59_400, errors: 12 },
                _ => measurement,
            };
            let answer = match (query.metric.as_str(), world.error_rate) {
                ("error_rate", Source::Fails) => {
                    Answer::ProviderError { detail: "connection refused by 127.0.0.1:9090".to_owned() }
                }
                _ => Answer::Value(measurement),
            };
            observations.push(Observation::new(
                query.metric.clone(),
                *arm,
                question.window,
                "prometheus",
                answer,
            ));
        }
    }
    observations
}

/// Holds a report against its golden files, and its text against the width of a terminal.
fn golden<T: serde::Serialize + std::fmt::Display>(scene: &str, name: &str, report: &T) {
    golden_text(scene, name, report);
    let json = serde_json::to_string_pretty(report).unwrap();
    is_golden(&format!("reports/{scene}"), &format!("{name}.json"), &json);
}

fn golden_text(scene: &str, name: &str, report: &impl std::fmt::Display) {
    let shown = report.to_string();
    for line in shown.lines() {
        assert!(line.chars().count() <= 100, "wider than 100 columns: {line}");
        assert_eq!(line.trim_end(), line, "blanks at the end of a line");
    }
    is_golden(&format!("reports/{scene}"), &format!("{name}.txt"), shown.trim_end());
}

/// Every report but the timeline, which is long in a real release.
fn golden_all(scene: &str, drive: &Drive) {
    let history = drive.history();
    golden(scene, "plan", &PlanReport::of(&history).unwrap());
    golden(scene, "schedule", &Schedule::of(&history).unwrap());
    golden(scene, "waiting", &Waiting::of(&history));
    let status = Status::of(&history);
    golden(scene, "status", &status);
    golden_text(scene, "line", &history.release.one_line(history.now));
    golden_text(scene, "timeline", &Timeline::of(&history));
    if let Some(course) = EvidenceReport::of(&history) {
        golden_text(scene, "evidence", &course);
    }
    match RollbackLog::of(&history) {
        Some(log) => golden(scene, "rollback", &log),
        None => assert!(
            drive.driven.journal.records.iter().all(|record| record.event.kind() != "rollback_started")
        ),
    }
}

fn validate(drive: &mut Drive) {
    let ack = Action::Acknowledge { until: None };
    while drive.driven.release.phase().step().is_some() {
        if drive.driven.release.cover().is_none() {
            drive.act(who("user:olu", &["on-call"]), ack.clone());
        }
        drive.look(HEALTHY);
    }
}

#[test]
fn clean() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(390, HEALTHY);
    drive.check_elsewhere("user-flows", CheckOutcome::Passed, "https://ci.example.org/runs/4790");
    validate(&mut drive);
    drive.settle();
    drive.act(who("user:ana", &["developer"]), Action::Close);
    golden_all("clean", &drive);

    let history = drive.history();
    let schedule = Schedule::of(&history).unwrap();
    assert_eq!(schedule.planned_total, Span::from_minutes(1_830), "0.5 h + 2 h + 4 h + 24 h");
    assert!(schedule.steps.iter().all(|step| step.end == StepEnd::Passed && step.baked >= step.planned_bake));
    let timeline = Timeline::of(&history);
    assert_eq!(timeline.entries.len(), drive.driven.journal.records.len());
    let rows = timeline.rows();
    assert!(rows.len() < 60, "{} rows", rows.len());
    let looks: u64 = rows
        .iter()
        .map(|row| match row {
            TimelineRow::One(entry) => u64::from(entry.look.is_some()),
            TimelineRow::Undriven(_) => 0,
            TimelineRow::Looks { looks, .. } => *looks,
        })
        .sum();
    assert_eq!(looks, schedule.steps.iter().map(|step| step.looks).sum::<u64>());
}

#[test]
fn in_the_middle_of_a_step() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(20, HEALTHY);
    golden_all("midway", &drive);
    let waiting = Waiting::of(&drive.history());
    assert_eq!(waiting.only_time, Some(Span::from_minutes(10)));
    assert!(waiting.to_string().contains("nothing but time: 10m"));
}

#[test]
fn drill_and_completed() {
    let plan = PLAN.replace("title =", "kind = \"drill\"\ntrack = \"rehearsal\"\ntitle =");
    let policy = plain().replace("[tracks.standard]", &format!("{DRILL_TRACK}[tracks.standard]"));
    let mut drive = Drive::in_production(&plan, &policy);
    drive.looks(15, HEALTHY);
    drive.check_elsewhere("user-flows", CheckOutcome::Passed, "clicked through");
    validate(&mut drive);
    drive.settle();
    golden_all("drill", &drive);
    let history = drive.history();
    let timeline = Timeline::of(&history);
    golden("drill", "timeline", &timeline);
    golden_text("drill", "timeline-full", &timeline.full());
    for report in [
        PlanReport::of(&history).unwrap().to_string(),
        Schedule::of(&history).unwrap().to_string(),
        Waiting::of(&history).to_string(),
        Status::of(&history).to_string(),
        history.release.one_line(history.now),
        timeline.to_string(),
        timeline.full().to_string(),
    ] {
        assert!(report.lines().next().unwrap().contains("DRILL"), "{report}");
    }
}

#[test]
fn rolled_back_by_a_criterion() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(35, HEALTHY);
    drive.look(World { errors: 31, ..HEALTHY });
    golden_all("breached", &drive);
    assert_eq!(RollbackLog::of(&drive.history()).unwrap().status, RollbackStatus::Requested);

    // The first attempt fails, the second is not seen, the third is confirmed.
    let failed = |effect: &Effect| match effect {
        Effect::SetTraffic { .. } => failure("the socket was closed", None),
        Effect::Deploy { .. } | Effect::Promote | Effect::LeaveTarget { .. } | Effect::Notify { .. } => {
            Outcome::Done
        }
    };
    drive.perform(failed);
    drive.pass("10s");
    drive.settle();
    drive.see_traffic(TrafficShare::percent(10));
    drive.settle();
    drive.see_traffic(TrafficShare::ZERO);
    assert_eq!(RollbackLog::of(&drive.history()).unwrap().status, RollbackStatus::Confirming);
    drive.see_traffic(TrafficShare::ZERO);
    drive.settle();
    golden_all("rolled-back", &drive);
    let log = RollbackLog::of(&drive.history()).unwrap();
    assert_eq!((log.status, log.attempts, log.failures.len()), (RollbackStatus::Confirmed, 3, 2));
    assert!(log.to_string().contains("root cause     not filed yet"), "{log}");
    assert_eq!(log.evidence.observations.len(), 2, "both arms of the metric that was breached");

    let file = Action::FilePostMortem {
        number: None,
        summary: text("Every request with a foreign address failed. The tests knew domestic ones alone."),
        root_cause: text("the cache keyed rates by region without the country"),
        link: Some(text("https://wiki.example.org/postmortems/88")),
    };
    drive.act(who("user:ana", &["developer"]), file);
    drive.act(who("user:ana", &["developer"]), Action::Close);
    golden_all("rolled-back-and-closed", &drive);
}

#[test]
fn a_breach_on_several_looks_names_all_of_them() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(3, HEALTHY);
    drive.looks(2, World { errors: 1, requests: 30, ..HEALTHY });
    let log = RollbackLog::of(&drive.history()).unwrap();
    golden("few-requests", "rollback", &log);
    let observed: Vec<u64> = log
        .evidence
        .observations
        .iter()
        .filter(|observation| observation.arm == Arm::Canary)
        .filter_map(|observation| observation.answer.measurement()?.requests())
        .collect();
    assert_eq!(observed, [30, 30], "the looks since the last decided verdict");
    assert_eq!(log.evidence.records.len(), 3, "two looks and the breach");
}

#[test]
fn rolled_back_by_complaints() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(5, HEALTHY);
    for complaint in ["The basket is empty", "I was charged twice", "It hangs at the address"] {
        let action = Action::Complain { key: None, text: text(complaint) };
        drive.act(who("user:sue", &["support"]), action);
    }
    let log = RollbackLog::of(&drive.history()).unwrap();
    golden("complaints", "rollback", &log);
    assert_eq!(log.evidence.records.len(), 2, "the complaint and the breach");
}

#[test]
fn rolled_back_by_hand() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(5, HEALTHY);
    let action = Action::RollBack { reason: text("support hears of wrong taxes") };
    drive.act(who("user:sue", &["support"]), action);
    let log = RollbackLog::of(&drive.history()).unwrap();
    assert_eq!(log.timeline.first().map(|entry| entry.kind), Some("rollback_started"));
    golden("by-hand", "rollback", &log);
}

#[test]
fn held_for_missing_data_until_patience_is_over() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(12, HEALTHY);
    let dark = World { error_rate: Source::Fails, ..HEALTHY };
    drive.looks(25, dark);
    golden_all("held", &drive);
    let schedule = Schedule::of(&drive.history()).unwrap();
    assert_eq!(schedule.steps[0].held, Span::from_minutes(24));
    assert_eq!(schedule.steps[0].baked, Span::from_minutes(12));

    while RollbackLog::of(&drive.history()).is_none() {
        drive.look(dark);
    }
    let log = RollbackLog::of(&drive.history()).unwrap();
    golden("held-too-long", "rollback", &log);
    assert!(log.evidence.observations.iter().all(|observation| observation.answer.missing().is_some()));
}

#[test]
fn waiting_for_approval() {
    let payments = PLAN.replace("touches = [\"api\"]", "touches = [\"payments\"]");
    let mut drive = Drive::planned(&payments, &plain());
    drive.act(who("user:ben", &["approver"]), Action::ApprovePlan);
    golden_all("approval", &drive);
}

#[test]
fn overridden_with_a_post_mortem_owed() {
    let mut drive = Drive::planned(PLAN, &plain());
    drive.approve();
    drive.check("unit", CheckOutcome::Passed, "https://ci.example.org/runs/4711");
    drive.check("integration", CheckOutcome::Passed, "https://ci.example.org/runs/4712");
    drive.check("end-to-end", CheckOutcome::Failed, "2 of 318 fail: https://ci.example.org/runs/4713");
    golden_all("failed-gate", &drive);
    let action = Action::Override {
        gate: Gate::Staging,
        reason: text("both failures are the known flaky export test; the tax office's deadline is tomorrow"),
        expires_at: drive.driven.now + Span::from_hours(4),
    };
    drive.act(who("user:eve", &["executive"]), action);
    drive.settle();
    drive.looks(3, HEALTHY);
    golden_all("override", &drive);
}

#[test]
fn a_look_that_finds_too_few_requests_is_no_clean_look() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(1, World { requests: 20, ..HEALTHY });
    let timeline = Timeline::of(&drive.history());
    let look = timeline.entries.iter().rev().find_map(|entry| entry.look).unwrap();
    assert_eq!(look.result, EvaluationResult::TooFewRequests);
    let all_sentences: Vec<String> =
        drive.driven.journal.records.iter().map(|record: &Record| sentence(&record.event)).collect();
    assert!(
        all_sentences.iter().any(|sentence| sentence.contains("too few requests for the canary: 20 of 100"))
    );
}

#[test]
fn a_report_is_the_same_from_the_stored_lines() {
    let mut drive = Drive::in_production(PLAN, &plain());
    drive.looks(3, HEALTHY);
    let lines = drive.driven.journal.lines.iter().map(SealedLine::bytes);
    let (release, records) = Release::replay_records("checkout-241".parse().unwrap(), lines).unwrap();
    let replayed = History::new(&release, &records, drive.driven.now);
    assert_eq!(Status::of(&replayed), Status::of(&drive.history()));
    assert_eq!(Timeline::of(&replayed), Timeline::of(&drive.history()));
    assert!(matches!(records[0].event, Event::PlanRecorded(_)));
}

#[test]
fn the_course_of_the_evidence() {
    let mut drive = Drive::in_production(PLAN, Policy::SHIPPED_TOML);
    assert_eq!(EvidenceReport::of(&drive.history()), None);
    drive.looks(31, World { errors: 1, ..HEALTHY });
    drive.looks(20, World { requests: 6_600, errors: 6, ..HEALTHY });
    let before = EvidenceReport::of(&drive.history()).unwrap();
    golden_text("evidence", "undecided", &before);
    while drive.driven.release.phase().step().is_some() {
        drive.look(World { requests: 6_600, errors: 165, ..HEALTHY });
    }
    let course = EvidenceReport::of(&drive.history()).unwrap();
    golden("evidence", "breached", &course);

    let rate = &course.criteria[0];
    let looks = drive.driven.journal.records.iter().filter(|record| record.event.kind() == "evaluated");
    assert_eq!(rate.looks.len(), looks.clone().count(), "every look is there");
    assert_eq!(rate.steps.iter().map(|step| step.looks).sum::<u64>(), rate.looks.len() as u64);
    let last = rate.looks.last().unwrap();
    assert_eq!(Some(last.mark.record), looks.clone().next_back().map(|record| record.seq));
    assert!(last.all_robust.unwrap().get() >= last.alarm_at.unwrap().get(), "{last:?}");
    assert!(rate.moved_most.unwrap().look.record > before.criteria[0].looks.last().unwrap().mark.record);
    assert!(rate.likely_since >= Some(before.criteria[0].looks.last().unwrap().mark.at));
}

#[test]
fn the_course_says_what_complaints_have_breached() {
    let mut drive = Drive::in_production(PLAN, Policy::SHIPPED_TOML);
    drive.looks(5, HEALTHY);
    for complaint in ["The basket is empty", "I was charged twice", "It hangs at the address"] {
        let action = Action::Complain { key: None, text: text(complaint) };
        drive.act(who("user:sue", &["support"]), action);
    }
    let course = EvidenceReport::of(&drive.history()).unwrap();
    let breach = drive
        .driven
        .journal
        .records
        .iter()
        .find(|record| record.event.kind() == "contract_breached")
        .unwrap();
    golden_text("evidence", "complaints", &course);
    assert!(course.to_string().contains(&format!("#{}", breach.seq)), "{course}");
}

#[test]
fn the_course_of_a_large_service_is_no_wider_than_a_terminal() {
    let plan = PLAN.replace("error_rate > 1%", "error_rate > 2x baseline");
    let mut drive = Drive::in_production(&plan, Policy::SHIPPED_TOML);
    drive.looks(20, World { requests: 123_456_789, errors: 23_456, ..HEALTHY });
    golden_text("evidence", "large", &EvidenceReport::of(&drive.history()).unwrap());
}

#[test]
fn the_last_step_ends_with_the_validation_gate_even_with_a_hold_back() {
    let standard = "[tracks.standard]\n";
    let policy = plain().replacen(standard, &format!("{standard}hold_back = \"5%\"\n"), 1);
    let drive = Drive::in_production(PLAN, &policy.replacen("share = \"100%\"", "share = \"95%\"", 1));
    let history = drive.history();
    let gates: Vec<Gate> = PlanReport::of(&history).unwrap().gates.iter().map(|gate| gate.gate).collect();
    let steps = [Gate::Step(1), Gate::Step(2), Gate::Step(3), Gate::Validation];
    assert_eq!(gates, [[Gate::Plan, Gate::Staging].as_slice(), &steps].concat());
    let checkpoints = Schedule::of(&history).unwrap().checkpoints;
    assert_eq!(checkpoints.iter().map(|one| one.gate).collect::<Vec<_>>(), steps);
}
