use std::panic::{AssertUnwindSafe, catch_unwind};

use relman_core::{
    event::{Gate, GatePassed, Ground, StagingStarted},
    judge::MissingKind,
    machine::{Effect, PhaseName},
    unit::{Actor, Span, TrafficShare},
};

use super::*;
use crate::sample;

/// What a scenario that does not hold says.
fn failure(scenario: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(scenario)).expect_err("the scenario holds");
    payload.downcast_ref::<String>().cloned().expect("an assertion has a text")
}

#[test]
fn an_event_is_expected_by_its_kind_by_its_fields_or_whole() {
    let approved = given(planned()).when(someone("user:bo").approves());
    let started = approved.clone().then(["plan_approved", "gate_passed", "staging_started"]);
    let started = started.then([
        event("plan_approved").by("user:bo").with("plan_record", 0),
        event("gate_passed").with("gate", "plan"),
        event("staging_started").by("system:relman"),
    ]);
    let passed = GatePassed {
        gate: Gate::Plan,
        grounds: vec![Ground::Approved { by: "user:bo".parse().unwrap() }],
        verdicts: Vec::new(),
    };
    let whole: [Expected; 3] = [
        "plan_approved".into(),
        by("system:relman", passed).into(),
        by("system:relman", StagingStarted {}).into(),
    ];
    let _ = started.then(whole).then_it_is(PhaseName::Staging).then_among_others("gate_passed");
}

#[test]
fn a_whole_event_that_differs_shows_the_first_fields_that_do() {
    let passed = GatePassed { gate: Gate::Staging, grounds: Vec::new(), verdicts: Vec::new() };
    let text = failure(|| {
        let expected: [Expected; 3] =
            ["plan_approved".into(), by("user:bo", passed).into(), "staging_started".into()];
        let _ = given(planned()).when(someone("user:bo").approves()).then(expected);
    });
    assert_eq!(
        text,
        "when user:bo approves, these events differ (- expected, + happened):\n    plan_approved\n  \
         ~ gate_passed by system:relman\n      by: expected user:bo, was system:relman\n      \
         gate: expected \"staging\", was \"plan\"\n      grounds: expected [], was [{\"by\":\"user:bo\",\"code\":\"approved\"}]\n    \
         staging_started\n"
    );
}

#[test]
fn effects_that_differ_are_put_beside_each_other() {
    let text = failure(|| {
        let approved = given(planned()).when(someone("user:bo").approves());
        let _ = approved.then_effects(["deploy to production", "tell internal through releases: staging"]);
    });
    assert_eq!(
        text,
        "when user:bo approves, these effects differ (- expected, + asked for):\n  - deploy to production\n  \
         - tell internal through releases: staging\n  + deploy to staging\n"
    );
    let zero = Effect::set_traffic(TrafficShare::ZERO);
    let rolled_back = given(in_step(1)).when(someone("user:oli").rolls_back());
    let text = failure(|| {
        let _ = rolled_back.then_effects([zero]);
    });
    assert!(
        text.contains("    set traffic to 0%\n  + tell internal through releases: rollback started"),
        "{text}"
    );
}

#[test]
fn a_refusal_that_differs_or_is_missing_is_shown() {
    let text = failure(|| {
        let _ = given(planned()).when(someone("user:ana").approves()).then_refused("no such thing");
    });
    assert!(
        text.starts_with(
            "when user:ana approves, the refusal differs:\n  - words with \"no such thing\"\n  + "
        )
    );
    let text = failure(|| {
        let _ = given(planned()).when(someone("user:bo").approves()).then_refused("author");
    });
    assert!(text.contains("nothing was refused") && text.contains("+ plan_approved by user:bo"), "{text}");
    let text = failure(|| {
        let _ = given(planned()).when(someone("user:ana").approves()).then(["plan_approved"]);
    });
    assert!(text.contains("it was refused: user:ana may not approve"), "{text}");
}

#[test]
fn a_refusal_that_nobody_expected_does_not_pass_in_silence() {
    let text = failure(|| {
        let refused = given(planned()).when(someone("user:ana").approves());
        let _ = refused.and_when(someone("user:bo").approves());
    });
    assert!(text.contains("the scenario goes on as if it was not"), "{text}");
}

#[test]
fn what_can_not_happen_says_why() {
    let text = failure(|| {
        let _ = given(planned()).when(a_look());
    });
    let expected =
        "when a healthy look: that can't happen here: nothing is looked at: checkout-241 is planning";
    assert_eq!(text, expected);
    let text = failure(|| {
        let _ = given(approved()).when(done("set traffic to 1%"));
    });
    assert!(
        text.ends_with("no effect \"set traffic to 1%\" is without an outcome, but deploy to staging"),
        "{text}"
    );
}

#[test]
#[should_panic(expected = "\"step_begun\" is not a kind of event; these are: plan_recorded, ")]
fn a_kind_that_does_not_exist_is_a_mistake_of_the_test() {
    let _ = event("step_begun");
}

#[test]
fn time_passes_as_far_as_a_look_needs() {
    let _ = given(in_step(1))
        .when(a_look().without("latency_p99", MissingKind::NotFinite))
        .then(["evaluated", "hold_placed"])
        .and_when(pass(Span::from_minutes(119)))
        .then_nothing()
        .and_when(pass(Span::from_minutes(1)))
        .then([
            event("rollback_started").with("trigger.unmeasured.held_ms", Span::from_hours(2)),
            "post_mortem_opened".into(),
        ]);
}

#[test]
fn a_platform_that_fails_is_tried_again_and_one_that_refuses_waits_for_a_person() {
    let drill = in_production().of(sample::drill_plan(), sample::drill_policy());
    let _ = given(drill)
        .when(failed("deploy to production"))
        .then([event("effect_failed").with("attempt", 1)])
        .then_effects([] as [&str; 0])
        .and_when(refused_by_platform("deploy to production"))
        .then(["effect_failed", "hold_placed"])
        .and_when(someone("user:oli").resumes())
        .then(["hold_released"])
        .and_when(done("deploy to production"))
        .then(["deployed", "step_started"]);
}

#[test]
fn a_change_in_doubt_is_asked_for_before_it_is_made_again() {
    let failed = given(in_production().of(sample::drill_plan(), sample::drill_policy()))
        .when(done("deploy to production"))
        .then(["deployed", "step_started"])
        .and_when(failed("set traffic to 1%"))
        .then(["effect_failed"]);
    let _ = failed
        .clone()
        .and_when(in_doubt(Doubt::Made))
        .then_nothing()
        .and_when(pass(Span::from_secs(10)))
        .then([event("traffic_set").with("by", "observation")]);
    for doubt in [Doubt::NotMade, Doubt::Unanswered] {
        let _ = failed
            .clone()
            .and_when(in_doubt(doubt))
            .then_nothing()
            .and_when(pass(Span::from_secs(10)))
            .then_nothing()
            .and_when(done("set traffic to 1%"))
            .then([event("traffic_set").with("by", "deployer")]);
    }
}

#[test]
fn what_is_left_unanswered_stays_so_unless_the_session_is_to_wait_no_longer() {
    let unanswered = |past: Past| given(past).when(pass(Span::from_minutes(1))).then_nothing();
    let _ = unanswered(in_step(1)).and_when(pass(Span::from_minutes(2))).then_nothing();
    let _ = unanswered(in_step(1).driven_with(relman_core::machine::SessionConfig::default()))
        .and_when(pass(Span::from_minutes(2)))
        .then(["evaluated", "hold_placed"]);
}

#[test]
fn a_past_of_facts_starts_where_they_lead() {
    let story = Story::from(planned());
    let recorded = relman_core::event::Fact { by: Actor::relman(), event: story.records()[0].event.clone() };
    let _ = given([recorded]).when(someone("user:bo").approves()).then_it_is(PhaseName::Staging);
}
