//! Many releases at once, and what people are told.

use std::sync::Arc;

use futures::future::join_all;
use relman_core::{
    event::Event,
    machine::{Action, EndedAs, Phase},
    unit::{ReleaseId, TrafficShare},
};
use relman_testkit::{
    Invariants, Team, sample,
    world::{Regression, World, fault::Fault},
};

use super::stage::{Stage, drill};

#[tokio::test(start_paused = true)]
async fn many_releases_are_conducted_at_once_and_each_keeps_the_guardrails() {
    let stage = Stage::new(World::calm());
    let ids: Vec<ReleaseId> = (0..16).map(|number| format!("drill-{number}").parse().unwrap()).collect();
    for id in &ids {
        stage.plan(&drill(id.as_str()), &sample::drill_policy()).await;
    }
    for release in join_all(ids.iter().map(|id| stage.play(id))).await {
        assert_eq!(*release.phase(), Phase::Closed(EndedAs::Completed), "{}", release.id());
        let written = &stage.records(release.id()).await;
        Invariants::check(written).unwrap();
        Invariants::derive(written).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn b1_a_breach_is_rolled_back_by_itself_and_on_call_is_paged() {
    let stage = Stage::new(World::calm().with(Regression::errors_from_share(TrafficShare::percent(10), 0.2)));
    let id = "drill-1".parse().unwrap();
    stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
    let release = stage.play(&id).await;
    assert_eq!(*release.phase(), Phase::Closed(EndedAs::RolledBack));
    let records = stage.records(&id).await;
    Invariants::check(&records).unwrap();
    Invariants::derive(&records).unwrap();
    let told: Vec<String> = stage.notifier.sent().into_iter().map(|told| told.title).collect();
    assert!(told.contains(&"[drill] drill-1: rolling back".to_owned()), "{told:?}");
    assert!(told.iter().all(|title| title.starts_with("[drill] ")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn notifications_that_fail_keep_nobody_waiting() {
    let stage = Stage::new(World::calm());
    stage.notifier.fail(1_000);
    let id = "drill-1".parse().unwrap();
    stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
    assert_eq!(*stage.play(&id).await.phase(), Phase::Closed(EndedAs::Completed));
    let records = stage.records(&id).await;
    assert!(records.iter().any(|record| record.event.kind() == "notification_abandoned"));
}

#[tokio::test(start_paused = true)]
async fn a_deployer_that_loses_its_answers_sets_each_share_once() {
    let faults = Fault::lost_answers(2);
    let stage = Stage::new(World::calm().with(faults));
    let id = "drill-1".parse().unwrap();
    stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
    assert_eq!(*stage.play(&id).await.phase(), Phase::Closed(EndedAs::Completed));
    let records = stage.records(&id).await;
    Invariants::check(&records).unwrap();
    Invariants::derive(&records).unwrap();
    let set = records.iter().filter(|record| record.event.kind() == "traffic_set").count();
    assert_eq!(set, 4);
}

#[tokio::test(start_paused = true)]
async fn law5_a_rollback_that_another_process_has_recorded_is_heard_of_before_traffic_goes_forward() {
    // The second attempt fails, too, so that the third is due later; nobody tells the conductor of the rollback.
    let stage = Stage::new(World::calm().with(Fault::unavailable(2)));
    let id = "drill-1".parse().unwrap();
    stage.plan(&drill("drill-1"), &sample::drill_policy()).await;
    let elsewhere = stage.conductor.releases().clone();
    let mut updates = stage.conductor.updates();
    let ended = stage.conductor.conduct(&id).await.unwrap().wait();
    tokio::pin!(ended);
    let mut taken_back = false;
    let release = loop {
        tokio::select! {
            biased;
            Ok(update) = updates.recv() => {
                let failed = update.records.iter().any(|record| match &record.event {
                    Event::EffectFailed(failed) => failed.attempt == 2,
                    _ => false,
                });
                if failed && !taken_back {
                    taken_back = true;
                    let action = Action::RollBack { reason: "it is not wanted any more".parse().unwrap() };
                    elsewhere.command(&id, &Team::actor("user:oli"), action).await.unwrap();
                } else if !taken_back {
                    for (by, action) in stage.team.next(&update.release, stage.clock.now()) {
                        // Some acts come twice, since each update is acted upon.
                        let _ = stage.conductor.command(&id, &by.actor, action).await;
                    }
                }
            }
            ended = &mut ended => break ended.unwrap(),
        }
    };
    assert!(matches!(release.phase(), Phase::RolledBack(_)));
    assert_eq!(stage.platform.first_exposure(&id), None, "it never had traffic");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_configured_is_found_before_anything_is_touched() {
    let stage = Stage::new(World::calm());
    let plan = sample::builder("drill-1", &["api"]).watch("queue_depth".parse().unwrap());
    stage.plan(&Arc::new(plan.build().unwrap()), &sample::drill_policy()).await;
    let error = stage.conductor.conduct(&"drill-1".parse().unwrap()).await.err().unwrap().to_string();
    assert_eq!(error, "failed to conduct drill-1: simulated has no query for queue_depth: add one for each");
}
