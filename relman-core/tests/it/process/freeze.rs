use relman_core::{
    event::{Gate, PostMortemCause},
    machine::PhaseName,
    unit::{Span, Timestamp},
};

use crate::fixture::{Driven, act, drill_plan, policy_text, secs, start};

/// The drill policy with freezes, given in seconds after the start.
fn frozen(windows: &[(u64, u64)]) -> String {
    let freeze = |(from, until): &(u64, u64)| {
        let (from, until) = (start() + secs(*from), start() + secs(*until));
        format!("[[freeze]]\nfrom = \"{from}\"\nuntil = \"{until}\"\nreason = \"year-end\"\n")
    };
    policy_text() + &windows.iter().map(freeze).collect::<String>()
}

/// In staging with everything passed, and the freeze in the way.
fn before_production(windows: &[(u64, u64)]) -> Driven {
    let mut driven = Driven::planned(&drill_plan(), &frozen(windows)).staging();
    let last = driven.checked_but_one();
    driven.does("service:ci", act::passed(&last));
    driven
}

fn end(seconds: u64) -> Timestamp {
    start() + secs(seconds)
}

#[test]
fn a_freeze_keeps_a_release_out_of_production_until_its_end() {
    let mut driven = before_production(&[(0, 3_600)]);
    assert_eq!(driven.missing(), [format!("the end of the freeze (year-end) until {}", end(3_600))]);
    assert_eq!(driven.release.next_deadline(driven.now), Some(end(3_600)));
    driven.now = end(3_600).minus(Span::from_millis(1));
    assert!(driven.tick().events.is_empty());
    driven.now = end(3_600);
    assert_eq!(
        driven.tick().kinds(),
        ["target_admitted", "platform_observed", "gate_passed", "rollout_started"]
    );
}

#[test]
fn freezes_that_overlap_are_one_and_the_last_end_is_waited_for() {
    let mut driven = before_production(&[(0, 3_600), (3_000, 7_200)]);
    driven.now = end(3_600);
    assert!(driven.tick().events.is_empty());
    assert_eq!(driven.release.next_deadline(driven.now), Some(end(7_200)), "it does not stay there for good");
    driven.run(Span::from_hours(1));
    assert_eq!(driven.phase(), PhaseName::Releasing);
}

#[test]
fn a_freeze_stops_the_next_step_and_neither_looks_nor_a_rollback() {
    let mut driven = Driven::planned(&drill_plan(), &frozen(&[(1, 3_600)])).in_step(1);
    driven.run(secs(60));
    assert_eq!((driven.step(), driven.baked()), (1, secs(60)), "what is exposed is watched on");
    assert_eq!(driven.missing(), [format!("the end of the freeze (year-end) until {}", end(3_600))]);
    let mut back = driven.clone();
    assert!(back.look_with_errors(500).has("rollback_started"));
    let mut back = driven.clone();
    back.does("user:guest", act::roll_back());
    driven.now = end(3_600);
    driven.healthy_look();
    driven.run(secs(2));
    assert_eq!(driven.step(), 2);
}

#[test]
fn a_freeze_is_overridden_by_an_executive_who_then_owes_a_post_mortem() {
    let mut driven = before_production(&[(0, 3_600)]);
    let expires_at = driven.now + secs(600);
    assert!(driven.refused("user:ana", act::override_gate(Gate::Freeze, expires_at)).contains("executive"));
    let batch = driven.does("user:eva", act::override_gate(Gate::Freeze, expires_at));
    assert_eq!(batch.kinds()[..2], ["override_granted", "post_mortem_opened"]);
    assert_eq!(
        batch.kinds()[2..],
        ["target_admitted", "platform_observed", "gate_passed", "rollout_started"]
    );
    assert_eq!(driven.release.post_mortems()[0].about, PostMortemCause::Override { gate: Gate::Freeze });
    assert_eq!(driven.release.overrides()[&Gate::Freeze].expires_at, expires_at);
    // It covers the steps as well, until it expires.
    driven.run_while(|driven| driven.step() < 2);
    driven.perform();
    driven.now = expires_at;
    assert!(driven.tick().has("override_expired"));
    driven.run(secs(60));
    assert_eq!(driven.step(), 2, "frozen again");
}

#[test]
fn without_a_freeze_there_is_nothing_to_override() {
    let mut driven = Driven::drill().staging();
    let expires_at = driven.now + secs(600);
    assert_eq!(
        driven.refused("user:eva", act::override_gate(Gate::Freeze, expires_at)),
        "the freeze gate has not failed, so there is nothing to override: no freeze is in force now"
    );
}

#[test]
fn a_freeze_is_not_overridden_where_it_stands_in_nobodys_way() {
    let windows = [(0, 360_000)];
    let mut rolled_back = before_production(&[(3, 360_000)]);
    rolled_back.perform();
    rolled_back.does("user:guest", act::roll_back());
    rolled_back.wait(secs(10));
    let expires_at = rolled_back.now + secs(600);
    assert_eq!(
        rolled_back.refused("user:eva", act::override_gate(Gate::Freeze, expires_at)),
        "checkout-241 is rolling back: overriding a freeze is possible while it is staging or releasing"
    );
    let mut planning = Driven::planned(&drill_plan(), &frozen(&windows));
    let expires_at = planning.now + secs(600);
    assert!(
        planning.refused("user:eva", act::override_gate(Gate::Freeze, expires_at)).contains("is planning")
    );
}

#[test]
fn a_freeze_does_not_stop_a_validation() {
    let mut driven = Driven::planned(&drill_plan(), &frozen(&[(40, 360_000)])).validating();
    driven.now = end(41);
    driven.does("user:olu", act::acknowledge());
    driven.does("user:qin", act::passed("user-flows"));
    driven.run(secs(20));
    assert_eq!(driven.phase(), PhaseName::Completed);
}

#[test]
fn a_freeze_is_waited_for_by_those_whom_it_stops_alone() {
    let windows = [(0, 3_600)];
    let planning = Driven::planned(&drill_plan(), &frozen(&windows));
    assert_eq!(planning.release.next_deadline(planning.now), None, "the plan waits for people");
    let mut staging = before_production(&windows);
    let expires_at = end(7_200);
    staging.does("user:eva", act::override_gate(Gate::Freeze, expires_at));
    assert_eq!(staging.release.next_deadline(staging.now), Some(expires_at), "the freeze stops it no more");
}

#[test]
fn what_is_due_now_is_not_waited_for() {
    let mut driven = Driven::drill().in_step(1);
    let due = driven.release.next_deadline(driven.now).unwrap();
    driven.now = due;
    driven.tick();
    assert!(driven.looks());
    assert_ne!(driven.release.next_deadline(due), Some(due), "it is asked for already");
}

#[test]
fn an_override_covers_the_freezes_that_it_names_and_none_that_begins_later() {
    let mut driven = before_production(&[(0, 3_600)]);
    let expires_at = driven.now + secs(50_000);
    let batch = driven.does("user:eva", act::override_gate(Gate::Freeze, expires_at));
    let name = format!("year-end, from {} until {}", start(), end(3_600));
    let covered: Vec<String> =
        driven.release.overrides()[&Gate::Freeze].freezes.iter().map(ToString::to_string).collect();
    assert_eq!(covered, [name]);
    assert!(batch.has("rollout_started"));
    let mut driven = before_production(&[(0, 3_600), (2, 7_200)]);
    driven.does("user:eva", act::override_gate(Gate::Freeze, driven.now + secs(50_000)));
    driven.run(secs(600));
    assert_eq!(driven.step(), 1, "the second freeze stands in the way");
    assert_eq!(driven.missing(), [format!("the end of the freeze (year-end) until {}", end(7_200))]);
    driven.does("user:eva", act::override_gate(Gate::Freeze, driven.now + secs(50_000)));
    driven.run(secs(60));
    assert!(driven.step() > 1, "both are covered");
}

#[test]
fn a_window_stops_a_release_whenever_it_comes() {
    // The fixture's start is a moment of the calendar like another.
    let nights =
        policy_text() + "[[freeze]]\nwindow = \"daily 00:00–23:59 UTC\"\nreason = \"change board\"\n";
    let mut driven = Driven::planned(&drill_plan(), &nights).staging();
    let last = driven.checked_but_one();
    driven.does("service:ci", act::passed(&last));
    let until = driven.release.next_deadline(driven.now).unwrap();
    assert!(until.to_string().ends_with("T23:59:00.000Z"), "{until}");
    let waits = driven.missing();
    assert!(
        waits[0].starts_with("the end of the freeze (change board, daily 00:00–23:59 UTC) until "),
        "{waits:?}"
    );
    assert!(waits[0].contains(" 23:59 UTC (") && waits[0].ends_with(&format!("({until})")), "{waits:?}");
    driven.now = until;
    assert_eq!(
        driven.tick().kinds(),
        ["target_admitted", "platform_observed", "gate_passed", "rollout_started"]
    );
}
