use serde::{Deserialize, Serialize};

use crate::unit::TrafficShare;

/// What a deployer found out there.
///
/// The share is the one that counts: what users get, after health, slow start and whatever else the platform does. What a
/// platform can't tell is left out, and never zero.
///
/// # Examples
///
/// ```
/// use relman_core::port::{Deployment, Place};
///
/// let found = Deployment::at("5%".parse()?)
///     .with_canary(Place::new().with_ready(1, 1))
///     .with_baseline(Place::new().with_version("2.40.3").with_ready(2, 3).with_trouble("s3 is down"))
///     .with_detail("weights: canary 5, baseline 95");
/// assert_eq!(found.canary_share.to_string(), "5%");
/// assert!(!found.baseline.has_nothing_ready());
/// assert!(Place::new().with_ready(0, 3).has_nothing_ready());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Deployment {
    /// The share of the production traffic that the canary gets: the effective one.
    pub canary_share: TrafficShare,
    /// The share that is set, where it may be another than the effective one: by weights, say, while a server is down. The
    /// same as the effective one, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_share: Option<TrafficShare>,
    /// The candidate's place: where the new version lives, or is about to.
    #[serde(default)]
    pub canary: Place,
    /// The stable place, where the version lives that it replaces: the way back.
    #[serde(default)]
    pub baseline: Place,
    /// What a person may want to know about it: weights, instances, health.
    #[serde(default)]
    pub detail: String,
}

/// Where a version lives on a platform, as far as the platform can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Place {
    /// The platform's own name of it: `blue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version that is installed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many instances take requests, if they get any, and of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<(u32, u32)>,
    /// What is wrong there, in the platform's own word: `c1 is in maintenance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How many requests it has served so far, since some start: a counter that only rises, but may begin again at zero. Where the
    /// platform has such a counter, it tells whether users still reach the place, whatever the weights say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<u64>,
    /// How many sessions or connections of users are open to it or pinned to it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
}

impl Place {
    /// A place of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the version that is installed there.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With how many of its instances take requests.
    #[must_use]
    pub fn with_ready(mut self, ready: u32, of: u32) -> Self {
        self.ready = Some((ready, of));
        self
    }

    /// With the platform's own name of it.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With how many requests it has served so far.
    #[must_use]
    pub fn with_served(mut self, served: u64) -> Self {
        self.served = Some(served);
        self
    }

    /// With how many sessions are open to it or pinned to it.
    #[must_use]
    pub fn with_sessions(mut self, sessions: u64) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// With what is wrong there.
    #[must_use]
    pub fn with_trouble(mut self, trouble: impl Into<String>) -> Self {
        self.trouble = Some(trouble.into());
        self
    }

    /// Whether no instance would take a request, as far as the platform can tell.
    pub fn has_nothing_ready(&self) -> bool {
        self.ready.is_some_and(|(ready, _)| ready == 0)
    }
}

impl Deployment {
    /// Reports that the canary gets this share of the production traffic, and nothing else.
    pub fn at(canary_share: TrafficShare) -> Self {
        let (canary, baseline) = (Place::new(), Place::new());
        Self { canary_share, set_share: None, canary, baseline, detail: String::new() }
    }

    /// With the share that is set, which may be another than the effective one.
    #[must_use]
    pub fn with_set_share(mut self, set_share: TrafficShare) -> Self {
        self.set_share = Some(set_share);
        self
    }

    /// With the place of the new version.
    #[must_use]
    pub fn with_canary(mut self, canary: Place) -> Self {
        self.canary = canary;
        self
    }

    /// With the place of the version that it replaces.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Place) -> Self {
        self.baseline = baseline;
        self
    }

    /// Sets what a person may want to know about it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}
