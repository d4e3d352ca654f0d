//! Ports that fail as a schedule says, each around one that works.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use relman_adapters::{clock::TokioClock, journal::SqliteJournal};
use relman_core::{
    chain::{Head, SealedLine},
    judge::{Arm, Observation},
    port::{
        AppendError, Clock, DeployRequest, Deployer, DeployerCapabilities, Deployment, Journal, MetricQuery,
        MetricsSource, Notification, Notifier, PortError, PortErrorKind, StoredStream, Target,
        TrafficRequest,
    },
    unit::{Channel, MetricName, ReleaseId, Span, Timestamp, Window},
};
use relman_testkit::{
    fault::{AppendFate, Boundary, Fault, Jump, Schedule},
    sim::{Call, CallAnswer, RecordingNotifier, SimulatedPlatform, What},
};
use tokio::sync::watch;

/// The world that all processes share.
pub(crate) struct Shared {
    pub(crate) id: ReleaseId,
    pub(crate) faults: Schedule,
    pub(crate) platform: Arc<SimulatedPlatform>,
    pub(crate) notifier: RecordingNotifier,
    pub(crate) clock: Arc<TokioClock>,
    reached: Mutex<BTreeMap<Boundary, u32>>,
    appends: Mutex<u32>,
}

impl Shared {
    pub(crate) fn new(
        id: ReleaseId,
        platform: Arc<SimulatedPlatform>,
        faults: Schedule,
        clock: Arc<TokioClock>,
    ) -> Self {
        let notifier = RecordingNotifier::default().with_faults(faults.clone());
        let (reached, appends) = (Mutex::default(), Mutex::default());
        Self { id, faults, platform, notifier, clock, reached, appends }
    }

    /// How long the failure of this append keeps whoever appended away.
    fn append_fate(&self) -> Option<(AppendFate, Span)> {
        let mut appends = self.appends.lock().unwrap();
        *appends += 1;
        self.faults.faults.iter().find_map(|fault| match fault {
            Fault::Append { nth, fate, down_for } if nth == &*appends => Some((*fate, *down_for)),
            _ => None,
        })
    }

    /// How long a process is gone that ends at this place, if it does.
    fn crash_at(&self, place: Boundary) -> Option<Span> {
        let mut reached = self.reached.lock().unwrap();
        let mut gone = None;
        for place in [place, Boundary::Any] {
            let number = reached.entry(place).or_default();
            *number += 1;
            gone = gone.or(self.faults.faults.iter().find_map(|fault| match fault {
                Fault::Crash { after, nth, down_for } if *after == place && nth == number => Some(*down_for),
                _ => None,
            }));
        }
        gone
    }
}

/// What one process sees of the world.
#[derive(Clone)]
pub(crate) struct Faulty {
    pub(crate) shared: Arc<Shared>,
    journal: Arc<SqliteJournal>,
    /// For how long the process is gone, once it is.
    gone: watch::Sender<Option<Span>>,
}

impl Faulty {
    /// A new process, with a connection of its own.
    pub(crate) fn new(shared: Arc<Shared>, journal: SqliteJournal) -> Self {
        Self { shared, journal: Arc::new(journal), gone: watch::Sender::new(None) }
    }

    /// Waits until the process has ended at a place of the schedule; for how long it stays away.
    pub(crate) async fn gone(&self) -> Span {
        let mut gone = self.gone.subscribe();
        let span = gone.wait_for(Option::is_some).await.unwrap();
        span.unwrap()
    }

    /// How long the process that could not append stays away.
    pub(crate) fn away(&self) -> Span {
        self.gone.borrow().unwrap_or_default()
    }

    /// A place between two steps. A process that ends here never gets any further.
    async fn reach(&self, place: Boundary) {
        if let Some(down_for) = self.shared.crash_at(place) {
            self.shared.platform.note(&self.shared.id, What::Crashed);
            self.gone.send_replace(Some(down_for));
            std::future::pending::<()>().await;
        }
    }

    fn failed(&self, down_for: Span, detail: &str) -> AppendError {
        self.shared.platform.note(&self.shared.id, What::AppendFailed);
        // Read once the driver has stopped; nobody waits for it before.
        self.gone.send_if_modified(|gone| {
            *gone = Some(down_for);
            false
        });
        PortError::new("faulty", "append records", PortErrorKind::Unavailable, detail).into()
    }
}

#[async_trait]
impl Journal for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    async fn append(
        &self,
        release: &ReleaseId,
        expected: Option<Head>,
        lines: &[SealedLine],
    ) -> Result<Option<Head>, AppendError> {
        self.reach(Boundary::Decided).await;
        let fate = self.shared.append_fate();
        if let Some((AppendFate::BeforeDurable, down_for)) = fate {
            return Err(self.failed(down_for, "the disk is full"));
        }
        let head = self.journal.append(release, expected, lines).await?;
        self.shared.platform.recorded(release, head.map_or(0, |head| head.seq + 1));
        if let Some((AppendFate::AfterDurable, down_for)) = fate {
            return Err(self.failed(down_for, "the commit was not confirmed"));
        }
        self.reach(Boundary::Appended).await;
        Ok(head)
    }

    async fn read(&self, release: &ReleaseId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        self.journal.read(release, from, limit).await
    }

    async fn head(&self, release: &ReleaseId) -> Result<Option<Head>, PortError> {
        self.journal.head(release).await
    }

    async fn streams(&self) -> Result<Vec<StoredStream>, PortError> {
        self.journal.streams().await
    }
}

#[async_trait]
impl Deployer for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn capabilities(&self) -> DeployerCapabilities {
        self.shared.platform.capabilities()
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        let done = self.shared.platform.deploy(request).await;
        self.reach(Boundary::Called).await;
        done
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        let done = self.shared.platform.set_traffic(request).await;
        self.reach(Boundary::Called).await;
        done
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        Deployer::observe(&*self.shared.platform, target).await
    }
}

#[async_trait]
impl MetricsSource for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn knows(&self, metric: &MetricName) -> bool {
        self.shared.platform.knows(metric)
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let platform = &self.shared.platform;
        let time = platform.answers_after(&query.release, &query.metric, window);
        let answer = MetricsSource::observe(&**platform, query, arm, window).await;
        tokio::time::sleep(time.to_std()).await;
        answer
    }
}

#[async_trait]
impl Notifier for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn serves(&self, channel: &Channel) -> bool {
        self.shared.notifier.serves(channel)
    }

    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        let told = self.shared.notifier.notify(notification).await;
        let share = self.shared.platform.share(&notification.release);
        let (call, key, answer) = (Call::Notify, notification.key.clone(), CallAnswer::of(&told));
        let what = What::Called { call, key, answer, before: share, after: share };
        self.shared.platform.note(&notification.release, what);
        self.reach(Boundary::Called).await;
        told
    }
}

/// A clock that jumps as the schedule says; the platform's does not.
impl Clock for Faulty {
    fn now(&self) -> Timestamp {
        let now = self.shared.clock.now();
        let jumps = self.shared.faults.faults.iter().filter_map(|fault| match fault {
            Fault::Clock { at, jump } => Some((self.shared.platform.moment(&self.shared.id, *at)?, *jump)),
            _ => None,
        });
        jumps.filter(|(at, _)| *at <= now).fold(now, |seen, (_, jump)| match jump {
            Jump::Forwards(by) => seen + by,
            Jump::Backwards(by) => seen.minus(by),
        })
    }
}
