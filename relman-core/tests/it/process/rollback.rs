use relman_core::{
    event::{Event, PostMortemCause, RollbackTrigger, ZeroBy},
    machine::{Action, Due, Effect, Outcome, Phase, PhaseName, RollbackState},
    port::{Deployment, Place},
    unit::{Span, TrafficShare},
};

use crate::fixture::{Driven, act, healthy, observed, secs, share};

const ZERO: TrafficShare = TrafficShare::ZERO;

#[test]
fn b1_a_person_rolls_back_with_a_reason_wherever_production_was_touched() {
    let in_production = vec![
        Driven::drill().in_step(1),
        Driven::drill().in_step(3),
        Driven::drill().validating(),
        Driven::drill().completed(),
    ];
    for mut driven in in_production {
        let exposed = driven.release.exposure();
        let batch = driven.does("user:guest", act::roll_back());
        assert_eq!(batch.kinds(), ["rollback_started", "post_mortem_opened"]);
        assert_eq!(
            batch.effects(),
            [
                "set traffic to 0%",
                "tell internal through releases: rollback started",
                "page: rollback started"
            ]
        );
        let Event::RollbackStarted(started) = &batch.events[0] else { panic!("{batch:?}") };
        assert_eq!(started.share, exposed);
        assert_eq!(started.trigger.to_string(), "by hand: the tax is wrong");
        assert_eq!(batch.by[0].to_string(), "user:guest");
        assert_eq!(
            driven.refused("user:guest", act::roll_back()),
            "checkout-241 is already being rolled back; a running conductor keeps trying until the platform shows zero traffic"
        );
    }
}

#[test]
fn b1_before_production_there_is_nothing_to_roll_back() {
    for mut driven in [Driven::drill(), Driven::drill().staging()] {
        assert_eq!(
            driven.refused("user:guest", act::roll_back()),
            "checkout-241 has not reached production, so there is nothing to roll back: abort it instead"
        );
        assert_eq!(driven.does("user:ana", act::abort()).kinds(), ["release_aborted"]);
        assert_eq!(driven.outstanding(), [""; 0]);
    }
    let mut driven = Driven::drill().released();
    assert_eq!(
        driven.refused("user:ana", act::abort()),
        "checkout-241 has reached production: roll it back instead of aborting it"
    );
}

#[test]
fn b1_it_can_be_rolled_back_before_any_traffic_was_set() {
    let mut driven = Driven::drill().staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    let deploy = driven.carried_out(driven.effect("deploy to production"));
    driven.does("user:guest", act::roll_back());
    assert_eq!(driven.outstanding(), ["set traffic to 0%"]);
    assert_eq!(driven.aborted, [deploy]);
    assert!(driven.answer(deploy, Outcome::Done).events.is_empty(), "nobody waits for it any more");
}

#[test]
fn b2_the_log_has_trigger_timeline_duration_status_and_root_cause() {
    let mut driven = Driven::drill().in_step(2);
    driven.look_with_errors(31);
    let began = driven.now;
    driven.wait(secs(2));
    let batch = driven.done("set traffic to 0%");
    assert_eq!((batch.kinds(), batch.effects()), (vec!["traffic_set"], vec![]));
    assert_eq!(driven.traffic(Ok(ZERO)).kinds(), ["zero_traffic_observed"]);
    assert_eq!(driven.missing(), ["traffic seen at zero: 1 of 2 times so far"]);
    let batch = driven.traffic(Ok(ZERO));
    assert_eq!(batch.kinds(), ["zero_traffic_observed", "rollback_confirmed"]);
    assert_eq!(
        batch.effects(),
        ["free the target", "tell internal through releases: rolled back", "page: rolled back"]
    );
    let Event::RollbackConfirmed(confirmed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(confirmed.took, driven.now.since(began));
    assert_eq!(confirmed.took, secs(7));
    let Phase::RolledBack(rollback) = driven.release.phase() else { panic!() };
    assert!(matches!(rollback.trigger, RollbackTrigger::Criterion { .. }));
    assert_eq!((rollback.share, rollback.started_at), (share(10), began));
    assert_eq!(rollback.state, RollbackState::Confirmed { at: driven.now });
    assert_eq!(driven.missing(), ["post-mortem 1 on the rollback"]);
    driven.does("user:ana", act::post_mortem(None));
    let filed = &driven.release.post_mortems()[0];
    assert_eq!(filed.about, PostMortemCause::Rollback);
    assert_eq!(filed.root_cause, Some(act::text("a cache without a bound")));
    assert_eq!(driven.does("user:ana", Action::Close).kinds(), ["release_closed"]);
    driven.assert_replays();
}

#[test]
fn b3_zero_has_to_be_seen_as_often_as_the_policy_asks_in_a_row() {
    let mut driven = Driven::drill().in_step(3);
    driven.does("user:guest", act::roll_back());
    driven.done("set traffic to 0%");
    assert_eq!(driven.traffic(Ok(ZERO)).kinds(), ["zero_traffic_observed"]);
    let batch = driven.traffic(Ok(share(1)));
    assert_eq!(batch.kinds(), ["rollback_unconfirmed"]);
    assert_eq!(batch.effects(), ["set traffic to 0%", "page: rollback not confirmed"]);
    let Event::RollbackUnconfirmed(unconfirmed) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(unconfirmed.shown.to_string(), "the platform shows 1% of the traffic: weights say 1%");
    driven.done("set traffic to 0%");
    driven.traffic(Ok(ZERO));
    assert_eq!(driven.phase(), PhaseName::RollingBack, "the count starts anew");
    driven.traffic(Ok(ZERO));
    assert_eq!(driven.phase(), PhaseName::RolledBack);
}

#[test]
fn b3_two_answers_at_once_are_one_observation() {
    let mut driven = Driven::drill().in_step(3);
    driven.does("user:guest", act::roll_back());
    driven.done("set traffic to 0%");
    driven.traffic(Ok(ZERO));
    let (now, first) = (driven.now, *driven.ended.last().unwrap());
    assert!(driven.answer(first, observed(ZERO)).events.is_empty());
    driven.now = now + secs(4);
    driven.tick();
    assert!(!driven.confirms(), "the platform is not asked twice at once");
    driven.now = now + secs(5);
    driven.tick();
    assert!(driven.answer(first, observed(ZERO)).events.is_empty());
    assert!(driven.traffic(Ok(ZERO)).has("rollback_confirmed"));
    assert_eq!(driven.now, now + secs(5));
}

#[test]
fn b3_what_can_not_be_observed_is_not_zero() {
    let mut driven = Driven::drill().in_step(3);
    driven.does("user:guest", act::roll_back());
    let mut pages = Vec::new();
    for attempt in 1..=31 {
        driven.done("set traffic to 0%");
        let batch = driven.traffic(Err("no route to host"));
        assert_eq!(batch.kinds(), ["rollback_unconfirmed"]);
        if batch.effects().contains(&"page: rollback not confirmed".to_owned()) {
            pages.push(attempt);
        }
    }
    assert_eq!(pages, [1, 11, 21, 31], "at once and at every tenth after");
    assert_eq!(driven.phase(), PhaseName::RollingBack);
}

#[test]
fn b3_a_failing_rollback_is_retried_for_ever_and_pages() {
    let mut driven = Driven::drill().in_step(3);
    driven.does("user:guest", act::roll_back());
    let mut pages = Vec::new();
    for attempt in 1..=31 {
        // Whatever the platform says about trying again: also never.
        let retry_after = (attempt % 2 == 0).then_some(secs(3_600));
        let batch = driven.failed("set traffic to 0%", retry_after);
        assert_eq!(batch.kinds(), ["effect_failed"], "never held");
        if !batch.effects().is_empty() {
            assert_eq!(batch.effects(), ["page: rollback not confirmed"]);
            pages.push(attempt);
        }
        let due = driven.release.outstanding()[&driven.effect("set traffic to 0%")].due;
        assert_eq!(due, Due::At(driven.now + secs(10)), "neither slower nor given up");
        driven.wait(secs(10));
    }
    assert_eq!(pages, [1, 11, 21, 31]);
    assert_eq!(driven.missing(), ["traffic at zero"]);
    driven.done("set traffic to 0%");
    driven.traffic(Ok(ZERO));
    driven.traffic(Ok(ZERO));
    assert_eq!(driven.phase(), PhaseName::RolledBack);
}

#[test]
fn b3_zero_that_may_have_been_set_before_is_set_again_and_confirmed_in_the_same_way() {
    let mut driven = Driven::drill().in_step(3);
    driven.does("user:guest", act::roll_back());
    let zero = driven.effect("set traffic to 0%");
    let before = driven.calls[&driven.call_for(zero).unwrap()].clone();
    driven.restart();
    assert_eq!(driven.doubt(), None, "to go back waits for nothing");
    let again = &driven.calls[&driven.call_for(zero).unwrap()];
    assert_eq!((again.key(), again.generation()), (before.key(), before.generation()));
    driven.done("set traffic to 0%");
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    driven.traffic(Ok(ZERO));
    driven.traffic(Ok(ZERO));
    assert_eq!(driven.phase(), PhaseName::RolledBack);
}

#[test]
fn b3_a_look_of_the_time_before_changes_nothing() {
    let mut driven = Driven::drill().in_step(3);
    let (look, question) = driven.asked();
    let answer = driven.measured(&question, healthy);
    driven.does("user:guest", act::roll_back());
    assert!(driven.answer(look, answer.into()).events.is_empty());
    driven.tick();
    assert!(!driven.confirms(), "the platform is not asked before it has answered");
}

/// No share for the new version, which has served that many requests and has that many sessions.
fn served(served: u64, sessions: u64) -> Outcome {
    let place = Place::new().with_served(served).with_sessions(sessions);
    let deployment = Deployment::at(ZERO).with_canary(place).with_detail("weights say 0%");
    Outcome::Observed { deployment, tolerance: ZERO }
}

fn taken_back() -> Driven {
    let mut driven = Driven::drill().in_step(3);
    driven.does("user:guest", act::roll_back());
    driven.done("set traffic to 0%");
    driven
}

#[test]
fn t8_zero_is_confirmed_by_requests_that_are_not_served() {
    let mut driven = taken_back();
    assert_eq!(driven.traffic_as(served(117, 0)).kinds(), ["zero_traffic_observed"]);
    let batch = driven.traffic_as(served(117, 0));
    assert_eq!(batch.kinds(), ["zero_traffic_observed", "rollback_confirmed"]);
    let Event::RollbackConfirmed(confirmed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(confirmed.by, Some(ZeroBy::ServedRequests));
    driven.assert_replays();

    let mut driven = taken_back();
    driven.traffic(Ok(ZERO));
    let batch = driven.traffic(Ok(ZERO));
    let Event::RollbackConfirmed(confirmed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(confirmed.by, Some(ZeroBy::WeightsAlone));
}

#[test]
fn t8_users_who_are_pinned_are_drained_and_then_cut_off() {
    let mut driven = taken_back();
    assert_eq!(driven.traffic_as(served(117, 0)).kinds(), ["zero_traffic_observed"]);
    let began = {
        let batch = driven.traffic_as(served(120, 0));
        assert_eq!((batch.kinds(), batch.effects()), (vec!["pinned_users_observed"], vec![]));
        driven.now
    };
    assert_eq!(driven.missing(), ["the last request of users who are pinned to the new version"]);
    // No request in five seconds, and a session that is open all the same.
    assert_eq!(driven.traffic_as(served(120, 1)).kinds(), ["pinned_users_observed"]);
    let mut count = 120;
    let cut = loop {
        count += 1;
        let batch = driven.traffic_as(served(count, 1));
        if batch.has("pinned_users_cut") {
            break batch;
        }
        assert_eq!(batch.kinds(), ["pinned_users_observed"]);
        assert!(driven.now.since(began) < Span::from_minutes(6), "they are drained for ever");
    };
    assert!(driven.now.since(began) >= Span::from_minutes(5));
    assert_eq!(cut.kinds(), ["pinned_users_observed", "pinned_users_cut"]);
    assert_eq!(cut.effects(), ["set traffic to 0%", "page: rollback not confirmed"]);
    let asked = driven.release.outstanding().values().map(|one| &one.effect);
    let cuts: Vec<bool> = asked
        .filter_map(|effect| match effect {
            Effect::SetTraffic { cut, .. } => Some(*cut),
            _ => None,
        })
        .collect();
    assert_eq!(cuts, [true]);
    driven.done("set traffic to 0%");
    // Being cut off did not help: it is tried again, and on-call hears of it.
    driven.traffic_as(served(count, 0));
    let batch = driven.traffic_as(served(count + 1, 0));
    assert_eq!(batch.kinds(), ["rollback_unconfirmed"]);
    assert_eq!(batch.effects(), ["set traffic to 0%", "page: rollback not confirmed"]);
    driven.done("set traffic to 0%");
    driven.traffic_as(served(count + 1, 0));
    assert!(driven.traffic_as(served(count + 1, 0)).has("rollback_confirmed"));
    driven.assert_replays();
}

#[test]
fn t8_a_counter_that_begins_again_is_no_answer() {
    let mut driven = taken_back();
    assert_eq!(driven.traffic_as(served(117, 0)).kinds(), ["zero_traffic_observed"]);
    assert_eq!(driven.traffic_as(served(3, 0)).kinds(), ["zero_traffic_observed"], "it was started anew");
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    assert!(driven.traffic_as(served(3, 0)).has("rollback_confirmed"));
}
