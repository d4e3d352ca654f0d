use relman_core::unit::Span;
use serde::{Deserialize, Serialize};

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
