use relman_core::unit::{Span, TrafficShare};

use crate::{
    Simulation, Team, sample,
    world::{
        Regression, World,
        fault::{
            AppendFate, Clocks, DeployerCall, DeployerFate, Fault, Jump, MetricsFate, NotifierFate, PortName,
            Schedule, When,
        },
    },
};

/// A release whose process is ended at every point.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about.
    pub name: String,
    /// The plan, the policy, the world and the seed.
    pub simulation: Simulation,
    /// The people.
    pub team: Team,
}

impl Scenario {
    /// A scenario with people who do their part.
    pub fn new(name: impl Into<String>, simulation: Simulation) -> Self {
        Self { name: name.into(), simulation, team: Team::new() }
    }

    /// The scenarios that ship: a brief drill in worlds in which one thing at a time goes wrong, each with so many
    /// seeds.
    pub fn shipped(seeds: u64) -> Vec<Self> {
        let scenario = |name: &str, world: &World, seed| {
            let simulation = Simulation::new(sample::drill_plan(), sample::brief_policy());
            Self::new(format!("{name}, seed {seed}"), simulation.world(world.clone()).seed(seed))
        };
        let worlds = worlds();
        let all = (1..=seeds).flat_map(|seed| worlds.iter().map(move |(name, world)| (*name, world, seed)));
        all.map(|(name, world, seed)| scenario(name, world, seed)).collect()
    }
}

fn worlds() -> Vec<(&'static str, World)> {
    let minutes = Span::from_minutes;
    let day = Span::from_hours(24);
    let share = TrafficShare::percent;
    let calm = World::calm;
    let bad = || calm().with(Regression::errors_from_share(share(10), 0.3));
    let back = |fate| bad().with(Fault::deployer(DeployerCall::Back, 1, 2, fate));
    let append = |nth, times, fate| Fault::Append { nth, times, fate };
    let jump = |of, jump| Fault::Clock { at: When::AfterExposure(minutes(7)), of, jump };
    let panics = |port| Fault::Panic { port, nth: 3, times: 2 };
    let forward = |nth, fate| Fault::deployer(DeployerCall::Forward, nth, 1, fate);
    vec![
        ("nothing goes wrong", calm()),
        ("an error spike", bad()),
        ("an error spike at 100 %", calm().with(Regression::errors_from_share(share(100), 0.3))),
        ("a slow version", calm().with(Regression::latency_after(minutes(3), 5.0))),
        ("answers are lost", calm().with(Fault::lost_answers(3))),
        ("the deployer fails", calm().with(Fault::unavailable(5))),
        (
            "the deployer refuses",
            calm().with(Fault::deployer(DeployerCall::Forward, 2, 2, DeployerFate::Refused)),
        ),
        (
            "the deployer stops half-way",
            calm().with(Fault::deployer(DeployerCall::Forward, 2, 1, DeployerFate::Halfway)),
        ),
        ("the deployer lies", calm().with(Fault::deployer(DeployerCall::Forward, 3, 1, DeployerFate::Lie))),
        ("the way back fails", back(DeployerFate::Unavailable)),
        ("the way back is a lie", back(DeployerFate::Lie)),
        ("the way back stops half-way", back(DeployerFate::HalfwayUnnoticed)),
        ("the way back loses its answers", back(DeployerFate::AnswerLost)),
        ("traffic drifts", calm().with(Fault::drift(minutes(7), share(60)))),
        ("metrics are down", calm().with(Fault::outage(minutes(4), minutes(7), MetricsFate::Down))),
        ("metrics are counted twice", calm().with(Fault::outage(minutes(2), minutes(9), MetricsFate::Twice))),
        ("the platform is blind", calm().with(Fault::Observation { nth: 6, times: 3 })),
        (
            "messages come twice",
            calm().with(Fault::Notifier { nth: 1, times: 3, fate: NotifierFate::AnswerLost }),
        ),
        (
            "the journal fails",
            calm().with(append(20, 1, AppendFate::BeforeDurable)).with(append(
                31,
                1,
                AppendFate::AfterDurable,
            )),
        ),
        (
            "the journal fails for a while, an error spike",
            bad().with(append(22, 8, AppendFate::BeforeDurable)),
        ),
        ("the disk is full, an error spike", bad().with(append(22, 12, AppendFate::Full))),
        (
            "the deployer is late, an error spike",
            bad().with(forward(2, DeployerFate::Late(Span::from_secs(6)))),
        ),
        ("the deployer hangs", calm().with(forward(2, DeployerFate::Hangs))),
        (
            "the deployer hangs afterwards, an error spike",
            bad().with(forward(2, DeployerFate::HangsAfterwards)),
        ),
        ("the deployer panics", calm().with(panics(PortName::Deployer))),
        ("the platform panics, an error spike", bad().with(panics(PortName::Observation))),
        ("the metrics panic", calm().with(panics(PortName::Metrics))),
        ("the notifier panics", calm().with(panics(PortName::Notifier))),
        ("every clock jumps forwards", calm().with(jump(Clocks::All, Jump::Forwards(minutes(9))))),
        ("every clock jumps backwards", calm().with(jump(Clocks::All, Jump::Backwards(minutes(4))))),
        ("people are a day ahead, an error spike", bad().with(jump(Clocks::People, Jump::Forwards(day)))),
        ("a new conductor is a day ahead", calm().with(jump(Clocks::Conductors, Jump::Forwards(day)))),
        (
            "a new conductor is a year behind",
            calm().with(jump(Clocks::Conductors, Jump::Backwards(day.times(365)))),
        ),
        ("two conductors", calm().with(Fault::SecondConductor {})),
        ("two conductors, an error spike", bad().with(Fault::SecondConductor {})),
        ("anything", calm().with(Schedule::random(7, 5, minutes(20)))),
    ]
}
