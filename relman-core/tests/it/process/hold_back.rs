//! A part of the traffic that stays on the old version until the release is complete: the validation compares with what
//! happens at the same time, and what was held back gets the new version at the end.

use relman_core::{
    event::Event,
    judge::{Arm, Control},
    machine::{Action, PhaseName},
    unit::TrafficShare,
};

use crate::fixture::{Driven, act, drill_plan, policy_text, share, with};

/// The drill track, validated at 95 %.
fn policy() -> String {
    let full = "{ share = \"100%\", bake = \"10s\" }";
    let text = with(&policy_text(), full, "{ share = \"95%\", bake = \"10s\" }");
    with(&text, "[tracks.drill]\n", "[tracks.drill]\nhold_back = \"5%\"\n")
}

fn completed() -> Driven {
    Driven::planned(&drill_plan(), &policy()).completed()
}

/// Validated, and about to be promoted.
fn promoting() -> Driven {
    let mut driven = Driven::planned(&drill_plan(), &policy()).validating();
    driven.does("user:qin", act::passed("user-flows"));
    driven.does("user:olu", act::acknowledge());
    while !driven.outstanding().contains(&"promote the new version".to_owned()) {
        driven.healthy_look();
    }
    driven
}

#[test]
fn the_validation_has_a_baseline_at_the_same_time() {
    let mut driven = Driven::planned(&drill_plan(), &policy()).validating();
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::Validating, share(95)));
    driven.healthy_look();
    let Event::Evaluated(look) = driven.of_kind("evaluated").pop().unwrap() else { panic!() };
    assert!(look.observations.iter().any(|one| one.arm == Arm::Baseline), "both arms are measured");
    let controls: Vec<Control> = look.verdicts.iter().map(|verdict| verdict.control).collect();
    assert!(!controls.contains(&Control::Frozen), "{controls:?}");
}

#[test]
fn what_was_held_back_gets_the_new_version_before_it_becomes_the_stable_one() {
    let mut driven = promoting();
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::Validating, share(95)));
    assert_eq!(driven.outstanding(), ["set traffic to 100%", "promote the new version"]);
    driven.done("set traffic to 100%");
    assert_eq!(driven.done("promote the new version").kinds(), ["promoted", "release_completed"]);
    assert_eq!(driven.release.exposure(), TrafficShare::FULL);
    driven.does("user:ana", Action::Close);
    assert_eq!(driven.phase(), PhaseName::Closed);
    driven.assert_replays();
}

#[test]
fn a_platform_that_refuses_at_the_end_holds_it_until_a_person_has_mended_that() {
    let mut driven = promoting();
    assert_eq!(driven.failed("set traffic to 100%", None).kinds(), ["effect_failed", "hold_placed"]);
    driven.does("user:ben", act::resume());
    driven.done("set traffic to 100%");
    driven.done("promote the new version");
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::Completed, TrafficShare::FULL));
    driven.assert_replays();
}

#[test]
fn b1_a_completed_release_can_be_taken_back() {
    let mut driven = completed();
    driven.does("user:olu", Action::RollBack { reason: "the basket is empty for some".parse().unwrap() });
    assert_eq!(driven.outstanding().iter().filter(|effect| effect.contains("traffic")).count(), 1);
    driven.done("set traffic to 0%");
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::RollingBack, TrafficShare::ZERO));
}
