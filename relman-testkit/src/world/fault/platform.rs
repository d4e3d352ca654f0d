use std::fmt;

use relman_core::{
    port::{Deployment, Place},
    unit::TrafficShare,
};
use serde::{Deserialize, Serialize};

use super::kind::as_text;

/// What is wrong with a platform whose weights are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformFate {
    /// No instance of the new version takes requests: users don't meet it.
    CanaryDown,
    /// No instance of the old version takes requests: all users meet the new one, if it has any share.
    BaselineDown,
    /// Users get this share of the new version, as far as it has any: a slow start, a backup server.
    Users(#[serde(with = "as_text")] TrafficShare),
}

impl PlatformFate {
    /// Every fate, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::CanaryDown, Self::BaselineDown, Self::Users(TrafficShare::percent(14))];

    /// What users get of the new version where this share is set.
    pub fn effective(self, set: TrafficShare) -> TrafficShare {
        match self {
            _ if set.is_zero() => set,
            Self::CanaryDown => TrafficShare::ZERO,
            Self::BaselineDown => TrafficShare::FULL,
            Self::Users(share) => share,
        }
    }

    /// What the platform shows where this share is set.
    pub(in crate::world) fn shown(self, set: TrafficShare) -> Deployment {
        let shown = Deployment::at(self.effective(set)).with_set_share(set);
        match self {
            Self::CanaryDown => shown.with_canary(Place::new().with_ready(0, 1).with_trouble("c1 is down")),
            Self::BaselineDown => {
                shown.with_baseline(Place::new().with_ready(0, 2).with_trouble("s1 and s2 are down"))
            }
            Self::Users(_) => shown.with_baseline(Place::new().with_trouble("s1 is starting slowly")),
        }
    }
}

impl fmt::Display for PlatformFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CanaryDown => f.pad("no instance of the new version takes requests"),
            Self::BaselineDown => f.pad("no instance of the old version takes requests"),
            Self::Users(share) => write!(f, "users get {share} whatever is set"),
        }
    }
}
