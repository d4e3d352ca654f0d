use std::{sync::Arc, time::Duration};

use relman_core::{
    port::{Deployer, IncidentSource, MetricsSource, Notifier, UserFlows},
    unit::Timestamp,
};
use tokio::sync::{Semaphore, broadcast};

use super::{Limits, Update};
use crate::Releases;

/// What every driver works with.
pub(super) struct Ports {
    pub(super) releases: Releases,
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) metrics: Arc<dyn MetricsSource>,
    pub(super) notifier: Arc<dyn Notifier>,
    pub(super) user_flows: Option<Arc<dyn UserFlows>>,
    pub(super) incidents: Option<Arc<dyn IncidentSource>>,
    pub(super) limits: Limits,
    /// Permits for calls to the deployer and the metrics source; a rollback needs none.
    pub(super) calls: Semaphore,
    /// Permits for notifications, apart from the others so that neither waits for the other.
    pub(super) notifications: Semaphore,
    /// Permits for checks of user flows, which may take long and keep nothing else waiting.
    pub(super) flow_checks: Semaphore,
    /// Permits for questions to the source of incidents, apart from both.
    pub(super) asides: Semaphore,
    pub(super) updates: broadcast::Sender<Update>,
}

impl Ports {
    pub(super) fn now(&self) -> Timestamp {
        self.releases.clock().now()
    }

    /// How long to sleep until a moment; never longer than a wall clock can be trusted not to jump.
    pub(super) fn until(&self, moment: Option<Timestamp>) -> Duration {
        /// A clock that was set forward is noticed within this time.
        const LONGEST_SLEEP: Duration = Duration::from_secs(30);
        moment.map_or(LONGEST_SLEEP, |moment| moment.since(self.now()).to_std().min(LONGEST_SLEEP))
    }
}
