//! A part of the traffic that stays on the old version until the release is complete: the validation compares with what
//! happens at the same time, and what was held back gets the new version at the end.

use relman_core::{
    event::Event,
    judge::{Arm, Control},
    machine::{Action, PhaseName},
    unit::TrafficShare,
};

use crate::fixture::{Driven, drill_plan, policy_text, share, with};

/// The drill track, validated at 95 %.
fn policy() -> String {
    let full = "{ share = \"100%\", bake = \"10s\" }";
    let text = with(&policy_text(), full, "{ share = \"95%\", bake = \"10s\" }");
    with(&text, "[tracks.drill]\n", "[tracks.drill]\nhold_back = \"5%\"\n")
}

fn completed() -> Driven {
    Driven::planned(&drill_plan(), &policy()).completed()
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
fn what_was_held_back_gets_the_new_version_when_it_is_complete() {
    let mut driven = completed();
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::Completed, share(95)));
    assert!(driven.missing()[0].contains("traffic at 100%"), "{:?}", driven.missing());
    let refusal = driven.refused("user:ana", Action::Close);
    assert!(refusal.contains("what was held back does not have the new version yet"), "{refusal}");
    driven.done("set traffic to 100%");
    assert_eq!(driven.release.exposure(), TrafficShare::FULL);
    driven.does("user:ana", Action::Close);
    assert_eq!(driven.phase(), PhaseName::Closed);
    driven.assert_replays();
}

#[test]
fn a_platform_that_refuses_at_the_end_is_asked_again() {
    let mut driven = completed();
    for _ in 0..4 {
        // Nobody is there any more to resume a release that is complete.
        driven.failed("set traffic to 100%", None);
        driven.wait("5m".parse().unwrap());
    }
    assert!(driven.of_kind("hold_placed").is_empty());
    driven.done("set traffic to 100%");
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::Completed, TrafficShare::FULL));
    driven.assert_replays();
}

#[test]
fn b1_a_completed_release_can_be_taken_back_before_the_rest_has_it() {
    let mut driven = completed();
    driven.does("user:olu", Action::RollBack { reason: "the basket is empty for some".parse().unwrap() });
    assert_eq!(driven.outstanding().iter().filter(|effect| effect.contains("traffic")).count(), 1);
    driven.done("set traffic to 0%");
    assert_eq!((driven.phase(), driven.release.exposure()), (PhaseName::RollingBack, TrafficShare::ZERO));
}
