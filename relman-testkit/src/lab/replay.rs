//! The machine on the very numbers that a trial has drawn: both come to the same end. A law of the
//! [search](crate::search), and of the tests of the trial.

#![allow(clippy::unwrap_used, reason = "a comparison that can not go on has failed")]

use std::{collections::BTreeMap, fmt, sync::Arc};

use proptest::prelude::*;
use relman_core::{
    event::{Event, RollbackTrigger},
    judge::{Answer, Arm, Observation},
    machine::{Action, Command, EvaluationRequest, Input, Outcome, PhaseName, Request, SessionConfig},
    plan::{Plan, RollbackContract},
    policy::Policy,
    port::{Deployment, Environment, MetricQuery, MetricsSource},
    unit::{Span, Timestamp, TrafficShare, Window},
};

use super::{
    setup::Setup,
    traffic::{ArmCounts, Stretch},
    trial::{Cause, End, Trial, trial},
};
use crate::{
    SessionRunner, Team, ready, sample,
    strategy::Shown,
    world::{
        Complaints, Harm, Incident, ManualClock, NewVersion, Onset, Regression, Requests, SimulatedPlatform,
        World,
        draw::Draw,
        fault::{Fault, MetricsFate},
        metrics::Kind,
    },
};

/// A look as the trial drew it.
#[derive(Debug)]
struct Drawn {
    look: Stretch,
    canary: ArmCounts,
    baseline: ArmCounts,
    complaints: Vec<Span>,
}

/// What both have to agree on.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    pub(super) end: End,
    pub(super) step: u32,
    pub(super) looks: u64,
    pub(super) at: Span,
    pub(super) zero_at: Span,
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
        let by = Team::new().principal(who);
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
        let deployment = Deployment::at(self.share);
        let tolerance = TrafficShare::ZERO;
        let outcome = match &call.request {
            Request::Measure(question) => Outcome::Measured {
                observations: self.measure(question),
                deployment: Ok(deployment),
                tolerance,
                standing: None,
            },
            Request::ObservePlatform(_) => Outcome::Observed { deployment, tolerance },
            other => panic!("nobody asks this here: {other:?}"),
        };
        self.runner.answer(call.id, outcome);
        true
    }

    fn measure(&mut self, question: &EvaluationRequest) -> Vec<Observation> {
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
        Observation::new(metric, arm, window, "trial", answer)
    }

    fn complain(&mut self) -> bool {
        let now = self.runner.now();
        let due = self.complaints.first_entry().filter(|entry| *entry.key() <= now);
        let Some(count) = due.map(std::collections::btree_map::OccupiedEntry::remove) else {
            return false;
        };
        for _ in 0..count {
            self.does("user:oli", Action::Complain { key: None, text: "It does not work".parse().unwrap() });
        }
        true
    }

    /// Each of them acts, whatever became of the others.
    fn people(&mut self) -> bool {
        let acts = Team::new().next(self.runner.release(), self.runner.now());
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
                Event::Evaluated(_) => looks += 1,
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
pub(super) fn both(plan: &Arc<Plan>, policy: &Arc<Policy>, world: &World, seed: u64) -> (Ending, Ending) {
    let track = plan.track().unwrap();
    let setup = Setup::of(policy, plan, Some(track)).unwrap();
    let longest = setup.planned().times(3) + Span::from_minutes(30);
    let mut drawn = Vec::new();
    let draw = Draw::about(&format!("test {seed}"));
    let trial = trial(&setup, world, draw, sample::start(), longest, |witnessed| {
        drawn.push(Drawn {
            look: witnessed.look,
            canary: witnessed.canary.clone(),
            baseline: witnessed.baseline.clone(),
            complaints: witnessed.complaints.to_vec(),
        });
    });
    (trial.into(), Replay::of(plan, policy, world, &drawn).run(longest))
}

pub(super) const CRITERIA: [&str; 12] = [
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
pub(super) fn policy_with(track: &str, method: &str, no_data: [&str; 4], confirmations: u32) -> Arc<Policy> {
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
pub(super) fn plan_with(criteria: &[&str]) -> Arc<Plan> {
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

/// A release to be tried both ways.
pub(crate) struct Candidate {
    pub(super) plan: Arc<Plan>,
    pub(super) policy: Arc<Policy>,
    pub(super) world: World,
    pub(super) seed: u64,
}

impl Candidate {
    /// How the trial ends, and how the machine does.
    pub(crate) fn both(&self) -> (Ending, Ending) {
        both(&self.plan, &self.policy, &self.world, self.seed)
    }
}

/// As people read it; the seed of the case gives the rest.
impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, policy, world, seed } = self;
        let (plan, policy) = (Shown(plan.clone()), Shown(policy.clone()));
        write!(f, "{plan}\n{policy}\n{}\nseed {seed}", Shown(world.clone()))
    }
}

/// Releases that end in every way that there is.
pub(crate) fn cases() -> impl Strategy<Value = Candidate> {
    (plan(), policy(), world(), any::<u64>()).prop_map(|(plan, policy, world, seed)| Candidate {
        plan,
        policy,
        world,
        seed,
    })
}
