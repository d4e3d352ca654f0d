use serde::{Deserialize, Serialize};

use crate::{
    chain::Digest,
    event::PlatformSeen,
    judge::{Observation, Verdict},
    unit::{Span, Text, TrafficShare, Window},
};

/// The metrics were looked at: what was seen, and what it means.
///
/// Most evaluations are recorded with a hash in place of their verdicts, which follow from what was seen so far. Where a
/// record is folded into its release, they are derived again and stand here in full
/// ([`Release::read`](crate::machine::Release::read)).
#[derive(Debug, Clone, PartialEq)]
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
    /// One verdict for each criterion of the contract; none in a record that was read alone and holds their hash.
    pub verdicts: Vec<Verdict>,
    /// How much of the window counts as bake time.
    pub credit: Span,
    /// What the platform says beyond the share, where it is not as it should be.
    pub platform: PlatformSeen,
    /// Whether the exposure was not the step's, so that nothing of what was measured speaks for the release.
    pub disregarded: bool,
    pub(crate) recorded: VerdictsAs,
}

/// How the verdicts of an evaluation are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerdictsAs {
    /// As they are.
    InFull,
    /// By the hash of what they would be in full.
    Digest(Digest),
}

impl Evaluated {
    /// Whether it lacks its verdicts: its record was read alone, and holds their hash.
    pub(crate) fn lacks_verdicts(&self) -> bool {
        self.verdicts.is_empty() && self.has_hash_of_verdicts()
    }

    /// Whether its record holds the hash of its verdicts.
    pub(crate) fn has_hash_of_verdicts(&self) -> bool {
        self.recorded != VerdictsAs::InFull
    }

    /// The same as it is recorded with the hash of its verdicts. Where there are none, they are shorter in full.
    pub(crate) fn by_digest(mut self) -> Self {
        self.recorded = match digest(&self.verdicts) {
            Some(digest) if !self.verdicts.is_empty() => VerdictsAs::Digest(digest),
            Some(_) | None => VerdictsAs::InFull,
        };
        self
    }

    /// The same as it is recorded with its verdicts in full.
    pub(crate) fn in_full(self) -> Self {
        Self { recorded: VerdictsAs::InFull, ..self }
    }

    /// The same as another one is recorded.
    pub(crate) fn recorded_like(self, other: &Self) -> Self {
        match other.recorded {
            VerdictsAs::InFull => self.in_full(),
            VerdictsAs::Digest(_) => self.by_digest(),
        }
    }
}

/// The SHA-256 hash of the JSON that verdicts are in full.
fn digest(verdicts: &[Verdict]) -> Option<Digest> {
    serde_json::to_vec(verdicts).ok().map(|json| Digest::of_text(&json))
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
