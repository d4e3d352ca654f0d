//! Ports that fail as a schedule says, each around one that works.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use relman_adapters::{clock::TokioClock, journal::SqliteJournal};
use relman_core::{
    chain::{Head, SealedLine},
    judge::{Arm, Observation},
    port::{
        AppendError, Change, Clock, DeployRequest, Deployer, DeployerCapabilities, Deployment, Journal,
        MetricQuery, MetricsSource, Notification, Notifier, NotifyOn, PortError, PortErrorKind, Position,
        StoredStream, StreamIndex, Streams, Target, TrafficRequest,
    },
    unit::{Channel, MetricName, ReleaseId, Span, StreamId, Timestamp, Window},
};
use relman_testkit::world::{
    Call, CallAnswer, RecordingNotifier, SimulatedPlatform, What,
    fault::{AppendFate, Boundary, Clocks, Fault, Jump, PortName, Schedule},
};
use tokio::sync::{Notify, watch};

/// The world that all processes share.
pub(crate) struct Shared {
    pub(crate) id: ReleaseId,
    pub(crate) faults: Schedule,
    pub(crate) platform: Arc<SimulatedPlatform>,
    pub(crate) notifier: RecordingNotifier,
    pub(crate) clock: Arc<TokioClock>,
    reached: Mutex<BTreeMap<Boundary, u32>>,
    appends: Mutex<u32>,
    called: Mutex<BTreeMap<PortName, u32>>,
    appended: Notify,
}

/// Whether a number is among `times` from the `nth` on.
fn hits(nth: u32, times: u32, number: u32) -> bool {
    nth <= number && number - nth < times
}

impl Shared {
    pub(crate) fn new(
        id: ReleaseId,
        platform: Arc<SimulatedPlatform>,
        faults: Schedule,
        clock: Arc<TokioClock>,
    ) -> Self {
        let notifier = RecordingNotifier::default().with_faults(faults.clone());
        let (reached, appends, called) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { id, faults, platform, notifier, clock, reached, appends, called, appended: Notify::new() }
    }

    fn append_fate(&self) -> Option<AppendFate> {
        let mut appends = self.appends.lock().unwrap();
        *appends += 1;
        self.faults.faults.iter().find_map(|fault| match fault {
            Fault::Append { nth, times, fate } if hits(*nth, *times, *appends) => Some(*fate),
            _ => None,
        })
    }

    /// Panics where the schedule says that this call of a port does.
    fn panic_if_due(&self, port: PortName) {
        let number = {
            let mut called = self.called.lock().unwrap();
            let number = called.entry(port).or_default();
            *number += 1;
            *number
        };
        let panics = self.faults.faults.iter().any(|fault| match fault {
            Fault::Panic { port: panicking, nth, times } => *panicking == port && hits(*nth, *times, number),
            _ => false,
        });
        assert!(!panics, "as the schedule says");
    }

    /// Lets as much time pass as the answer to the last change takes: for ever where it never comes.
    async fn answer(&self) {
        match self.platform.answer_delay(&self.id) {
            Some(Span::ZERO) => {}
            Some(delay) => tokio::time::sleep(delay.to_std()).await,
            None => std::future::pending().await,
        }
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
    /// How far its clock is ahead, in milliseconds: as it was when the process started.
    ahead: i64,
    reserve: Arc<AtomicBool>,
}

impl Faulty {
    /// A new process, with a connection of its own.
    pub(crate) fn new(shared: Arc<Shared>, journal: SqliteJournal, whose: Clocks) -> Self {
        let now = shared.clock.now();
        let ahead = shared.faults.faults.iter().fold(0_i64, |ahead, fault| match fault {
            Fault::Clock { at, of, jump } if *of == Clocks::All || *of == whose => {
                let is_over = shared.platform.moment(&shared.id, *at).is_some_and(|at| at <= now);
                match jump {
                    Jump::Forwards(by) if is_over => ahead.saturating_add_unsigned(by.as_millis()),
                    Jump::Backwards(by) if is_over => ahead.saturating_sub_unsigned(by.as_millis()),
                    Jump::Forwards(_) | Jump::Backwards(_) => ahead,
                }
            }
            _ => ahead,
        });
        let (gone, reserve) = (watch::Sender::new(None), Arc::default());
        Self { shared, journal: Arc::new(journal), gone, ahead, reserve }
    }

    /// Waits until the process has ended at a place of the schedule; for how long it stays away.
    pub(crate) async fn gone(&self) -> Span {
        let mut gone = self.gone.subscribe();
        let span = gone.wait_for(Option::is_some).await.unwrap();
        span.unwrap()
    }

    /// A place between two steps. A process that ends here never gets any further.
    async fn reach(&self, place: Boundary) {
        if let Some(down_for) = self.shared.crash_at(place) {
            self.shared.platform.note(&self.shared.id, What::Crashed);
            self.gone.send_replace(Some(down_for));
            std::future::pending::<()>().await;
        }
    }

    fn failed(&self, kind: PortErrorKind, detail: &str) -> AppendError {
        self.shared.platform.note(&self.shared.id, What::AppendFailed);
        PortError::new("faulty", "append records", kind, detail).into()
    }
}

#[async_trait]
impl Journal for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Result<Option<Head>, AppendError> {
        self.reach(Boundary::Decided).await;
        let fate = self.shared.append_fate();
        match fate {
            Some(AppendFate::BeforeDurable) => {
                return Err(self.failed(PortErrorKind::Unavailable, "the store does not answer"));
            }
            Some(AppendFate::Full) if !self.reserve.swap(false, Ordering::Relaxed) => {
                return Err(self.failed(PortErrorKind::Full, "the disk is full"));
            }
            Some(AppendFate::Full | AppendFate::AfterDurable) | None => {}
        }
        let head = self.journal.append(stream, expected, lines, index).await?;
        self.shared.appended.notify_waiters();
        if let Some(release) = stream.release() {
            self.shared.platform.recorded(release, head.map_or(0, |head| head.seq + 1));
        }
        if fate == Some(AppendFate::AfterDurable) {
            return Err(self.failed(PortErrorKind::Unavailable, "the commit was not confirmed"));
        }
        self.reach(Boundary::Appended).await;
        Ok(head)
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        self.journal.read(stream, from, limit).await
    }

    async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError> {
        self.journal.head(stream).await
    }

    async fn free_reserve(&self) -> bool {
        self.reserve.store(true, Ordering::Relaxed);
        true
    }

    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError> {
        self.journal.streams(which, after, limit).await
    }

    async fn reindex(&self, stream: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError> {
        self.journal.reindex(stream, head, index).await
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError> {
        self.journal.changes(after, limit).await
    }

    async fn position(&self) -> Result<Position, PortError> {
        self.journal.position().await
    }

    /// Every process of this world is in this one, so that none has to ask the file twenty times a second, for days of a
    /// clock that does not wait. That the journal itself notices what others append is for its conformance suite.
    async fn changed(&self, after: Position, at_most: Span) -> Result<(), PortError> {
        let appended = self.shared.appended.notified();
        tokio::pin!(appended);
        // What is appended while the position is asked for wakes it, too.
        appended.as_mut().enable();
        if self.position().await? <= after {
            // That nothing came is no failure.
            let _ = tokio::time::timeout(at_most.to_std(), appended).await;
        }
        Ok(())
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
        self.shared.panic_if_due(PortName::Deployer);
        let done = self.shared.platform.deploy(request).await;
        self.shared.answer().await;
        self.reach(Boundary::Called).await;
        done
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        self.shared.panic_if_due(PortName::Deployer);
        let done = self.shared.platform.set_traffic(request).await;
        self.shared.answer().await;
        self.reach(Boundary::Called).await;
        done
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        self.shared.panic_if_due(PortName::Observation);
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
        self.shared.panic_if_due(PortName::Metrics);
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
        self.shared.panic_if_due(PortName::Notifier);
        let told = self.shared.notifier.notify(notification).await;
        if notification.moment == NotifyOn::JournalUnavailable {
            // It rests on no record.
            self.shared.platform.note(&notification.release, What::Alarmed);
            return told;
        }
        let share = self.shared.platform.share(&notification.release);
        let (call, key, answer) = (Call::Notify, notification.key.clone(), CallAnswer::of(&told));
        let what = What::Called { call, key, answer, before: share, after: share };
        self.shared.platform.note(&notification.release, what);
        self.reach(Boundary::Called).await;
        told
    }
}

/// A steady clock that is as wrong as it was when the process started.
impl Clock for Faulty {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.shared.clock.now().as_millis().saturating_add(self.ahead))
    }
}
