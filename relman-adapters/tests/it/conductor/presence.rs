//! Several conductors on one journal: one drives, the others stand by, and nobody is left alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use relman_adapters::{
    SubmitError, clock::TokioClock, conductor::Conductor, journal::MemoryJournal, lease::MemoryLeases,
};
use relman_core::{
    event::Event,
    machine::{Action, EndedAs, Phase, Release},
    port::{
        Claim, Clock, ConductorId, Holder, Journal, Leases, LeasesExt, PortError, PortErrorKind, Presence,
        TakesUp,
    },
    unit::{ReleaseId, Span, TrafficShare},
};
use relman_testkit::{
    Invariants, Team, sample,
    world::{SimulatedPlatform, World},
};

use super::stage::{Stage, drill, start};

/// What conductors of one journal share.
struct House {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    platform: Arc<SimulatedPlatform>,
    leases: Arc<Failing>,
}

/// Leases that fail as a test says.
struct Failing {
    inner: MemoryLeases,
    broken: AtomicBool,
    /// Whether nothing can be written.
    full: AtomicBool,
}

impl Failing {
    fn has_room(&self) -> Result<(), PortError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(PortError::new("failing", "write", PortErrorKind::Full, "as the test says"));
        }
        self.works()
    }

    fn works(&self) -> Result<(), PortError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(PortError::new("failing", "use it", PortErrorKind::Unavailable, "as the test says"));
        }
        Ok(())
    }
}

#[async_trait]
impl Leases for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    async fn heartbeat(&self, id: &ConductorId, takes_up: TakesUp, ttl: Span) -> Result<(), PortError> {
        self.has_room()?;
        self.inner.heartbeat(id, takes_up, ttl).await
    }

    async fn leave(&self, id: &ConductorId) -> Result<(), PortError> {
        self.has_room()?;
        self.inner.leave(id).await
    }

    async fn conductors(&self) -> Result<Vec<Presence>, PortError> {
        self.works()?;
        self.inner.conductors().await
    }

    async fn claim(&self, stream: &ReleaseId, id: &ConductorId) -> Result<Claim, PortError> {
        self.has_room()?;
        self.inner.claim(stream, id).await
    }

    async fn give_back(&self, stream: &ReleaseId, id: &ConductorId) -> Result<(), PortError> {
        self.has_room()?;
        self.inner.give_back(stream, id).await
    }

    async fn holder(&self, stream: &ReleaseId) -> Result<Option<Holder>, PortError> {
        self.works()?;
        self.inner.holder(stream).await
    }
}

impl House {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
        let leases =
            Failing { inner: MemoryLeases::new(clock.clone()), broken: false.into(), full: false.into() };
        Self {
            journal: Arc::new(MemoryJournal::new()),
            platform: Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone())),
            leases: Arc::new(leases),
            clock,
        }
    }

    fn conductor(&self, process: u32) -> Stage {
        let id = ConductorId::new("test", process, start());
        let (journal, platform) = (self.journal.clone(), self.platform.clone());
        Stage::with_leases(journal, platform, self.clock.clone(), self.leases.clone(), id)
    }

    /// A drill that a conductor drives until a share of the traffic is set, with the team doing its part.
    async fn at(&self, stage: &Stage, share: TrafficShare) -> ReleaseId {
        let id: ReleaseId = "drill-1".parse().unwrap();
        stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
        let mut updates = stage.conductor.updates();
        drop(stage.conductor.conduct(&id).await.unwrap());
        loop {
            let update = updates.recv().await.unwrap();
            if update.release.exposure() == share {
                return id;
            }
            act(stage, &update.release).await;
        }
    }
}

async fn act(stage: &Stage, release: &Release) {
    for (by, action) in stage.team.next(release, stage.clock.now()) {
        match stage.conductor.command(release.id(), &by.actor, action).await {
            // Some acts come twice, since each update is acted upon.
            Ok(_) | Err(SubmitError::Refused(_)) => {}
            Err(error) => panic!("the team's act is recorded or refused: {error}"),
        }
    }
}

const TEN: TrafficShare = TrafficShare::percent(10);

#[tokio::test(start_paused = true)]
async fn t11_a_conductor_that_vanishes_is_followed_within_the_leases_time_and_on_call_is_told() {
    let house = House::new();
    let (first, second) = (house.conductor(1), house.conductor(2));
    let id = house.at(&first, TEN).await;
    let standing_by = second.conductor.conduct(&id).await.unwrap();
    tokio::time::sleep(Duration::from_mins(2)).await;
    let before = first.records(&id).await;
    first.conductor.kill().await;
    let killed_at = house.clock.now();
    let mut updates = second.conductor.updates();
    drop(standing_by);
    let release = second.play(&id).await;
    assert_eq!(*release.phase(), Phase::Closed(EndedAs::Completed));
    let records = second.records(&id).await;
    Invariants::check(&records).unwrap();
    Invariants::derive(&records).unwrap();
    let next =
        records[before.len()..].iter().find(|record| matches!(record.event, Event::Evaluated(_))).unwrap();
    let (gap, ttl) = (next.at.since(killed_at), Span::from_secs(15));
    // Whoever stands by looks once a second, and a look is due every 10 s.
    assert!(gap <= ttl + Span::from_secs(12), "{gap}");
    let told: Vec<String> = second.notifier.sent().into_iter().map(|told| told.title).collect();
    assert!(
        told.contains(&"drill-1: conductor test/1 vanished; test/2 drives it now".to_owned()),
        "{told:?}"
    );
    assert!(updates.try_recv().is_ok(), "who stands by sees what happens");
}

#[tokio::test(start_paused = true)]
async fn who_stands_by_does_nothing_and_records_what_people_want() {
    let house = House::new();
    let (first, second) = (house.conductor(1), house.conductor(2));
    let id = house.at(&first, TEN).await;
    let ended = second.conductor.conduct(&id).await.unwrap().wait();
    let looks = |records: &[relman_core::event::Record]| {
        records.iter().filter(|record| matches!(record.event, Event::Evaluated(_))).count()
    };
    let before = looks(&first.records(&id).await);
    tokio::time::sleep(Duration::from_mins(4)).await;
    let looks = looks(&first.records(&id).await) - before;
    // The drill's policy looks every 10 s.
    assert!((23..=25).contains(&looks), "one look at a time, and not two: {looks}");
    let reason = "it is not wanted any more".parse().unwrap();
    let oli = Team::actor("user:oli");
    second.conductor.command(&id, &oli, Action::RollBack { reason }).await.unwrap();
    // Nobody tells the first one: it hears of it when it reads the journal, as it does with another process.
    drop(first.conductor.conduct(&id).await.unwrap());
    let release = ended.await.unwrap();
    assert!(matches!(release.phase(), Phase::RolledBack(_)));
    let set = first.records(&id).await.iter().filter(|record| record.event.kind() == "traffic_set").count();
    assert_eq!(set, 3, "1%, 10% and none, each once");
    assert!(second.notifier.sent().is_empty(), "{:?}", second.notifier.sent());
    assert!(house.leases.holder(&id).await.unwrap().is_none(), "what has ended is given back");
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_hands_over_at_once_and_wakes_nobody() {
    let house = House::new();
    let (first, second) = (house.conductor(1), house.conductor(2));
    let id = house.at(&first, TEN).await;
    drop(second.conductor.conduct(&id).await.unwrap());
    first.conductor.stop().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let driver = house.leases.driver_of(&id).await.unwrap();
    assert!(driver.to_string().starts_with("conductor test/2, seen "), "{driver}");
    assert!(second.notifier.sent().is_empty(), "{:?}", second.notifier.sent());
    let gone: Vec<_> = house.leases.conductors().await.unwrap();
    assert!(gone.iter().any(|one| one.conductor.to_string() == "test/1" && !one.is_present()), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_on_a_lease_that_was_not_renewed_and_on_call_is_told() {
    let house = House::new();
    let first = house.conductor(1);
    let id = house.at(&first, TEN).await;
    house.leases.broken.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let before = first.records(&id).await.len();
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(first.records(&id).await.len(), before, "it stands still");
    let told = first.notifier.sent();
    let page = told.iter().find(|told| told.title == "drill-1: nobody is driving").unwrap();
    assert!(page.body.contains("Traffic is at 10%, and a breach would not take it back."), "{}", page.body);
    house.leases.broken.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert!(first.records(&id).await.len() > before, "it goes on");
}

#[tokio::test(start_paused = true)]
async fn it_is_known_what_a_conductor_takes_up() {
    let house = House::new();
    let (named, all) = (house.conductor(1), house.conductor(2));
    let id = house.at(&named, TEN).await;
    let other: ReleaseId = "drill-2".parse().unwrap();
    let said = |driver: relman_core::port::DrivenBy| driver.to_string();
    assert_eq!(said(house.leases.driver_of(&other).await.unwrap()), "no conductor is running");
    assert!(said(house.leases.driver_of(&id).await.unwrap()).starts_with("conductor test/1, seen "));
    let conductor: Conductor = all.conductor.clone();
    let running = tokio::spawn(async move { conductor.run(std::future::pending()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(said(house.leases.driver_of(&other).await.unwrap()).starts_with("conductor test/2, seen "));
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_full_store_takes_nobodys_lease_and_a_release_goes_on() {
    let house = House::new();
    let (first, second) = (house.conductor(1), house.conductor(2));
    let id = house.at(&first, TEN).await;
    drop(second.conductor.conduct(&id).await.unwrap());
    house.leases.full.store(true, Ordering::Relaxed);
    let before = first.records(&id).await.len();
    tokio::time::sleep(Duration::from_mins(2)).await;
    let after = first.records(&id).await.len();
    assert!(after >= before + 11, "a look every 10 s: {before} and then {after}");
    first.conductor.kill().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(first.records(&id).await.len() > after, "the one that stood by goes on");
}
