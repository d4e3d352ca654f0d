//! A release is never left alone: what fails around it, on the real conductor and the SQLite journal.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use relman_adapters::{
    Releases,
    clock::TokioClock,
    conductor::{Conductor, Limits, Stopped},
    journal::SqliteJournal,
};
use relman_core::{
    chain::{Digest, Envelope, Head, SealedLine},
    event::Record,
    machine::{Action, EndedAs, Phase, PhaseName, Release},
    port::{
        AppendError, Change, Clock, DeployRequest, Deployer, DeployerCapabilities, Deployment, Journal,
        JournalExt, NotifyOn, PortError, PortErrorKind, Position, StoredStream, StreamIndex, Streams, Target,
        TrafficRequest, Urgency, with_causes,
    },
    report::{History, Status, Timeline},
    unit::{ReleaseId, Span, StreamId, Timestamp, TrafficShare},
};
use relman_testkit::{
    Invariants, Team, sample,
    world::{RecordingNotifier, Regression, SimulatedPlatform, World},
};
use tempfile::TempDir;

use super::stage::{drill, start};

/// What becomes of an append.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Unavailable,
    Lost,
    Full,
}

/// A journal in a file that fails as a test says.
struct Failing {
    inner: SqliteJournal,
    /// The first append that fails, from 1, and how many do.
    appends: Mutex<Option<(u32, u32, Fate)>>,
    appended: AtomicU32,
    /// How many reads of a stream fail from now on.
    reads: AtomicU32,
    freed: AtomicBool,
    /// Whether reading a stream, and hearing of changes, never gets an answer.
    silent: AtomicBool,
}

impl Failing {
    fn new(directory: &TempDir, appends: Option<(u32, u32, Fate)>) -> Self {
        let inner = SqliteJournal::open(directory.path().join("relman.db")).unwrap();
        let (appended, reads) = (AtomicU32::new(0), AtomicU32::new(0));
        let (freed, silent) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inner, appends: Mutex::new(appends), appended, reads, freed, silent }
    }

    async fn answers(&self) {
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// So many appends fail from now on.
    fn fail(&self, times: u32, fate: Fate) {
        *self.appends.lock().unwrap() = Some((self.appended.load(Ordering::Relaxed) + 1, times, fate));
    }
}

fn failure(kind: PortErrorKind) -> PortError {
    PortError::new("failing", "append records", kind, "as the test says")
}

#[async_trait]
impl Journal for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Result<Option<Head>, AppendError> {
        let number = self.appended.fetch_add(1, Ordering::Relaxed) + 1;
        let fate =
            self.appends.lock().unwrap().filter(|(nth, times, _)| *nth <= number && number - nth < *times);
        match fate.map(|(.., fate)| fate) {
            Some(Fate::Unavailable) => return Err(failure(PortErrorKind::Unavailable).into()),
            Some(Fate::Full) if !self.freed.swap(false, Ordering::Relaxed) => {
                return Err(failure(PortErrorKind::Full).into());
            }
            Some(Fate::Full | Fate::Lost) | None => {}
        }
        let head = self.inner.append(stream, expected, lines, index).await?;
        match fate {
            Some((.., Fate::Lost)) => Err(failure(PortErrorKind::TimedOut).into()),
            _ => Ok(head),
        }
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        self.answers().await;
        let failing =
            self.reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match failing {
            Ok(_) => Err(failure(PortErrorKind::Unavailable)),
            Err(_) => self.inner.read(stream, from, limit).await,
        }
    }

    async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError> {
        self.inner.head(stream).await
    }

    async fn free_reserve(&self) -> bool {
        self.freed.store(true, Ordering::Relaxed);
        true
    }

    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError> {
        self.inner.streams(which, after, limit).await
    }

    async fn reindex(&self, stream: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError> {
        self.inner.reindex(stream, head, index).await
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError> {
        self.answers().await;
        self.inner.changes(after, limit).await
    }

    async fn position(&self) -> Result<Position, PortError> {
        self.inner.position().await
    }

    async fn changed(&self, after: Position, at_most: Span) -> Result<(), PortError> {
        self.inner.changed(after, at_most).await
    }
}

/// A deployer whose methods panic, and that says how to go back by hand.
struct Panicking {
    inner: Arc<SimulatedPlatform>,
    capabilities: AtomicBool,
    name: AtomicBool,
}

#[async_trait]
impl Deployer for Panicking {
    fn name(&self) -> &'static str {
        assert!(!self.name.load(Ordering::Relaxed), "the name is not known");
        "panicking"
    }

    fn capabilities(&self) -> DeployerCapabilities {
        assert!(!self.capabilities.load(Ordering::Relaxed), "nothing is known of it");
        self.inner.capabilities()
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        self.inner.deploy(request).await
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        self.inner.set_traffic(request).await
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        // Whoever observes asks for the name, too, as an adapter does for its errors.
        let _ = Deployer::name(self);
        Deployer::observe(&*self.inner, target).await
    }

    fn by_hand(&self, target: &Target) -> Option<String> {
        Some(format!("take-back {}", target.service))
    }
}

/// A clock that is so far ahead of another, or behind it.
struct Off(Arc<TokioClock>, i64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now().as_millis() + self.1)
    }
}

/// A world with its conductor.
struct House {
    _directory: TempDir,
    clock: Arc<TokioClock>,
    journal: Arc<Failing>,
    deployer: Arc<Panicking>,
    notifier: Arc<RecordingNotifier>,
    conductor: Conductor,
    id: ReleaseId,
}

impl House {
    async fn new(world: World, appends: Option<(u32, u32, Fate)>) -> Self {
        let house = Self::empty(world, appends);
        let action = Action::RecordPlan { plan: drill("drill-1"), policy: sample::brief_policy() };
        house.releases().command(&house.id, &Team::actor("user:ana"), action).await.unwrap();
        house
    }

    /// Before anything is planned.
    fn empty(world: World, appends: Option<(u32, u32, Fate)>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(TokioClock::starting_at(start()));
        let journal = Arc::new(Failing::new(&directory, appends));
        let platform = Arc::new(SimulatedPlatform::new(world, 1, clock.clone()));
        let deployer = Arc::new(Panicking {
            inner: platform.clone(),
            capabilities: AtomicBool::new(false),
            name: AtomicBool::new(false),
        });
        let channel = |name: &str| name.parse().unwrap();
        let notifier = Arc::new(RecordingNotifier::serving([channel("releases"), channel("on-call")]));
        let mut limits = Limits::default();
        limits.watch_journal_every = Some(Duration::from_secs(1));
        let conductor = Conductor::builder()
            .journal(journal.clone())
            .deployer(deployer.clone())
            .metrics(platform)
            .notifier(notifier.clone())
            .directory(Arc::new(Team::new().directory()))
            .clock(clock.clone())
            .limits(limits)
            .last_resort(channel("on-call"))
            .build()
            .unwrap();
        Self {
            _directory: directory,
            clock,
            journal,
            deployer,
            notifier,
            conductor,
            id: "drill-1".parse().unwrap(),
        }
    }

    /// As another process would have them: on the file, with a clock of its own.
    fn elsewhere(&self, ahead: i64) -> Releases {
        let clock = Arc::new(Off(self.clock.clone(), ahead));
        Releases::new(self.journal.clone(), Arc::new(Team::new().directory()), clock)
    }

    fn releases(&self) -> Releases {
        self.elsewhere(0)
    }

    async fn release(&self) -> Release {
        // Not through the port that fails.
        let lines = self.journal.inner.read_to_end(&(&self.id).into(), 0).await.unwrap();
        Release::replay(self.id.clone(), lines.iter().map(Vec::as_slice)).unwrap()
    }

    async fn records(&self) -> Vec<Record> {
        let lines = self.journal.inner.read_to_end(&(&self.id).into(), 0).await.unwrap();
        Release::replay_records(self.id.clone(), lines.iter().map(Vec::as_slice)).unwrap().1
    }

    /// People do their part, each second, until the release is as it is wanted; with the conductor running.
    async fn until(&self, wanted: impl Fn(&Release) -> bool) -> Release {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let conductor = self.conductor.clone();
        let running = tokio::spawn(async move { conductor.run(async { drop(stopped.await) }).await });
        let release = self.watch(wanted).await;
        drop(stop);
        running.await.unwrap().unwrap();
        release
    }

    async fn watch(&self, wanted: impl Fn(&Release) -> bool) -> Release {
        let give_up = self.clock.now() + Span::from_hours(6);
        loop {
            let release = self.release().await;
            if wanted(&release) {
                return release;
            }
            let phase = release.phase().name();
            assert!(self.clock.now() < give_up, "it is {phase}: {:?}", release.missing(self.clock.now()));
            for (by, action) in Team::new().next(&release, self.clock.now()) {
                // A command that the journal does not take is given again.
                let releases = self.releases();
                let command = releases.command(&self.id, &by.actor, action);
                let _ = tokio::time::timeout(Duration::from_mins(1), command).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn pages(&self, moment: NotifyOn) -> Vec<String> {
        let told = self.notifier.sent();
        let pages = told.iter().filter(|one| one.urgency == Urgency::Page && one.moment == moment);
        pages.map(|page| page.body.clone()).collect()
    }
}

fn bad() -> World {
    World::calm().with(Regression::errors_from_share(TrafficShare::percent(10), 0.3))
}

fn is_closed(release: &Release) -> bool {
    matches!(release.phase(), Phase::Closed(_))
}

#[tokio::test(start_paused = true)]
async fn one_append_that_fails_leaves_nobody_alone() {
    for fate in [Fate::Unavailable, Fate::Lost] {
        for nth in [5, 12, 17, 22, 30] {
            let house = House::new(bad(), Some((nth, 1, fate))).await;
            let release = house.until(is_closed).await;
            assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack), "append {nth}");
            let written = &house.records().await;
            Invariants::check(written).unwrap();
            Invariants::derive(written).unwrap();
            assert_eq!(house.pages(NotifyOn::JournalUnavailable), [] as [&str; 0], "it is over at once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_fails_for_long_is_told_to_on_call_and_the_release_goes_on_afterwards() {
    let house = House::new(bad(), None).await;
    let release = house
        .until(|release| {
            let exposed = release.exposure() == TrafficShare::percent(10);
            if exposed && house.journal.appends.lock().unwrap().is_none() {
                house.journal.fail(9, Fate::Unavailable);
            }
            is_closed(release)
        })
        .await;
    assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack));
    let pages = house.pages(NotifyOn::JournalUnavailable);
    assert!(pages[0].contains("as the test says"), "{pages:?}");
    assert!(pages[0].contains("To take the traffic off by hand: take-back checkout"), "{pages:?}");
    assert!(pages.last().unwrap().contains("works again"), "{pages:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_at_once_and_lets_a_rollback_be_recorded() {
    let house = House::new(World::calm(), None).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let conductor = house.conductor.clone();
    let running = tokio::spawn(async move { conductor.run(async { drop(stopped.await) }).await });
    house.watch(|release| release.exposure() == TrafficShare::percent(10)).await;
    house.journal.fail(u32::MAX, Fate::Full);
    house.watch(|_| !house.pages(NotifyOn::JournalUnavailable).is_empty()).await;
    // Only what takes users back gets through, from the reserve.
    let (oli, action) = (Team::actor("user:oli"), Action::RollBack { reason: "no room".parse().unwrap() });
    house.releases().command(&house.id, &oli, action).await.unwrap();
    let release = house.watch(|release| release.phase().name() == PhaseName::RolledBack).await;
    drop(stop);
    running.await.unwrap().unwrap();
    let pages = house.pages(NotifyOn::JournalUnavailable);
    assert!(pages[0].contains("make room"), "{pages:?}");
    assert!(pages[0].contains("Traffic is still at 10%"), "{pages:?}");
    assert_eq!(release.exposure(), TrafficShare::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_completed_release_is_rolled_back_on_command() {
    for elsewhere in [true, false] {
        let house = House::new(World::calm(), None).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let conductor = house.conductor.clone();
        let running = tokio::spawn(async move { conductor.run(async { drop(stopped.await) }).await });
        house.watch(|release| release.phase().name() == PhaseName::Completed).await;
        // The driver has ended, and is forgotten.
        tokio::time::sleep(Duration::from_secs(30)).await;
        let (oli, action) =
            (Team::actor("user:oli"), Action::RollBack { reason: "too slow".parse().unwrap() });
        if elsewhere {
            house.releases().command(&house.id, &oli, action).await.unwrap();
        } else {
            house.conductor.command(&house.id, &oli, action).await.unwrap();
        }
        let release = house.watch(|release| release.phase().name() == PhaseName::RolledBack).await;
        assert_eq!(release.exposure(), TrafficShare::ZERO);
        drop(stop);
        running.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_panics_in_any_method_holds_the_release_and_pages() {
    for (capabilities, name) in [(true, false), (false, true), (true, true)] {
        let house = House::new(World::calm(), None).await;
        let deployer = house.deployer.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let conductor = house.conductor.clone();
        let running = tokio::spawn(async move { conductor.run(async { drop(stopped.await) }).await });
        house.watch(|release| release.phase().step().is_some_and(|step| step.looks > 1)).await;
        deployer.capabilities.store(capabilities, Ordering::Relaxed);
        deployer.name.store(name, Ordering::Relaxed);
        house.watch(|release| !release.holds().is_empty()).await;
        let held = house.notifier.sent().iter().any(|told| {
            told.urgency == Urgency::Page && told.body.contains("panicked") || told.title.contains("panicked")
        });
        assert!(held, "{:?}", house.notifier.sent());
        deployer.capabilities.store(false, Ordering::Relaxed);
        deployer.name.store(false, Ordering::Relaxed);
        let release = house.watch(is_closed).await;
        assert_eq!(*release.phase(), Phase::Closed(EndedAs::Completed));
        drop(stop);
        running.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_end_hears_that_the_conductor_was_killed() {
    let house = House::new(World::calm(), None).await;
    let ending = house.conductor.conduct(&house.id).await.unwrap();
    let waiting = tokio::spawn(ending.wait());
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.conductor.kill().await;
    let stopped = waiting.await.unwrap().unwrap_err();
    assert!(matches!(&*stopped, Stopped::Killed(id) if *id == house.id), "{stopped}");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_can_not_be_read_at_first_is_taken_up_later() {
    let house = House::new(bad(), None).await;
    house.journal.reads.store(3, Ordering::Relaxed);
    let release = house.until(is_closed).await;
    assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_never_answers_is_told_to_on_call_whoever_waits_for_it() {
    let house = House::new(bad(), None).await;
    house.journal.silent.store(true, Ordering::Relaxed);
    let release = house
        .until(|release| {
            let told: Vec<_> = house.notifier.sent().into_iter().map(|one| (one.title, one.body)).collect();
            let says = |title: &str| {
                told.iter()
                    .any(|(told, body)| told.contains(title) && body.contains("did not answer within 30 s"))
            };
            if says("relman can't list the journal") && says("nobody drives this release") {
                house.journal.silent.store(false, Ordering::Relaxed);
            }
            is_closed(release)
        })
        .await;
    assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack));
}

#[tokio::test(start_paused = true)]
async fn a_command_from_a_wrong_clock_blinds_nobody() {
    const MINUTE: i64 = 60_000;
    for ahead in [5 * MINUTE, 24 * 60 * MINUTE, 365 * 24 * 60 * MINUTE, -5 * MINUTE, -24 * 60 * MINUTE] {
        let house = House::new(bad(), None).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let conductor = house.conductor.clone();
        let running = tokio::spawn(async move { conductor.run(async { drop(stopped.await) }).await });
        house.watch(|release| release.phase().step().is_some_and(|step| step.looks == 2)).await;
        let complaint = Action::Complain { key: None, text: "slow since this morning".parse().unwrap() };
        let oli = Team::actor("user:oli");
        house.elsewhere(ahead).command(&house.id, &oli, complaint).await.unwrap();
        let since = house.clock.now();
        let release = house.watch(|release| release.phase().name() == PhaseName::RolledBack).await;
        assert!(house.clock.now().since(since) < Span::from_minutes(30), "{ahead} ms");
        assert_eq!(release.exposure(), TrafficShare::ZERO);
        let records = house.records().await;
        let noted = records.iter().filter(|record| record.event.kind() == "clock_skewed").count();
        assert_eq!(noted, usize::from(ahead > 0), "{ahead} ms");
        assert_eq!(house.pages(NotifyOn::ClockSkewed).len(), noted, "{ahead} ms");
        Invariants::check(&records).unwrap();
        Invariants::derive(&records).unwrap();
        drop(stop);
        running.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn two_conductors_on_one_file_drive_one_release_as_one_would() {
    let house = House::new(bad(), None).await;
    let other = {
        let mut limits = Limits::default();
        limits.watch_journal_every = Some(Duration::from_secs(1));
        Conductor::builder()
            .journal(house.journal.clone())
            .deployer(house.deployer.clone())
            .metrics(house.deployer.inner.clone())
            .notifier(house.notifier.clone())
            .directory(Arc::new(Team::new().directory()))
            .clock(house.clock.clone())
            .limits(limits)
            .build()
            .unwrap()
    };
    let ended = Arc::new(Mutex::new(false));
    let seen = ended.clone();
    let running = tokio::spawn(async move {
        other
            .run(async move {
                while !*seen.lock().unwrap() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            })
            .await
    });
    let release = house.until(is_closed).await;
    *ended.lock().unwrap() = true;
    running.await.unwrap().unwrap();
    assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack));
    let written = &house.records().await;
    Invariants::check(written).unwrap();
    Invariants::derive(written).unwrap();
}

/// A release that was recorded when a validation of an hour was allowed.
fn recorded_under_older_rules(lines: &[Vec<u8>]) -> Vec<SealedLine> {
    let mut prev = Digest::ZERO;
    let mut altered = 0;
    let recorded = lines.iter().map(|line| {
        let mut envelope = Envelope::read(line).unwrap();
        let mut data: serde_json::Value = serde_json::from_str(envelope.data.get()).unwrap();
        if let Some(steps) = data.pointer_mut("/policy/tracks/standard/steps") {
            let last = steps.as_array_mut().unwrap().last_mut().unwrap();
            last["bake_ms"] = 3_600_000.into();
            altered += 1;
        }
        let data = serde_json::value::to_raw_value(&data).unwrap();
        (envelope.prev, envelope.data) = (prev, (&*data).into());
        let sealed = envelope.seal().unwrap();
        prev = sealed.digest();
        sealed
    });
    let recorded = recorded.collect();
    assert_eq!(altered, 1, "the policy is recorded once");
    recorded
}

#[tokio::test(start_paused = true)]
async fn what_was_planned_under_older_rules_is_shown_and_taken_back_and_not_driven() {
    let before = House::new(World::calm(), None).await;
    before.until(|release| release.exposure() == TrafficShare::percent(10)).await;
    let lines = before.journal.inner.read_to_end(&(&before.id).into(), 0).await.unwrap();
    before.conductor.kill().await;
    for (until, in_production) in [(1, false), (lines.len(), true)] {
        let house = House::empty(World::calm(), None);
        let lines = recorded_under_older_rules(&lines[..until]);
        let index = Release::replay(house.id.clone(), lines.iter().map(SealedLine::bytes)).unwrap().index();
        house.journal.inner.append(&(&house.id).into(), None, &lines, &index).await.unwrap();

        let release = house.release().await;
        let records = house.records().await;
        let history = History::new(&release, &records, house.clock.now());
        assert!(Status::of(&history).to_string().contains("drill-1"));
        assert!(Timeline::of(&history).to_string().lines().count() >= until);
        let Err(refused) = house.conductor.conduct(&house.id).await else { panic!("{until}") };
        let said = with_causes(&refused);
        assert!(said.contains("rules that are refused today"), "{said}");
        assert!(said.contains("standard: step 4 (100%) bakes for 1h, at least 24h are needed"), "{said}");
        assert_eq!(said.contains("`rollback` takes it back"), in_production, "{said}");
        if !in_production {
            continue;
        }
        let conductor = house.conductor.clone();
        let running = tokio::spawn(async move { conductor.run(std::future::pending()).await });
        while !house.notifier.sent().iter().any(|told| told.body.contains("bakes for 1h")) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let reason = "nobody drives it".parse().unwrap();
        let ana = Team::actor("user:ana");
        house.conductor.command(&house.id, &ana, Action::RollBack { reason }).await.unwrap();
        let release = house.watch(is_closed).await;
        assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack));
        running.abort();
    }
}
