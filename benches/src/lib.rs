//! The release that the benches measure: the standard track, clean, with a look a minute for 30.5 hours.

mod in_order;

use std::sync::Arc;

pub use in_order::InOrder;

use relman_core::{
    chain::{Digest, Envelope, Head, SealedLine},
    event::CheckOutcome,
    judge::{Answer, Arm, Measurement, Observation},
    machine::{Action, Command, EvaluationRequest, Input, Outcome, Phase, Request, SessionConfig},
    plan::Plan,
    policy::{Policy, floors},
    port::Deployment,
    unit::{Finite, ReleaseId, Timestamp, TrafficShare},
};
use relman_testkit::{SessionRunner, Team};

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

/// Drives a clean release from plan to completion.
///
/// # Panics
///
/// If the core refuses what a clean release does, or does not let it go on.
pub fn clean_release() -> SessionRunner {
    clean_release_until("checkout-241", |runner| runner.release().phase() == &Phase::Completed)
}

/// Drives a clean release of this name until it is where it is wanted.
///
/// # Panics
///
/// If the core refuses what a clean release does, or does not let it go on.
pub fn clean_release_until(name: &str, wanted: impl Fn(&SessionRunner) -> bool) -> SessionRunner {
    let start = "2026-01-05T09:00:00.000Z".parse().expect("a valid time");
    clean_release_from(name, start, wanted)
}

/// The same, planned at another time.
///
/// # Panics
///
/// If the core refuses what a clean release does, or does not let it go on.
pub fn clean_release_from(
    name: &str,
    start: Timestamp,
    wanted: impl Fn(&SessionRunner) -> bool,
) -> SessionRunner {
    let plan = PLAN.replace("checkout-241", name);
    let plan = Arc::new(Plan::from_toml(&plan).expect("a valid plan"));
    drive_clean((plan, Arc::new(Policy::shipped())), start, MOST_TURNS, wanted)
}

/// Drives a clean drill to completion that is looked at every second, so often that it has that many records and a few more.
///
/// # Panics
///
/// If the core refuses what a clean release does, or does not let it go on.
pub fn long_release(records: usize) -> SessionRunner {
    let start = "2026-01-05T09:00:00.000Z".parse().expect("a valid time");
    let track = format!(
        r#"
[tracks.long]
highest_risk = "high"
use = "drills"
look_every = "1s"
min_requests = 10
steps = [
    {{ share = "1%", bake = "1m" }},
    {{ share = "10%", bake = "1m" }},
    {{ share = "50%", bake = "1m" }},
    {{ share = "100%", bake = "{records}s" }},
]

[risk]
"#
    );
    let policy = Policy::SHIPPED_TOML.replacen("[risk]\n", &track, 1);
    let policy = Arc::new(Policy::from_toml(&policy).expect("a policy with a long drill"));
    let plan = PLAN.replacen("[scope]", "kind = \"drill\"\ntrack = \"long\"\n[scope]", 1);
    let plan = Arc::new(Plan::from_toml(&plan).expect("a valid plan"));
    drive_clean((plan, policy), start, 3 * records, |runner| runner.release().phase() == &Phase::Completed)
}

fn drive_clean(
    (plan, policy): (Arc<Plan>, Arc<Policy>),
    start: Timestamp,
    most_turns: usize,
    wanted: impl Fn(&SessionRunner) -> bool,
) -> SessionRunner {
    let runner = SessionRunner::new(plan.release().clone(), start, SessionConfig::default());
    let mut clean = Clean { runner };
    clean.does("user:ana", Action::RecordPlan { plan, policy });
    clean.does("user:bo", Action::ApprovePlan);
    for _ in 0..most_turns {
        clean.perform();
        if wanted(&clean.runner) {
            return clean.runner;
        }
        clean.people_act();
        if !clean.look() {
            clean.runner.advance_to_deadline();
        }
    }
    let (release, now) = (clean.runner.release(), clean.runner.now());
    let (phase, missing) = (release.phase().name(), release.missing(now));
    panic!("a clean release is {phase} at {now} after {most_turns} turns, and waits for {missing:?}");
}

/// A release for which everybody does their part, and a platform on which everything works.
struct Clean {
    runner: SessionRunner,
}

impl Clean {
    /// Answers the look that is asked for; whether one is.
    fn look(&mut self) -> bool {
        let asked = self.runner.calls().find_map(|call| match &call.request {
            Request::Measure(question) => Some((call.id, clean_look(question))),
            _ => None,
        });
        asked.map(|(call, outcome)| self.runner.answer(call, outcome)).is_some()
    }

    /// Does everything that is to be done.
    fn perform(&mut self) {
        loop {
            let wanted = self.runner.calls().find(|call| call.key().is_some()).map(|call| call.id);
            let Some(call) = wanted else { return };
            self.runner.answer(call, Outcome::Done);
        }
    }

    fn does(&mut self, who: &str, action: Action) {
        let by = Team::new().principal(who);
        self.runner.tell(Input::Action(Command { by, action })).expect("a clean release is not refused");
    }

    fn people_act(&mut self) {
        let release = self.runner.release();
        let asked: &[&str] = match release.phase() {
            Phase::Staging { .. } => &floors::STAGING_CHECKS,
            Phase::Validating(_) => {
                if release.cover().is_none() {
                    self.does("user:oli", Action::Acknowledge { until: None });
                }
                &[floors::USER_FLOWS]
            }
            _ => &[],
        };
        for name in asked {
            let check = name.parse().expect("a valid name");
            if !self.runner.release().checks().contains_key(&check) {
                let evidence = "build 4711".parse().expect("a valid text");
                let outcome = CheckOutcome::Passed;
                self.does("service:ci", Action::RecordCheck { check, outcome, evidence, items: Vec::new() });
            }
        }
    }
}

/// A look that finds everything in order.
///
/// # Panics
///
/// Never: its numbers are finite.
pub fn clean_look(question: &EvaluationRequest) -> Outcome {
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
            Observation::new(metric, arm, window, "bench", Answer::Value(measurement))
        })
        .collect();
    Outcome::Measured {
        observations,
        deployment: Ok(Deployment::at(share).with_detail("weights")),
        tolerance: TrafficShare::ZERO,
        standing: None,
    }
}

/// Lines of one release as those of another, numbered and linked anew, as if each were decided alone.
///
/// # Panics
///
/// Never: what was sealed once can be sealed again.
pub fn renamed<'a>(lines: impl Iterator<Item = &'a SealedLine>, release: &ReleaseId) -> Vec<SealedLine> {
    let mut head: Option<Head> = None;
    lines
        .map(|line| {
            let envelope = Envelope::read(line.bytes()).expect("a sealed line");
            let (seq, prev) = head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
            let envelope = Envelope { stream: release.into(), seq, prev, batch: None, ..envelope };
            let sealed = envelope.seal().expect("as long as before");
            head = Some(sealed.head());
            sealed
        })
        .collect()
}

/// Processor seconds of this process so far, as the operating system counts them.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// Memory that is in use now, in MiB.
pub fn memory() -> f64 {
    memory_as("VmRSS:")
}

/// The most memory that was in use so far, in MiB.
pub fn most_memory() -> f64 {
    memory_as("VmHWM:")
}

fn memory_as(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
