use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use relman_core::unit::{Span, TrafficShare};
use relman_testkit::{
    Cast, Flaw, Run, Simulation, SimulationError,
    fault::{DeployerCall, DeployerFate, Fault, Schedule},
    sample,
    sim::{Complaints, Regression, World},
};

/// The invariant that has to notice, and what is wrong with the conductor.
pub(crate) const FLAWS: [(&str, Flaw); 8] = [
    ("chain_verifies", Flaw::RewritesLines),
    ("replay_equals_live", Flaw::ClosesInMemory),
    ("law2_append_before_act", Flaw::ActsBeforeAppending),
    ("law2_net_effect_is_as_if_once", Flaw::OneKeyForEachRecord),
    ("law5_back_beats_forward", Flaw::GoesForwardUnheard),
    ("exposure_on_the_platform_never_above_step", Flaw::GivesEverythingOnRetry),
    ("b3_platform_is_at_zero_when_confirmed", Flaw::BelievesInZero),
    ("nobody_waits_for_ever", Flaw::TriesOnce),
];

/// A drill in a random world in which four things go wrong, driven by one conductor or two.
pub(crate) fn drill(seed: u64) -> Simulation {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let share = [1, 5, 10, 30].choose(&mut random).map(|percent| TrafficShare::percent(*percent)).unwrap();
    let mut world = World::calm();
    if random.random_bool(0.7) {
        world = world.with(Regression::errors_from_share(share, 0.3));
        world.complaints = Complaints { per_harmed_user: 2.0, delay: Span::from_secs(5) };
    }
    if random.random_bool(0.5) {
        let fate = DeployerFate::ALL.choose(&mut random).copied().unwrap();
        let times = random.random_range(1..6);
        world = world.with(Fault::deployer(DeployerCall::Forward, random.random_range(2..5), times, fate));
    }
    world = world.with(Schedule::random(seed, 4, Span::from_minutes(20)));
    if random.random_bool(0.5) {
        world = world.with(Fault::SecondConductor {});
    }
    Simulation::new(sample::drill_plan(), sample::brief_policy()).world(world).seed(seed)
}

pub(crate) fn play(drill: &Simulation) -> Result<Run, SimulationError> {
    drill.run(Cast::new())
}
