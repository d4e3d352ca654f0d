use std::sync::Arc;

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use relman_core::{
    event::Record,
    machine::{Action, Call, Command, EvaluationRequest, Input, Outcome, PhaseName, Request},
    plan::Plan,
    port::{Clock, Deployer, MetricsSource, PortError, Promotion, Target},
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    AfterFailure, Team, ready, sample,
    world::{
        ManualClock, Regression, SimulatedPlatform, TargetStreams, World,
        fault::{Fault, MetricsFate},
    },
};

use super::machine::{Machine, Mutant};

/// A drill of the mutant in a random world, with a random team, to its end.
pub(crate) fn play(mutant: &Mutant, seed: u64) -> Vec<Record> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (plan, world, team) = (plan(&mut random, seed), world(&mut random), team(&mut random));
    let clock = Arc::new(ManualClock::at(sample::start()));
    let platform = SimulatedPlatform::new(world, seed, clock.clone());
    let machine = Machine::new(*mutant, plan.release().clone());
    let targets = TargetStreams::new();
    let mut run = Run { machine, platform, targets, clock, team, random };
    let by = Team::new().principal("user:ana");
    let action = Action::RecordPlan { plan, policy: sample::drill_policy() };
    run.tell(&Input::Action(Command { by, action }));
    run.play();
    run.machine.records
}

/// In every third run there is no way back beyond the first step.
fn plan(random: &mut ChaCha8Rng, seed: u64) -> Arc<Plan> {
    let touches = [&["api"][..], &["payments"]].choose(random).copied().unwrap();
    let drill = sample::builder("drill-1", touches).drill().track("drill".parse().unwrap());
    let plan = drill.build().unwrap();
    let contract = plan.contract().unwrap().clone();
    let contract = match seed % 3 {
        0 => sample::without_way_back(contract, TrafficShare::percent(1)),
        _ => contract,
    };
    let drill = sample::builder("drill-1", touches).drill().track("drill".parse().unwrap());
    Arc::new(drill.contract(contract).build().unwrap())
}

fn world(random: &mut ChaCha8Rng) -> World {
    let share = [1, 10, 50, 100].choose(random).map(|percent| TrafficShare::percent(*percent)).unwrap();
    let from = Span::from_secs(random.random_range(0..1_200));
    let until = from + Span::from_secs(random.random_range(30..300));
    let gaps = [MetricsFate::Empty, MetricsFate::Stale, MetricsFate::Down, MetricsFate::NotANumber];
    match random.random_range(0..5) {
        0 => World::calm(),
        1 => World::calm().with(Regression::errors_from_share(share, 0.2)),
        2 => World::calm().with(Regression::latency_from_share(share, 4.0)),
        3 => World::calm().with(Fault::outage(from, until, *gaps.choose(random).unwrap())),
        _ => World::calm().with(Fault::lost_answers(random.random_range(1..4))),
    }
}

fn team(random: &mut ChaCha8Rng) -> Team {
    let answers = [AfterFailure::PassNextTime, AfterFailure::Override, AfterFailure::GiveUp];
    match random.random_range(0..2) {
        0 => Team::new(),
        _ => Team::new().with_failing("integration".parse().unwrap(), *answers.choose(random).unwrap()),
    }
}

/// A mutant on a platform, with people.
struct Run {
    machine: Machine,
    platform: SimulatedPlatform,
    targets: TargetStreams,
    clock: Arc<ManualClock>,
    team: Team,
    random: ChaCha8Rng,
}

impl Run {
    fn play(&mut self) {
        while self.machine.belief.release().phase().name() != PhaseName::Closed {
            let changed = [self.tell(&Input::Tick), self.answer(), self.listen()];
            if changed.contains(&true) {
                continue;
            }
            match self.machine.belief.next_deadline() {
                Some(next) => self.clock.set(next),
                // People have nothing left to do.
                None => return,
            }
        }
    }

    fn tell(&mut self, input: &Input) -> bool {
        self.machine.tell(input, self.clock.now())
    }

    /// Answers every call; now and then the clock is set back before the outcome of a change is recorded. Whether there
    /// was any.
    fn answer(&mut self) -> bool {
        let now = self.clock.now();
        let calls: Vec<Call> = self.machine.belief.calls().cloned().collect();
        for call in &calls {
            let outcome = self.outcome(call);
            if call.key().is_some() && self.random.random_range(0..20) == 0 {
                self.clock.set(now.minus(Span::from_secs(30)));
            }
            self.tell(&Input::Answered(call.id, outcome));
            self.clock.set(now);
        }
        !calls.is_empty()
    }

    fn outcome(&self, call: &Call) -> Outcome {
        let done = |result: Result<(), PortError>| match result {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::of_error(&error),
        };
        match &call.request {
            Request::Deploy(request) => done(ready(self.platform.deploy(request))),
            Request::SetTraffic(request) => done(ready(self.platform.set_traffic(request))),
            Request::Notify(_) => Outcome::Done,
            Request::Measure(question) => self.measure(question),
            Request::ObservePlatform(target) => self.observe(target),
            Request::Promote(request) => {
                self.observe(&request.target.clone().with_stable(request.target.stable.other()))
            }
            Request::Preflight(asked) => {
                let at = (self.clock.now(), Promotion::Swap);
                let observe = |target: &Target| {
                    ready(Deployer::observe(&self.platform, target)).map_err(|error| error.to_string())
                };
                self.targets.preflight(asked, at, observe)
            }
            Request::LeaveTarget(left) => self.targets.leave(left, self.clock.now()),
            Request::CheckFlows(_) | Request::ListIncidents { .. } => {
                panic!("nothing checks flows or lists incidents: {:?}", call.request)
            }
        }
    }

    fn observe(&self, target: &Target) -> Outcome {
        match ready(Deployer::observe(&self.platform, target)) {
            Ok(deployment) => Outcome::Observed { deployment, tolerance: TrafficShare::ZERO },
            Err(error) => Outcome::of_error(&error),
        }
    }

    fn measure(&self, question: &EvaluationRequest) -> Outcome {
        let EvaluationRequest { window, queries, arms, target, .. } = question;
        let asked = queries.iter().flat_map(|query| arms.iter().map(move |arm| (query, *arm)));
        let observations = asked
            .map(|(query, arm)| ready(MetricsSource::observe(&self.platform, query, arm, *window)))
            .collect();
        let deployment = ready(Deployer::observe(&self.platform, target)).map_err(|error| error.to_string());
        Outcome::Measured { observations, deployment, tolerance: TrafficShare::ZERO, standing: None }
    }

    fn listen(&mut self) -> bool {
        let acts = self.team.next(self.machine.belief.release(), self.clock.now());
        let mut changed = false;
        for (by, action) in acts {
            changed |= self.tell(&Input::Action(Command { by, action }));
        }
        changed
    }
}
