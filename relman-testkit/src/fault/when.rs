use std::fmt;

use relman_core::unit::{Span, TrafficShare};
use serde::{Deserialize, Serialize};

use super::as_text;

/// A moment of a release, relative to what happens to it.
///
/// In a file: `{ after_exposure = "5m" }`, `{ after_start = "1m" }` or `{ at_share = { share = "10%", after = "30s" } }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// This long after the simulation began.
    AfterStart(#[serde(with = "as_text")] Span),
    /// This long after the release first had traffic in production.
    AfterExposure(#[serde(with = "as_text")] Span),
    /// This long after the release first had at least this share of the traffic: a moment of a step.
    AtShare {
        /// The share.
        #[serde(with = "as_text")]
        share: TrafficShare,
        /// How long after it was reached.
        #[serde(with = "as_text")]
        after: Span,
    },
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterStart(span) => write!(f, "{span} after the start"),
            Self::AfterExposure(span) => write!(f, "{span} after the first exposure"),
            Self::AtShare { share, after } => write!(f, "{after} after it had {share} of the traffic"),
        }
    }
}
