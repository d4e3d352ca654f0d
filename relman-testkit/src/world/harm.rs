//! What users suffer: from a new version, from what hits both versions, and what they say about it.

use relman_core::unit::{Span, TrafficShare};
use serde::{Deserialize, Serialize};

/// What is wrong with the new version, from when on, and for whom.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
/// use relman_testkit::world::{Regression, World};
///
/// // From an hour on, errors grow over four hours to 5 %, for one user in ten.
/// let leak = Regression::errors_growing(Span::from_hours(1), Span::from_hours(4), 0.05).for_users(0.1);
/// assert_eq!(World::default().with(leak).regressions, [leak]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// From when on it shows.
    pub onset: Onset,
    /// What it does.
    pub harm: Harm,
    /// To which part of the users, between 0 and 1. Who they are has nothing to do with who gets the new version.
    pub users: f64,
}

/// From when on a regression shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Onset {
    /// While the new version has at least this share of the traffic.
    FromShare(TrafficShare),
    /// While the new version gets at least so many requests a second, by what is expected at that hour.
    FromRate(f64),
    /// From this long after the first exposure on.
    After(Span),
    /// From this long after the first exposure on, growing in a straight line to its full size.
    Growing {
        /// When it begins, after the first exposure.
        from: Span,
        /// How long it takes to its full size.
        over: Span,
    },
}

/// What a regression does to the requests of the new version.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// This share of them fails on top of the others, many at once and then none for a while: one broken dependency
    /// makes forty errors together.
    ErrorBursts {
        /// The share, between 0 and 1.
        rate: f64,
        /// How many errors one burst has on average; sizes are geometric. A burst lies within one look.
        size: f64,
    },
}

impl Regression {
    /// Something that shows from this moment on, for everybody.
    pub fn new(onset: Onset, harm: Harm) -> Self {
        Self { onset, harm, users: 1.0 }
    }

    /// Errors at this rate while the new version has at least this share of the traffic.
    pub fn errors_from_share(share: TrafficShare, rate: f64) -> Self {
        Self::new(Onset::FromShare(share), Harm::Errors { rate })
    }

    /// Errors at this rate from this long after the first exposure on.
    pub fn errors_after(after: Span, rate: f64) -> Self {
        Self::new(Onset::After(after), Harm::Errors { rate })
    }

    /// Errors that grow from nothing to this rate: a slow leak.
    pub fn errors_growing(from: Span, over: Span, rate: f64) -> Self {
        Self::new(Onset::Growing { from, over }, Harm::Errors { rate })
    }

    /// Latencies so many times as long while the new version has at least this share of the traffic.
    pub fn latency_from_share(share: TrafficShare, factor: f64) -> Self {
        Self::new(Onset::FromShare(share), Harm::Latency { factor })
    }

    /// Latencies so many times as long from this long after the first exposure on.
    pub fn latency_after(after: Span, factor: f64) -> Self {
        Self::new(Onset::After(after), Harm::Latency { factor })
    }

    /// The same for a part of the users alone, between 0 and 1.
    #[must_use]
    pub fn for_users(self, users: f64) -> Self {
        Self { users, ..self }
    }
}

/// A brief time in which something else is broken, and both versions suffer alike: a dependency, a network.
///
/// It is nobody's regression. A policy that rolls back because of one has rolled back a healthy version.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The first moment, after the first exposure.
    pub from: Span,
    /// The moment after the last, after the first exposure.
    pub until: Span,
    /// The share of requests that fails meanwhile, in both arms, between 0 and 1.
    pub errors: f64,
    /// How many times as long requests take meanwhile, in both arms.
    pub slower: f64,
}

impl Incident {
    /// A time in which this share of the requests of both versions fails.
    pub fn of_errors(from: Span, until: Span, errors: f64) -> Self {
        Self { from, until, errors, slower: 1.0 }
    }

    /// A time in which the requests of both versions take so many times as long.
    pub fn of_latency(from: Span, until: Span, slower: f64) -> Self {
        Self { from, until, errors: 0.0, slower }
    }
}

/// How users who come to harm complain.
///
/// The number of complaints is Poisson around a part of the harmed users of the new version; each comes after a delay
/// of its own, exponential around its mean. An [`Incident`](super::Incident) makes users of the new version complain,
/// too: they can't know that it is not its fault.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Complaints {
    /// How many complaints one harmed user is good for on average: 0.01 for one in a hundred.
    pub per_harmed_user: f64,
    /// How long after the harm they come on average.
    pub delay: Span,
}

impl Complaints {
    /// Nobody ever complains.
    pub const NONE: Self = Self { per_harmed_user: 0.0, delay: Span::ZERO };

    /// So many for each harmed user, after this delay on average.
    pub fn of(per_harmed_user: f64, delay: Span) -> Self {
        Self { per_harmed_user, delay }
    }
}

impl Default for Complaints {
    fn default() -> Self {
        Self::NONE
    }
}
