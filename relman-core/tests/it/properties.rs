//! Laws that hold for whatever anybody does in whatever order: people with and without rights, answers that come
//! late, twice or never, metrics that lie, and time that jumps.

use std::collections::BTreeMap;

use crate::fixture::{
    Batch, Driven, PEOPLE, act, counts, drill_plan, failure, gauge, healthy, missing, observed, policy_text,
    secs, with,
};
use proptest::prelude::*;
use relman_core::{
    event::{ActionItemKind, Event, Gate, LessonKind, Settlement},
    judge::{self, Answer, Arm, MissingKind},
    machine::{Action, CallId, Command, Effect, Input, Outcome, PhaseName, Session},
    unit::{MetricName, Span, TrafficShare},
};

/// One thing that happens. Numbers are places in lists, taken modulo their length.
#[derive(Debug, Clone)]
enum Op {
    /// A person or a service gives a command.
    Command { who: usize, what: usize },
    /// The answer to the look that is asked for.
    Look { answers: Answers, at: Result<u16, ()> },
    /// A call has ended; perhaps one that nobody waits for, or in a way that is none for it.
    Answer { call: usize, how: u8, at: Result<u16, ()> },
    /// The traffic of a rollback.
    Traffic { at: Result<u16, ()> },
    /// Time passes.
    Wait { millis: u64 },
    /// The clock is set back.
    Back { millis: u64 },
    /// A tick.
    Tick,
    /// Whatever brings a release on: what is due is done, a look is healthy, the next check passes.
    Forward,
}

#[derive(Debug, Clone, Copy)]
enum Answers {
    Healthy,
    Errors(u64),
    Slow,
    Missing(MissingKind),
    Silent,
}

impl Answers {
    fn of(self, driven: &Driven) -> impl Fn(&MetricName, Arm) -> Answer + use<> {
        let now = driven.now;
        move |metric, arm| match (self, metric.as_str(), arm) {
            (Self::Errors(errors), "error_rate", Arm::Canary) => counts(1_000, errors),
            (Self::Slow, "latency_p99", Arm::Canary) => gauge(500.0),
            (Self::Missing(kind), "error_rate", _) => missing(kind, now),
            _ => healthy(metric, arm),
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let share = || {
        prop_oneof![3 => (0_u16..4).prop_map(|at| Ok([100, 1_000, 5_000, 10_000][usize::from(at)])),
        1 => Just(Ok(0)), 1 => Just(Err(()))]
    };
    let answers = prop_oneof![
        6 => Just(Answers::Healthy),
        1 => (0_u64..40).prop_map(Answers::Errors),
        1 => Just(Answers::Slow),
        1 => (0_usize..4).prop_map(|kind| Answers::Missing(MissingKind::ALL[kind])),
        1 => Just(Answers::Silent),
    ];
    prop_oneof![
        6 => (0_usize..32, 0_usize..64).prop_map(|(who, what)| Op::Command { who, what }),
        4 => (answers, share()).prop_map(|(answers, at)| Op::Look { answers, at }),
        4 => (0_usize..12, 0_u8..7, share()).prop_map(|(call, how, at)| Op::Answer { call, how, at }),
        2 => share().prop_map(|at| Op::Traffic { at }),
        3 => prop_oneof![0_u64..3_000, 0_u64..9_000_000, Just(1_000_u64)].prop_map(|millis| Op::Wait { millis }),
        1 => (0_u64..100_000).prop_map(|millis| Op::Back { millis }),
        1 => Just(Op::Tick),
        12 => Just(Op::Forward),
    ]
}

fn action(driven: &Driven, what: usize) -> Action {
    let hour = driven.now + Span::from_hours(1);
    let plan = |from: &str, to: &str| driven.revise(&with(&drill_plan(), from, to));
    match what % 33 {
        0 => driven.record_plan(),
        1 => plan("touches = [\"api\"]", "touches = [\"payments\"]"),
        2 => plan("kind = \"drill\"\n", "").clone(),
        3 | 4 => Action::ApprovePlan,
        5 => act::passed("unit"),
        6 => act::failed("unit"),
        7 => act::passed("manual-qa"),
        8 => act::failed("user-flows"),
        9 => act::passed("user-flows"),
        10 => act::hold(),
        11 | 12 => act::resume(),
        13 => act::roll_back(),
        14 => act::abort(),
        15 => act::override_gate(Gate::Plan, hour),
        16 => act::override_gate(Gate::Staging, hour),
        17 => act::override_gate(Gate::Step(1), hour),
        18 => act::override_gate(Gate::Validation, hour),
        19 => act::override_gate(Gate::Freeze, hour),
        20 => act::acknowledge(),
        21 => act::acknowledge_until(driven.now + secs(3)),
        22 => act::post_mortem(None),
        23 => act::post_mortem(Some(1)),
        24 => act::complain(),
        25 => act::lesson(LessonKind::Lucky),
        26 => act::action_item(ActionItemKind::Detect, "user:olu", hour),
        27 => act::settle(1, Settlement::Done),
        28 => act::settle(2, Settlement::Dropped),
        29 => act::incident("7c1f", driven.now),
        30 => act::end_incident("7c1f", None),
        31 => act::end_incident("7c1f", Some(driven.now)),
        _ => Action::Close,
    }
}

/// Plays one thing, and gives what it led to.
fn play(driven: &mut Driven, op: &Op) -> Batch {
    let seen = |at: Result<u16, ()>| match at {
        Ok(share) => observed(TrafficShare::try_from(share).unwrap()),
        Err(()) => failure("no answer", Some(secs(1))),
    };
    let input = match op {
        Op::Command { who, what } => Input::Action(Command {
            by: crate::fixture::principal(
                PEOPLE.get(who % (PEOPLE.len() + 1)).map_or("user:mallory", |person| person.0),
            ),
            action: action(driven, *what),
        }),
        Op::Look { answers, at } => {
            if !driven.looks() {
                return driven.tick();
            }
            let (call, question) = driven.asked();
            let mut measured = driven.measured(&question, answers.of(driven));
            if let Answers::Silent = answers {
                measured.observations.clear();
            }
            measured.deployment = match seen(*at) {
                Outcome::Observed { deployment, .. } => Ok(deployment),
                _ => Err("no answer".to_owned()),
            };
            Input::Answered(call, measured.into())
        }
        Op::Answer { call, how, at } => {
            let calls: Vec<CallId> = driven.ended.iter().chain(driven.calls.keys()).copied().collect();
            // The last ones are under way, or ended just now.
            let Some(call) = calls.iter().rev().nth(call % calls.len().clamp(1, 12)) else {
                return driven.tick();
            };
            let outcome = match how {
                0 | 1 => Outcome::Done,
                2 => seen(*at),
                3 | 4 => failure("no", Some(secs(1))),
                5 => failure("no", None),
                _ => Outcome::IncidentsListed(Vec::new()),
            };
            Input::Answered(*call, outcome)
        }
        Op::Traffic { at } if driven.confirms() => return driven.traffic_as(seen(*at)),
        Op::Wait { millis } => {
            driven.wait(Span::from_millis(*millis));
            Input::Tick
        }
        Op::Back { millis } => {
            driven.now = driven.now.minus(Span::from_millis(*millis));
            Input::Tick
        }
        Op::Traffic { .. } | Op::Tick => Input::Tick,
        Op::Forward => return driven.noting(forward),
    };
    let (mut one, mut two) = (driven.session.clone(), driven.session.clone());
    assert_eq!(one.handle(input.clone(), driven.now), two.handle(input.clone(), driven.now));
    let lines = |session: &mut Session| session.poll_append().map(|batch| batch.lines);
    assert_eq!(lines(&mut one), lines(&mut two), "a decision is deterministic");
    driven.input(input).unwrap_or(Batch { events: Vec::new(), by: Vec::new(), effects: Vec::new() })
}

/// Whatever brings the release on.
fn forward(driven: &mut Driven) {
    if let Some(effect) = driven.due().first() {
        driven.outcome(*effect, Outcome::Done);
        return;
    }
    let gate = if driven.phase() == PhaseName::Staging { Gate::Staging } else { Gate::Validation };
    let asked = driven
        .release
        .checks_asked(gate)
        .into_iter()
        .find(|check| !driven.release.checks().contains_key(check));
    let command = match (driven.phase(), asked) {
        (PhaseName::Unplanned, _) => Some(("user:ana", driven.record_plan())),
        (PhaseName::Planning, _) => {
            let approvals = driven.release.approvals().len();
            Some((["user:ben", "user:cem"][approvals.min(1)], Action::ApprovePlan))
        }
        (PhaseName::Validating, _) if driven.release.cover().is_none() => {
            Some(("user:olu", act::acknowledge()))
        }
        (PhaseName::Completed | PhaseName::RolledBack | PhaseName::Aborted, _) => {
            Some(("user:ana", Action::Close))
        }
        (PhaseName::Staging | PhaseName::Validating, Some(check)) => {
            Some(("user:qin", act::passed(check.as_str())))
        }
        _ => None,
    };
    if let Some((who, action)) = command {
        // What is not allowed in this state is a step on the way, too.
        let _ = driven.input(Input::Action(Command { by: crate::fixture::principal(who), action }));
        return;
    }
    driven.tick();
    if !driven.looks() && !driven.confirms() {
        let Some(next) = driven.next() else { return };
        driven.now = driven.now.max(next);
        driven.tick();
    }
    if driven.looks() {
        driven.healthy_look();
    } else if driven.confirms() {
        driven.traffic(Ok(TrafficShare::ZERO));
    }
}

/// What the laws know by themselves, from the events alone.
#[derive(Default)]
struct Ledger {
    step: u32,
    share: TrafficShareOrNone,
    validating: bool,
    covered: bool,
    rolling_back: bool,
    credited: Span,
    baked: BTreeMap<u32, Span>,
    owed: u32,
    authors: Vec<String>,
    approvers: Vec<String>,
    set: TrafficShareOrNone,
}

type TrafficShareOrNone = Option<TrafficShare>;

impl Ledger {
    fn check(&mut self, driven: &Driven, batch: &Batch) {
        let steps = driven.release.track().map(|(_, track)| track.steps().to_vec()).unwrap_or_default();
        for (index, (event, by)) in batch.events.iter().zip(&batch.by).enumerate() {
            let rest = &batch.events[index..];
            match event {
                Event::PlanRecorded(_) => self.authors.push(by.to_string()),
                Event::PlanRevised(_) => {
                    self.authors.push(by.to_string());
                    self.approvers.clear();
                }
                Event::PlanApproved(_) => {
                    assert!(!self.authors.contains(&by.to_string()), "an author approves");
                    self.approvers.push(by.to_string());
                }
                Event::StepStarted(started) => {
                    assert_eq!(started.step, self.step + 1, "a step is skipped");
                    if self.step > 0 {
                        let before = steps[self.step as usize - 1];
                        assert!(self.baked[&self.step] >= before.bake, "a step is left before its bake time");
                    }
                    assert_eq!(started.share, steps[started.step as usize - 1].share);
                    self.step = started.step;
                    self.share = Some(started.share);
                    self.baked.insert(started.step, Span::ZERO);
                }
                Event::TrafficSet(set) => {
                    let most = if self.rolling_back { TrafficShare::ZERO } else { self.share.unwrap() };
                    assert!(set.share <= most, "{} is set in a step of {most}", set.share);
                    self.set = Some(set.share);
                }
                Event::ValidationStarted(_) => self.validating = true,
                Event::OnCallAcknowledged(_) | Event::OnCallHandedOver(_) => self.covered = true,
                Event::CoverLapsed(_) => self.covered = false,
                Event::Evaluated(look) => {
                    *self.baked.get_mut(&look.step).unwrap() =
                        *self.baked.get(&look.step).unwrap() + look.credit;
                    assert!(look.credit <= look.window.length(), "more credit than time");
                    if look.credit > Span::ZERO {
                        let gone = look.observations.iter().any(|seen| seen.answer.missing().is_some());
                        assert!(!gone, "the clock runs while something is not measured");
                        if self.validating {
                            assert!(self.covered, "time counts without cover");
                            self.credited = self.credited + look.credit;
                        }
                    }
                    if look.verdicts.iter().any(|verdict| verdict.outcome == judge::Outcome::Fail) {
                        let kinds: Vec<&str> = rest.iter().map(Event::kind).collect();
                        assert_eq!(
                            kinds[..4],
                            ["evaluated", "contract_breached", "rollback_started", "post_mortem_opened"]
                        );
                    }
                }
                Event::OverrideGranted(_) => {
                    assert!(!self.authors.contains(&by.to_string()), "an author overrides");
                    assert!(!self.approvers.contains(&by.to_string()), "an approver overrides");
                    assert_eq!(rest[1].kind(), "post_mortem_opened");
                }
                Event::PostMortemOpened(_) => self.owed += 1,
                Event::PostMortemFiled(_) => self.owed -= 1,
                Event::RollbackStarted(_) => {
                    assert!(!self.rolling_back);
                    self.rolling_back = true;
                }
                Event::ReleaseCompleted(_) => {
                    let needed = steps.last().unwrap().bake;
                    assert!(self.credited >= needed, "complete after {} of {needed}", self.credited);
                    assert!(self.covered && !self.rolling_back);
                }
                Event::ReleaseClosed(_) => assert_eq!(self.owed, 0, "closed while something is owed"),
                _ => {}
            }
        }
        for outstanding in driven.release.outstanding().values() {
            if let Effect::SetTraffic { share, .. } = outstanding.effect {
                let most = if self.rolling_back { TrafficShare::ZERO } else { self.share.unwrap() };
                assert!(share <= most, "{share} is asked for in a step of {most}");
            }
        }
        if driven.phase() == PhaseName::RollingBack {
            let mut later = driven.clone();
            later.wait(Span::from_hours(1)).tick();
            assert!(later.confirms() || !driven.outstanding().is_empty(), "a rollback is stuck");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_guardrails_hold(ahead in 0_usize..90, ops in prop::collection::vec(op(), 1..90)) {
        let mut driven = Driven::new(&drill_plan(), &policy_text());
        let mut ledger = Ledger::default();
        // A healthy start of some length, so that every phase is reached as often as the first.
        let start = std::iter::repeat_n(&Op::Forward, ahead);
        for op in start.chain(&ops) {
            let before = driven.journal.records.len();
            let batch = play(&mut driven, op);
            ledger.check(&driven, &batch);
            let at: Vec<_> = driven.journal.records[before.saturating_sub(1)..].iter().map(|record| record.at).collect();
            prop_assert!(at.is_sorted(), "time goes back");
        }
        driven.assert_replays();
    }

    #[test]
    fn a_healthy_release_gets_to_its_end(jitter in prop::collection::vec(0_u64..900, 60)) {
        let mut driven = Driven::new(&drill_plan(), &policy_text());
        for millis in jitter.iter().cycle().take(2_000) {
            if driven.phase() == PhaseName::Closed {
                break;
            }
            driven.wait(Span::from_millis(*millis));
            play(&mut driven, &Op::Forward);
        }
        prop_assert_eq!(driven.phase(), PhaseName::Closed, "{:?}", driven.missing());
    }
}
