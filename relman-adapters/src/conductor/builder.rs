use std::{collections::BTreeMap, sync::Arc, time::Duration};

use relman_core::port::{
    Clock, Deployer, Directory, IncidentSource, Journal, MetricsSource, Notifier, UserFlows,
};
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore, broadcast};

use super::{Conductor, ports::Ports};
use crate::Releases;

/// Bounds on what a conductor does at once, each with its reason.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// How many calls to the deployer and the metrics source may be under way at once, over all releases.
    pub calls: usize,
    /// How many notifications may be under way at once, over all releases; and, apart from them, how many questions to
    /// the source of incidents.
    pub notifications: usize,
    /// How many checks of user flows may be under way at once, over all releases.
    pub flow_checks: usize,
    /// How long after a check of the user flows that passed they are checked again; half an hour at most, so that a
    /// pass is renewed before it is too old for the validation gate.
    pub check_flows_every: Duration,
    /// How long after a check of the user flows that did not pass they are checked again; not longer than after one
    /// that did.
    pub check_flows_again_after: Duration,
    /// How long one call to a port may take before it counts as not answered.
    pub call_time: Duration,
    /// How long calls under way may go on after the conductor was asked to stop. What has no outcome by then is
    /// issued again at the next start.
    pub grace: Duration,
    /// How often the journal is asked whether another process has appended; never, if absent.
    pub watch_journal_every: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // More than the connections that a metrics server or a platform takes kindly from one client.
            calls: 64,
            notifications: 16,
            // Of few releases at a time is the validation just beginning; the others are spread over the interval.
            flow_checks: 8,
            // A broken flow is seen some hundred times sooner than the validation ends, for little traffic.
            check_flows_every: Duration::from_mins(15),
            // Somebody is looking into it, or waits for it.
            check_flows_again_after: Duration::from_mins(1),
            // Longer than any adapter's own limit, so that the adapter's better message comes first.
            call_time: Duration::from_mins(2),
            grace: Duration::from_secs(10),
            // A person who types a command sees it acted upon within half a second.
            watch_journal_every: Some(Duration::from_millis(500)),
        }
    }
}

/// Puts a [`Conductor`] together.
#[derive(Default)]
pub struct ConductorBuilder {
    journal: Option<Arc<dyn Journal>>,
    deployer: Option<Arc<dyn Deployer>>,
    metrics: Option<Arc<dyn MetricsSource>>,
    notifier: Option<Arc<dyn Notifier>>,
    user_flows: Option<Arc<dyn UserFlows>>,
    incidents: Option<Arc<dyn IncidentSource>>,
    directory: Option<Arc<dyn Directory>>,
    clock: Option<Arc<dyn Clock>>,
    limits: Limits,
}

/// A port that a conductor can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("failed to build a conductor: it has no {0}")]
pub struct MissingPort(&'static str);

impl ConductorBuilder {
    /// Where records are kept.
    #[must_use]
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// What installs versions and routes traffic.
    #[must_use]
    pub fn deployer(mut self, deployer: Arc<dyn Deployer>) -> Self {
        self.deployer = Some(deployer);
        self
    }

    /// Where measurements come from.
    #[must_use]
    pub fn metrics(mut self, metrics: Arc<dyn MetricsSource>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// What tells people.
    #[must_use]
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// What tries the key user flows while a release is validated; without it, somebody else records the check
    /// `user-flows`.
    #[must_use]
    pub fn user_flows(mut self, user_flows: Arc<dyn UserFlows>) -> Self {
        self.user_flows = Some(user_flows);
        self
    }

    /// Where incidents come from; nothing is heard of them where nothing is said.
    ///
    /// It is asked with every look at a release that has users, beside the look and never before it. What it tells is
    /// recorded by relman itself. A source that fails is logged and asked again with the next look.
    #[must_use]
    pub fn incidents(mut self, incidents: Arc<dyn IncidentSource>) -> Self {
        self.incidents = Some(incidents);
        self
    }

    /// Who people are.
    #[must_use]
    pub fn directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// What time it is.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Bounds on what the conductor does at once.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The conductor.
    ///
    /// # Errors
    ///
    /// [`MissingPort`] with the first port that was not given.
    pub fn build(self) -> Result<Conductor, MissingPort> {
        /// Updates that a slow listener may lag behind before it misses some; the journal has them all.
        const UPDATES: usize = 1_024;
        let releases = Releases::new(
            self.journal.ok_or(MissingPort("journal"))?,
            self.directory.ok_or(MissingPort("directory"))?,
            self.clock.ok_or(MissingPort("clock"))?,
        );
        let ports = Ports {
            releases,
            deployer: self.deployer.ok_or(MissingPort("deployer"))?,
            metrics: self.metrics.ok_or(MissingPort("metrics source"))?,
            notifier: self.notifier.ok_or(MissingPort("notifier"))?,
            user_flows: self.user_flows,
            calls: Semaphore::new(self.limits.calls),
            flow_checks: Semaphore::new(self.limits.flow_checks),
            incidents: self.incidents,
            notifications: Semaphore::new(self.limits.notifications),
            asides: Semaphore::new(self.limits.notifications),
            limits: self.limits,
            updates: broadcast::channel(UPDATES).0,
        };
        Ok(Conductor { ports: Arc::new(ports), drivers: Arc::new(Mutex::new(BTreeMap::new())) })
    }
}
