//! A change that can't be taken back once enough users have it.

use relman_core::{
    event::{Event, Gate},
    judge::{Arm, MissingKind},
    machine::{Action, Due, PhaseName},
    plan::{Plan, PlanFileError},
    port::with_causes,
    report::{History, PlanReport, Status},
};

use crate::fixture::{Driven, PLAN, act, drill_plan, policy_text, secs, with};

/// With no way back beyond 10 %.
fn irreversible(plan: &str) -> String {
    let way_back = "way_back = \"none after 10%\"\nreason = \"the migration drops a column\"\n\
                    instead = \"roll forward with 2.41.1\"\ncriteria =";
    with(plan, "criteria =", way_back)
}

fn driven() -> Driven {
    Driven::planned(&irreversible(&drill_plan()), &policy_text())
}

const REFUSED: &str = "checkout-241 can't be rolled back: there is no way back after 10%: the migration drops a column. \
                       Instead: roll forward with 2.41.1. An executive can allow a rollback (override --gate way-back)";

#[test]
fn two_people_approve_it_whatever_the_risk() {
    let mut driven = driven();
    driven.does("user:ben", Action::ApprovePlan);
    assert_eq!(driven.phase(), PhaseName::Planning);
    assert_eq!(driven.missing(), ["approvals: 1 of 2 for standard risk, with no way back after 10%"]);
    driven.does("user:cem", Action::ApprovePlan);
    assert_eq!(driven.phase(), PhaseName::Staging);
    let more = with(&policy_text(), "high = 2", "high = 3");
    let high = with(&irreversible(&drill_plan()), "touches = [\"api\"]", "touches = [\"data-migration\"]");
    let mut driven = Driven::planned(&high, &more);
    driven.does("user:ben", Action::ApprovePlan);
    assert_eq!(driven.missing(), ["approvals: 1 of 3 for high risk, with no way back after 10%"]);
}

#[test]
fn up_to_that_share_everything_is_as_usual() {
    let mut by_rule = driven().in_step(2);
    assert!(by_rule.look_with_errors(500).has("rollback_started"));
    by_rule.assert_replays();
    let mut by_hand = driven().in_step(2);
    assert_eq!(
        by_hand.refused("user:ana", act::abort()),
        "checkout-241 has reached production: roll it back instead of aborting it"
    );
    assert!(by_hand.does("user:guest", act::roll_back()).has("rollback_started"));
}

#[test]
fn beyond_it_a_breach_holds_and_pages_once_and_nothing_is_rolled_back() {
    let mut driven = driven().in_step(3);
    let batch = driven.look_with_errors(500);
    assert_eq!(batch.kinds(), ["evaluated", "contract_breached", "hold_placed"]);
    assert_eq!(batch.effects(), ["page: held"]);
    let waits = &driven.missing()[0];
    assert!(waits.contains("There is no way back after 10%; instead: roll forward with 2.41.1"), "{waits}");
    assert_eq!(driven.look_with_errors(500).kinds(), ["evaluated"], "people know");
    assert_eq!(driven.refused("user:guest", act::roll_back()), REFUSED);
    assert_eq!(driven.refused("user:ana", act::abort()), REFUSED);
    driven.run(secs(60));
    assert_eq!((driven.phase(), driven.step()), (PhaseName::Releasing, 3), "and nothing goes forward");
    driven.assert_replays();
}

#[test]
fn a_person_lets_it_go_on_and_the_next_breach_holds_again() {
    let mut driven = driven().in_step(3);
    driven.look_with_errors(500);
    driven.does("user:ana", act::resume());
    assert!(driven.look_with_errors(500).has("hold_placed"));
    driven.does("user:ana", act::resume());
    driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    assert_eq!(driven.phase(), PhaseName::Validating, "what is fixed is clean");
    driven.assert_replays();
}

#[test]
fn it_is_beyond_from_when_the_step_begins_and_not_when_its_traffic_is_set() {
    let mut driven = driven().in_step(2);
    driven.run_while(|driven| driven.step() < 3);
    assert_eq!(driven.outstanding(), ["set traffic to 50%"]);
    assert_eq!(
        driven.refused("user:guest", act::roll_back()),
        REFUSED,
        "it may have been set, and nobody knows"
    );
    driven.failed("set traffic to 50%", Some(secs(10)));
    assert!(driven.look_with_errors(500).has("hold_placed"));
    let due = |driven: &Driven| driven.release.outstanding()[&driven.effect("set traffic to 50%")].due;
    assert_eq!(due(&driven), Due::WhenResumed, "nothing goes forward");
    driven.does("user:ana", act::resume());
    assert_eq!(due(&driven), Due::Now);
    driven.assert_replays();
}

#[test]
fn patience_that_runs_out_pages_and_rolls_nothing_back() {
    let mut driven = driven().in_step(3);
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    let until = driven.release.holds().values().find_map(|hold| hold.roll_back_at).unwrap();
    driven.now = until;
    let batch = driven.tick();
    assert!(batch.has("hold_placed") && !batch.has("rollback_started"), "{:?}", batch.kinds());
    assert!(batch.effects().contains(&"page: held".to_owned()));
    driven.wait(secs(1));
    assert!(!driven.tick().has("hold_placed"), "once");
    driven.assert_replays();
}

#[test]
fn complaints_hold_it_as_well() {
    let mut driven = driven().in_step(3);
    for _ in 0..3 {
        driven.does("user:guest", act::complain());
    }
    let batch = driven.does("user:guest", act::complain());
    assert_eq!(batch.kinds(), ["complaint_recorded", "contract_breached", "hold_placed"]);
    assert_eq!(driven.does("user:guest", act::complain()).kinds(), ["complaint_recorded"]);
    driven.assert_replays();
}

#[test]
fn an_executive_allows_a_rollback_by_a_person_and_none_by_a_rule() {
    let mut driven = driven().in_step(2);
    let expires_at = driven.now + secs(600);
    let early = driven.refused("user:eva", act::override_gate(Gate::WayBack, expires_at));
    assert!(early.contains("there is a way back up to 10%"), "{early}");
    driven.run_while(|driven| driven.step() < 3);
    driven.perform();
    let expires_at = driven.now + secs(600);
    assert!(driven.refused("user:ana", act::override_gate(Gate::WayBack, expires_at)).contains("executive"));
    driven.does("user:eva", act::override_gate(Gate::WayBack, expires_at));
    assert!(driven.look_with_errors(500).has("hold_placed"), "a rule does not do harm");
    assert!(driven.does("user:guest", act::roll_back()).has("rollback_started"));
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    assert_eq!(driven.phase(), PhaseName::RolledBack);
    driven.assert_replays();
    let other = Driven::drill().in_step(3).refused("user:eva", act::override_gate(Gate::WayBack, expires_at));
    assert!(other.contains("the plan names no share after which there is no way back"), "{other}");
}

#[test]
fn a_completed_release_is_not_rolled_back_unless_an_executive_allows_it() {
    let mut driven = driven().completed();
    assert_eq!(driven.refused("user:guest", act::roll_back()), REFUSED);
    let expires_at = driven.now + secs(600);
    driven.does("user:eva", act::override_gate(Gate::WayBack, expires_at));
    assert!(driven.does("user:guest", act::roll_back()).has("rollback_started"));
    driven.assert_replays();
}

#[test]
fn whoever_approves_and_whoever_watches_sees_it_beforehand() {
    let mut driven = driven().in_step(2);
    let shown = |driven: &Driven| {
        let history = History::new(&driven.release, &driven.journal.records, driven.now);
        (PlanReport::of(&history).unwrap().to_string(), Status::of(&history).to_string())
    };
    let (plan, status) = shown(&driven);
    assert!(plan.contains("NONE after 10%: the migration drops a column"), "{plan}");
    assert!(plan.contains("roll forward with 2.41.1"), "{plan}");
    assert!(status.contains("up to 10%; THE NEXT STEP HAS NONE: the migration drops a column"), "{status}");
    driven.run_while(|driven| driven.step() < 3);
    assert!(shown(&driven).1.contains("NONE since 10% was passed"), "{}", shown(&driven).1);
    let passed = driven.of_kind("gate_passed").into_iter().rev().find_map(|event| match event {
        Event::GatePassed(passed) if passed.gate == Gate::Step(2) => Some(passed.sentences()),
        _ => None,
    });
    let told = "NO WAY BACK after 10%: from here on, in place of a rollback: roll forward with 2.41.1";
    assert!(passed.unwrap().iter().any(|sentence| sentence == told));
}

#[test]
fn a_plan_says_all_of_it_or_nothing() {
    let refused = |lines: &str| -> String {
        let error: PlanFileError =
            Plan::from_toml(&with(PLAN, "criteria =", &format!("{lines}\ncriteria ="))).unwrap_err();
        with_causes(&error)
    };
    for (lines, problem) in [
        ("way_back = \"none after 10%\"", "has no `reason`: a change without a way back says three things"),
        ("way_back = \"none after 10%\"\nreason = \"x\"", "has no `instead`"),
        ("instead = \"x\"", "has no `way_back`"),
        ("way_back = \"never\"", "is not a way back such as \"none after 10%\""),
        ("way_back = \"none after\"", "it names no share up to which there is one"),
        ("way_back = \"none after 10\"", "is not a way back such as"),
        ("way_back = \"none after 100%\"", "after 100% nothing comes; leave it out"),
    ] {
        let error = refused(lines);
        assert!(error.contains(problem), "{error}");
    }
    let plan = Plan::from_toml(&irreversible(PLAN)).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert!(json.contains(r#""way_back":"none after 10%""#), "{json}");
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}
