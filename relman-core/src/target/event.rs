use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    chain::{Data, Digest, Head},
    policy::Freeze,
    port::Slot,
    unit::{ReleaseId, ServiceName, Text},
};

macro_rules! target_events {
    ($($(#[$docs:meta])* $event:ident = $kind:literal,)*) => {
        /// Something that happened to a target, or to all of them.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum TargetEvent {
            $($(#[$docs])* $event($event),)*
        }

        impl TargetEvent {
            /// The kind of every event.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The kind, as records name it.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$event(_) => $kind,)*
                }
            }

            /// The event's data as JSON.
            pub(super) fn to_data(&self) -> Result<Box<RawValue>, serde_json::Error> {
                match self {
                    $(Self::$event(data) => serde_json::value::to_raw_value(data),)*
                }
            }

            /// Reads the data of a kind; `None` for one that this version does not know.
            pub(super) fn from_data(kind: &str, data: Data<'_>) -> Option<Result<Self, serde_json::Error>> {
                match kind {
                    $($kind => Some(serde_json::from_str(data.get()).map(Self::$event)),)*
                    _ => None,
                }
            }
        }

        $(impl From<$event> for TargetEvent {
            fn from(event: $event) -> Self {
                Self::$event(event)
            }
        })*
    };
}

target_events! {
    /// The target is known from now on.
    TargetRegistered = "target_registered",
    /// Users have this version, in this place.
    StableEstablished = "stable_established",
    /// A release waits until the target is free.
    ReleaseQueued = "release_queued",
    /// A release holds the target: it alone moves its traffic.
    ReleaseAdmitted = "release_admitted",
    /// A release does not hold the target any more, or does not wait for it.
    ReleaseLeft = "release_left",
    /// Everything that goes forward is stopped.
    FreezeDeclared = "freeze_declared",
    /// A declared freeze is over.
    FreezeLifted = "freeze_lifted",
    /// An operating policy is in force from now on.
    PolicyAdopted = "policy_adopted",
}

/// The target is known from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TargetRegistered {
    /// The service that lives there.
    pub service: ServiceName,
    /// Whether it meets no users: drills run there, and nothing else does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
}

/// Users have this version, in this place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StableEstablished {
    /// The version.
    pub version: Text,
    /// The place that has it.
    pub place: Slot,
    /// How that came about.
    pub by: StableBy,
}

/// How a version has become the stable one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StableBy {
    /// The first plan for the target says that it replaces it; the platform is asked before anything is installed.
    Plan {
        /// The release whose plan it is.
        release: ReleaseId,
    },
    /// A release has passed its validation.
    Promotion {
        /// The release.
        release: ReleaseId,
    },
    /// A release that was promoted has been rolled back.
    Rollback {
        /// The release.
        release: ReleaseId,
    },
    /// A person has changed it without relman, and says so.
    Person {},
}

/// A record of another stream, which commits to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadNamed {
    /// Its sequence number.
    pub seq: u64,
    /// Its hash.
    pub digest: Digest,
}

impl From<Head> for HeadNamed {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, digest: head.digest }
    }
}

/// A release waits until the target is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReleaseQueued {
    /// The release.
    pub release: ReleaseId,
    /// The version that it releases.
    pub version: Text,
}

/// A release holds the target: it alone moves its traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReleaseAdmitted {
    /// The release.
    pub release: ReleaseId,
    /// The version that it releases.
    pub version: Text,
    /// The version that it replaces.
    pub replaces: Text,
    /// The last record of the release at that time.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadNamed>,
    /// Whether it had been promoted before, and comes back to be rolled back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
}

/// A release does not hold the target any more, or does not wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReleaseLeft {
    /// The release.
    pub release: ReleaseId,
    /// How.
    #[serde(rename = "as")]
    pub how: LeftAs,
    /// The last record of the release at that time.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadNamed>,
}

/// How a release has left a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftAs {
    /// Its version is the stable one.
    Promoted,
    /// It was rolled back.
    RolledBack,
    /// It was given up before production.
    Aborted,
}

impl fmt::Display for LeftAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
        })
    }
}

/// Everything that goes forward is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FreezeDeclared {
    /// When, and why.
    pub freeze: Freeze,
}

/// A declared freeze is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FreezeLifted {
    /// The sequence number of the record that declared it, in the same stream.
    pub declared: u64,
    /// Why.
    pub reason: Text,
}

/// An operating policy is in force from now on: what protects production, whatever a plan was approved under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyAdopted {
    /// Its name.
    pub name: Text,
    /// Its version.
    pub version: Text,
    /// The freezes that it has.
    pub freezes: Vec<Freeze>,
}

impl TargetRegistered {
    /// A target of a service.
    pub fn new(service: ServiceName, rehearsal: bool) -> Self {
        Self { service, rehearsal }
    }
}
