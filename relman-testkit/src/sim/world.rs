use super::{DeployerFaults, Outage, Regression};

/// What the simulated world is like: its traffic, and what goes wrong in it.
///
/// Times are relative to the first production exposure of a release: the moment at which it first got traffic.
///
/// # Examples
///
/// ```
/// use relman_core::{judge::MissingKind, unit::{Span, TrafficShare}};
/// use relman_testkit::sim::{Outage, Regression, World};
///
/// let world = World::default()
///     .with(Regression::errors_from_share(TrafficShare::percent(10), 0.05))
///     .with(Outage::of_all(Span::from_minutes(10), Span::from_minutes(20), MissingKind::ProviderError));
/// assert_eq!(world.regressions.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Requests a second over both arms.
    pub requests_per_second: f64,
    /// The share of requests that fail on a healthy version, between 0 and 1.
    pub error_rate: f64,
    /// The share of requests that succeed and log an error all the same, between 0 and 1.
    pub log_noise: f64,
    /// The median latency of a healthy version in milliseconds.
    pub latency_median_ms: f64,
    /// How wide latencies are spread: the standard deviation of their logarithm.
    pub latency_spread: f64,
    /// What is wrong with the new version.
    pub regressions: Vec<Regression>,
    /// When metrics can't be had.
    pub outages: Vec<Outage>,
    /// What is wrong with the deployer.
    pub deployer: DeployerFaults,
}

impl Default for World {
    /// A healthy version on a healthy platform: 50 requests a second, 0.1 % errors, a median latency of 80 ms and
    /// a 99th percentile near 200 ms.
    fn default() -> Self {
        Self {
            requests_per_second: 50.0,
            error_rate: 0.001,
            log_noise: 0.000_5,
            latency_median_ms: 80.0,
            latency_spread: 0.4,
            regressions: Vec::new(),
            outages: Vec::new(),
            deployer: DeployerFaults::default(),
        }
    }
}

impl World {
    /// A world with so few errors (0.01 %) that chance alone hardly ever breaches `error_rate > 1%` under a plain
    /// threshold, which the default world's 0.1 % did in 21 of 60 simulated releases: for tests of the process that
    /// are not about judging.
    #[must_use]
    pub fn calm() -> Self {
        Self { error_rate: 0.000_1, ..Self::default() }
    }

    /// The same world with one more thing that goes wrong in it.
    #[must_use]
    pub fn with(mut self, trouble: impl Trouble) -> Self {
        trouble.befall(&mut self);
        self
    }
}

/// Something that can go wrong in a [`World`].
pub trait Trouble {
    /// Adds it to a world.
    fn befall(self, world: &mut World);
}

impl Trouble for Regression {
    fn befall(self, world: &mut World) {
        world.regressions.push(self);
    }
}

impl Trouble for Outage {
    fn befall(self, world: &mut World) {
        world.outages.push(self);
    }
}

impl Trouble for DeployerFaults {
    fn befall(self, world: &mut World) {
        world.deployer = self;
    }
}
