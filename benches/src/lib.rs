//! The release that the benches measure: the standard track, clean, with a look a minute for 30.5 hours.

use std::{collections::BTreeSet, sync::Arc};

use relman_core::{
    chain::SealedLine,
    event::{CheckOutcome, Record},
    judge::{Answer, Arm, Measurement, Observation},
    machine::{
        Action, Command, Input, Look, LookQuestion, OutcomeOf, Phase, Principal, Question, Release, decide,
    },
    plan::Plan,
    policy::{Policy, floors},
    port::Deployment,
    unit::{Actor, Finite, ReleaseId, Role, Span, Timestamp, TrafficShare},
};

/// A plan with two criteria on two of the three watched metrics.
const PLAN: &str = r#"
    release = "checkout-241"
    title = "Faster tax lookup"
    [scope]
    service = "checkout"
    summary = "Caches tax rates for a minute"
    artifact = { name = "checkout", version = "2.41.0" }
    replaces = "2.40.3"
    audience = "user-facing"
    touches = ["api"]
    [contract]
    criteria = ["error_rate > 1%", "latency_p99 > 2x baseline"]
    [[communication]]
    audience = "internal"
    channel = "releases"
    moments = ["completed"]
"#;

/// So many turns are more than twice what a clean release takes, which is a look a minute for 30.5 hours. One that the
/// machine does not let go on would be driven for ever.
const MOST_TURNS: usize = 4_000;

/// What both versions together get in a minute.
const REQUESTS: u64 = 6_000;

/// A release that was driven through the standard track, with every line that was sealed on the way.
pub struct Driven {
    /// The release after the last line.
    pub release: Release,
    /// Its lines.
    pub lines: Vec<SealedLine>,
    now: Timestamp,
}

impl Driven {
    /// Drives a clean release from plan to completion.
    ///
    /// # Panics
    ///
    /// If the core refuses what a clean release does.
    pub fn clean() -> Self {
        let id: ReleaseId = "checkout-241".parse().expect("a valid id");
        let start = "2026-01-05T09:00:00.000Z".parse().expect("a valid time");
        let mut driven = Self { release: Release::new(id), lines: Vec::new(), now: start };
        let plan = Arc::new(Plan::from_toml(PLAN).expect("a valid plan"));
        driven.does("user:ana", "author", Action::RecordPlan { plan, policy: Arc::new(Policy::shipped()) });
        driven.does("user:bo", "approver", Action::ApprovePlan);
        for _ in 0..MOST_TURNS {
            if driven.release.phase() == &Phase::Completed {
                return driven;
            }
            driven.settle();
            driven.people_act();
            if let Some(Question::Look(question)) = driven.release.question(driven.now) {
                let look = clean_look(&question);
                driven.take(&look);
            } else if let Some(deadline) = driven.release.next_deadline(driven.now) {
                driven.now = deadline;
            }
        }
        let (phase, missing) = (driven.release.phase().name(), driven.release.missing(driven.now));
        panic!(
            "a clean release is {phase} at {} after {MOST_TURNS} turns, and waits for {missing:?}",
            driven.now
        );
    }

    fn take(&mut self, input: &Input) {
        let facts = decide(&self.release, input, self.now).expect("a clean release is not refused");
        for line in self.release.seal(&facts, self.now).expect("facts that fit a record") {
            self.release.apply(&Record::read(line.bytes()).expect("a sealed line")).expect("the next record");
            self.lines.push(line);
        }
    }

    fn does(&mut self, actor: &str, role: &str, action: Action) {
        let actor: Actor = actor.parse().expect("a valid actor");
        let role: Role = role.parse().expect("a valid role");
        let by = Principal { actor, roles: Some(BTreeSet::from([role])) };
        self.take(&Input::Command(Command { by, action }));
    }

    fn settle(&mut self) {
        while let Some(effect) = self.release.outstanding().keys().next().copied() {
            self.take(&Input::Outcome { effect, outcome: OutcomeOf::Done });
        }
    }

    fn people_act(&mut self) {
        let asked: &[&str] = match self.release.phase() {
            Phase::Staging { .. } => &floors::STAGING_CHECKS,
            Phase::Validating(_) => {
                if self.release.cover().is_none() {
                    self.does("user:oli", "on-call", Action::Acknowledge { until: None });
                }
                &[floors::USER_FLOWS]
            }
            _ => &[],
        };
        for name in asked {
            let check = name.parse().expect("a valid name");
            if !self.release.checks().contains_key(&check) {
                let evidence = "build 4711".parse().expect("a valid text");
                let outcome = CheckOutcome::Passed;
                self.does(
                    "service:ci",
                    "ci",
                    Action::RecordCheck { check, outcome, evidence, items: Vec::new() },
                );
            }
        }
    }
}

/// A look that finds everything in order.
///
/// # Panics
///
/// Never: its numbers are finite.
pub fn clean_look(question: &LookQuestion) -> Input {
    // Split as the step says: traffic that is split otherwise holds a release.
    let (share, on_canary) = match question.step {
        1 => (TrafficShare::percent(1), REQUESTS / 100),
        2 => (TrafficShare::percent(10), REQUESTS / 10),
        3 => (TrafficShare::percent(50), REQUESTS / 2),
        _ => (TrafficShare::FULL, REQUESTS),
    };
    let pairs = question.queries.iter().flat_map(|query| question.arms.iter().map(move |arm| (query, *arm)));
    let observations = pairs
        .map(|(query, arm)| {
            let requests = match arm {
                Arm::Canary => on_canary,
                Arm::Baseline => REQUESTS - on_canary,
            };
            let measurement = match query.metric.as_str() {
                "latency_p99" => Measurement::Gauge { value: Finite::new(180.25).expect("a finite number") },
                _ => Measurement::Counts { requests, errors: requests / 1_000 },
            };
            let (metric, window) = (query.metric.clone(), question.window);
            Observation {
                metric,
                arm,
                window,
                source: "bench".to_owned(),
                answer: Answer::Value(measurement),
            }
        })
        .collect();
    Input::Look(Look {
        step: question.step,
        window: question.window,
        deployment: Ok(Deployment { canary_share: share, detail: "weights".to_owned() }),
        tolerance: TrafficShare::ZERO,
        observations,
    })
}

/// A moment after the last record at which the next look is due.
pub fn next_look(release: &Release) -> Timestamp {
    release.last_at() + Span::from_minutes(1)
}
