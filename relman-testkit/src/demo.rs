//! The scenarios of the demo: six releases of the standard track, in each of which something else happens.

use std::{fmt, sync::Arc};

use relman_core::{
    plan::Plan,
    policy::Policy,
    unit::{Span, TrafficShare},
};

use crate::{
    AfterFailure, Lapse, Simulation, Team, sample,
    world::{
        Regression, World,
        fault::{Fault, MetricsFate},
    },
};

/// What happens to a release of the demo.
///
/// # Examples
///
/// ```
/// use relman_testkit::DemoScenario;
///
/// let names: Vec<String> = DemoScenario::ALL.iter().map(ToString::to_string).collect();
/// assert_eq!(names[1], "error-spike");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DemoScenario {
    /// Nothing: 1 %, 10 %, 50 %, 100 %, validated.
    Clean,
    /// The new version fails requests, and is rolled back by itself.
    ErrorSpike,
    /// The metrics are gone for a while: the release holds, then goes on.
    MetricsOutage,
    /// Nobody is on call for a while: the validation waits.
    OncallLapse,
    /// An executive overrides a failed check, and a post-mortem is demanded.
    Override,
    /// The deployer fails now and then.
    FlakyDeployer,
}

impl DemoScenario {
    /// Every scenario, in the order of declaration.
    pub const ALL: [Self; 6] = [
        Self::Clean,
        Self::ErrorSpike,
        Self::MetricsOutage,
        Self::OncallLapse,
        Self::Override,
        Self::FlakyDeployer,
    ];

    /// What it is about, in a sentence.
    pub fn story(self) -> &'static str {
        match self {
            Self::Clean => "nothing goes wrong",
            Self::ErrorSpike => "from 10 % of the traffic on, the new version fails 8 % of its requests",
            Self::MetricsOutage => "an hour in, the metrics are gone for 40 minutes",
            Self::OncallLapse => "six hours into the validation, nobody is on call for two hours",
            Self::Override => "the integration check fails, and an executive overrides it",
            Self::FlakyDeployer => "the deployer fails now and then",
        }
    }

    /// The world in which it takes place.
    pub fn world(self) -> World {
        let calm = World { requests_per_second: 200.0, ..World::calm() };
        match self {
            Self::Clean | Self::OncallLapse | Self::Override => calm,
            Self::ErrorSpike => calm.with(Regression::errors_from_share(TrafficShare::percent(10), 0.08)),
            Self::MetricsOutage => {
                let (from, until) = (Span::from_minutes(60), Span::from_minutes(100));
                calm.with(Fault::outage(from, until, MetricsFate::Down))
            }
            Self::FlakyDeployer => calm.with(Fault::unavailable(2)),
        }
    }

    /// Who acts in it.
    ///
    /// # Panics
    ///
    /// Never: a test makes every team.
    pub fn team(self) -> Team {
        match self {
            Self::OncallLapse => {
                Team::new().with_lapse(Lapse { from: Span::from_hours(6), until: Span::from_hours(8) })
            }
            Self::Override => {
                let check = "integration".parse().expect("a built-in check has a valid name");
                Team::new().with_failing(check, AfterFailure::Override)
            }
            Self::Clean | Self::ErrorSpike | Self::MetricsOutage | Self::FlakyDeployer => Team::new(),
        }
    }

    /// Its plan: a drill.
    ///
    /// # Panics
    ///
    /// Where `release` is not a valid id.
    pub fn plan(self, release: &str) -> Arc<Plan> {
        let plan = sample::builder(release, &["api"]).drill().build();
        Arc::new(plan.expect("the sample plan is valid for a valid id"))
    }

    /// The scenario as a simulation of the release `demo-` and its name, with the shipped policy.
    pub fn simulation(self) -> Simulation {
        let plan = self.plan(&format!("demo-{self}"));
        Simulation::new(plan, Arc::new(Policy::shipped())).world(self.world())
    }
}

impl fmt::Display for DemoScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clean => "clean",
            Self::ErrorSpike => "error-spike",
            Self::MetricsOutage => "metrics-outage",
            Self::OncallLapse => "oncall-lapse",
            Self::Override => "override",
            Self::FlakyDeployer => "flaky-deployer",
        })
    }
}
