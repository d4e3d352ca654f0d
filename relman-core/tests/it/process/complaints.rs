//! Complaints: the same key counts once, and what is withdrawn counts no more.

use relman_core::{
    machine::{Action, PhaseName},
    report::{History, Timeline, ValidationReport},
};

use crate::fixture::{Driven, act};

fn about(key: &str) -> Action {
    Action::Complain { key: Some(act::text(key)), text: act::text("my tax is wrong") }
}

fn withdraw(key: Option<&str>, record: Option<u64>) -> Action {
    let reason = act::text("it was about another shop");
    Action::WithdrawComplaint { key: key.map(act::text), record, reason }
}

#[test]
fn the_same_key_counts_once_whoever_records_it() {
    let mut driven = Driven::drill().in_step(2);
    for key in ["A", "B", "C"] {
        assert_eq!(driven.does("user:guest", about(key)).kinds(), ["complaint_recorded"]);
    }
    for who in ["user:guest", "user:ana", "service:ci"] {
        assert_eq!(driven.does(who, about("A")).kinds(), [""; 0], "told again");
    }
    assert_eq!(driven.release.counted_complaints(), 3);
    assert_eq!(driven.phase(), PhaseName::Releasing, "the contract says more than 3");
    assert!(driven.does("user:guest", about("D")).has("rollback_started"));
    driven.assert_replays();
}

#[test]
fn a_complaint_without_a_key_is_one_of_its_own() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::complain());
    driven.does("user:guest", act::complain());
    assert_eq!(driven.release.counted_complaints(), 2);
}

#[test]
fn what_is_withdrawn_counts_no_more_from_then_on() {
    let mut driven = Driven::drill().in_step(2);
    for key in ["A", "B", "C"] {
        driven.does("user:guest", about(key));
    }
    assert_eq!(driven.does("user:guest", withdraw(Some("A"), None)).kinds(), ["complaint_withdrawn"]);
    assert_eq!(driven.release.counted_complaints(), 2);
    assert_eq!(driven.does("user:guest", about("D")).kinds(), ["complaint_recorded"], "it is the third");
    let again = driven.refused("user:guest", about("A"));
    assert!(again.contains("was withdrawn: record it under another key if it stands after all"), "{again}");
    driven.healthy_look();
    let looked = driven.of_kind("evaluated").len();
    assert!(looked > 0);
    assert!(driven.does("user:guest", act::complain()).has("rollback_started"));
    let shown = driven.refused("user:guest", withdraw(Some("A"), None));
    assert!(shown.contains("is withdrawn already, by record"), "{shown}");
    driven.assert_replays();
}

#[test]
fn what_was_decided_on_it_stays() {
    let mut driven = Driven::drill().in_step(2);
    for key in ["A", "B", "C", "D"] {
        driven.does("user:guest", about(key));
    }
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    driven.does("user:guest", withdraw(Some("A"), None));
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    let history = History::new(&driven.release, &driven.journal.records, driven.now);
    let shown = Timeline::of(&history).to_string();
    assert!(shown.contains("recorded a complaint A: my tax is wrong"), "{shown}");
    assert!(shown.contains("withdrew the complaint of record"), "{shown}");
    driven.assert_replays();
}

#[test]
fn a_report_shows_the_key_and_who_withdrew_it() {
    let mut driven = Driven::drill().validating();
    driven.does("user:guest", about("A"));
    driven.does("user:olu", withdraw(Some("A"), None));
    let history = History::new(&driven.release, &driven.journal.records, driven.now);
    let report = ValidationReport::of(&history).unwrap().to_string();
    let plain = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.contains("user:guest (A): my tax is wrong; withdrawn"), "{report}");
    assert!(plain.contains("by user:olu: it was about another shop"), "{report}");
}

#[test]
fn it_is_withdrawn_by_whoever_recorded_it_or_operates() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", about("A"));
    driven.does("user:guest", about("B"));
    let refused = driven.refused("user:qin", withdraw(Some("A"), None));
    assert!(refused.contains("takes one of the roles"), "{refused}");
    driven.does("user:olu", withdraw(Some("A"), None));
    driven.does("user:guest", withdraw(None, None));
    assert_eq!(driven.release.counted_complaints(), 0);
    let none = driven.refused("user:guest", withdraw(None, None));
    assert_eq!(
        none,
        "checkout-241 has no such complaint that counts: `log` shows the records of complaints, with their keys"
    );
}

#[test]
fn without_a_name_the_only_one_is_meant() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", about("A"));
    driven.does("user:guest", act::complain());
    let [first, second] = driven.release.complaints() else { panic!("two complaints") };
    let (first, second) = (first.record, second.record);
    assert_eq!(
        driven.refused("user:guest", withdraw(None, None)),
        format!(
            "checkout-241 has several complaints; name one by its key or its record: record {first}, key A, by user:guest; \
             record {second}, by user:guest"
        )
    );
    driven.does("user:guest", withdraw(None, Some(second)));
    let [first, second] = driven.release.complaints() else { panic!("two complaints") };
    assert!(first.counts() && !second.counts());
}
