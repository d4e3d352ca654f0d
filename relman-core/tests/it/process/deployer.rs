use relman_core::{
    event::{Event, HoldCause},
    machine::Due,
    unit::Span,
};

use crate::fixture::{Driven, healthy, observed, secs, share};

#[test]
fn a_failing_deployer_is_tried_again_ever_more_slowly_and_holds_after_the_third_time() {
    let mut driven = Driven::drill().staging();
    let mut pauses = Vec::new();
    for attempt in 1..=40 {
        let batch = driven.failed("deploy to staging", Some(secs(1)));
        let held = if attempt == 3 { vec!["effect_failed", "hold_placed"] } else { vec!["effect_failed"] };
        assert_eq!(batch.kinds(), held, "attempt {attempt}");
        let Event::EffectFailed(failed) = &batch.events[0] else { panic!("{batch:?}") };
        assert_eq!((failed.attempt, &*failed.what.to_string()), (attempt, "deploy to staging"));
        pauses.push(failed.retry_at.unwrap().since(driven.now));
    }
    assert_eq!(pauses[..4], [secs(10), secs(20), secs(30), secs(40)]);
    assert_eq!(pauses[29..], [Span::from_minutes(5); 11], "the longest pause");
    let hold = &driven.release.holds()[&HoldCause::Deployer];
    assert_eq!(
        hold.reason.to_string(),
        "failed to deploy to staging 3 times, most recently: connection refused"
    );
    assert_eq!(hold.reason.unblocked_by(), "the deployer works again; relman keeps trying");
    let batch = driven.done("deploy to staging");
    assert_eq!(batch.kinds(), ["deployed", "hold_released"]);
}

#[test]
fn what_the_platform_asks_for_is_waited_if_it_is_longer() {
    let mut driven = Driven::drill().staging();
    driven.failed("deploy to staging", Some(Span::from_hours(1)));
    let due = driven.release.outstanding()[&driven.effect("deploy to staging")].due;
    assert_eq!(due, Due::At(driven.now + Span::from_hours(1)));
    assert_eq!(driven.release.next_deadline(driven.now), Some(driven.now + Span::from_hours(1)));
}

#[test]
fn what_is_refused_waits_for_a_person_and_is_issued_again_on_resume() {
    let mut driven = Driven::drill().staging();
    let batch = driven.failed("deploy to staging", None);
    assert_eq!(batch.kinds(), ["effect_failed", "hold_placed"]);
    assert_eq!(batch.effects(), ["page: held"]);
    let hold = &driven.release.holds()[&HoldCause::Deployer];
    assert_eq!(hold.reason.unblocked_by(), "someone fixes what the deployer rejected and runs `resume`");
    let id = driven.effect("deploy to staging");
    let key = driven.release.outstanding()[&id].key.clone();
    assert_eq!(driven.release.outstanding()[&id].due, Due::WhenResumed);
    driven.does("user:ana", crate::fixture::act::resume());
    let again = &driven.release.outstanding()[&id];
    assert_eq!((again.due, &again.key), (Due::Now, &key), "the same request, by its key");
    assert!(driven.done("deploy to staging").has("deployed"));
}

#[test]
fn a_refusal_after_failures_says_that_nothing_goes_on_by_itself() {
    let mut driven = Driven::drill().staging();
    for _ in 0..3 {
        driven.failed("deploy to staging", Some(secs(1)));
    }
    let since = driven.now;
    driven.wait(secs(60));
    assert_eq!(driven.failed("deploy to staging", None).kinds(), ["effect_failed", "hold_placed"]);
    let hold = &driven.release.holds()[&HoldCause::Deployer];
    assert!(hold.reason.unblocked_by().ends_with("runs `resume`"), "{}", hold.reason.unblocked_by());
    assert_eq!(hold.since, since);
}

#[test]
fn drift_is_recorded_set_right_and_does_not_count() {
    for seen in [0, 2, 9] {
        let mut driven = Driven::drill().in_step(2);
        driven.healthy_look();
        let batch = driven.look_at(Ok(share(seen)), healthy);
        assert_eq!(batch.kinds(), ["evaluated", "traffic_drifted"], "{seen} %");
        assert_eq!(batch.effects(), ["set traffic to 10%"]);
        assert_eq!(driven.release.exposure(), share(seen));
        assert_eq!(driven.baked(), secs(1));
        assert_eq!(driven.missing()[0], "traffic at 10%");
        driven.done("set traffic to 10%");
        driven.wait(Span::from_millis(1_000));
        driven.healthy_look();
        assert_eq!(driven.baked(), secs(2));
    }
}

#[test]
fn a_platform_may_be_as_inexact_as_it_says() {
    let mut driven = Driven::drill().in_step(2);
    let mut look_at = |share: &str| {
        driven.look_changed(healthy, |_, measured| {
            measured.deployment.as_mut().unwrap().canary_share = share.parse().unwrap();
            measured.tolerance = "0.5%".parse().unwrap();
        })
    };
    assert_eq!(look_at("10.5%").kinds(), ["evaluated"]);
    assert!(look_at("10.51%").has("traffic_drifted"));
}

#[test]
fn traffic_that_is_found_where_it_should_be_is_recorded_as_found() {
    let mut driven = Driven::drill().in_step(1);
    driven.run_while(|driven| driven.outstanding() != ["set traffic to 10%"]);
    let id = driven.effect("set traffic to 10%");
    // Whether the conductor that died had set it is not known.
    driven.restart();
    assert_eq!(driven.call_for(id), None, "it is not made before the platform was asked");
    let batch = driven.answer(driven.doubt().unwrap(), observed(share(10)));
    let Event::TrafficSet(set) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(set.means, relman_core::event::SetBy::Observation);
}

#[test]
fn a_message_is_given_up_after_five_times_and_stands_in_nobodys_way() {
    let mut driven = Driven::drill().staging();
    let message = "tell internal through releases: staging";
    for _ in 0..4 {
        assert_eq!(driven.failed(message, Some(secs(1))).kinds(), ["effect_failed"]);
    }
    assert_eq!(driven.failed(message, Some(secs(1))).kinds(), ["notification_abandoned"]);
    assert!(driven.release.holds().is_empty());
    let mut driven = Driven::drill().staging();
    assert_eq!(driven.failed(message, None).kinds(), ["notification_abandoned"]);
}
