//! What a person sees in five seconds: how a release is, in one word.

use crate::fixture::{Driven, act, drill_plan, policy_text, secs, share, with};
use relman_core::{
    event::Gate,
    judge::{Arm, MissingKind},
    machine::{Action, PhaseName, Release},
    port::Deployment,
    report::{Driving, Health, History, Status, SummaryFold},
};

fn history(driven: &Driven) -> History<'_> {
    History::new(&driven.release, &driven.journal.records, driven.now)
}

/// The word, which lists and reports have in common.
fn word(driven: &Driven) -> String {
    let health = Health::of(&driven.release, driven.now, Driving::Unknown);
    assert_eq!(Status::of(&history(driven)).health, health);
    let mut fold = SummaryFold::new(driven.release.id().clone());
    driven.journal.records.iter().for_each(|record| fold.push(record).unwrap());
    assert_eq!(fold.at(driven.now).unwrap().health, health);
    health.to_string()
}

/// In staging, with everything passed, in front of a place that has users.
fn without_a_place() -> Driven {
    let mut driven = Driven::drill();
    driven.production = Some(Ok(Deployment::at(share(100))));
    let mut driven = driven.staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven
}

fn rolled_back() -> Driven {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:ben", act::roll_back());
    driven.perform();
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    // Its target is free.
    driven.perform();
    driven
}

#[test]
fn one_word_says_how_a_release_is() {
    let unplanned = Release::new("checkout-241".parse().unwrap());
    let at = Driven::drill().now;
    assert_eq!(Health::of(&unplanned, at, Driving::Unknown).to_string(), "waiting for a plan");

    let contract =
        "[contract]\ncriteria = [\"error_rate > 1%\", \"latency_p99 > 2x baseline\", \"complaints > 3\"]\n";
    let planned = Driven::planned(&with(&drill_plan(), contract, ""), &policy_text());
    assert_eq!(word(&planned), "waiting for a rollback contract");
    assert_eq!(word(&Driven::drill()), "waiting for approval");

    let mut staging = Driven::drill().staging();
    assert_eq!(word(&staging), "waiting for checks");
    let last = staging.checked_but_one();
    staging.does("service:ci", act::failed(&last));
    assert_eq!(word(&staging), "waiting for checks", "a failed one has to be mended");
    staging.does("user:ben", act::abort());
    staging.perform();
    assert_eq!(word(&staging), "done");

    assert_eq!(word(&without_a_place()), "waiting for the platform");
    let mut held = Driven::drill().in_step(2);
    assert_eq!(word(&held), "progressing");
    held.does("user:ben", act::hold());
    assert_eq!(word(&held), "waiting to be resumed");
    held.does("user:ben", act::roll_back());
    assert_eq!(word(&held), "rolling back");

    let mut validating = Driven::drill().validating();
    assert_eq!(word(&validating), "waiting for on-call");
    validating.does("user:olu", act::acknowledge());
    assert_eq!(
        word(&validating),
        "progressing",
        "a check that is asked for later does not stand in the way yet"
    );
    assert_eq!(word(&rolled_back()), "done");
    let mut completed = Driven::drill().completed();
    completed.perform();
    assert_eq!(word(&completed), "done");
    completed.does("user:ana", Action::Close);
    assert_eq!(word(&completed), "done");
}

#[test]
fn what_is_wrong_is_said_before_what_people_want() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:ben", act::hold());
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    assert_eq!(driven.release.holds().len(), 2);
    assert_eq!(word(&driven), "degraded");

    // A deployer that fails is trouble before it is a hold.
    let mut driven = Driven::drill().staging();
    driven.failed("deploy to staging", Some(secs(10)));
    assert!(driven.release.holds().is_empty());
    assert_eq!(word(&driven), "degraded");
}

#[test]
fn a_freeze_is_waited_for_once_nothing_else_is_missing() {
    let until = Driven::drill().now + secs(3_600);
    let from = Driven::drill().now;
    let policy = policy_text()
        + &format!("[[freeze]]\nfrom = \"{from}\"\nuntil = \"{until}\"\nreason = \"year-end\"\n");
    let mut driven = Driven::planned(&drill_plan(), &policy).staging();
    let last = driven.checked_but_one();
    assert_eq!(word(&driven), "waiting for checks");
    driven.does("user:qin", act::passed(&last));
    assert_eq!(word(&driven), "waiting for the freeze to end");
    driven.does("user:eva", act::override_gate(Gate::Freeze, until));
    driven.done("deploy to production");
    driven.done("set traffic to 1%");
    assert_eq!(word(&driven), "progressing");
}

#[test]
fn a_release_without_a_conductor_says_so_where_it_needs_one() {
    let of = |driven: &Driven, driving| Health::of(&driven.release, driven.now, driving);
    let mut held = Driven::drill().in_step(2);
    held.does("user:ben", act::hold());
    let cases: Vec<(Driven, bool)> = vec![
        (Driven::drill(), false),
        (Driven::drill().staging(), true),
        (held, true),
        (Driven::drill().validating(), true),
        (Driven::drill().completed(), false),
        (rolled_back(), false),
    ];
    for (driven, needs_one) in cases {
        let undriven = of(&driven, Driving::Undriven);
        assert_eq!(undriven == Health::NobodyDriving, needs_one, "{:?}", driven.phase());
        let summary = |driving| {
            let mut fold = SummaryFold::new(driven.release.id().clone());
            driven.journal.records.iter().for_each(|record| fold.push(record).unwrap());
            fold.driven_at(driven.now, driving).unwrap().health
        };
        assert_eq!(summary(Driving::Undriven), undriven);
        let status = Status::of(&history(&driven).with_driving(Driving::Undriven));
        assert_eq!(status.health, undriven);
        assert_eq!(of(&driven, Driving::Unknown), of(&driven, Driving::Driven));
    }

    // Where nobody has said, the record shows it: nothing was written for longer than an evaluation may take.
    let mut driven = Driven::drill().in_step(2);
    driven.perform();
    driven.healthy_look();
    driven.wait(secs(100));
    assert_eq!(word(&driven), "progressing");
    driven.wait(secs(100));
    assert_eq!(word(&driven), "nobody is driving");
    assert_eq!(of(&driven, Driving::Driven), Health::Progressing, "whoever knows better is believed");
}

#[test]
fn words_are_the_same_in_json() {
    for health in Health::ALL {
        let json = serde_json::to_value(health).unwrap();
        let name = json.as_str().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
    assert_eq!(serde_json::to_value(Health::WaitingForApproval).unwrap(), "waiting_for_approval");
    assert_eq!(serde_json::to_value(Health::NobodyDriving).unwrap(), "nobody_driving");
    assert!(Health::ALL.is_sorted(), "the most urgent first");
}
