//! The fast loop against the machine: on the very same numbers both come to the same end.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use relman_core::{
    event::{Event, RollbackTrigger},
    judge::{Answer, Arm, Observation},
    machine::{Action, Command, Input, LookQuestion, Outcome, PhaseName, Request, SessionConfig},
    plan::{Plan, RollbackContract},
    policy::Policy,
    port::{Deployment, Environment, MetricQuery, MetricsSource},
    unit::Window,
};

use super::*;
use crate::{
    Cast, SessionRunner,
    fault::{Fault, MetricsFate},
    ready, sample,
    sim::metrics::Kind,
    sim::{
        Complaints, Harm, Incident, ManualClock, NewVersion, Onset, Regression, Requests, SimulatedPlatform,
    },
};

/// A look as the trial drew it.
#[derive(Debug)]
struct Drawn {
    look: Stretch,
    canary: Seen,
    baseline: Seen,
    complaints: Vec<Span>,
}

/// What both have to agree on.
#[derive(Debug, PartialEq)]
struct Ending {
    end: End,
    step: u32,
    looks: u64,
    at: Span,
    zero_at: Span,
}

impl From<Trial> for Ending {
    fn from(trial: Trial) -> Self {
        let Trial { end, step, looks, at, zero_at, .. } = trial;
        Self { end, step, looks, at, zero_at }
    }
}

/// The machine, asked with the numbers that a trial has drawn.
struct Replay<'a> {
    runner: SessionRunner,
    clock: Arc<ManualClock>,
    /// Says when metrics can't be had.
    platform: Option<SimulatedPlatform>,
    world: &'a World,
    share: TrafficShare,
    exposed_at: Option<Timestamp>,
    drawn: std::slice::Iter<'a, Drawn>,
    complaints: BTreeMap<Timestamp, u32>,
}

impl<'a> Replay<'a> {
    fn of(plan: &Arc<Plan>, policy: &Arc<Policy>, world: &'a World, drawn: &'a [Drawn]) -> Self {
        let start = sample::start();
        let mut replay = Self {
            runner: SessionRunner::new(plan.release().clone(), start, SessionConfig::default()),
            clock: Arc::new(ManualClock::at(start)),
            platform: None,
            world,
            share: TrafficShare::ZERO,
            exposed_at: None,
            drawn: drawn.iter(),
            complaints: BTreeMap::new(),
        };
        replay.does("user:ana", Action::RecordPlan { plan: plan.clone(), policy: policy.clone() });
        replay
    }

    fn does(&mut self, who: &str, action: Action) {
        let by = Cast::new().principal(who);
        self.runner.tell(Input::Action(Command { by, action })).unwrap();
    }

    /// Answers a call that changes something; whether there was one.
    fn perform(&mut self) -> bool {
        let Some(call) = self.runner.calls().find(|call| call.key().is_some()).cloned() else {
            return false;
        };
        if let Request::SetTraffic(request) = &call.request {
            self.share = request.share;
            let now = self.runner.now();
            if self.exposed_at.is_none() {
                self.exposed_at = Some(now);
                let environments = [Environment::Production];
                let half = TrafficShare::percent(50);
                let platform = SimulatedPlatform::new(self.world.clone(), 1, self.clock.clone());
                let id = request.target.release.clone();
                self.platform = Some(platform.anchored_at(now).resumed(id, half, environments, Some(now)));
            }
        }
        self.runner.answer(call.id, Outcome::Done);
        true
    }

    /// Answers a question; whether there was one.
    fn look(&mut self) -> bool {
        let Some(call) = self.runner.calls().next().cloned() else {
            return false;
        };
        let deployment = Deployment { canary_share: self.share, detail: String::new() };
        let tolerance = TrafficShare::ZERO;
        let outcome = match &call.request {
            Request::Measure(question) => Outcome::Measured {
                observations: self.measure(question),
                deployment: Ok(deployment),
                tolerance,
            },
            Request::ObservePlatform(_) => Outcome::Observed { deployment, tolerance },
            other => panic!("nobody asks this here: {other:?}"),
        };
        self.runner.answer(call.id, outcome);
        true
    }

    fn measure(&mut self, question: &LookQuestion) -> Vec<Observation> {
        let drawn = self.drawn.next().expect("the machine looks no oftener than the trial");
        let start = self.exposed_at.unwrap();
        let window = Window { from: start + drawn.look.from, until: start + drawn.look.until };
        assert_eq!((question.window, self.share), (window, drawn.look.share));
        for at in &drawn.complaints {
            *self.complaints.entry(start + *at).or_default() += 1;
        }
        let asked = question.queries.iter();
        let asked = asked.flat_map(|query| question.arms.iter().map(move |arm| (query, *arm)));
        asked.map(|(query, arm)| self.observe(query, arm, drawn, window)).collect()
    }

    fn observe(&self, query: &MetricQuery, arm: Arm, drawn: &Drawn, window: Window) -> Observation {
        let seen = match arm {
            Arm::Canary => &drawn.canary,
            Arm::Baseline => &drawn.baseline,
        };
        let metric = query.metric.clone();
        let kind = Kind::of(&metric).expect("the policies of the test watch what is simulated");
        let platform = self.platform.as_ref().unwrap();
        let there: Answer = ready(MetricsSource::observe(platform, query, arm, window)).answer;
        let answer = if there.missing().is_some() { there } else { seen.answer(kind).clone() };
        Observation { metric, arm, window, source: "trial".to_owned(), answer }
    }

    fn complain(&mut self) -> bool {
        let now = self.runner.now();
        let due = self.complaints.first_entry().filter(|entry| *entry.key() <= now);
        let Some(count) = due.map(std::collections::btree_map::OccupiedEntry::remove) else {
            return false;
        };
        for _ in 0..count {
            self.does("user:oli", Action::Complain { text: "It does not work".parse().unwrap() });
        }
        true
    }

    /// Each of them acts, whatever became of the others.
    fn people(&mut self) -> bool {
        let acts = Cast::new().next(self.runner.release(), self.runner.now());
        let acts = acts.into_iter().map(|(by, action)| Input::Action(Command { by, action }));
        acts.filter(|act| !self.runner.tell(act.clone()).unwrap().records.is_empty()).count() > 0
    }

    /// Runs to the end of the release, or for so long after the first exposure. A rollback that has begun by then is
    /// followed until zero traffic is confirmed: a trial says when that is, however late.
    fn run(mut self, longest: Span) -> Ending {
        loop {
            while self.perform() || self.look() || self.complain() || self.people() {}
            let end = self.exposed_at.map(|start| start + longest);
            let deadline = self.runner.next_deadline();
            let next = deadline.into_iter().chain(self.complaints.keys().next().copied()).min();
            let phase = self.runner.release().phase().name();
            let follows = |next: &Timestamp| match phase {
                PhaseName::Closed => false,
                PhaseName::RollingBack => true,
                _ => end.is_none_or(|end| *next <= end),
            };
            match next.filter(follows) {
                Some(next) => {
                    self.clock.set(next);
                    self.runner.advance_to(next);
                }
                None => return self.ending(longest),
            }
        }
    }

    fn ending(&self, longest: Span) -> Ending {
        let start = self.exposed_at.unwrap();
        let criteria = self.runner.release().plan().unwrap().contract().unwrap().criteria();
        let (mut step, mut looks) = (0, 0);
        let mut ending = None;
        for record in self.runner.records() {
            let at = record.at.since(start);
            match &record.event {
                Event::StepStarted(started) => (step, looks) = (started.step, 0),
                Event::LookTaken(_) => looks += 1,
                Event::ReleaseCompleted(_) => ending = Some((End::Completed, at, at)),
                Event::RollbackStarted(started) => {
                    let cause = match &started.trigger {
                        RollbackTrigger::Criterion { criterion, .. } => {
                            Cause::Criterion(criteria.iter().position(|one| one == criterion).unwrap())
                        }
                        RollbackTrigger::Unmeasured { .. } => Cause::Unmeasured,
                        other @ RollbackTrigger::Manual { .. } => panic!("{other:?}"),
                    };
                    ending = Some((End::RolledBack(cause), at, at));
                }
                Event::RollbackConfirmed(_) => {
                    let (end, began, _) = ending.unwrap();
                    ending = Some((end, began, at));
                }
                _ => {}
            }
        }
        let (end, at, zero_at) = ending.unwrap_or((End::Unfinished, longest, longest));
        Ending { end, step, looks, at, zero_at }
    }
}

/// Tries a release both ways.
fn both(plan: &Arc<Plan>, policy: &Arc<Policy>, world: &World, seed: u64) -> (Ending, Ending) {
    let track = plan.track().unwrap();
    let course = Course::of(policy, plan, Some(track)).unwrap();
    let longest = course.planned().times(3) + Span::from_minutes(30);
    let mut drawn = Vec::new();
    let draw = Draw::about(&format!("test {seed}"));
    let trial = trial(&course, world, draw, sample::start(), longest, |witnessed| {
        drawn.push(Drawn {
            look: witnessed.look,
            canary: witnessed.canary.clone(),
            baseline: witnessed.baseline.clone(),
            complaints: witnessed.complaints.to_vec(),
        });
    });
    (trial.into(), Replay::of(plan, policy, world, &drawn).run(longest))
}

const CRITERIA: [&str; 12] = [
    "error_rate > 1%",
    "error_rate >= 0.5%",
    "error_rate > 2x baseline",
    "error_rate > 1.1x baseline",
    "latency_p99 > 2x baseline",
    "latency_p95 > 300ms",
    "latency_p50 > 1.05x baseline",
    "latency_p99 < 50ms",
    "log_errors > 1%",
    "log_errors > 3x baseline",
    "complaints > 3",
    "complaints >= 1",
];

/// The shipped policy with a track `test` for drills, rules for the four ways of having no value, and so many
/// confirmations.
fn policy_with(track: &str, method: &str, no_data: [&str; 4], confirmations: u32) -> Arc<Policy> {
    let track = format!(
        "[tracks.test]\nhighest_risk = \"high\"\nuse = \"drills\"\n{track}\n\n\
         [judging]\nmethod = \"{method}\"\nsample_ratio = \"warn\"\n\n[risk]\n"
    );
    let text = Policy::SHIPPED_TOML.replacen("[risk]\n", &track, 1);
    let (before, after) = text.split_once("[no_data]").unwrap();
    let (_, after) = after.split_once("[on_call]").unwrap();
    let names = ["no_data", "stale", "provider_error", "not_finite"];
    let rules: Vec<String> =
        names.iter().zip(no_data).map(|(name, rule)| format!("{name} = {rule}")).collect();
    let text = format!("{before}[no_data]\n{}\n\n[on_call]{after}", rules.join("\n"));
    let text = text.replace("confirmations = 2", &format!("confirmations = {confirmations}"));
    Arc::new(Policy::from_toml(&text).unwrap())
}

/// A drill on the track `test` with this contract.
fn plan_with(criteria: &[&str]) -> Arc<Plan> {
    let criteria = criteria.iter().map(|criterion| criterion.parse().unwrap()).collect();
    let contract = RollbackContract::new(criteria).unwrap();
    let plan = sample::builder("drill-1", &["api"]).drill().track("test".parse().unwrap());
    Arc::new(plan.contract(contract).build().unwrap())
}

prop_compose! {
    /// A rule for missing values.
    fn no_data_rule()(action in 0..5_u8, patience in 0..40_u64) -> String {
        match action {
            0 => "{ action = \"roll_back\" }".to_owned(),
            1 => "{ action = \"hold\" }".to_owned(),
            _ => format!("{{ action = \"hold\", roll_back_after = \"{patience}m\" }}"),
        }
    }
}

prop_compose! {
    fn policy()(
        look_every in prop_oneof![Just(20_u64), Just(60), Just(90)],
        bakes in prop::collection::vec(5..14_u64, 4),
        odd in 0..30_u64,
        shares in prop::sample::subsequence(vec![500_u16, 1_000, 2_500, 5_000, 9_000], 2),
        first in prop_oneof![Just(100_u16), Just(400)],
        min_requests in prop_oneof![Just(1_u64), Just(50), Just(100), Just(1_000), Just(20_000)],
        rules in [no_data_rule(), no_data_rule(), no_data_rule(), no_data_rule()],
        method in prop_oneof![Just("evidence"), Just("threshold")],
        confirmations in 1..4_u32,
        hold_back in prop_oneof![3 => Just(0_u16), 1 => Just(500)],
    ) -> Arc<Policy> {
        let shares = [first, shares[0].max(first + 1), shares[1], 10_000 - hold_back];
        let step = |(share, bake): (&u16, &u64)| {
            let share = f64::from(*share) / 100.0;
            format!("{{ share = \"{share}%\", bake = \"{}s\" }}", bake * look_every + odd)
        };
        let steps: Vec<String> = shares.iter().zip(&bakes).map(step).collect();
        let rules = rules.each_ref().map(String::as_str);
        let track = format!(
            "look_every = \"{look_every}s\"\nhold_back = \"{}%\"\nmin_requests = {min_requests}\nsteps = [{}]",
            hold_back / 100,
            steps.join(", ")
        );
        policy_with(&track, method, rules, confirmations)
    }
}

prop_compose! {
    fn plan()(criteria in prop::sample::subsequence(CRITERIA.to_vec(), 1..5)) -> Arc<Plan> {
        plan_with(&criteria)
    }
}

prop_compose! {
    fn regression()(
        onset in 0..4_u8, minutes in 0..30_u64, harm in 0..3_u8, size in 0.0..0.1_f64, users in 0.1..1.0_f64,
    ) -> Regression {
        let after = Span::from_secs(minutes * 45);
        let onset = match onset {
            0 => Onset::After(after),
            1 => Onset::Growing { from: after, over: Span::from_minutes(20) },
            2 => Onset::FromShare(TrafficShare::percent(50)),
            _ => Onset::FromRate(20.0),
        };
        let harm = match harm {
            0 => Harm::Errors { rate: size },
            1 => Harm::Latency { factor: 1.0 + size * 30.0 },
            _ => Harm::ErrorBursts { rate: size, size: 8.0 },
        };
        Regression::new(onset, harm).for_users(users)
    }
}

prop_compose! {
    fn outage()(
        from in 0..2_400_u64, length in 1..1_200_u64,
        fate in prop::sample::select(vec![
            MetricsFate::Empty, MetricsFate::Stale, MetricsFate::Down, MetricsFate::NotANumber,
        ]),
        metric in prop::sample::select(vec!["all", "error_rate", "latency_p99", "log_errors"]),
    ) -> Fault {
        let (from, until) = (Span::from_secs(from), Span::from_secs(from + length));
        match metric {
            "all" => Fault::outage(from, until, fate),
            metric => Fault::outage_of(metric.parse().unwrap(), from, until, fate),
        }
    }
}

prop_compose! {
    fn world()(
        requests_per_second in prop_oneof![Just(0.7), Just(5.0), Just(30.0), Just(300.0)],
        requests in prop::sample::select(vec![
            Requests::exactly(), Requests::by_chance(),
            Requests::by_chance().varying(0.5).daily(0.4, Span::from_hours(9)),
        ]),
        error_rate in prop::sample::select(vec![0.0, 0.000_1, 0.001, 0.01]),
        burst_size in prop::sample::select(vec![1.0, 1.0, 6.0]),
        better in any::<bool>(),
        regressions in prop::collection::vec(regression(), 0..3),
        incident in prop::option::of((0..40_u64, 0.0..0.5_f64)),
        outages in prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(outage(), 1..3)],
        per_harmed_user in prop::sample::select(vec![0.0, 0.001, 0.1]),
    ) -> World {
        let new_version = if better {
            NewVersion::Differs { error_rate: error_rate / 2.0, latency_median_ms: 60.0, latency_spread: 0.3 }
        } else {
            NewVersion::LikeTheOld
        };
        let incidents = incident.into_iter().map(|(from, errors)| {
            let from = Span::from_secs(from * 50);
            Incident { from, until: from + Span::from_minutes(4), errors, slower: 1.0 + errors }
        });
        let incidents = incidents.collect();
        let complaints = Complaints::of(per_harmed_user, Span::from_minutes(3));
        World {
            requests_per_second, requests, error_rate, burst_size, new_version, regressions, incidents,
            complaints, faults: outages.into_iter().collect(), ..World::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_trial_comes_to_the_end_that_the_machine_comes_to(
        plan in plan(), policy in policy(), world in world(), seed in any::<u64>(),
    ) {
        let (trial, machine) = both(&plan, &policy, &world, seed);
        prop_assert_eq!(trial, machine);
    }
}

/// Which ends the property meets: it would be worth little if all of them were the same.
#[test]
fn the_worlds_of_the_property_lead_to_every_kind_of_end() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..400 {
        let (plan, policy, world) = (plan(), policy(), world()).new_tree(&mut runner).unwrap().current();
        let course = Course::of(&policy, &plan, plan.track()).unwrap();
        let longest = course.planned().times(3);
        let draw = Draw::about(&format!("test {seed}"));
        let trial = trial(&course, &world, draw, sample::start(), longest, |_| {});
        let name = match trial.end {
            End::RolledBack(Cause::Criterion(index)) => format!("{}", course.rules[index].criterion),
            other => format!("{other:?}"),
        };
        *ends.entry(name).or_default() += 1;
        *ends.entry(format!("step {}", trial.step)).or_default() += 1;
    }
    for end in ["Completed", "Unfinished", "RolledBack(Unmeasured)", "step 1", "step 2", "step 3", "step 4"] {
        assert!(ends.get(end).is_some_and(|count| *count >= 8), "{end}: {ends:?}");
    }
    for criterion in CRITERIA.iter().filter(|criterion| !criterion.contains("< 50ms")) {
        assert!(ends.contains_key(*criterion), "{criterion}: {ends:?}");
    }
}

/// Found by the property: the machine was no longer followed after the longest time, so that a rollback which began just
/// then was never confirmed, while the trial said when it would be.
#[test]
fn a_rollback_at_the_last_moment_is_followed_to_zero() {
    let track = "look_every = \"20s\"\nmin_requests = 100\nsteps = [\
                 { share = \"4%\", bake = \"245s\" }, { share = \"25%\", bake = \"245s\" }, \
                 { share = \"90%\", bake = \"285s\" }, { share = \"100%\", bake = \"145s\" }]";
    let policy = policy_with(track, "threshold", ["{ action = \"roll_back\" }"; 4], 2);
    let slow = Harm::Latency { factor: 2.869_002_899_368_962 };
    let slow = Regression::new(Onset::FromShare(TrafficShare::percent(50)), slow);
    let world = World {
        requests_per_second: 0.7,
        requests: Requests::by_chance().varying(0.5).daily(0.4, Span::from_hours(9)),
        error_rate: 0.0,
        complaints: Complaints::of(0.0, Span::from_minutes(3)),
        regressions: vec![slow.for_users(0.568_857_044_457_616_8)],
        ..World::default()
    };
    let (trial, machine) =
        both(&plan_with(&["latency_p50 > 1.05x baseline"]), &policy, &world, 11_579_801_056_237_026_887);
    assert_eq!(trial, machine);
    let longest = Span::from_secs((245 + 245 + 285 + 145) * 3 + 30 * 60);
    assert_eq!((trial.end, trial.at), (End::RolledBack(Cause::Criterion(0)), longest));
    assert_eq!(trial.zero_at, longest + Span::from_secs(5));
}

#[test]
fn a_criterion_that_could_not_be_measured_has_to_be_clean_again() {
    // 60 requests a look at 1 %, so that two looks make a verdict, and seven that count serve the time: the seventh
    // stands alone. Where the look before it was lost, the step waits for one more.
    let steps = "{ share = \"1%\", bake = \"7m\" }, { share = \"10%\", bake = \"5m\" }, \
                 { share = \"50%\", bake = \"5m\" }, { share = \"100%\", bake = \"5m\" }";
    let track = format!(
        "[tracks.test]\nhighest_risk = \"high\"\nuse = \"drills\"\nlook_every = \"1m\"\n\
         min_requests = 100\nsteps = [{steps}]\n\n\
         [judging]\nmethod = \"threshold\"\nsample_ratio = \"warn\"\n\n[risk]\n"
    );
    let policy = Arc::new(Policy::from_toml(&Policy::SHIPPED_TOML.replacen("[risk]\n", &track, 1)).unwrap());
    let plan = sample::builder("drill-1", &["api"]).drill().track("test".parse().unwrap());
    let criteria = vec!["error_rate > 50%".parse().unwrap()];
    let plan = Arc::new(plan.contract(RollbackContract::new(criteria).unwrap()).build().unwrap());
    let requests = Requests::exactly();
    let ends = (4..8_u64).map(|lost| {
        let (from, until) = (Span::from_minutes(lost), Span::from_minutes(lost + 1));
        let outage = Fault::outage(from, until, MetricsFate::Empty);
        let world = World { requests_per_second: 100.0, requests, ..World::calm() }.with(outage);
        let (trial, machine) = both(&plan, &policy, &world, 1);
        assert_eq!(trial, machine);
        trial.at
    });
    assert_eq!(ends.map(|at| at.as_millis() / 60_000).collect::<Vec<_>>(), [23, 23, 24, 23]);
}

#[test]
fn the_standard_track_ends_as_the_machine_ends_it() {
    // A trial draws no baseline for what nobody compares with it.
    let judging = "[judging]\nsample_ratio = \"warn\"\n\n[risk]\n";
    let text = Policy::SHIPPED_TOML.replacen("[risk]\n", judging, 1);
    let policy = Arc::new(Policy::from_toml(&text).unwrap());
    let plan = sample::builder("checkout-241", &["api"]).track("standard".parse().unwrap());
    let plan = Arc::new(plan.build().unwrap());
    let slow = World::calm().with(Regression::errors_after(Span::from_hours(10), 0.02));
    let (trial, machine) = both(&plan, &policy, &slow, 1);
    assert_eq!(trial, machine);
    assert_eq!((trial.end, trial.step), (End::RolledBack(Cause::Criterion(0)), 4));
    let (trial, machine) = both(&plan, &policy, &World::calm(), 1);
    assert_eq!(trial, machine);
    assert_eq!((trial.end, trial.at), (End::Completed, Span::from_hours(30) + Span::from_minutes(30)));
}
