use relman_core::unit::Span;
use serde::{Deserialize, Serialize};

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
