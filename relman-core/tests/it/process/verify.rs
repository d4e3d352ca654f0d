use relman_core::{
    event::{Event, ObservedExposure},
    judge::Arm,
    machine::PhaseName,
    unit::Span,
};

use crate::fixture::{Driven, act, counts, healthy, secs};

#[test]
fn v1_user_flows_are_checked_in_production() {
    let mut driven = Driven::drill().validating();
    driven.does("user:olu", act::acknowledge());
    driven.run(secs(60));
    assert_eq!(driven.missing(), ["the check user-flows"]);
    let batch = driven.does("user:qin", act::failed("user-flows"));
    assert_eq!(batch.kinds(), ["check_recorded", "gate_failed"]);
    let batch = driven.does("user:qin", act::passed("user-flows"));
    assert_eq!(batch.kinds(), ["check_recorded", "gate_passed", "promotion_started"]);
    assert_eq!(batch.effects(), ["promote the new version"]);
    let batch = driven.done("promote the new version");
    assert_eq!(batch.kinds(), ["promoted", "release_completed"]);
    assert_eq!(batch.effects(), ["free the target", "tell internal through releases: completed"]);
}

#[test]
fn v1_a_check_of_staging_does_not_count_again() {
    let policy =
        crate::fixture::with(&crate::fixture::policy_text(), "validation = []", "validation = [\"unit\"]");
    let driven = Driven::planned(&crate::fixture::drill_plan(), &policy).validating();
    assert!(driven.missing().contains(&"the check unit".to_owned()), "{:?}", driven.missing());
}

#[test]
fn v1_an_error_spike_and_reports_of_customers_turn_it_back() {
    let mut driven = Driven::drill().validating();
    driven.does("user:olu", act::acknowledge());
    assert!(driven.look_with_errors(50).has("rollback_started"));
    let mut driven = Driven::drill().validating();
    for _ in 0..3 {
        driven.does("user:guest", act::complain());
    }
    assert!(driven.does("user:guest", act::complain()).has("rollback_started"));
}

#[test]
fn v2_nothing_shortens_the_validation() {
    let mut driven = Driven::standard().validating();
    driven.does("user:qin", act::passed("user-flows"));
    driven.does("user:olu", act::acknowledge());
    driven.run(Span::from_hours(12));
    driven.does("user:oda", act::acknowledge());
    driven.run(Span::from_hours(12).saturating_sub(Span::from_minutes(2)));
    assert_eq!(driven.phase(), PhaseName::Validating);
    assert_eq!(
        driven.refused("user:ana", relman_core::machine::Action::Close),
        format!(
            "checkout-241 can't be completed: it is validating and waits for {} of 24h on fresh data",
            Span::from_hours(24).saturating_sub(driven.baked())
        )
    );
    driven.does("user:olu", act::acknowledge());
    driven
        .run_while(|driven| driven.phase() == PhaseName::Validating && driven.baked() < Span::from_hours(24));
    driven.perform();
    assert_eq!(driven.phase(), PhaseName::Completed);
    driven.assert_replays();
}

#[test]
fn v3_a_named_person_acknowledges_and_hands_over() {
    let mut driven = Driven::drill().validating();
    assert_eq!(
        driven.refused("service:ci", act::acknowledge()),
        "service:ci is not a person: this takes a person's name (user:…)"
    );
    assert_eq!(
        driven.refused("user:ana", act::acknowledge()),
        "user:ana may not be on call: that takes one of the roles on-call, and the directory gives author, developer"
    );
    let shift = driven.now + Span::from_hours(12);
    let late = shift + secs(1);
    assert_eq!(
        driven.refused("user:olu", act::acknowledge_until(late)),
        format!("the cover ends at {late}: it has to end after {}, and within the shift of 12h", driven.now)
    );
    let batch = driven.does("user:olu", act::acknowledge());
    assert_eq!((batch.kinds(), batch.effects()), (vec!["on_call_acknowledged"], vec![]));
    assert_eq!(driven.release.cover().unwrap().until, shift);
    let batch = driven.does("user:oda", act::acknowledge());
    let Event::OnCallHandedOver(handed) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(handed.from.to_string(), "user:olu");
    assert_eq!(driven.release.cover().unwrap().person.to_string(), "user:oda");
}

#[test]
fn v3_time_without_cover_does_not_count() {
    let mut driven = Driven::drill().validating();
    driven.does("user:qin", act::passed("user-flows"));
    driven.run(secs(30));
    assert_eq!(driven.baked(), Span::ZERO);
    assert!(
        driven.missing().contains(&"on-call cover: validation time does not count without it".to_owned())
    );
    // In the middle of a window: only what comes after the acknowledgement counts.
    driven.wait(Span::from_millis(400));
    driven.does("user:olu", act::acknowledge());
    driven.wait(Span::from_millis(600));
    driven.healthy_look();
    assert_eq!(driven.baked(), Span::from_millis(600));
}

#[test]
fn v3_cover_lapses_exactly_at_its_end() {
    let mut driven = Driven::drill().validating();
    let until = driven.now + secs(3);
    driven.does("user:olu", act::acknowledge_until(until));
    driven.run(secs(2));
    assert_eq!(driven.baked(), secs(2));
    driven.now = until.minus(Span::from_millis(1));
    assert!(driven.tick().events.is_empty());
    driven.now = until;
    let batch = driven.tick();
    assert_eq!(
        (batch.kinds(), batch.effects()),
        (vec!["cover_lapsed"], vec!["page: no on-call cover".to_owned()])
    );
    let batch = driven.healthy_look();
    assert_eq!(batch.kinds(), ["evaluated"]);
    assert_eq!(driven.baked(), secs(2), "the window of a lapse does not count");
}

#[test]
fn v3_the_lapse_and_the_look_at_the_same_moment_count_nothing() {
    let mut driven = Driven::drill().validating();
    let until = driven.now + secs(1);
    driven.does("user:olu", act::acknowledge_until(until));
    let batch = driven.healthy_look();
    assert_eq!(driven.now, until);
    assert_eq!(batch.kinds(), ["cover_lapsed", "evaluated"]);
    assert_eq!(driven.baked(), Span::ZERO);
}

#[test]
fn v3_a_hand_over_leaves_no_gap() {
    let mut driven = Driven::drill().validating();
    driven.does("user:olu", act::acknowledge());
    driven.wait(Span::from_millis(500));
    driven.does("user:oda", act::acknowledge());
    driven.wait(Span::from_millis(500));
    driven.healthy_look();
    assert_eq!(driven.baked(), secs(1));
}

#[test]
fn v3_it_is_not_complete_while_nobody_is_on_call() {
    let mut driven = Driven::drill().validating();
    let until = driven.now + secs(11);
    driven.does("user:olu", act::acknowledge_until(until));
    driven.run(secs(10));
    assert_eq!(driven.baked(), secs(10));
    driven.run(secs(20));
    driven.does("user:qin", act::passed("user-flows"));
    assert_eq!(driven.missing(), ["on-call cover: validation time does not count without it"]);
    let batch = driven.does("user:oda", act::acknowledge());
    assert_eq!(batch.kinds(), ["on_call_acknowledged", "gate_passed", "promotion_started"]);
}

#[test]
fn v4_what_a_dashboard_shows_is_in_the_record() {
    let mut driven = Driven::drill().validating();
    driven.does("user:olu", act::acknowledge());
    driven.does("user:guest", act::complain());
    let batch = driven.look_as(|metric, arm| match (metric.as_str(), arm) {
        ("error_rate", Arm::Canary) => counts(1_000, 4),
        _ => healthy(metric, arm),
    });
    let Event::Evaluated(look) = &batch.events[0] else { panic!("{batch:?}") };
    let seen: Vec<String> = look
        .observations
        .iter()
        .map(|seen| format!("{} {}: {}", seen.metric, seen.arm, seen.answer))
        .collect();
    assert_eq!(
        seen,
        [
            "error_rate canary: 0.4% (4 of 1000)",
            "latency_p99 canary: 120",
            "log_errors canary: 0 in an exposure of 1000"
        ]
    );
    assert!(look.observations.iter().all(|seen| seen.window == look.window && seen.source == "test"));
    assert_eq!(look.exposure, ObservedExposure::Seen { share_bp: crate::fixture::share(100) });
    assert_eq!(look.verdicts.len(), 3, "one for each criterion, with its numbers");
    assert_eq!(driven.release.complaints().len(), 1);
}

#[test]
fn v2_on_call_duty_may_be_taken_before_production_for_when_it_is_entered() {
    let mut driven = Driven::drill();
    driven.does("user:olu", act::acknowledge());
    let mut driven = driven.released();
    let paged = driven.noting(|driven| {
        driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    });
    assert_eq!(driven.phase(), PhaseName::Validating);
    assert!(!paged.effects().contains(&"page: cover missing".to_owned()), "{:?}", paged.effects());
    driven.healthy_look();
    assert!(driven.baked() > secs(0));
    driven.assert_replays();

    let mut early = Driven::drill();
    early.does("user:olu", act::acknowledge_until(early.now + secs(2)));
    let batch = early.wait(secs(3)).tick();
    assert_eq!((batch.kinds(), batch.effects()), (vec!["cover_lapsed"], Vec::new()));
}
