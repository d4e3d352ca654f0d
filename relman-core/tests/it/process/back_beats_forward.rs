use relman_core::{
    event::HoldCause,
    machine::{Due, Outcome, PhaseName},
};

use crate::fixture::{Driven, act, failure, healthy, observed, secs, share};

/// At the end of the first step, with the traffic of the second asked for.
fn promoting() -> Driven {
    let mut driven = Driven::drill().in_step(1);
    driven.run_while(|driven| driven.outstanding() != ["set traffic to 10%"]);
    driven
}

fn due(driven: &Driven, words: &str) -> Due {
    driven.release.outstanding()[&driven.effect(words)].due
}

#[test]
fn a_hold_stops_a_promotion_that_was_asked_for_and_not_done() {
    let mut driven = promoting();
    driven.failed("set traffic to 10%", Some(secs(10)));
    assert!(matches!(due(&driven, "set traffic to 10%"), Due::At(_)));
    let promotion = driven.effect("set traffic to 10%");
    let again = driven.carried_out(promotion);
    driven.does("user:guest", act::hold());
    assert_eq!(due(&driven, "set traffic to 10%"), Due::WhenResumed);
    // One more failure of an attempt that was under way does not bring it back.
    assert_eq!(driven.answer(again, failure("no", Some(secs(10)))).kinds(), ["effect_failed"]);
    assert_eq!(due(&driven, "set traffic to 10%"), Due::WhenResumed);
    driven.wait(secs(3_600));
    driven.tick();
    assert_eq!(due(&driven, "set traffic to 10%"), Due::WhenResumed);
    assert_eq!(driven.call_for(promotion), None, "nothing is tried meanwhile");
    driven.does("user:ana", act::resume());
    assert_eq!(due(&driven, "set traffic to 10%"), Due::Now);
}

#[test]
fn a_hold_stops_a_deployment_that_was_asked_for_and_not_done() {
    let mut driven = Driven::drill().staging();
    driven.does("user:guest", act::hold());
    assert_eq!(due(&driven, "deploy to staging"), Due::WhenResumed);
    driven.does("user:ana", act::resume());
    assert_eq!(due(&driven, "deploy to staging"), Due::Now);
}

#[test]
fn a_hold_stops_neither_what_goes_back_nor_messages() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::hold());
    let batch = driven.look_at(Ok(share(60)), healthy);
    assert!(batch.has("traffic_drifted"));
    assert_eq!(due(&driven, "set traffic to 10%"), Due::Now, "60 % is more than it should be");
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::hold());
    driven.look_at(Ok(share(0)), healthy);
    assert_eq!(due(&driven, "set traffic to 10%"), Due::WhenResumed, "somebody may have set it to zero");
}

#[test]
fn while_it_is_held_no_time_counts_and_nothing_is_promoted() {
    let mut driven = Driven::drill().in_step(1);
    driven.run(secs(2));
    driven.wait(secs(0));
    driven.does("user:guest", act::hold());
    for _ in 0..20 {
        assert_eq!(driven.healthy_look().kinds(), ["evaluated"], "looks go on");
    }
    assert_eq!((driven.step(), driven.baked()), (1, secs(2)));
    assert_eq!(
        driven.refused("user:guest", act::hold()),
        format!(
            "checkout-241 has been held since {}: something looks odd",
            driven.release.holds()[&HoldCause::Manual].since
        )
    );
    let refused = driven.refused("user:guest", act::resume());
    assert!(refused.starts_with("user:guest may not resume, abort or close a release"), "{refused}");
    driven.does("user:ana", act::resume());
    assert_eq!(
        driven.refused("user:ana", act::resume()),
        "checkout-241 has no hold that a person could lift: it is releasing"
    );
    driven.healthy_look();
    assert_eq!(driven.baked(), secs(3));
}

#[test]
fn a_held_release_is_still_rolled_back_by_a_breach() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::hold());
    assert!(driven.look_with_errors(500).has("rollback_started"));
    assert!(driven.release.holds().is_empty());
}

#[test]
fn a_late_answer_to_a_promotion_does_not_undo_a_rollback() {
    let mut driven = promoting();
    let promotion = driven.carried_out(driven.effect("set traffic to 10%"));
    driven.does("user:guest", act::roll_back());
    assert_eq!(driven.outstanding(), ["set traffic to 0%"], "nothing that goes forward is left");
    assert_eq!(driven.aborted, [promotion]);
    for outcome in [Outcome::Done, observed(share(10)), failure("late", None)] {
        assert!(driven.answer(promotion, outcome).events.is_empty());
    }
    assert_eq!(driven.release.exposure(), share(1));
    assert_eq!(driven.phase(), PhaseName::RollingBack);
}

#[test]
fn a_rollback_is_never_held_and_never_resumed() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::roll_back());
    assert_eq!(
        driven.refused("user:ana", act::hold()),
        "checkout-241 is rolling back: holding it is possible while it is planning, staging, releasing or validating"
    );
    assert!(driven.release.next_deadline(driven.now).is_none(), "zero traffic is due now");
    assert_eq!(due(&driven, "set traffic to 0%"), Due::Now);
}

#[test]
fn a_look_that_is_answered_twice_or_too_late_is_ignored() {
    let mut driven = Driven::drill().in_step(1);
    let (look, question) = driven.asked();
    let [first, again, late] = [(); 3].map(|()| Outcome::from(driven.measured(&question, healthy)));
    assert!(driven.answer(look, first).has("evaluated"));
    assert!(driven.answer(look, again).events.is_empty(), "the same answer again");
    // While the next look is under way, the one before is still over.
    let (next, _) = driven.asked();
    assert_ne!(next, look);
    assert!(driven.answer(look, late).events.is_empty());
    assert_eq!(driven.baked(), secs(1));
}
