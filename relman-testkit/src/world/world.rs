use relman_core::unit::Span;

use serde::{Deserialize, Serialize};

use super::{Arrivals, Complaints, Harm, Incident, Onset, Regression, Requests};
use crate::world::fault::{Fault, Schedule};

/// What the simulated world is like: its traffic, and what goes wrong in it.
///
/// Times are relative to the first production exposure of a release: the moment at which it first got traffic.
///
/// # Examples
///
/// ```
/// use relman_core::unit::{Span, TrafficShare};
/// use relman_testkit::{world::{fault::{Fault, MetricsFate}, Regression, World}};
///
/// let world = World::default()
///     .with(Regression::errors_from_share(TrafficShare::percent(10), 0.05))
///     .with(Fault::outage(Span::from_minutes(10), Span::from_minutes(20), MetricsFate::Down));
/// assert_eq!(world.regressions.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Requests a second over both arms, on average over a day.
    pub requests_per_second: f64,
    /// How they come.
    pub requests: Requests,
    /// How many requests one user makes in a row, on average; a user who comes back later counts as another one.
    pub requests_per_user: f64,
    /// The share of requests that fail on a healthy version, between 0 and 1.
    pub error_rate: f64,
    /// How many of these errors come at once on average, in both arms together: 1 where they are independent. With
    /// more, bursts have geometric sizes, lie within one look, and hit each arm by its share of the traffic.
    pub burst_size: f64,
    /// The share of requests that succeed and log an error all the same, between 0 and 1.
    pub log_noise: f64,
    /// The median latency of a healthy version in milliseconds.
    pub latency_median_ms: f64,
    /// How wide latencies are spread: the standard deviation of their logarithm.
    pub latency_spread: f64,
    /// What a healthy new version is like.
    pub new_version: NewVersion,
    /// What is wrong with the new version.
    pub regressions: Vec<Regression>,
    /// What goes wrong for both versions.
    pub incidents: Vec<Incident>,
    /// How users who come to harm complain.
    pub complaints: Complaints,
    /// What goes wrong besides the new version: with the ports, the people and the processes.
    pub faults: Schedule,
}

/// What a healthy new version is like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum NewVersion {
    /// Like the one that it replaces.
    LikeTheOld,
    /// Different, and that is as it should be.
    Differs {
        /// The share of requests that fail, between 0 and 1. Where errors come in bursts it has those of the old
        /// version at least.
        error_rate: f64,
        /// The median latency in milliseconds.
        latency_median_ms: f64,
        /// The standard deviation of the latencies' logarithm.
        latency_spread: f64,
    },
}

impl Default for World {
    /// A healthy version on a healthy platform: 50 requests a second, 0.1 % errors, a median latency of 80 ms and
    /// a 99th percentile near 200 ms. Nobody complains.
    fn default() -> Self {
        Self {
            requests_per_second: 50.0,
            requests: Requests::default(),
            requests_per_user: 10.0,
            error_rate: 0.001,
            burst_size: 1.0,
            log_noise: 0.000_5,
            latency_median_ms: 80.0,
            latency_spread: 0.4,
            new_version: NewVersion::LikeTheOld,
            regressions: Vec::new(),
            incidents: Vec::new(),
            complaints: Complaints::NONE,
            faults: Schedule::none(),
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

    /// What no world can be like, if this one is.
    ///
    /// # Errors
    ///
    /// The field, its value, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let positive = |field: &str, value: f64, most: f64| {
            let right = value.is_finite() && value > 0.0 && value <= most;
            right.then_some(()).ok_or_else(|| format!("{field} is {value}: above 0 and at most {most}"))
        };
        let share = |field: &str, value: f64| {
            let right = (0.0..=1.0).contains(&value);
            right.then_some(()).ok_or_else(|| format!("{field} is {value}: between 0 and 1"))
        };
        let from_one = |field: &str, value: f64| {
            let right = (1.0..=1e6).contains(&value);
            right.then_some(()).ok_or_else(|| format!("{field} is {value}: between 1 and a million"))
        };
        // A look is at most a quarter of an hour, and the machine believes 10^10 requests in one.
        positive("requests_per_second", self.requests_per_second, 1e7)?;
        share("requests.daily", self.requests.daily)?;
        if let Arrivals::Varying { variation } = self.requests.arrivals {
            positive("the variation of the requests", variation, 10.0)?;
        }
        from_one("requests_per_user", self.requests_per_user)?;
        share("error_rate", self.error_rate)?;
        from_one("burst_size", self.burst_size)?;
        share("log_noise", self.log_noise)?;
        positive("latency_median_ms", self.latency_median_ms, 1e6)?;
        positive("latency_spread", self.latency_spread, 10.0)?;
        if let NewVersion::Differs { error_rate, latency_median_ms, latency_spread } = self.new_version {
            share("the new version's error_rate", error_rate)?;
            positive("the new version's latency_median_ms", latency_median_ms, 1e6)?;
            positive("the new version's latency_spread", latency_spread, 10.0)?;
        }
        for regression in &self.regressions {
            share("the part of the users of a regression", regression.users)?;
            match regression.harm {
                Harm::Errors { rate } => share("the error rate of a regression", rate)?,
                Harm::Latency { factor } => positive("the latency factor of a regression", factor, 1e4)?,
                Harm::ErrorBursts { rate, size } => {
                    share("the error rate of a regression", rate)?;
                    from_one("the burst size of a regression", size)?;
                }
            }
            if let Onset::FromRate(rate) = regression.onset {
                positive("the request rate from which a regression shows", rate, 1e9)?;
            }
        }
        for incident in &self.incidents {
            share("the error rate of an incident", incident.errors)?;
            positive("the latency factor of an incident", incident.slower, 1e4)?;
        }
        let complaints = self.complaints.per_harmed_user;
        let right = complaints.is_finite() && (0.0..=1e3).contains(&complaints);
        right.then_some(()).ok_or_else(|| format!("per_harmed_user is {complaints}: between 0 and 1000"))
    }

    /// The moments after the first exposure at which something begins or ends, rising.
    pub(crate) fn turns(&self) -> Vec<Span> {
        let onsets = self.regressions.iter().flat_map(|regression| match regression.onset {
            Onset::After(after) => [Some(after), None],
            Onset::Growing { from, over } => [Some(from), Some(from + over)],
            Onset::FromShare(_) | Onset::FromRate(_) => [None, None],
        });
        let incidents = self.incidents.iter().flat_map(|one| [Some(one.from), Some(one.until)]);
        let mut turns: Vec<Span> = onsets.chain(incidents).flatten().collect();
        turns.sort_unstable();
        turns.dedup();
        turns
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

impl Trouble for Incident {
    fn befall(self, world: &mut World) {
        world.incidents.push(self);
    }
}

impl Trouble for Complaints {
    fn befall(self, world: &mut World) {
        world.complaints = self;
    }
}

impl Trouble for Fault {
    fn befall(self, world: &mut World) {
        world.faults.faults.push(self);
    }
}

impl Trouble for Schedule {
    fn befall(self, world: &mut World) {
        world.faults.faults.extend(self.faults);
    }
}
