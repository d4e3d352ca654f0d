//! What a release that is tried, or carried out, is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use relman_core::unit::TrackName;
use relman_testkit::DemoScenario;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What happens to the release
    #[arg(long, value_enum, default_value_t = Scenario::Clean)]
    pub(crate) scenario: Scenario,
    /// The same seed gives the same traffic
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What happens to the release of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Nothing: 1 %, 10 %, 50 %, 100 %, validated
    Clean,
    /// The new version fails requests and is rolled back automatically
    ErrorSpike,
    /// Metrics are missing for a while: the release is held, then resumes
    MetricsOutage,
    /// Nobody is on call for a while: validation waits
    OncallLapse,
    /// An executive overrides a failed check and owes a post-mortem
    Override,
    /// The deployer fails now and then
    FlakyDeployer,
}

impl Scenario {
    /// The scenario as it is told.
    pub(crate) fn scenario(self) -> DemoScenario {
        match self {
            Self::Clean => DemoScenario::Clean,
            Self::ErrorSpike => DemoScenario::ErrorSpike,
            Self::MetricsOutage => DemoScenario::MetricsOutage,
            Self::OncallLapse => DemoScenario::OncallLapse,
            Self::Override => DemoScenario::Override,
            Self::FlakyDeployer => DemoScenario::FlakyDeployer,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// The policy, TOML
    #[arg(value_name = "POLICY.toml")]
    pub(crate) policy: PathBuf,
    /// Another policy, for comparison
    #[arg(long, value_name = "OTHER.toml")]
    pub(crate) against: Option<PathBuf>,
    /// The plan whose criteria, risk and track the releases have
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: Option<PathBuf>,
    /// The track to try [default: the one for the plan's risk]
    #[arg(long, value_name = "TRACK")]
    pub(crate) track: Option<TrackName>,
    /// How often each policy is tried in each world
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) trials: u32,
    /// The same seed gives the same report, byte for byte
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Writes the report as a page with charts; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The plan, TOML
    #[arg(value_name = "PLAN.toml")]
    pub(crate) plan: PathBuf,
    /// The policy, TOML [default: the one of the configuration, or the shipped one]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: as configured, or 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
}
