use serde::{Deserialize, Serialize};

use super::{EffectId, ObservedExposure};
use crate::{
    port::{Promotion, Slot},
    target::HeadNamed,
    unit::{TargetName, Text, TrafficShare},
};

/// The platform was looked at before production is entered: what is where, and whether the new version's place is free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlatformObserved {
    /// The share of the production traffic that the new version's place gets.
    pub exposure: ObservedExposure,
    /// What else the platform says.
    #[serde(default, skip_serializing_if = "PlatformSeen::is_empty")]
    pub platform: PlatformSeen,
    /// What a person may want to know about it, in the platform's words.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text>,
    /// The shares of the track that the platform can't give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<Unreachable>,
}

/// A share of the track that the platform can't give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Unreachable {
    /// The share.
    #[serde(rename = "share_bp")]
    pub share: TrafficShare,
    /// The nearest one below it that the platform can give.
    #[serde(rename = "nearest_bp")]
    pub nearest: TrafficShare,
}

impl Unreachable {
    /// A share, and the nearest one below it that the platform can give.
    pub fn new(share: TrafficShare, nearest: TrafficShare) -> Self {
        Self { share, nearest }
    }
}

/// The release holds its target: it alone moves the traffic there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TargetAdmitted {
    /// The target.
    pub target: TargetName,
    /// The record of the admission, in the target's stream.
    pub record: HeadNamed,
    /// The version that users have there, as the target's stream has it.
    pub stable: Text,
    /// The place that has it.
    pub place: Slot,
    /// How a version becomes the stable one there.
    pub promotion: Promotion,
}

/// The validation has passed: the new version is being made the stable one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PromotionStarted {}

/// The new version is the stable one, as the platform shows, and the place of a candidate is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Promoted {
    /// The effect that asked for it.
    pub effect: EffectId,
    /// The place that has it.
    pub place: Slot,
}

/// The target's stream says that the release does not hold the target any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TargetLeft {
    /// The effect that asked for it.
    pub effect: EffectId,
}

/// What a platform says beyond the share that users get.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlatformSeen {
    /// The share that is set, where it is another than the one that users get.
    #[serde(
        rename = "set_bp",
        default,
        deserialize_with = "crate::chain::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub set: Option<TrafficShare>,
    /// The place of the new version.
    #[serde(default, skip_serializing_if = "PlaceSeen::is_empty")]
    pub canary: PlaceSeen,
    /// The place of the version that it replaces.
    #[serde(default, skip_serializing_if = "PlaceSeen::is_empty")]
    pub baseline: PlaceSeen,
}

/// What a platform says about a place. What it can't tell is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlaceSeen {
    /// The version that is installed there.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// How many instances take requests, and of how many.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub ready: Option<(u32, u32)>,
    /// What is wrong there, in the platform's word.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Text>,
}

impl PlatformObserved {
    pub(crate) fn new(exposure: ObservedExposure, platform: PlatformSeen, detail: Option<Text>) -> Self {
        Self { exposure, platform, detail, unreachable: Vec::new() }
    }
}

impl PlatformSeen {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl PlaceSeen {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no instance would take a request, as far as the platform can tell.
    pub fn has_nothing_ready(&self) -> bool {
        self.ready.is_some_and(|(ready, _)| ready == 0)
    }
}
