use relman_core::{
    event::{CheckOutcome, Event, Gate},
    machine::{Action, PhaseName},
    policy::Policy,
    port::Environment,
};

use crate::fixture::{Driven, PLAN, act, policy_text, with};

#[test]
fn s1_nothing_is_staged_without_a_contract() {
    let (plan, rest) = PLAN.split_once("[contract]").unwrap();
    let plan = format!("{plan}{}", &rest[rest.find("[[communication]]").unwrap()..]);
    let mut driven = Driven::planned(&plan, &policy_text());
    assert_eq!(
        driven.refused("user:ben", Action::ApprovePlan),
        "checkout-241 has no rollback contract, and nothing is staged without one: add [contract] with numeric \
         criteria, such as criteria = [\"error_rate > 1%\"], and record the plan again"
    );
    assert_eq!(
        driven.missing(),
        ["a rollback contract: nothing is staged without one", "approvals: 0 of 1 for standard risk"]
    );
    assert_eq!(driven.tick().kinds(), [""; 0]);
    driven.does("user:ana", driven.revise(PLAN));
    driven.does("user:ben", Action::ApprovePlan);
    assert_eq!(driven.phase(), PhaseName::Staging);
}

#[test]
fn s2_staging_is_deployed_through_the_deployer() {
    let mut driven = Driven::standard().staging();
    assert_eq!(driven.outstanding(), ["deploy to staging"]);
    for check in ["unit", "integration", "end-to-end"] {
        driven.does("service:ci", act::passed(check));
    }
    assert_eq!(driven.missing(), ["the staging deployment"]);
    let batch = driven.done("deploy to staging");
    assert_eq!(
        batch.kinds(),
        ["deployed", "target_admitted", "platform_observed", "gate_passed", "rollout_started"]
    );
    let Event::Deployed(deployed) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(deployed.environment, Environment::Staging);
    assert_eq!(batch.effects(), ["deploy to production", "tell internal through releases: rollout started"]);
}

#[test]
fn s3_every_check_is_recorded_with_its_evidence() {
    let mut driven = Driven::standard().staging();
    driven.done("deploy to staging");
    assert_eq!(driven.missing(), ["the check end-to-end", "the check integration", "the check unit"]);
    let batch = driven.does("service:ci", act::passed("unit"));
    let Event::CheckRecorded(recorded) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(recorded.evidence.as_str(), "https://ci.example.org/1");
    assert_eq!(recorded.outcome, CheckOutcome::Passed);
    assert!(batch.effects.is_empty());
    driven.does("service:ci", act::passed("integration"));
    assert_eq!(driven.phase(), PhaseName::Staging);
    let batch = driven.does("service:ci", act::passed("end-to-end"));
    assert_eq!(
        batch.kinds(),
        ["check_recorded", "target_admitted", "platform_observed", "gate_passed", "rollout_started"]
    );
    let Event::GatePassed(passed) = &batch.events[3] else { panic!("{batch:?}") };
    assert_eq!(
        passed.sentences(),
        [
            "end-to-end: passed by service:ci",
            "integration: passed by service:ci",
            "unit: passed by service:ci"
        ]
    );
}

#[test]
fn s3_a_failed_check_stops_the_gate_until_it_passes() {
    let mut driven = Driven::standard().staging();
    let last = driven.checked_but_one();
    let batch = driven.does("service:ci", act::failed(&last));
    assert_eq!(batch.kinds(), ["check_recorded", "gate_failed"]);
    let Event::GateFailed(failed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(failed.gate, Gate::Staging);
    assert_eq!(failed.sentences(), ["unit has failed: https://ci.example.org/1"]);
    assert_eq!(driven.missing(), ["the check unit: it has failed, https://ci.example.org/1"]);
    assert!(driven.does("service:ci", act::passed(&last)).has("rollout_started"));
}

#[test]
fn s3_a_check_that_no_gate_asks_for_is_refused() {
    let mut driven = Driven::standard().staging();
    assert_eq!(
        driven.refused("service:ci", act::passed("units")),
        "no gate asks for the check `units` now: the staging gate asks for end-to-end, integration, unit"
    );
    assert_eq!(
        driven.refused("user:guest", act::passed("unit")),
        "user:guest may not record a check: that takes one of the roles ci, developer, qa, and the directory gives none"
    );
}

#[test]
fn s4_manual_qa_is_signed_by_a_person_item_by_item() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"payments\"]");
    let mut driven = Driven::planned(&plan, &policy_text()).staging();
    driven.done("deploy to staging");
    assert_eq!(
        driven.refused("service:ci", act::passed("manual-qa")),
        "service:ci is not a person: this takes a person's name (user:…)"
    );
    let items = Policy::shipped().qa_checklist()[..2].to_vec();
    let signed = Action::RecordCheck {
        check: "manual-qa".parse().unwrap(),
        outcome: CheckOutcome::Passed,
        evidence: act::text("by hand"),
        items,
    };
    assert_eq!(
        driven.refused("user:qin", signed),
        "the checklist of `manual-qa` is not complete: confirm \"The rollback was tried in staging\""
    );
    let batch = driven.does("user:qin", act::passed("manual-qa"));
    let Event::CheckRecorded(recorded) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(recorded.items, Policy::shipped().qa_checklist());
    assert_eq!(batch.by[0].to_string(), "user:qin");
}

#[test]
fn s4_standard_risk_asks_for_no_manual_qa() {
    let driven = Driven::standard().staging();
    assert!(!driven.missing().contains(&"the check manual-qa".to_owned()));
}

#[test]
fn s5_a_performance_sensitive_change_needs_a_load_test() {
    let plan = with(PLAN, "audience =", "performance = \"sensitive\"\naudience =");
    let mut driven = Driven::planned(&plan, &policy_text()).staging();
    driven.done("deploy to staging");
    for check in ["unit", "integration", "end-to-end"] {
        driven.does("service:ci", act::passed(check));
    }
    assert_eq!(driven.missing(), ["the check load-test"]);
    assert!(driven.does("service:ci", act::passed("load-test")).has("rollout_started"));
}
