use std::sync::Arc;

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use relman_core::{
    event::{EffectId, Record},
    machine::{
        Action, Command, Effect, Input, Look, LookQuestion, OutcomeOf, Outstanding, PhaseName, Question,
    },
    plan::Plan,
    port::{Clock, DeployRequest, Deployer, MetricsSource, Target, TrafficRequest},
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    AfterFailure, Cast,
    fault::{Fault, MetricsFate},
    ready, sample,
    sim::{ManualClock, Regression, SimulatedPlatform, World},
};

use super::machine::{Machine, Mutant};

/// A drill of the mutant in a random world, with a random cast, to its end.
pub(crate) fn play(mutant: &Mutant, seed: u64) -> Vec<Record> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (plan, world, cast) = (plan(&mut random), world(&mut random), cast(&mut random));
    let clock = Arc::new(ManualClock::at(sample::start()));
    let platform = SimulatedPlatform::new(world, seed, clock.clone());
    let machine = Machine::new(*mutant, plan.release().clone());
    let mut run = Run { machine, platform, clock, cast, random };
    let by = Cast::new().principal("user:ana");
    let action = Action::RecordPlan { plan, policy: sample::drill_policy() };
    run.tell(&Input::Command(Command { by, action }));
    run.play();
    run.machine.records
}

fn plan(random: &mut ChaCha8Rng) -> Arc<Plan> {
    let touches = [&["api"][..], &["payments"]].choose(random).copied().unwrap();
    let drill = sample::builder("drill-1", touches).drill().track("drill".parse().unwrap());
    Arc::new(drill.build().unwrap())
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

fn cast(random: &mut ChaCha8Rng) -> Cast {
    let answers = [AfterFailure::PassNextTime, AfterFailure::Override, AfterFailure::GiveUp];
    match random.random_range(0..2) {
        0 => Cast::new(),
        _ => Cast::new().with_failing("integration".parse().unwrap(), *answers.choose(random).unwrap()),
    }
}

/// A mutant on a platform, with people.
struct Run {
    machine: Machine,
    platform: SimulatedPlatform,
    clock: Arc<ManualClock>,
    cast: Cast,
    random: ChaCha8Rng,
}

impl Run {
    fn play(&mut self) {
        while self.machine.release.phase().name() != PhaseName::Closed {
            let changed = [self.tell(&Input::Tick), self.perform(), self.look(), self.listen()];
            if changed.contains(&true) {
                continue;
            }
            match self.machine.release.next_deadline(self.clock.now()) {
                Some(next) => self.clock.set(next),
                // People have nothing left to do.
                None => return,
            }
        }
    }

    fn tell(&mut self, input: &Input) -> bool {
        self.machine.tell(input, self.clock.now()).unwrap_or(false)
    }

    /// Performs what is due; now and then the clock is set back before the outcome is recorded.
    fn perform(&mut self) -> bool {
        let now = self.clock.now();
        let release = &self.machine.release;
        let due: Vec<(EffectId, Outstanding)> = release
            .outstanding()
            .iter()
            .filter(|(_, one)| one.due.is_due(now))
            .map(|(effect, one)| (*effect, one.clone()))
            .collect();
        let Some(target) = release.target() else {
            return false;
        };
        let mut changed = false;
        for (effect, outstanding) in due {
            let outcome = self.outcome(&outstanding, &target);
            if self.random.random_range(0..20) == 0 {
                self.clock.set(now.minus(Span::from_secs(30)));
            }
            changed |= self.tell(&Input::Outcome { effect, outcome });
            self.clock.set(now);
        }
        changed
    }

    fn outcome(&self, outstanding: &Outstanding, target: &Target) -> OutcomeOf {
        let (target, key) = (target.clone(), outstanding.key.clone());
        let result = match &outstanding.effect {
            Effect::Deploy { environment } => {
                ready(self.platform.deploy(&DeployRequest { target, environment: *environment, key }))
            }
            Effect::SetTraffic { share } if outstanding.failures > 0 && self.shows(&target) == Ok(*share) => {
                return OutcomeOf::FoundDone;
            }
            Effect::SetTraffic { share } => {
                ready(self.platform.set_traffic(&TrafficRequest { target, share: *share, key }))
            }
            Effect::Notify { .. } => Ok(()),
        };
        match result {
            Ok(()) => OutcomeOf::Done,
            Err(error) => {
                OutcomeOf::Failed { detail: error.to_string(), retry_after: Some(Span::from_secs(1)) }
            }
        }
    }

    fn shows(&self, target: &Target) -> Result<TrafficShare, String> {
        let shown = ready(Deployer::observe(&self.platform, target));
        shown.map(|shown| shown.canary_share).map_err(|error| error.to_string())
    }

    fn look(&mut self) -> bool {
        let now = self.clock.now();
        let input = match self.machine.release.question(now) {
            None => return false,
            Some(Question::Traffic(target)) => Input::Traffic {
                deployment: ready(Deployer::observe(&self.platform, &target))
                    .map_err(|error| error.to_string()),
            },
            Some(Question::Look(question)) => Input::Look(self.measure(question)),
        };
        self.tell(&input)
    }

    fn measure(&self, question: LookQuestion) -> Look {
        let LookQuestion { step, window, queries, arms, target } = question;
        let asked = queries.iter().flat_map(|query| arms.iter().map(move |arm| (query, *arm)));
        let observations = asked
            .map(|(query, arm)| ready(MetricsSource::observe(&self.platform, query, arm, window)))
            .collect();
        let deployment = ready(Deployer::observe(&self.platform, &target)).map_err(|error| error.to_string());
        Look { step, window, deployment, tolerance: TrafficShare::ZERO, observations }
    }

    fn listen(&mut self) -> bool {
        let acts = self.cast.next(&self.machine.release, self.clock.now());
        let mut changed = false;
        for (by, action) in acts {
            changed |= self.tell(&Input::Command(Command { by, action }));
        }
        changed
    }
}
