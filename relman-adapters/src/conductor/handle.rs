use std::{collections::BTreeMap, sync::Arc};

use relman_core::{
    chain::Head,
    event::Record,
    machine::{Action, PhaseName, Release},
    unit::{Actor, ReleaseId},
};
use thiserror::Error;
use tokio::{
    sync::{Mutex, Notify, broadcast, watch},
    task::JoinHandle,
};

use super::{ConductorBuilder, Stopped, driver::Driver, ports::Ports, watch::watch_journal};
use crate::{LoadError, Releases, SubmitError};

/// Performs what releases ask for and feeds the outcomes back.
///
/// Cheap to clone: clones conduct the same releases. Needs a tokio runtime with timers.
///
/// # Examples
///
/// ```no_run
/// # async fn example(
/// #     journal: std::sync::Arc<dyn relman_core::port::Journal>,
/// #     deployer: std::sync::Arc<dyn relman_core::port::Deployer>,
/// #     metrics: std::sync::Arc<dyn relman_core::port::MetricsSource>,
/// #     notifier: std::sync::Arc<dyn relman_core::port::Notifier>,
/// #     directory: std::sync::Arc<dyn relman_core::port::Directory>,
/// #     clock: std::sync::Arc<dyn relman_core::port::Clock>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use relman_adapters::conductor::Conductor;
///
/// let conductor = Conductor::builder()
///     .journal(journal)
///     .deployer(deployer)
///     .metrics(metrics)
///     .notifier(notifier)
///     .directory(directory)
///     .clock(clock)
///     .build()?;
/// let release = "checkout-241".parse()?;
/// let ending = conductor.conduct(&release).await?;
/// let ended = ending.wait().await?;
/// println!("{} is {}", ended.id(), ended.phase().name());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Conductor {
    pub(super) ports: Arc<Ports>,
    pub(super) drivers: Arc<Mutex<BTreeMap<ReleaseId, Conducted>>>,
}

/// A release that has a driver.
pub(super) struct Conducted {
    pub(super) nudge: Arc<Notify>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    result: watch::Receiver<Option<Result<Arc<Release>, Arc<Stopped>>>>,
}

/// What has changed in a release.
#[derive(Debug, Clone)]
pub struct Update {
    /// The release as it is now.
    pub release: Arc<Release>,
    /// The records that are new; none when its driver has just begun.
    pub records: Arc<[Record]>,
}

/// Why a release is not conducted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConductError {
    /// The release can't be loaded.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The journal can't be listed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Something that the plan or the policy needs is not configured. Nothing has been touched yet.
    #[error("failed to conduct {release}: {problem}")]
    NotReady {
        /// The release.
        release: ReleaseId,
        /// What is missing, and what would be right.
        problem: String,
    },
}

/// The end of a release that is being conducted.
pub struct Ending(watch::Receiver<Option<Result<Arc<Release>, Arc<Stopped>>>>);

impl Ending {
    /// Waits until the release has reached an end and everybody was told, or the conductor was stopped; returns the
    /// release as it is then.
    ///
    /// # Errors
    ///
    /// Why the release is not conducted any longer.
    pub async fn wait(mut self) -> Result<Arc<Release>, Arc<Stopped>> {
        loop {
            if let Some(result) = self.0.borrow_and_update().clone() {
                return result;
            }
            if self.0.changed().await.is_err() {
                // The driver's task is gone without a word: the runtime is shutting down.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Conductor {
    /// A builder.
    pub fn builder() -> ConductorBuilder {
        ConductorBuilder::default()
    }

    /// The releases of the journal, for reading and for people's commands.
    pub fn releases(&self) -> &Releases {
        &self.ports.releases
    }

    /// What changes, in the releases that are conducted, from now on. A listener that is too slow misses updates
    /// and never slows a release down.
    pub fn updates(&self) -> broadcast::Receiver<Update> {
        self.ports.updates.subscribe()
    }

    /// Conducts a release: verifies and folds its record, issues effects without an outcome again, and goes on until
    /// it has ended. A release that is conducted already goes on as it does.
    ///
    /// # Errors
    ///
    /// [`ConductError`] where the record can't be read, or where a metric or channel that it needs is not configured
    /// and production was not touched yet.
    pub async fn conduct(&self, id: &ReleaseId) -> Result<Ending, ConductError> {
        let mut drivers = self.drivers.lock().await;
        if let Some(conducted) = drivers.get(id).filter(|conducted| !conducted.task.is_finished()) {
            conducted.nudge.notify_one();
            return Ok(Ending(conducted.result.clone()));
        }
        let nudge = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let (sender, result) = watch::channel(None);
        let driver = Driver::load(self.ports.clone(), id, nudge.clone(), stopped).await?;
        self.is_ready(driver.release())?;
        let task = tokio::spawn(async move {
            let ended = driver.drive().await;
            sender.send_replace(Some(ended.map(Arc::new).map_err(Arc::new)));
        });
        drivers.insert(id.clone(), Conducted { nudge, stop, task, result: result.clone() });
        Ok(Ending(result))
    }

    /// Conducts every open release of the journal, and those that other processes plan from now on, until `stop`
    /// completes; then stops gracefully.
    ///
    /// # Errors
    ///
    /// [`ConductError`] where the journal can't be listed. A single release that can't be conducted is logged and
    /// left alone.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<(), ConductError> {
        let watching = watch_journal(self.clone(), super::watch::Adopt::Every);
        tokio::pin!(stop);
        let result = tokio::select! {
            result = watching => result,
            () = &mut stop => Ok(()),
        };
        self.stop().await;
        result
    }

    /// Watches the journal for what other processes append to the releases that are conducted. Runs until dropped.
    ///
    /// # Errors
    ///
    /// [`ConductError`] where the journal can't be listed at first.
    pub async fn follow_journal(&self) -> Result<(), ConductError> {
        watch_journal(self.clone(), super::watch::Adopt::None).await
    }

    /// Carries out somebody's command, and lets the release's driver know.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; nothing is changed then.
    pub async fn command(
        &self,
        id: &ReleaseId,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        let done = self.ports.releases.command(id, actor, action).await?;
        self.nudge(id).await;
        Ok(done)
    }

    /// Carries out somebody's command on exactly the state that they saw, as [`Releases::command_at`] does, and lets
    /// the release's driver know.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; nothing is changed then.
    pub async fn command_at(
        &self,
        id: &ReleaseId,
        seen: Option<Head>,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        let done = self.ports.releases.command_at(id, seen, actor, action).await?;
        self.nudge(id).await;
        Ok(done)
    }

    async fn nudge(&self, id: &ReleaseId) {
        if let Some(conducted) = self.drivers.lock().await.get(id) {
            conducted.nudge.notify_one();
        }
    }

    /// Stops gracefully: starts nothing new and waits for calls under way, not longer than the grace. What has no
    /// outcome by then is issued again at the next start.
    pub async fn stop(&self) {
        let conducted: Vec<Conducted> =
            std::mem::take(&mut *self.drivers.lock().await).into_values().collect();
        for one in &conducted {
            one.stop.send_replace(true);
        }
        for one in conducted {
            // A driver that panicked has stopped too.
            let _ = one.task.await;
        }
    }

    /// Stops at once: drops whatever is under way, as the end of the process would. What has no outcome is issued
    /// again at the next start. For tests of exactly that; [`stop`](Self::stop) is the friendlier way.
    pub async fn kill(&self) {
        for conducted in std::mem::take(&mut *self.drivers.lock().await).into_values() {
            conducted.task.abort();
            // Cancelled, which is what was asked for.
            let _ = conducted.task.await;
        }
    }

    /// Whether everything that the release will need is configured. In production it is too late to refuse: such a
    /// release has to be conducted, if only to be taken back.
    fn is_ready(&self, release: &Release) -> Result<(), ConductError> {
        let (Some(plan), Some(policy)) = (release.plan(), release.policy()) else {
            return Ok(());
        };
        if release.phase().name().touches_production() || release.phase().name() == PhaseName::Closed {
            return Ok(());
        }
        let mut problems = Vec::new();
        let unknown: Vec<String> = release
            .watched()
            .into_iter()
            .filter(|metric| !self.ports.metrics.knows(metric))
            .map(|metric| metric.to_string())
            .collect();
        if !unknown.is_empty() {
            let source = self.ports.metrics.name();
            problems.push(format!("{source} has no query for {}: add one for each", unknown.join(", ")));
        }
        let planned = plan.communication().notices.iter().map(|notice| &notice.channel);
        let unserved: std::collections::BTreeSet<String> = planned
            .chain([&policy.on_call().channel])
            .filter(|channel| !self.ports.notifier.serves(channel))
            .map(ToString::to_string)
            .collect();
        if !unserved.is_empty() {
            let names: Vec<String> = unserved.into_iter().collect();
            problems
                .push(format!("no notifier serves the channel {}: configure one for each", names.join(", ")));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(ConductError::NotReady { release: release.id().clone(), problem: problems.join("; ") })
    }
}
