//! Author, approver and executive are different people: every combination, whoever holds whichever roles.

use relman_core::{event::Gate, machine::Action, unit::Span};

use crate::fixture::{Driven, PLAN, act, policy_text, with};

const CAST: [&str; 4] = ["user:ana", "user:ben", "user:eva", "user:dan"];

/// Everybody has every role, so that nothing but the separation of duties stands in the way.
fn everybody_may() -> String {
    let policy = policy_text();
    let from = policy.find("[roles]").unwrap();
    let until = policy.find("# What to do when there is no value").unwrap();
    let roles = "[roles]\n".to_owned()
        + &["plan", "approve", "check", "override", "on_call", "operate"]
            .map(|permission| {
                format!("{permission} = [\"author\", \"approver\", \"executive\", \"developer\"]\n")
            })
            .concat();
    format!("{}{roles}\n{}", &policy[..from], &policy[until..])
}

/// A release of one author and one approver, that waits in staging with a failed check.
fn failed_staging(author: &str, approver: &str) -> Option<Driven> {
    let mut driven = Driven::new(PLAN, &everybody_may());
    driven.does(author, driven.record_plan());
    if author == approver {
        assert_eq!(
            driven.refused(approver, Action::ApprovePlan),
            format!("{author} is an author of the plan: someone else has to approve it")
        );
        return None;
    }
    driven.does(approver, Action::ApprovePlan);
    driven.done("deploy to staging");
    for check in ["end-to-end", "integration"] {
        driven.does("user:ana", act::passed(check));
    }
    driven.does("user:ana", act::failed("unit"));
    Some(driven)
}

#[test]
fn g5_in_every_combination_of_author_approver_and_executive() {
    let mut allowed = 0;
    for author in CAST {
        for approver in CAST {
            let Some(driven) = failed_staging(author, approver) else { continue };
            for executive in CAST {
                let mut driven = driven.clone();
                let expires_at = driven.now + Span::from_hours(1);
                let action = act::override_gate(Gate::Staging, expires_at);
                if executive == author {
                    let said = driven.refused(executive, action);
                    assert!(
                        said.starts_with(&format!("{executive} is an author of the plan: an override")),
                        "{said}"
                    );
                } else if executive == approver {
                    let said = driven.refused(executive, action);
                    assert!(
                        said.starts_with(&format!("{executive} has approved the plan: an override")),
                        "{said}"
                    );
                } else {
                    driven.does(executive, action);
                    allowed += 1;
                }
            }
        }
    }
    assert_eq!(allowed, 4 * 3 * 2);
}

#[test]
fn g5_who_ever_wrote_a_version_of_the_plan_is_an_author_for_good() {
    let mut driven = Driven::new(PLAN, &everybody_may());
    driven.does("user:ana", driven.record_plan());
    driven.does("user:dan", driven.revise(&with(PLAN, "Faster", "Much faster")));
    driven.does("user:eva", driven.revise(PLAN));
    for author in ["user:ana", "user:dan", "user:eva"] {
        assert_eq!(
            driven.refused(author, Action::ApprovePlan),
            format!("{author} is an author of the plan: someone else has to approve it")
        );
    }
    driven.does("user:ben", Action::ApprovePlan);
}

#[test]
fn g5_two_approvals_of_high_risk_are_two_people_and_neither_overrides() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"authentication\"]");
    let mut driven = Driven::new(&plan, &everybody_may());
    driven.does("user:ana", driven.record_plan());
    driven.does("user:ben", Action::ApprovePlan);
    assert!(
        driven
            .refused("user:ben", Action::ApprovePlan)
            .contains("a second approval has to come from someone else")
    );
    driven.does("user:eva", Action::ApprovePlan);
    driven.does("user:ana", act::failed("unit"));
    let expires_at = driven.now + Span::from_hours(1);
    for approver in ["user:ben", "user:eva"] {
        let said = driven.refused(approver, act::override_gate(Gate::Staging, expires_at));
        assert!(said.contains("has approved the plan"), "{said}");
    }
}

#[test]
fn g5_an_executive_can_not_override_first_and_approve_afterwards() {
    // The only gate that could stand open in planning is a freeze.
    let freeze = "[[freeze]]\nfrom = \"2026-11-23T00:00:00.000Z\"\nuntil = \"2026-11-24T00:00:00.000Z\"\nreason = \"sale\"\n";
    let mut driven = Driven::new(PLAN, &(everybody_may() + freeze));
    driven.does("user:ana", driven.record_plan());
    let expires_at = driven.now + Span::from_hours(1);
    for gate in [Gate::Plan, Gate::Staging, Gate::Step(1), Gate::Validation, Gate::Freeze] {
        driven.refused("user:dan", act::override_gate(gate, expires_at));
    }
    assert_eq!(
        driven.refused("user:dan", act::override_gate(Gate::Freeze, expires_at)),
        "checkout-241 is planning: overriding a freeze is possible while it is staging or releasing"
    );
}

#[test]
fn nobody_without_a_name_in_the_directory_does_anything() {
    let mut driven = Driven::drill().in_step(1);
    for action in
        [act::hold(), act::roll_back(), act::complain(), act::resume(), Action::Close, Action::ApprovePlan]
    {
        assert_eq!(
            driven.refused("user:mallory", action),
            "user:mallory is unknown to the directory: only people and services it knows may act"
        );
    }
}

#[test]
fn everybody_with_a_name_pulls_the_cord() {
    for action in [act::hold(), act::roll_back(), act::complain()] {
        Driven::drill().in_step(1).does("user:guest", action.clone());
        Driven::drill().in_step(1).does("service:ci", action);
    }
}
