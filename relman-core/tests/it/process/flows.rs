//! What relman checks itself: the key user flows, while a release is validated.

use relman_core::{
    event::{CheckOutcome, CheckRecorded, Event, Gate},
    machine::{Action, CallId, FLOWS_FRESH_FOR, FLOWS_RENEWED_AFTER, Outcome, Phase, PhaseName, Request},
    port::{CheckedFlow, FlowOutcome, FlowReport},
    unit::{Actor, Span},
};

use crate::{
    fixture::{Batch, Driven, PLAN, act, policy_text, secs},
    process::forged::folds,
};

fn report(outcome: FlowOutcome) -> FlowReport {
    let flow = CheckedFlow::new("login".parse().unwrap(), outcome, "status 200", "status 200")
        .with_status(200)
        .with_latency(Span::from_millis(34));
    FlowReport::new([flow])
}

/// The check of the flows that is under way, if one is.
fn check(driven: &Driven) -> Option<CallId> {
    driven.call(|call| matches!(call.request, Request::CheckFlows(_))).map(|call| call.id)
}

fn finds(driven: &mut Driven, outcome: FlowOutcome) -> Batch {
    driven.noting(|driven| {
        driven.tick();
        let check = check(driven).expect("the flows are checked all the time");
        driven.answer(check, Outcome::FlowsChecked(report(outcome)));
    })
}

/// Checked without a pause, so that a test says when a check ends.
fn checking(driven: Driven) -> Driven {
    driven.with_config(|config| {
        config.check_flows_every = Some(Span::ZERO);
        config.check_flows_again_after = Span::ZERO;
    })
}

/// In validation, on call, and with nobody who has recorded a check.
fn validating() -> Driven {
    let mut driven = checking(Driven::drill()).validating();
    driven.does("user:olu", Action::Acknowledge { until: None });
    driven
}

#[test]
fn v1_what_relman_finds_is_recorded_as_the_check_that_the_gate_asks_for() {
    let mut driven = validating();
    assert_eq!(driven.release.flows_to_check().unwrap().as_str(), "checkout");
    let batch = finds(&mut driven, FlowOutcome::Passed);
    let Event::CheckRecorded(recorded) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!((recorded.check.as_str(), recorded.outcome), ("user-flows", CheckOutcome::Passed));
    assert_eq!(
        recorded.evidence.as_str(),
        "login: passed in 34ms (expected status 200; found status 200)",
        "the evidence says what was found"
    );
    assert_eq!((&batch.by[0], recorded.roles.len()), (&Actor::relman(), 0));
    driven.run_while(|driven| driven.phase() == PhaseName::Validating);
    assert_eq!(driven.phase(), PhaseName::Completed);
    driven.assert_replays();
}

#[test]
fn v1_a_flow_that_fails_keeps_the_release_from_being_complete_until_it_passes() {
    let mut driven = validating();
    let batch = finds(&mut driven, FlowOutcome::Failed);
    assert_eq!(batch.kinds(), ["check_recorded", "gate_failed"]);
    driven.run(secs(30));
    assert_eq!(
        driven.missing(),
        ["the check user-flows: it has failed, login: failed in 34ms (expected status 200; found status \
             200)"]
    );
    driven.healthy_look();
    let batch = finds(&mut driven, FlowOutcome::Passed);
    assert_eq!(batch.kinds(), ["check_recorded", "gate_passed", "promotion_started"]);
    driven.assert_replays();
}

#[test]
fn v1_a_person_may_still_go_back_while_a_flow_fails() {
    let mut driven = validating();
    finds(&mut driven, FlowOutcome::Failed);
    let under_way = check(&driven).unwrap();
    driven.does("user:guest", act::roll_back());
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    assert!(driven.release.flows_to_check().is_none());
    assert!(driven.aborted.contains(&under_way));
    let late = Outcome::FlowsChecked(report(FlowOutcome::Passed));
    assert!(driven.answer(under_way, late).events.is_empty(), "it came too late to matter");
}

#[test]
fn only_what_is_news_is_recorded() {
    let mut driven = checking(Driven::planned(PLAN, &policy_text())).validating();
    assert!(finds(&mut driven, FlowOutcome::Unknown).events.is_empty(), "nothing is known");
    assert_eq!(finds(&mut driven, FlowOutcome::Passed).kinds(), ["check_recorded"]);
    driven.wait(FLOWS_RENEWED_AFTER.saturating_sub(Span::from_millis(1)));
    assert!(finds(&mut driven, FlowOutcome::Passed).events.is_empty(), "that is known");
    driven.wait(Span::from_millis(1));
    assert_eq!(finds(&mut driven, FlowOutcome::Passed).kinds(), ["check_recorded"], "it is renewed");
    assert_eq!(finds(&mut driven, FlowOutcome::Failed).kinds(), ["check_recorded", "gate_failed"]);
    driven.wait(Span::from_hours(5));
    assert!(finds(&mut driven, FlowOutcome::Failed).events.is_empty(), "a failure stands");
    assert_eq!(finds(&mut driven, FlowOutcome::Passed).kinds(), ["check_recorded"]);
    assert!(finds(&mut driven, FlowOutcome::Unknown).events.is_empty());
}

#[test]
fn law4_a_pass_that_was_not_renewed_speaks_for_the_flows_no_longer() {
    let mut driven = validating();
    finds(&mut driven, FlowOutcome::Passed);
    driven.wait(FLOWS_FRESH_FOR);
    let stale = |driven: &Driven| driven.missing().iter().any(|what| what.contains("the check user-flows"));
    assert!(!stale(&driven));
    driven.wait(Span::from_millis(1));
    assert!(stale(&driven), "{:?}", driven.missing());
    finds(&mut driven, FlowOutcome::Passed);
    assert!(!stale(&driven));
    // What a person or CI has recorded is theirs to renew.
    let mut driven = validating();
    driven.does("service:ci", act::check("user-flows", CheckOutcome::Passed));
    driven.wait(Span::from_hours(20));
    assert!(!stale(&driven));
}

#[test]
fn law5_what_somebody_else_saw_fail_does_not_pass_because_relman_says_so() {
    let mut driven = validating();
    driven.does("service:ci", act::check("user-flows", CheckOutcome::Failed));
    assert!(finds(&mut driven, FlowOutcome::Passed).events.is_empty());
    driven.does("service:ci", act::check("user-flows", CheckOutcome::Passed));
    assert_eq!(finds(&mut driven, FlowOutcome::Failed).kinds(), ["check_recorded", "gate_failed"]);
}

#[test]
fn flows_are_checked_in_validation_alone() {
    let driven = || checking(Driven::drill());
    for mut driven in [driven(), driven().staging(), driven().in_step(2)] {
        assert!(driven.release.flows_to_check().is_none(), "{}", driven.phase());
        driven.wait(Span::from_hours(1)).tick();
        assert_eq!(check(&driven), None);
    }
    assert!(matches!(validating().release.phase(), Phase::Validating(_)));
    assert!(check(&validating()).is_some());
}

#[test]
fn g1_nobody_passes_for_relman() {
    let mut driven = validating();
    let passed = act::check("user-flows", CheckOutcome::Passed);
    assert!(driven.refused("system:relman", passed).contains("can't give commands"));
    // Neither does a record that was made without the rules.
    let forged = |driven: &Driven, check: &str| {
        let recorded = CheckRecorded {
            check: check.parse().unwrap(),
            outcome: CheckOutcome::Passed,
            evidence: "it works".parse().unwrap(),
            items: Vec::new(),
            roles: [].into(),
        };
        folds(driven, "system:relman", recorded)
    };
    assert!(forged(&driven, "user-flows"), "this much is what relman records");
    assert!(!forged(&driven, "unit"));
    assert!(!forged(&Driven::drill().staging(), "user-flows"));
    assert!(!forged(&Driven::drill().staging(), "unit"));
}

#[test]
fn an_executive_may_override_what_relman_saw_fail() {
    let mut driven = validating();
    finds(&mut driven, FlowOutcome::Failed);
    let expires_at = driven.now + Span::from_hours(1);
    let reason = "the probe has an old password".parse().unwrap();
    driven.does("user:eva", Action::Override { gate: Gate::Validation, reason, expires_at });
    assert!(driven.missing().iter().all(|what| !what.contains("user-flows")), "{:?}", driven.missing());
}
