use relman_core::{
    judge::MissingKind,
    unit::{MetricName, Span, TrafficShare},
};

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

/// What is wrong with the new version, and from when on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// From when on it shows.
    pub onset: Onset,
    /// What it does.
    pub harm: Harm,
}

/// From when on a regression shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onset {
    /// While the new version has at least this share of the traffic.
    FromShare(TrafficShare),
    /// From this long after the first exposure on.
    After(Span),
}

/// What a regression does to the requests of the new version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Harm {
    /// This share of them fails, between 0 and 1.
    Errors {
        /// The share.
        rate: f64,
    },
    /// They take so many times as long.
    Latency {
        /// How many times.
        factor: f64,
    },
}

impl Regression {
    /// Errors at this rate while the new version has at least this share of the traffic.
    pub fn errors_from_share(share: TrafficShare, rate: f64) -> Self {
        Self { onset: Onset::FromShare(share), harm: Harm::Errors { rate } }
    }

    /// Errors at this rate from this long after the first exposure on.
    pub fn errors_after(after: Span, rate: f64) -> Self {
        Self { onset: Onset::After(after), harm: Harm::Errors { rate } }
    }

    /// Latencies so many times as long while the new version has at least this share of the traffic.
    pub fn latency_from_share(share: TrafficShare, factor: f64) -> Self {
        Self { onset: Onset::FromShare(share), harm: Harm::Latency { factor } }
    }

    /// Latencies so many times as long from this long after the first exposure on.
    pub fn latency_after(after: Span, factor: f64) -> Self {
        Self { onset: Onset::After(after), harm: Harm::Latency { factor } }
    }
}

/// A time for which metrics can't be had. A question about any part of it has no value for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The first moment, after the first exposure.
    pub from: Span,
    /// The moment after the last, after the first exposure.
    pub until: Span,
    /// What the source says instead of a value.
    pub missing: MissingKind,
    /// Which metrics.
    pub scope: OutageScope,
}

/// Which metrics an outage is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutageScope {
    /// All of them.
    All,
    /// One.
    Metric(MetricName),
}

impl Outage {
    /// An outage of every metric.
    pub fn of_all(from: Span, until: Span, missing: MissingKind) -> Self {
        Self { from, until, missing, scope: OutageScope::All }
    }

    /// An outage of one metric.
    pub fn of(metric: MetricName, from: Span, until: Span, missing: MissingKind) -> Self {
        Self { from, until, missing, scope: OutageScope::Metric(metric) }
    }
}

/// What is wrong with the deployer: the fate of the first calls of each kind, in order. Later calls are carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployerFaults {
    /// Calls that install.
    pub deploys: Vec<Fate>,
    /// Calls that give the new version traffic.
    pub forward: Vec<Fate>,
    /// Calls that take all traffic from it.
    pub back: Vec<Fate>,
    /// A change of the traffic that nobody asked for.
    pub drift: Option<Drift>,
}

impl DeployerFaults {
    /// The first calls that give the new version traffic fail and change nothing.
    pub fn unavailable(times: usize) -> Self {
        Self { forward: vec![Fate::Unavailable; times], ..Self::default() }
    }

    /// The first calls that give the new version traffic are carried out, and their answers are lost.
    pub fn lost_answers(times: usize) -> Self {
        Self { forward: vec![Fate::AnswerLost; times], ..Self::default() }
    }

    /// The traffic is changed once by somebody else.
    pub fn drifting(after: Span, to: TrafficShare) -> Self {
        Self { drift: Some(Drift { after, to }), ..Self::default() }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out.
    Done,
    /// It fails as not available, and nothing is changed.
    Unavailable,
    /// It is carried out, and times out for the caller.
    AnswerLost,
    /// It is refused for good, and nothing is changed.
    Rejected,
}

/// A change of the traffic that nobody asked for; nothing where the new version has no traffic then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// How long after the first exposure.
    pub after: Span,
    /// To which share.
    pub to: TrafficShare,
}
