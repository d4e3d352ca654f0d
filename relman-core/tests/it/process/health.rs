//! How a release is, in a word.

use relman_core::{
    judge::{Arm, MissingKind},
    machine::Health,
    report::{History, Status, Waiting},
};

use crate::fixture::{Driven, act};

fn health(driven: &Driven) -> String {
    driven.release.health(driven.now).to_string()
}

#[test]
fn every_state_has_a_word() {
    let mut driven = Driven::drill();
    assert_eq!(health(&driven), "waiting for approvals");
    driven = driven.staging();
    assert_eq!(health(&driven), "waiting for the check end-to-end");
    let mut driven = Driven::drill().in_step(2);
    assert_eq!(health(&driven), "progressing");
    driven.does("user:guest", act::hold());
    assert_eq!(health(&driven), "waiting for someone to resume it");
    driven.does("user:ana", act::resume());
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    assert_eq!(health(&driven), "degraded: something can't be measured");
    driven.does("user:guest", act::roll_back());
    assert_eq!(driven.release.health(driven.now), Health::RollingBack);
    let mut validating = Driven::drill().validating();
    assert_eq!(health(&validating), "degraded: nobody is on call");
    validating.does("user:olu", act::acknowledge());
    assert_eq!(health(&validating), "waiting for the check user-flows");
    assert_eq!(health(&Driven::drill().completed()), "done");
}

#[test]
fn a_status_says_it_first_and_the_reason_of_a_hold_once() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::hold());
    let history = History::new(&driven.release, &driven.journal.records, driven.now);
    let (status, waiting) = (Status::of(&history), Waiting::of(&history));
    let shown = format!("{status}\n{}", waiting.others());
    let first = shown.lines().nth(1).unwrap();
    assert!(first.starts_with("Status of checkout-241: waiting for someone to resume it, as of "), "{shown}");
    assert_eq!(shown.matches("something looks odd").count(), 1, "{shown}");
    assert_eq!(serde_json::to_value(&status).unwrap()["health"]["waiting_for"], "someone to resume it");
}

#[test]
fn what_is_missing_says_until_when() {
    let driven = Driven::drill().in_step(2);
    let missing = driven.release.missing(driven.now);
    let time = missing.iter().find(|one| one.what.contains("on fresh data")).unwrap();
    assert!(time.until.is_some_and(|until| until > driven.now), "{missing:?}");
}
