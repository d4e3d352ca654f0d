use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use relman_core::{
    machine::{Action, Effect, Principal, Release},
    unit::{Span, Timestamp, TrafficShare},
};
use relman_testkit::{
    Duty, Flaw, People, Run, Simulation, SimulationError, Team, sample,
    world::{
        Complaints, Regression, World,
        fault::{AppendFate, Clocks, DeployerCall, DeployerFate, Fault, Jump, PlatformFate, Schedule, When},
    },
};

/// The invariant that has to notice, and what is wrong with the conductor.
pub(crate) const FLAWS: [(&str, Flaw); 21] = [
    ("chain_verifies", Flaw::RewritesLines),
    ("replay_equals_live", Flaw::ClosesInMemory),
    ("law2_append_before_act", Flaw::ActsBeforeAppending),
    ("law2_append_before_act", Flaw::ActsOnAFailedAppend),
    ("law2_net_effect_is_as_if_once", Flaw::OneKeyForEachRecord),
    ("law5_back_beats_forward", Flaw::GoesForwardUnheard),
    ("exposure_on_the_platform_never_above_step", Flaw::GivesEverythingOnRetry),
    ("b3_platform_is_at_zero_when_confirmed", Flaw::BelievesInZero),
    ("b3_platform_is_at_zero_when_confirmed", Flaw::WatchesZeroBriefly),
    ("t2_nothing_is_installed_where_users_are", Flaw::BelievesItFree),
    ("t7_no_way_back_is_a_hold", Flaw::OverlooksTheWayBack),
    ("t8_zero_is_confirmed_by_requests", Flaw::OverlooksPinnedUsers),
    ("t9_what_users_get_counts", Flaw::GoesByTheWeights),
    ("law9_every_call_ends_once", Flaw::ForgetsAborts),
    ("law9_every_call_ends_once", Flaw::AnswersTwice),
    ("law10_nobody_is_left_alone", Flaw::FailsInSilence),
    ("nobody_waits_for_ever", Flaw::TriesOnce),
    ("nobody_waits_for_ever", Flaw::WaitsForEver),
    ("nobody_waits_for_ever", Flaw::WaitsForTheRecord),
    ("nobody_waits_for_ever", Flaw::DropsCommandsAfterTheEnd),
    ("nobody_waits_for_ever", Flaw::GivesUpOnTheJournal),
];

/// Longer than a drill takes whose people are late and whose deployer fails.
const LONGEST: Span = Span::from_hours(24);

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
    let drill = Simulation::new(sample::drill_plan(), sample::brief_policy());
    drill.world(world).seed(seed).longest(LONGEST)
}

pub(crate) fn play(drill: &Simulation) -> Result<Run, SimulationError> {
    drill.run(Team::new())
}

/// A drill in which, besides, something goes wrong that lets a flaw show.
pub(crate) fn drill_for(flaw: Flaw, seed: u64) -> Simulation {
    let drill = drill(seed);
    let number = u32::try_from(seed).unwrap();
    let append =
        |from, times| Fault::Append { nth: from + number % 32, times, fate: AppendFate::BeforeDurable };
    let forward = |times, fate| Fault::deployer(DeployerCall::Forward, 2 + number % 2, times, fate);
    match flaw {
        // Found out, its session follows the stream no more, and users complain for as long as it is watched.
        Flaw::ActsOnAFailedAppend => drill.also(append(4, 1)).longest(Span::from_hours(1)),
        Flaw::GivesUpOnTheJournal => drill.also(append(4, 1)),
        Flaw::FailsInSilence => drill.also(append(12, 40)),
        Flaw::GoesForwardUnheard => drill.also(forward(5, DeployerFate::Unavailable)),
        Flaw::BelievesInZero => drill.also(forward(5, DeployerFate::Unavailable)).also(Fault::deployer(
            DeployerCall::Back,
            1,
            3,
            DeployerFate::Lie,
        )),
        Flaw::WatchesZeroBriefly => drill.also(forward(1, DeployerFate::Late(Span::from_secs(90)))),
        Flaw::WaitsForTheRecord => drill.also(Fault::Clock {
            at: When::AfterStart(Span::from_secs(number.into())),
            of: Clocks::People,
            jump: Jump::Forwards(Span::from_hours(24 * 365)),
        }),
        Flaw::BelievesItFree => drill.also(Fault::Occupied { lasting: Span::from_minutes(20) }),
        Flaw::OverlooksTheWayBack => drill.also(Fault::Platform {
            from: When::AtShare { share: TrafficShare::FULL, after: Span::ZERO },
            lasting: Span::from_minutes(20),
            fate: PlatformFate::BaselineDown,
        }),
        Flaw::OverlooksPinnedUsers => {
            drill.also(Fault::Sticky { pinned: TrafficShare::percent(1), lasting: Span::from_minutes(20) })
        }
        Flaw::GoesByTheWeights => drill.also(Fault::Platform {
            from: When::AfterExposure(Span::ZERO),
            lasting: Span::from_minutes(20),
            fate: PlatformFate::Users(TrafficShare::percent(14)),
        }),
        Flaw::AnswersTwice => drill.also(forward(1, DeployerFate::Late(Span::from_secs(6)))),
        Flaw::ForgetsAborts | Flaw::WaitsForEver => drill.also(forward(1, DeployerFate::Hangs)),
        _ => drill,
    }
}

/// Plays a drill with the people who let a flaw show.
pub(crate) fn play_for(flaw: Flaw, drill: &Simulation) -> Result<Run, SimulationError> {
    match flaw {
        Flaw::DropsCommandsAfterTheEnd => drill.run(Team::new().with_rollback_after_completion()),
        Flaw::BelievesInZero | Flaw::GoesForwardUnheard | Flaw::ForgetsAborts => {
            drill.run(Impatient(Team::new()))
        }
        // A release that is not closed is there to be looked at when the late change arrives.
        Flaw::WatchesZeroBriefly => drill.run(Impatient(Team::new().without(Duty::Close))),
        _ => drill.run(Team::new()),
    }
}

/// People who roll a release back when its next step does not get its traffic at once.
struct Impatient(Team);

impl People for Impatient {
    fn act(&mut self, release: &Release, now: Timestamp) -> Vec<(Principal, Action)> {
        let mut acts = self.0.act(release, now);
        let forward = release.outstanding().values().any(|one| match one.effect {
            Effect::SetTraffic { share, .. } => !share.is_zero(),
            _ => false,
        });
        if forward && release.phase().step().is_some() && !release.exposure().is_zero() {
            let reason = "it takes too long".parse().unwrap();
            acts.push((self.0.principal("user:ana"), Action::RollBack { reason }));
        }
        acts
    }
}
