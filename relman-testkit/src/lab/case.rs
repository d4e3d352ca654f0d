use std::fmt;

use serde::Serialize;

use crate::world::{Harm, Onset, Regression, World};

/// A world to try a policy in, with a name.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
/// use relman_testkit::{lab::{Case, Kind}, world::{Regression, World}};
///
/// let case = Case::from(World::default().with(Regression::errors_after(Span::ZERO, 0.05)));
/// assert_eq!((case.name.as_str(), case.kind), ("error spike, 5% at 50/s", Kind::ErrorSpike));
/// assert!(!case.kind.is_healthy());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The name, which no other world of the lab has: its random numbers depend on it.
    pub name: String,
    /// What is wrong in it.
    pub kind: Kind,
    /// How much of that.
    pub size: String,
    /// The world.
    pub world: World,
}

/// What is wrong in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Nothing.
    Healthy,
    /// Nothing, and the errors of both versions come in bursts.
    HealthyBursts,
    /// Something that hits both versions alike for a while.
    Incident,
    /// Requests fail.
    ErrorSpike,
    /// More and more requests fail.
    SlowLeak,
    /// Requests take longer.
    LatencyShift,
    /// Requests fail or take longer while there are many.
    UnderLoad,
    /// Requests of a part of the users fail or take longer.
    SomeUsers,
    /// Requests fail, many at once.
    ErrorBursts,
    /// Several of these.
    Several,
}

impl Kind {
    /// What is wrong in a world.
    pub fn of(world: &World) -> Self {
        match world.regressions.as_slice() {
            [] if !world.incidents.is_empty() => Self::Incident,
            [] if world.burst_size > 1.0 => Self::HealthyBursts,
            [] => Self::Healthy,
            [one] => Self::of_regression(one),
            [_, _, ..] => Self::Several,
        }
    }

    fn of_regression(regression: &Regression) -> Self {
        match (regression.onset, regression.harm) {
            _ if regression.users < 1.0 => Self::SomeUsers,
            (Onset::FromShare(_) | Onset::FromRate(_), _) => Self::UnderLoad,
            (_, Harm::ErrorBursts { .. }) => Self::ErrorBursts,
            (Onset::Growing { .. }, _) => Self::SlowLeak,
            (Onset::After(_), Harm::Errors { .. }) => Self::ErrorSpike,
            (Onset::After(_), Harm::Latency { .. }) => Self::LatencyShift,
        }
    }

    /// Whether the new version is healthy, so that a rollback is a mistake.
    pub fn is_healthy(self) -> bool {
        match self {
            Self::Healthy | Self::HealthyBursts | Self::Incident => true,
            Self::ErrorSpike
            | Self::SlowLeak
            | Self::LatencyShift
            | Self::UnderLoad
            | Self::SomeUsers
            | Self::ErrorBursts
            | Self::Several => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::HealthyBursts => "healthy, errors in bursts",
            Self::Incident => "incident in both arms",
            Self::ErrorSpike => "error spike",
            Self::SlowLeak => "slow leak",
            Self::LatencyShift => "latency shift",
            Self::UnderLoad => "under load",
            Self::SomeUsers => "for some users",
            Self::ErrorBursts => "bursts of errors",
            Self::Several => "several regressions",
        })
    }
}

impl Case {
    /// A world with a name of its own.
    pub fn new(name: impl Into<String>, world: World) -> Self {
        Self { name: name.into(), kind: Kind::of(&world), size: size(&world), world }
    }
}

impl From<World> for Case {
    /// A world that is named after what is wrong in it and its traffic.
    fn from(world: World) -> Self {
        let (kind, size, rate) = (Kind::of(&world), size(&world), world.requests_per_second);
        let name = if size.is_empty() {
            format!("{kind} at {rate}/s")
        } else {
            format!("{kind}, {size} at {rate}/s")
        };
        Self { name, kind, size, world }
    }
}

/// How much is wrong in a world, in a few words.
fn size(world: &World) -> String {
    let incidents = world.incidents.iter().map(|incident| {
        let length = incident.until.saturating_sub(incident.from);
        match (incident.errors > 0.0, incident.slower > 1.0) {
            (true, false) => format!("{} for {length}", percent(incident.errors)),
            (false, _) => format!("{}x as slow for {length}", incident.slower),
            (true, true) => {
                format!("{} and {}x as slow for {length}", percent(incident.errors), incident.slower)
            }
        }
    });
    let mut sizes: Vec<String> = world.regressions.iter().map(size_of).chain(incidents).collect();
    if world.burst_size > 1.0 {
        sizes.push(format!("{} errors a burst", world.burst_size));
    }
    sizes.join(" and ")
}

fn size_of(regression: &Regression) -> String {
    let harm = match regression.harm {
        Harm::Errors { rate } => percent(rate),
        Harm::Latency { factor } => format!("{factor}x as slow"),
        Harm::ErrorBursts { rate, size } => format!("{} in bursts of {size}", percent(rate)),
    };
    let from = match regression.onset {
        Onset::FromShare(share) => format!(" from {share} on"),
        Onset::FromRate(rate) => format!(" from {rate}/s on"),
        Onset::Growing { over, .. } => format!(" within {over}"),
        Onset::After(_) => String::new(),
    };
    let users = if regression.users < 1.0 {
        format!(" for {} of users", percent(regression.users))
    } else {
        String::new()
    };
    format!("{harm}{from}{users}")
}

/// A part as per cent, without the noise of binary fractions.
pub(super) fn percent(part: f64) -> String {
    let text = format!("{:.4}", part * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
