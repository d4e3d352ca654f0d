use relman_core::{
    event::Event,
    machine::{Action, PhaseName},
    plan::{Audience, Plan, RiskLevel},
    port::with_causes,
};

use crate::fixture::{Driven, PLAN, act, policy_text, with};

const CRITERIA: &str = r#"["error_rate > 1%", "latency_p99 > 2x baseline", "complaints > 3"]"#;

#[test]
fn p1_the_record_says_what_changes_and_who_sees_it() {
    let driven = Driven::standard();
    let Event::PlanRecorded(recorded) = &driven.journal.records[0].event else {
        panic!("{:?}", driven.journal.records[0])
    };
    let scope = recorded.plan.scope();
    assert_eq!(scope.artifact.to_string(), "checkout 2.41.0");
    assert_eq!(scope.replaces.as_str(), "2.40.3");
    assert_eq!(scope.audience, Audience::UserFacing);
    assert_eq!(scope.links, [act::text("https://example.org/pull/7")]);
    assert_eq!(*recorded.policy, *driven.policy, "the policy is there by value");
    assert_eq!(driven.journal.records[0].by.to_string(), "user:ana");
}

#[test]
fn p1_a_plan_without_a_scope_or_an_artifact_is_none() {
    for (part, said) in [
        ("artifact = { name = \"checkout\", version = \"2.41.0\" }\n", "missing field `artifact`"),
        ("audience = \"user-facing\"\n", "missing field `audience`"),
        ("replaces = \"2.40.3\"\n", "missing field `replaces`"),
    ] {
        let error = with_causes(&Plan::from_toml(&with(PLAN, part, "")).unwrap_err());
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn p2_what_hurts_most_is_high_risk_whatever_the_author_says() {
    for tag in RiskLevel::ALWAYS_HIGH {
        let plan = with(PLAN, "touches = [\"api\"]", &format!("touches = [\"user-interface\", \"{tag}\"]"));
        let plan = with(&plan, "title =", "risk = \"low\"\ntitle =");
        let driven = Driven::planned(&plan, &policy_text());
        let risk = driven.release.risk().unwrap();
        assert_eq!(risk.level, RiskLevel::High);
        assert_eq!(
            risk.sentences(),
            [
                format!("it touches {tag}, which is high risk"),
                "the author said low, which can't lower it".to_owned()
            ]
        );
        assert_eq!(driven.release.track().unwrap().0.as_str(), "high-risk");
    }
}

#[test]
fn p2_high_risk_can_not_take_a_faster_track() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"payments\"]");
    let plan = with(&plan, "title =", "track = \"small-change\"\ntitle =");
    let mut driven = Driven::new(&plan, &policy_text());
    assert_eq!(
        driven.refused("user:ana", driven.record_plan()),
        "the track `small-change` is for low risk at most, and this release is high risk: it touches payments, which \
         is high risk; use `high-risk`"
    );
}

#[test]
fn p2_a_tag_that_the_policy_does_not_know_is_not_harmless() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"payment\"]");
    let mut driven = Driven::new(&plan, &policy_text());
    let refused = driven.refused("user:ana", driven.record_plan());
    assert!(
        refused.starts_with("the policy does not know the tag `payment`, only api, authentication,"),
        "{refused}"
    );
}

#[test]
fn p2_high_risk_needs_two_approvers_and_manual_qa() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"payments\"]");
    let mut driven = Driven::planned(&plan, &policy_text());
    assert_eq!(driven.does("user:ben", Action::ApprovePlan).kinds(), ["plan_approved"]);
    assert_eq!(driven.missing(), ["approvals: 1 of 2 for high risk"]);
    assert_eq!(
        driven.refused("user:ben", Action::ApprovePlan),
        "user:ben has approved this plan already: a second approval has to come from someone else"
    );
    let batch = driven.does("user:cem", Action::ApprovePlan);
    assert_eq!(batch.kinds(), ["plan_approved", "gate_passed", "staging_started"]);
    assert!(driven.missing().contains(&"the check manual-qa".to_owned()), "{:?}", driven.missing());
}

#[test]
fn p3_a_vague_criterion_is_refused_with_its_column() {
    let vague = with_causes(&Plan::from_toml(&with(PLAN, CRITERIA, "[\"if it breaks\"]")).unwrap_err());
    assert!(
        vague.contains(
            "\"if it breaks\" is not a criterion, column 4: expected one of > >= < <= and a number, as in error_rate > \
             1%, found \"it\""
        ),
        "{vague}"
    );
    for vague in
        ["error_rate > a lot", "error_rate > ", "error_rate", "error_rate > %", "latency_p99 > baseline"]
    {
        let plan = with(PLAN, CRITERIA, &format!("[\"{vague}\"]"));
        assert!(Plan::from_toml(&plan).is_err(), "{vague}");
    }
}

#[test]
fn p3_complaints_have_no_baseline_to_be_compared_with() {
    let plan = with(PLAN, "complaints > 3", "complaints > 2x baseline");
    let error = with_causes(&Plan::from_toml(&plan).unwrap_err());
    assert!(
        error.contains(
            "the rollback contract has `complaints > 2x baseline`, and complaints have no baseline: write a number, as \
             in complaints > 3"
        ),
        "{error}"
    );
}

#[test]
fn p3_the_contract_in_the_record_reads_as_it_was_written() {
    let driven = Driven::standard();
    let line = std::str::from_utf8(driven.journal.lines[0].bytes()).unwrap();
    assert!(
        line.contains(r#""criteria":["error_rate > 1%","latency_p99 > 2x baseline","complaints > 3"]"#),
        "{line}"
    );
}

#[test]
fn p4_people_are_told_at_the_moments_that_the_plan_names() {
    let driven = Driven::drill().completed();
    let told: Vec<String> = driven
        .of_kind("notified")
        .into_iter()
        .map(|event| match event {
            Event::Notified(told) => format!("{} {} {}", told.audience, told.channel, told.moment),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "internal releases staging",
            "internal releases rollout started",
            "internal releases step started",
            "internal releases step started",
            "internal releases step started",
            "internal releases step started",
            "internal releases validation started",
            "on-call on-call no on-call cover",
            "internal releases completed",
        ]
    );
}

#[test]
fn p5_a_plan_is_approved_by_somebody_else() {
    let mut driven = Driven::standard();
    assert_eq!(
        driven.refused("user:ana", Action::ApprovePlan),
        "user:ana may not approve: that takes one of the roles approver, and the directory gives author, developer"
    );
    let mut by_dan = Driven::new(PLAN, &policy_text());
    by_dan.does("user:dan", by_dan.record_plan());
    assert_eq!(
        by_dan.refused("user:dan", Action::ApprovePlan),
        "user:dan is an author of the plan: someone else has to approve it"
    );
    let batch = driven.does("user:ben", Action::ApprovePlan);
    assert_eq!(batch.kinds(), ["plan_approved", "gate_passed", "staging_started"]);
    assert_eq!(batch.effects(), ["deploy to staging", "tell internal through releases: staging"]);
    let Event::GatePassed(passed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(passed.sentences(), ["approved by user:ben"]);
}

#[test]
fn p5_who_changes_the_plan_is_an_author_too_and_approvals_are_void() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"payments\"]");
    let mut driven = Driven::planned(&plan, &policy_text());
    driven.does("user:ben", Action::ApprovePlan);
    let approved: Vec<String> = driven.release.approvals().iter().map(|one| one.by.to_string()).collect();
    assert_eq!(approved, ["user:ben"]);
    let batch = driven.does("user:dan", driven.revise(&with(&plan, "Faster", "Much faster")));
    assert_eq!((batch.kinds(), batch.effects()), (vec!["plan_revised"], vec![]));
    assert!(driven.release.approvals().is_empty());
    assert_eq!(
        driven.refused("user:dan", Action::ApprovePlan),
        "user:dan is an author of the plan: someone else has to approve it"
    );
    let revision = driven.release.head().unwrap().seq;
    let batch = driven.does("user:ben", Action::ApprovePlan);
    let Event::PlanApproved(approved) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(approved.plan_record, revision, "what was approved is the plan as it is now");
    driven.does("user:cem", Action::ApprovePlan);
    assert_eq!(driven.phase(), PhaseName::Staging);
    assert_eq!(
        driven.refused("user:ana", driven.revise(&plan)),
        "checkout-241 is staging: revising the plan is possible while it is planning"
    );
}

#[test]
fn p5_a_service_does_not_approve() {
    let mut driven = Driven::standard();
    assert_eq!(
        driven.refused("service:ci", Action::ApprovePlan),
        "service:ci is not a person: this takes a person's name (user:…)"
    );
}
