//! A conductor that is gone at any moment, and another that takes its place.

use std::sync::Arc;

use relman_adapters::{clock::TokioClock, journal::MemoryJournal};
use relman_core::{
    machine::{EndedAs, Phase, Release},
    port::{Clock, Journal},
    unit::{ReleaseId, Span},
};
use relman_testkit::{
    Invariants, sample,
    world::{Regression, SimulatedPlatform, World},
};

use super::stage::{Stage, drill, start};

/// Conducts a drill with a crash after every so much time, each time with a new conductor on the same journal and the
/// same platform.
async fn play_with_crashes(world: World, every: Span) -> (Release, Stage) {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
    let platform = Arc::new(SimulatedPlatform::new(world, 1, clock.clone()));
    let id: ReleaseId = "drill-1".parse().unwrap();
    for life in 0.. {
        let stage = Stage::with(journal.clone(), platform.clone(), platform.clone(), clock.clone());
        if life == 0 {
            stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
        }
        // The longer it takes, the longer a life: each gets a little further than the one before.
        let life_time = every + Span::from_secs(life);
        if let Ok(release) = tokio::time::timeout(life_time.to_std(), stage.play(&id)).await {
            return (release, stage);
        }
        // Dropped without a word, as a killed process is: what was under way has no outcome.
        stage.conductor.kill().await;
    }
    unreachable!("the release ends")
}

#[tokio::test(start_paused = true)]
async fn a_release_ends_the_same_however_often_its_conductor_dies() {
    for every in [1, 7, 31, 400].map(Span::from_secs) {
        let (release, stage) = play_with_crashes(World::calm(), every).await;
        assert_eq!(*release.phase(), Phase::Closed(EndedAs::Completed), "every {every}");
        let records = stage.records(release.id()).await;
        Invariants::check(&records).unwrap();
        Invariants::derive(&records).unwrap();
        let set = records.iter().filter(|record| record.event.kind() == "traffic_set").count();
        assert_eq!(set, 4, "each share is set once, crash or no crash");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_on_after_a_crash() {
    for every in [1, 7, 31].map(Span::from_secs) {
        let world = World::calm().with(Regression::errors_from_share(sample_share(), 0.2));
        let (release, stage) = play_with_crashes(world, every).await;
        assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack), "every {every}");
        let written = &stage.records(release.id()).await;
        Invariants::check(written).unwrap();
        Invariants::derive(written).unwrap();
    }
}

fn sample_share() -> relman_core::unit::TrafficShare {
    relman_core::unit::TrafficShare::percent(10)
}
