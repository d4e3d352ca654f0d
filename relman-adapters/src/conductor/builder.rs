use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use relman_core::{
    port::{
        Clock, ConductorId, Deployer, Directory, IncidentSource, Journal, Leases, MetricsSource, Notifier,
        UserFlows,
    },
    unit::Channel,
};
use thiserror::Error;
use tokio::sync::broadcast;

use super::{
    Conductor,
    executor::Executor,
    presence::{Presence, own_id},
    shared::Shared,
};
use crate::Releases;

/// Bounds on what a conductor does at once, each with its reason.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// How many calls to the deployer and the metrics source may be under way at once, over all releases.
    pub calls: usize,
    /// How many messages to people may be under way at once, over all releases.
    pub messages: usize,
    /// How many checks of user flows and questions to the source of incidents may be under way at once, over all
    /// releases.
    pub asides: usize,
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
    /// How long a conductor counts as present without having been heard of, where there are leases. It is renewed three
    /// times in this time, and a conductor acts for two thirds of it.
    pub lease_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // More than the connections that a metrics server or a platform takes kindly from one client.
            calls: 64,
            messages: 16,
            // The validation of few releases is just beginning; the others are spread over the interval.
            asides: 16,
            // A broken flow is seen some hundred times sooner than the validation ends, for little traffic.
            check_flows_every: Duration::from_mins(15),
            // Somebody is looking into it, or waits for it.
            check_flows_again_after: Duration::from_mins(1),
            // Longer than any adapter's own limit, so that the adapter's better message comes first.
            call_time: Duration::from_mins(2),
            grace: Duration::from_secs(10),
            // A person who types a command sees it acted upon within half a second.
            watch_journal_every: Some(Duration::from_millis(500)),
            // Longer than a machine stalls in everyday life, and short enough for users to be without a driver.
            lease_time: Duration::from_secs(15),
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
    leases: Option<Arc<dyn Leases>>,
    conductor: Option<ConductorId>,
    clock: Option<Arc<dyn Clock>>,
    limits: Limits,
    last_resort: Option<Channel>,
}

/// Why a conductor can't be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A port is missing that a conductor can't do without.
    #[error("failed to build a conductor: it has no {0}")]
    MissingPort(&'static str),
    /// The source of incidents has no name that could stand in a record.
    #[error("failed to build a conductor: the source of incidents has no name that can be recorded: {0}")]
    UnnamedSource(String),
}

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

    /// Where it is known which conductors are there, and which of them drives which release. Without it, this one drives
    /// whatever it is told to, and nobody knows whether it is there.
    #[must_use]
    pub fn leases(mut self, leases: Arc<dyn Leases>) -> Self {
        self.leases = Some(leases);
        self
    }

    /// As what the conductor is known to others; machine and process, if not said.
    #[must_use]
    pub fn known_as(mut self, conductor: ConductorId) -> Self {
        self.conductor = Some(conductor);
        self
    }

    /// What time it is.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where on-call is told of what can't be recorded, for releases whose policy is not known: the journal can't be
    /// read, or a release can't be taken up.
    #[must_use]
    pub fn last_resort(mut self, channel: Channel) -> Self {
        self.last_resort = Some(channel);
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
    /// [`BuildError`] with the first port that was not given, or that has no name.
    pub fn build(self) -> Result<Conductor, BuildError> {
        /// Updates that a slow listener may lag behind before it misses some; the journal has them all.
        const UPDATES: usize = 1_024;
        let missing = BuildError::MissingPort;
        let releases = Releases::new(
            self.journal.ok_or(missing("journal"))?,
            self.directory.ok_or(missing("directory"))?,
            self.clock.ok_or(missing("clock"))?,
        );
        let executor = Executor::new(
            releases.clone(),
            self.deployer.ok_or(missing("deployer"))?,
            self.metrics.ok_or(missing("metrics source"))?,
            self.notifier.ok_or(missing("notifier"))?,
            self.user_flows,
            self.incidents,
            self.limits.clone(),
        );
        let incident_source = executor.incident_source().transpose().map_err(BuildError::UnnamedSource)?;
        let clock = releases.clock().clone();
        let presence = self.leases.map(|leases| {
            let conductor = self.conductor.unwrap_or_else(|| own_id(&*clock));
            Arc::new(Presence::new(leases, conductor, clock, self.limits.lease_time))
        });
        let shared = Shared {
            releases,
            presence,
            executor,
            limits: self.limits,
            incident_source,
            last_resort: self.last_resort,
            updates: broadcast::channel(UPDATES).0,
            driven: Mutex::default(),
            policies: Mutex::default(),
        };
        Ok(Conductor { shared: Arc::new(shared) })
    }
}
