use std::fmt;

use serde::{Deserialize, Serialize};

/// One promise of a port, as a suite checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// The port that makes the promise.
    pub port: Port,
    /// The name of the check, which is that of its function and of its test, too.
    pub name: &'static str,
    /// The sentence of the port's contract that an adapter is held to.
    pub promise: &'static str,
}

/// A port that has a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Port {
    /// [`Journal`](relman_core::port::Journal)
    Journal,
    /// [`Leases`](relman_core::port::Leases)
    Leases,
    /// [`Deployer`](relman_core::port::Deployer)
    Deployer,
    /// [`MetricsSource`](relman_core::port::MetricsSource)
    MetricsSource,
    /// [`Notifier`](relman_core::port::Notifier)
    Notifier,
    /// [`Tracker`](relman_core::port::Tracker)
    Tracker,
    /// [`UserFlows`](relman_core::port::UserFlows)
    UserFlows,
    /// [`IncidentSource`](relman_core::port::IncidentSource)
    IncidentSource,
    /// [`Directory`](relman_core::port::Directory)
    Directory,
    /// [`Clock`](relman_core::port::Clock)
    Clock,
}

impl Port {
    /// Every port that has a suite.
    pub const ALL: [Self; 10] = [
        Self::Journal,
        Self::Leases,
        Self::Deployer,
        Self::MetricsSource,
        Self::Notifier,
        Self::Tracker,
        Self::UserFlows,
        Self::IncidentSource,
        Self::Directory,
        Self::Clock,
    ];
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Journal => "journal",
            Self::Leases => "store of leases",
            Self::Deployer => "deployer",
            Self::MetricsSource => "metrics source",
            Self::Notifier => "notifier",
            Self::Tracker => "tracker",
            Self::UserFlows => "user flows",
            Self::IncidentSource => "source of incidents",
            Self::Directory => "directory",
            Self::Clock => "clock",
        })
    }
}
