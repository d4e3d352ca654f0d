//! What the conductor asks of a platform, call by call.

use std::sync::Arc;

use relman_adapters::{clock::TokioClock, journal::MemoryJournal};
use relman_core::{
    machine::Action,
    port::{Clock, DeployerCapabilities, Deployment, PortError, PortErrorKind, TrafficRequest},
    unit::{ReleaseId, TrafficShare},
};
use relman_testkit::{
    Team,
    mock::{
        MockDeployer,
        mockall::{Sequence, predicate::always},
    },
    sample,
    world::{SimulatedPlatform, World},
};

use super::stage::{Stage, drill, start};

#[expect(clippy::unnecessary_wraps, reason = "what a mock returns")]
fn shows(share: TrafficShare) -> Result<Deployment, PortError> {
    Ok(Deployment::at(share).with_detail("mocked"))
}

fn platform() -> MockDeployer {
    let mut platform = MockDeployer::new();
    platform.expect_name().return_const("mocked".to_owned());
    platform.expect_capabilities().returning(DeployerCapabilities::new);
    platform.expect_deploy().with(always()).returning(|_| Ok(()));
    platform.expect_reachable().returning(|_, share| Ok(share));
    platform
}

fn stage(platform: MockDeployer) -> Stage {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
    let metrics = Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone()));
    Stage::with(Arc::new(MemoryJournal::default()), Arc::new(platform), metrics, clock)
}

/// Conducts until the platform has been asked for what the mock expects, and then rolls back.
async fn roll_back_from_the_first_step(stage: &Stage) {
    let id: ReleaseId = "drill-1".parse().unwrap();
    stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
    let mut updates = stage.conductor.updates();
    let ending = stage.conductor.conduct(&id).await.unwrap();
    let ended = tokio::spawn(ending.wait());
    let mut pulled = false;
    while !ended.is_finished() {
        let Ok(update) = updates.recv().await else { continue };
        let exposed = update.release.exposure() > TrafficShare::ZERO;
        if exposed && !pulled {
            pulled = true;
            let action = Action::RollBack { reason: "that is enough".parse().unwrap() };
            stage.conductor.command(&id, &Team::actor("user:oli"), action).await.unwrap();
        } else if !exposed && !pulled {
            for (by, action) in stage.team.next(&update.release, stage.clock.now()) {
                // Some acts come twice, since each update is acted upon.
                let _ = stage.conductor.command(&id, &by.actor, action).await;
            }
        }
        if update.release.phase().name().is_end() {
            break;
        }
    }
    ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_traffic_change_whose_answer_was_lost_is_not_made_twice() {
    let mut platform = platform();
    let mut order = Sequence::new();
    let lost = |_: &TrafficRequest| {
        Err(PortError::new("mocked", "set traffic", PortErrorKind::TimedOut, "no answer"))
    };
    // Production is looked at before it is entered.
    platform.expect_observe().times(1).in_sequence(&mut order).returning(|_| shows(TrafficShare::ZERO));
    platform.expect_set_traffic().times(1).in_sequence(&mut order).returning(lost);
    // Asked before a second attempt, the platform shows that the first one has worked.
    platform.expect_observe().times(1).in_sequence(&mut order).returning(|_| shows(TrafficShare::percent(1)));
    platform
        .expect_set_traffic()
        .withf(|request| request.share == TrafficShare::ZERO)
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(()));
    platform.expect_observe().returning(|_| shows(TrafficShare::ZERO));
    roll_back_from_the_first_step(&stage(platform)).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_change_carries_the_same_key() {
    let mut platform = platform();
    let keys = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = keys.clone();
    platform.expect_set_traffic().returning(move |request| {
        let mut seen = seen.lock().unwrap();
        seen.push((request.share, request.key.clone()));
        if seen.len() < 3 {
            return Err(PortError::new("mocked", "set traffic", PortErrorKind::Unavailable, "down"));
        }
        Ok(())
    });
    platform.expect_observe().returning(|_| shows(TrafficShare::ZERO));
    roll_back_from_the_first_step(&stage(platform)).await;
    let keys = keys.lock().unwrap();
    let first: Vec<&String> =
        keys.iter().filter(|(share, _)| !share.eq(&TrafficShare::ZERO)).map(|(_, key)| key).collect();
    assert!(first.len() >= 3, "{keys:?}");
    assert!(first.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
}
