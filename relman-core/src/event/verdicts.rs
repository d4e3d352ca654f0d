use serde::{Deserialize, Serialize};

use crate::{
    judge::{Observation, Verdict},
    unit::{Span, Text, TrafficShare, Window},
};

/// The metrics were looked at: what was seen, and what it means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Evaluated {
    /// The step that was looked at, from 1.
    pub step: u32,
    /// The time since the last look.
    pub window: Window,
    /// Where the traffic really is.
    pub exposure: ObservedExposure,
    /// What the metrics source answered.
    pub observations: Vec<Observation>,
    /// One verdict for each criterion of the contract.
    pub verdicts: Vec<Verdict>,
    /// How much of the window counts as bake time.
    #[serde(rename = "credit_ms")]
    pub credit: Span,
}

/// Where the traffic really is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ObservedExposure {
    /// The platform's answer.
    Seen {
        /// The share of the new version.
        share_bp: TrafficShare,
    },
    /// The platform could not tell.
    Unknown {
        /// Why not.
        detail: Text,
    },
}

/// A criterion of the rollback contract holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ContractBreached {
    /// The verdict, with its numbers.
    pub verdict: Box<Verdict>,
}
